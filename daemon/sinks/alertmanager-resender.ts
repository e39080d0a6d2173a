/**
 * Tells every Alertmanager once a minute what fires and what has ended lately: one that was started anew, or that missed
 * something, knows again. What an outbox still holds for a replica comes from there, in its order, and not from here.
 */
import type { AlertIntake } from './alert-intake.js';
import { RESEND_INTERVAL_MS, type PostableAlert } from './alertmanager.js';
import type { DeliveryWorker } from './delivery-worker.js';
import { laneKey, type Outbox } from './outbox.js';
import type { ReceiverConfig } from './receiver-config.js';
import type { PreparedRequest } from './receiver.js';
import type { Receiver } from './receivers.js';
import type { SinkClock } from './sink-clock.js';
import type { Verdict } from './verdict.js';

/** Alerts in one request. */
const BATCH_MAX = 64;

export interface ResenderOptions {
  readonly clock: SinkClock;
  readonly intake: AlertIntake;
  readonly outbox: Outbox;
  readonly worker: DeliveryWorker;
  readonly receivers: () => ReadonlyMap<string, Receiver>;
  readonly attempt: (config: ReceiverConfig, prepare: () => Promise<PreparedRequest>) => Promise<Verdict>;
}

export class AlertmanagerResender {
  readonly #options: ResenderOptions;
  #cancelTimer: () => void = () => undefined;
  #underWay: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ResenderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancelTimer = this.#options.clock.after(RESEND_INTERVAL_MS, () => {
      this.#underWay = this.#sendAll();
      // The next round begins an interval after this one, however long an endpoint takes, but not before it has ended.
      void this.#underWay.then(() => {
        if (!this.#stopped) {
          this.start();
        }
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.#underWay;
  }

  async #sendAll(): Promise<void> {
    const { receivers, intake } = this.#options;
    const rounds: Promise<void>[] = [];
    for (const receiver of receivers().values()) {
      intake.refreshGroups(receiver);
      for (let replica = 1; replica <= receiver.format.replicas; replica += 1) {
        rounds.push(this.#send(receiver, replica));
      }
    }
    await Promise.all(rounds);
  }

  async #send(receiver: Receiver, replica: number): Promise<void> {
    const { clock, outbox, worker, attempt } = this.#options;
    const { alertmanager, config } = receiver;
    if (alertmanager === null) {
      return;
    }
    const pending = outbox.pending(laneKey(config.name, replica));
    if (pending.size > 0 && worker.lastError(config.name, replica) !== '') {
      return; // the message that waits finds out when the endpoint is back
    }
    const waiting = new Set([...pending.values()].map(({ order }) => order));
    const alerts = alertmanager.groups
      .messages(clock.nowMs())
      .filter(({ key }) => !waiting.has(key))
      .map(({ postable }) => postable);
    for (let start = 0; start < alerts.length; start += BATCH_MAX) {
      const batch: readonly PostableAlert[] = alerts.slice(start, start + BATCH_MAX);
      const verdict = await attempt(config, () => alertmanager.format.request(batch, replica));
      worker.note(config.name, replica, verdict);
      if (verdict.kind !== 'delivered') {
        return;
      }
    }
  }
}
