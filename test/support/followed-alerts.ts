/** What a real stuckd says about alerts, as scripts see it. */
import type { AlertWatchChange } from '../../daemon/rpc/grpc-client.js';
import { toProtoJson } from '../../daemon/rpc/proto-json.js';
import { followWatch } from './follow-watch.js';
import type { Ending } from './lab.js';
import { Notice } from './notice.js';
import type { StuckdUnderTest, StuckJson } from './stuckd.js';
import { waitFor } from './wait-for.js';

/** The proto3 JSON of an Alert, of which tests read some fields. */
export interface AlertJson {
  readonly id: string;
  readonly status: string;
  readonly severity: string;
  readonly kind: string;
  readonly process?: { readonly pid: number; readonly comm: string; readonly executable: string };
  readonly processCount?: number;
  readonly peer?: { readonly address: string; readonly port: number };
  readonly peerCount?: number;
  readonly localPort?: number;
  readonly stuckCount: number;
  readonly totalCount?: number;
  readonly startTime: string;
  readonly fireTime: string;
  readonly updateTime: string;
  readonly endTime?: string;
  readonly earliestGiveUp?: string;
  readonly summary: string;
  readonly fingerprint: string;
  readonly connections?: readonly StuckJson[];
}

export interface AlertChangeJson {
  readonly kind: 'snapshotItem' | 'fired' | 'updated' | 'resolved';
  readonly time: string;
  readonly alert: AlertJson;
}

const KINDS = ['snapshotItem', 'fired', 'updated', 'resolved'] as const;

/** The alerts of some processes, in the order in which they are told; other tests run on the same machine. */
export class FollowedAlerts {
  readonly changes: AlertChangeJson[] = [];
  readonly #pids: readonly number[];
  readonly #notice = new Notice();
  readonly #controller = new AbortController();
  /** Why the stream ended, each time. */
  readonly #losses: string[] = [];

  constructor(test: Ending, stuckd: StuckdUnderTest, pids: readonly number[]) {
    this.#pids = pids;
    test.after(() => {
      this.#controller.abort();
    });
    void this.#follow(stuckd);
  }

  of(kind: AlertChangeJson['kind']): readonly AlertJson[] {
    return this.changes.filter((change) => change.kind === kind).map(({ alert }) => alert);
  }

  /** Waits until so many of a sort have been told. */
  async wait(kind: AlertChangeJson['kind'], count: number): Promise<readonly AlertJson[]> {
    return this.until(`${count} ${kind}`, () => this.of(kind).length >= count && this.of(kind));
  }

  async until<T>(what: string, condition: () => T): Promise<Exclude<T, undefined | null | false>> {
    try {
      return await waitFor(condition, { what, notice: this.#notice });
    } catch (error) {
      const story = this.changes.map(({ kind, time, alert }) => `  ${time} ${kind} ${alert.summary}`).join('\n');
      const losses = this.#losses.join(', ');
      throw new Error(`stuckd did not say: ${what}; its alerts:\n${story}\nlosses: ${losses}`, { cause: error });
    }
  }

  async #follow({ client, process }: StuckdUnderTest): Promise<void> {
    const { signal } = this.#controller;
    const open = (token: string): ReturnType<typeof client.watchAlertResponses> =>
      client.watchAlertResponses({}, token, signal);
    const take = (change: AlertWatchChange): void => {
      this.#take(change);
    };
    await followWatch({ open, take, signal, process }, (reason) => this.#losses.push(reason));
  }

  #take(change: AlertWatchChange): void {
    const { time, ...rest } = toProtoJson(change) as unknown as { time: string } & Partial<Record<string, AlertJson>>;
    for (const kind of KINDS) {
      const alert = rest[kind];
      if (alert !== undefined && this.#isOurs(alert)) {
        this.changes.push({ kind: this.#isMissedFiring(kind, alert) ? 'fired' : kind, time, alert });
        this.#notice.give();
      }
    }
  }

  /** The stream was lost before there was anything to go on from, and the alert has fired meanwhile. */
  #isMissedFiring(kind: AlertChangeJson['kind'], { id }: AlertJson): boolean {
    const isNew = !this.changes.some(({ alert }) => alert.id === id);
    return kind === 'snapshotItem' && this.#losses.length > 0 && isNew;
  }

  #isOurs({ process, connections = [] }: AlertJson): boolean {
    const pids = [process?.pid, ...connections.map(({ owner, lastOwner }) => (owner ?? lastOwner)?.pid)];
    return pids.some((pid) => pid !== undefined && this.#pids.includes(pid));
  }
}
