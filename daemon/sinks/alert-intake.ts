/**
 * From changes of alerts to messages in the outbox. What was accepted is remembered by alert (its thread), also over a
 * restart, so that an alert which goes on is not told again as a new one.
 */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Alert, AlertChange, AlertSource } from '../core/alert.js';
import type { DeliveryEvent } from '../core/delivery.js';
import {
  type AlertMessage,
  decodeAlert,
  encodeAlert,
  plainText,
  resolvedAlert,
  withoutConnections,
} from './alert-message.js';
import type { AlertThread, OutboxEntry } from './outbox-records.js';
import type { Outbox } from './outbox.js';
import { type Receiver, sendsUpdates, showsConnections, wantsAlert } from './receivers.js';
import type { SinkClock } from './sink-clock.js';

const SUMMARY_MAX = 300;
const ID_LENGTH = 16;

/** Timers of Node do not go much further than some weeks; looking once an hour costs nothing. */
const SILENCE_LOOK_MS = 3_600_000;

/** Alerts that are encoded for Alertmanager in one go; other work gets its turn after them. */
const REFRESH_BATCH = 20;

/** After so long the same alert may have other words: times of another day are told with their date. */
const WORDS_AGE_MS = 3_600_000;

export interface IntakeOptions {
  readonly source: AlertSource;
  readonly outbox: Outbox;
  readonly clock: SinkClock;
  /** By name, in the order of the configuration. */
  readonly receivers: () => ReadonlyMap<string, Receiver>;
  /** The proto3 JSON mapping of stuckd.v1.Alert, with the connections of its sample or without. */
  readonly alertJson: (alert: Alert, withConnections: boolean) => object;
  /** There is something to send. */
  readonly onAccepted: () => void;
}

/** The time that makes a change of an alert the one it is. */
function eventTime(alert: AlertMessage, event: DeliveryEvent): string {
  switch (event) {
    case 'fired':
      return alert.fireTime || alert.startTime;
    case 'updated':
      return alert.updateTime;
    case 'resolved':
      return alert.endTime;
  }
}

export class AlertIntake {
  readonly #options: IntakeOptions;
  #unsubscribe: () => void = () => undefined;
  #cancelSilence: () => void = () => undefined;
  #silenceLookMs = Infinity;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Takes changes from now on, and what fires already. */
  start(): void {
    this.#unsubscribe = this.#options.source.subscribe((change) => {
      this.#take(change);
    });
    this.offerFiring();
  }

  stop(): void {
    this.#unsubscribe();
    this.#cancelSilence();
  }

  /** Tells receivers what fires and what they were not told yet: new receivers, or alerts whose silence is over. */
  offerFiring(): void {
    for (const alert of this.#options.source.firing()) {
      this.#offer(alert, 'fired');
    }
  }

  /** Resolves what was accepted and fires no more: alerts that ended while the daemon was down. */
  resolveVanished(): void {
    const { source, outbox, clock } = this.#options;
    const firing = new Set(source.firing().map(({ id }) => id));
    for (const thread of outbox.threads()) {
      if (!firing.has(thread.alertId)) {
        this.#resolve(thread, encodeAlert(resolvedAlert(decodeAlert(thread.alert), clock.nowMs())));
      }
    }
  }

  /** What an Alertmanager was told before it was configured anew, or before a restart. */
  restoreGroups(receiver: Receiver): void {
    for (const { receivers, alert } of this.#options.outbox.threads()) {
      if (receivers.includes(receiver.config.name)) {
        receiver.alertmanager?.groups.join(decodeAlert(alert), { updateUs: null, madeMs: this.#options.clock.nowMs() });
      }
    }
  }

  /** Brings what Alertmanagers are told up to date: annotations, and labels, of which the severity is one. */
  async refreshGroups(): Promise<void> {
    const { source, receivers } = this.#options;
    let encoded = 0;
    for (const alert of source.firing()) {
      const behind = [...receivers().values()].filter((receiver) => this.#isBehind(receiver, alert));
      if (behind.length > 0) {
        this.#refresh(alert, behind);
        encoded += 1;
        if (encoded % REFRESH_BATCH === 0) {
          await nextTurn();
        }
      }
    }
  }

  #isBehind({ alertmanager }: Receiver, alert: Alert): boolean {
    const member = alertmanager?.groups.member(alert.id);
    return (
      member !== undefined &&
      (member.updateUs !== alert.updateUs || Math.abs(this.#options.clock.nowMs() - member.madeMs) >= WORDS_AGE_MS)
    );
  }

  #refresh(alert: Alert, behind: readonly Receiver[]): void {
    const { outbox, alertJson, clock } = this.#options;
    const encoded = encodeAlert(alertJson(alert, false));
    const message = decodeAlert(encoded);
    for (const receiver of behind) {
      const groups = receiver.alertmanager?.groups;
      const thread = outbox.thread(alert.id);
      if (groups === undefined || thread === undefined) {
        continue;
      }
      if (groups.keyOf(message) !== groups.member(alert.id)?.key) {
        this.#leaveGroup(receiver, thread);
        this.#accept({ ...thread, alert: encoded }, this.#entries(receiver, message, encoded, 'fired'));
      }
      groups.join(message, { updateUs: alert.updateUs, madeMs: clock.nowMs() });
    }
  }

  #take({ kind, alert }: AlertChange): void {
    if (kind !== 'resolved') {
      this.#offer(alert, kind);
      return;
    }
    const { outbox, receivers, alertJson } = this.#options;
    const thread = outbox.thread(alert.id);
    if (thread !== undefined) {
      const told = thread.receivers.flatMap((name) => receivers().get(name) ?? []);
      this.#resolve(thread, encodeAlert(alertJson(alert, this.#wantsConnections(told))));
    }
  }

  #offer(alert: Alert, event: 'fired' | 'updated'): void {
    const { outbox, receivers, alertJson, clock } = this.#options;
    if (alert.silencedUntilMs !== null && alert.silencedUntilMs > clock.nowMs()) {
      this.#lookAgainAt(alert.silencedUntilMs);
      return;
    }
    const told = outbox.thread(alert.id)?.receivers ?? [];
    const wanted = [...receivers().values()].filter((receiver) => wantsAlert(receiver, alert));
    const fresh = wanted.filter(({ config }) => !told.includes(config.name));
    const updated = wanted.filter((receiver) => {
      return event === 'updated' && told.includes(receiver.config.name) && sendsUpdates(receiver);
    });
    if (fresh.length + updated.length === 0) {
      return;
    }
    const encoded = encodeAlert(alertJson(alert, this.#wantsConnections([...fresh, ...updated])));
    const message = decodeAlert(encoded);
    const lasting = withoutConnections(message);
    const entries = [
      ...fresh.flatMap((receiver) => this.#entries(receiver, message, encoded, 'fired')),
      ...updated.flatMap((receiver) => this.#entries(receiver, message, encoded, 'updated')),
    ];
    const names = [...told, ...fresh.map(({ config }) => config.name)];
    this.#accept({ alertId: alert.id, receivers: names, alert: encodeAlert(lasting) }, entries);
    for (const { alertmanager } of fresh) {
      alertmanager?.groups.join(lasting, { updateUs: alert.updateUs, madeMs: clock.nowMs() });
    }
  }

  /** @param encoded the alert, resolved */
  #resolve(thread: AlertThread, encoded: string): void {
    const message = decodeAlert(encoded);
    const entries: OutboxEntry[] = [];
    for (const name of thread.receivers) {
      const receiver = this.#options.receivers().get(name);
      if (receiver === undefined) {
        continue;
      }
      const { alertmanager, config } = receiver;
      const member = alertmanager?.groups.member(thread.alertId);
      if (alertmanager !== null && member?.key !== alertmanager.groups.keyOf(message)) {
        this.#leaveGroup(receiver, thread);
        continue;
      }
      if (alertmanager !== null && !alertmanager.groups.leave(thread.alertId)) {
        continue;
      }
      if (config.sendResolved) {
        alertmanager?.groups.noteResolved(message, this.#options.clock.nowMs());
        entries.push(...this.#entries(receiver, message, encoded, 'resolved'));
      }
    }
    this.#accept({ ...thread, receivers: [], alert: encoded }, entries);
  }

  /** The labels by which an Alertmanager knows the alert are those of another time: they are resolved as they were. */
  #leaveGroup(receiver: Receiver, thread: AlertThread): void {
    const groups = receiver.alertmanager?.groups;
    const member = groups?.member(thread.alertId);
    if (
      groups === undefined ||
      member === undefined ||
      !groups.leave(thread.alertId) ||
      !receiver.config.sendResolved
    ) {
      return;
    }
    const nowMs = this.#options.clock.nowMs();
    const message = resolvedAlert(member.alert, nowMs);
    const encoded = encodeAlert(message);
    groups.noteResolved(message, nowMs);
    this.#accept(thread, this.#entries(receiver, message, encoded, 'resolved'));
  }

  /** Nine tenths of an alert are its connections: where much waits already, they would cost the place of other alerts. */
  #wantsConnections(told: readonly Receiver[]): boolean {
    return !this.#options.outbox.isCrowded && told.some(showsConnections);
  }

  #accept(thread: AlertThread, entries: readonly OutboxEntry[]): void {
    this.#options.outbox.accept(thread, entries);
    if (entries.length > 0) {
      this.#options.onAccepted();
    }
  }

  /** One for each URL of the receiver. */
  #entries({ config, format }: Receiver, alert: AlertMessage, encoded: string, event: DeliveryEvent): OutboxEntry[] {
    const nowMs = this.#options.clock.nowMs();
    const order = format.orderKey(alert);
    return Array.from({ length: format.replicas }, (_unused, index): OutboxEntry => {
      const replica = index + 1;
      // Made of what is told, so that even what is accepted twice is known to the receiver.
      const identity = [alert.id, event, eventTime(alert, event), config.name, replica, order];
      const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
      return {
        id: hash.slice(0, ID_LENGTH),
        receiver: config.name,
        replica,
        alertId: alert.id,
        event,
        state: 'pending',
        attempts: 0,
        acceptedMs: nowMs,
        lastAttemptMs: null,
        nextAttemptMs: nowMs,
        endMs: null,
        httpStatus: 0,
        lastError: '',
        summary: plainText(alert.summary, SUMMARY_MAX),
        order,
        alert: encoded,
        ageFromMs: nowMs,
      };
    });
  }

  #lookAgainAt(timeMs: number): void {
    const { clock } = this.#options;
    if (timeMs >= this.#silenceLookMs) {
      return;
    }
    this.#silenceLookMs = timeMs;
    this.#cancelSilence();
    this.#cancelSilence = clock.after(Math.min(timeMs - clock.nowMs(), SILENCE_LOOK_MS), () => {
      this.#silenceLookMs = Infinity;
      this.offerFiring();
    });
  }
}
