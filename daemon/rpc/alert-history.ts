/** The history of alerts: records their changes from the alert rules on, and reads resolved ones from disk. */
import type { AlertChange, AlertSource } from '../core/alert.js';
import type { StreamHistory } from '../core/history.js';
import type { WallClock, WorkloadSource } from '../core/ports.js';
import { ALERT_WATCH_KINDS, type AlertMapper, createAlertChangeMapper } from './alert-change-mapper.js';
import { parseAlertFacts, storedFactsOf } from './alert-facts.js';
import type { AlertFilter } from './alert-filter.js';
import { EndedReader, type StoredItem } from './ended-reader.js';
import type { stuckd } from './gen/stuckd.js';
import { encodeLabel, type HistoryLabel } from './history-label.js';
import { decodeAlert, encodeAlertChange, encodeAlertOf, lostAlert } from './stored-alert.js';
import { type RecordedChange, StreamRecorder } from './stream-recorder.js';

export class AlertHistory {
  readonly stream: StreamRecorder;
  /** Shared with the watches. */
  readonly mapper: AlertMapper;
  readonly #reader: EndedReader<stuckd.v1.Alert>;
  readonly #source: AlertSource;
  readonly #clock: WallClock;

  /** Records from now on; nothing may have fired before. */
  constructor(history: StreamHistory, source: AlertSource, clock: WallClock, workloads: WorkloadSource) {
    this.stream = new StreamRecorder('alerts', history);
    this.mapper = createAlertChangeMapper(clock, workloads);
    this.#reader = new EndedReader(history.ended, decodeAlert);
    this.#source = source;
    this.#clock = clock;
    source.subscribe((change) => {
      this.#record(change);
    });
  }

  /** Reads what earlier runs left; before the alert rules get anything. Never rejects. */
  async open(): Promise<void> {
    await this.stream.open();
  }

  /** To be called when the alert rules have what fired back. */
  async settle(): Promise<void> {
    const firing = this.#source.firing();
    for (const alert of firing) {
      // Saved, and told by a daemon that was killed before this was on disk: otherwise nobody would hear of it.
      this.#record({ kind: 'fired', timeUs: alert.fireUs, alert });
    }
    const here = new Set(firing.map(({ id }) => id));
    await this.stream.settle(here, (label, payload) => this.#lostEnd(label, payload));
  }

  /**
   * Resolved alerts that are on disk only, by id: the first `limit` that match after `afterId`.
   * @param firingAfterMs leaves out what was resolved before, milliseconds since 1970
   */
  async resolved(
    filter: AlertFilter,
    firingAfterMs: number,
    afterId: string,
    limit: number,
  ): Promise<readonly StoredItem<stuckd.v1.Alert>[]> {
    const inMemory = new Set([...this.#source.firing(), ...this.#source.resolved()].map(({ id }) => id));
    const query = {
      sinceMs: Math.max(firingAfterMs, 0),
      matches: (text: string) => {
        const facts = parseAlertFacts(text);
        return facts !== null && (facts.endUs ?? Infinity) >= firingAfterMs * 1000 && filter.matchesFacts(facts);
      },
      isInMemory: (id: string) => inMemory.has(id),
    };
    return this.#reader.page(query, afterId, limit);
  }

  #record(change: AlertChange): void {
    const { alert, timeUs } = change;
    const kind = ALERT_WATCH_KINDS[change.kind];
    // Mapped once, when it is written or when a watch sends it, whichever comes first.
    const message = (): stuckd.v1.AlertChange.$Properties => this.mapper.change(change, kind);
    this.stream.record({
      kind,
      id: alert.id,
      timeUs: this.#clock.monoToRealUs(timeUs),
      label: () => encodeLabel(kind, alert.id, storedFactsOf(alert, this.#clock)),
      change: () => encodeAlertChange(message()),
      item: () => encodeAlertOf(message()),
    });
  }

  #lostEnd({ id, facts: text }: HistoryLabel, payload: Uint8Array): RecordedChange | null {
    const facts = parseAlertFacts(text);
    if (facts === null) {
      return null;
    }
    const timeUs = this.#clock.monoToRealUs(this.#clock.nowUs());
    const change = lostAlert(payload, timeUs);
    return {
      kind: 'ended',
      id,
      timeUs,
      label: () => encodeLabel('ended', id, { ...facts, endUs: timeUs }),
      change: () => encodeAlertChange(change),
      item: () => encodeAlertOf(change),
    };
  }
}
