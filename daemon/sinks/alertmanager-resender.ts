/**
 * Tells every Alertmanager once a minute what fires and what has ended lately: one that was started anew, or that missed
 * something, knows again. What an outbox still holds for a replica comes from there, in its order, and not from here.
 */
import type { AlertIntake } from './alert-intake.js';
import { RESEND_INTERVAL_MS } from './alertmanager.js';
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
    await intake.refreshGroups();
    const rounds = [...receivers().values()].flatMap((receiver) =>
      Array.from({ length: receiver.format.replicas }, (_unused, index) => this.#send(receiver, index + 1)),
    );
    await Promise.all(rounds);
  }

  async #send(receiver: Receiver, replica: number): Promise<void> {
    const { outbox, worker, receivers } = this.#options;
    const { alertmanager, config } = receiver;
    if (alertmanager === null) {
      return;
    }
    const { size } = outbox.pending(laneKey(config.name, replica));
    if (size > 0 && worker.lastError(config.name, replica) !== '') {
      return; // the message that waits finds out when the endpoint is back
    }
    const keys = alertmanager.groups.keys();
    for (let start = 0; start < keys.length; start += BATCH_MAX) {
      if (this.#stopped || receivers().get(config.name) !== receiver) {
        return; // configured anew: its groups are others now
      }
      if (!(await this.#sendBatch(config, alertmanager, replica, keys.slice(start, start + BATCH_MAX)))) {
        return;
      }
    }
  }

  /**
   * What is told is that of the moment before the request, and nothing else is told of these alerts while it is under way:
   * otherwise "firing" could arrive after "resolved".
   * @returns false if the endpoint takes nothing now
   */
  async #sendBatch(
    config: ReceiverConfig,
    { format, groups }: NonNullable<Receiver['alertmanager']>,
    replica: number,
    keys: readonly string[],
  ): Promise<boolean> {
    const { clock, worker, attempt } = this.#options;
    const held = worker.hold(config.name, replica, keys);
    const nowMs = clock.nowMs();
    const batch = held.orders.flatMap((key) => groups.message(key, nowMs) ?? []);
    const verdict = batch.length === 0 ? null : await attempt(config, () => format.request(batch, replica));
    held.release(verdict);
    return verdict === null || verdict.kind === 'delivered' || verdict.kind === 'final';
  }
}
