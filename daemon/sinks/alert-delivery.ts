/**
 * Alerts to receivers: the one entry point of this layer. It listens to the alerts of this node, keeps what is to be told
 * in an outbox on disk, and sends it until it was taken or is too old.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { TableFill } from '../core/agent-facts.js';
import type { Alert, AlertSource } from '../core/alert.js';
import type { Delivery, DeliveryReport, DeliverySource, ReceiverReport, TestAnswer } from '../core/delivery.js';
import { AlertIntake } from './alert-intake.js';
import { decodeAlert } from './alert-message.js';
import { AlertmanagerResender } from './alertmanager-resender.js';
import { DeliveryWorker } from './delivery-worker.js';
import { type Resolve, resolveWithSystem } from './http-client.js';
import { OutboxLog } from './outbox-log.js';
import type { OutboxEntry } from './outbox-records.js';
import { DEFAULT_LIMITS, Outbox, type OutboxLimits } from './outbox.js';
import type { ReceiverConfig } from './receiver-config.js';
import type { Message } from './receiver.js';
import { createReceiver, type Receiver } from './receivers.js';
import { attempt, type SendContext } from './send.js';
import { type SinkClock, SYSTEM_SINK_CLOCK } from './sink-clock.js';
import { testAlert } from './test-alert.js';
import type { Verdict } from './verdict.js';

const DAY_MS = 86_400_000;
/** How often a log that has a problem, or has grown, is looked after. */
const MAINTAIN_INTERVAL_MS = 10_000;
const FOLDER = 'outbox';

export interface DeliveryLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface AlertDeliveryOptions {
  readonly source: AlertSource;
  /** The proto3 JSON mapping of stuckd.v1.Alert, with the connections of its sample or without. */
  readonly alertJson: (alert: Alert, withConnections: boolean) => object;
  /** The outbox gets a folder in it. */
  readonly stateDir: string;
  /** Name of this machine, as receivers see it. */
  readonly node: string;
  readonly receivers: readonly ReceiverConfig[];
  readonly log: DeliveryLog;
  /** A message that is older is given up; default 24 h. */
  readonly maxAgeMs?: number;
  readonly limits?: OutboxLimits;
  readonly clock?: SinkClock;
  readonly resolve?: Resolve;
  /** From 0 to 1. */
  readonly random?: () => number;
}

export class AlertDelivery implements DeliverySource {
  readonly #options: AlertDeliveryOptions;
  readonly #clock: SinkClock;
  readonly #log: OutboxLog;
  readonly #outbox: Outbox;
  readonly #worker: DeliveryWorker;
  readonly #intake: AlertIntake;
  readonly #resender: AlertmanagerResender;
  readonly #abort = new AbortController();
  readonly #testing = new Set<string>();
  #receivers: ReadonlyMap<string, Receiver> = new Map();
  #cancelMaintenance: () => void = () => undefined;
  #stopped = false;

  constructor(options: AlertDeliveryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_SINK_CLOCK;
    this.#log = new OutboxLog(join(options.stateDir, FOLDER), (problem) => {
      this.#tellLogProblem(problem);
    });
    this.#outbox = new Outbox(this.#log, options.limits ?? DEFAULT_LIMITS);
    const receivers = (): ReadonlyMap<string, Receiver> => this.#receivers;
    this.#worker = this.#createWorker();
    this.#intake = new AlertIntake({
      source: options.source,
      outbox: this.#outbox,
      clock: this.#clock,
      receivers,
      alertJson: options.alertJson,
      onAccepted: () => {
        this.#worker.wake();
      },
    });
    this.#resender = new AlertmanagerResender({
      clock: this.#clock,
      intake: this.#intake,
      outbox: this.#outbox,
      worker: this.#worker,
      receivers,
      attempt: (config, prepare) => attempt(config, prepare, this.#context()),
    });
  }

  /** Reads the outbox, takes alerts from then on, and begins to send. Never rejects: without a disk it goes on in memory. */
  async start(): Promise<void> {
    const problem = this.#outbox.load();
    if (problem !== '') {
      this.#options.log.warn(`deliveries of the last run are not all known: ${problem}`);
    }
    await this.#outbox.maintain();
    this.#configure(this.#options.receivers);
    this.#intake.start();
    this.#scheduleMaintenance();
    this.#resender.start();
    this.#worker.wake();
  }

  /**
   * To be called when the source knows again what fires: what was accepted before a restart and does not fire any more
   * is resolved.
   */
  resolveVanished(): void {
    this.#intake.resolveVanished();
  }

  /** Goes on with other receivers. What waits for one that is gone becomes a dead letter; a new one learns what fires. */
  reload(receivers: readonly ReceiverConfig[]): void {
    this.#configure(receivers);
    this.#intake.offerFiring();
    this.#worker.wake();
  }

  /** @param drainMs how long requests that are under way may take. What was not sent stays on disk. */
  async stop(drainMs: number): Promise<void> {
    this.#stopped = true;
    this.#intake.stop();
    this.#cancelMaintenance();
    const cancel = this.#clock.after(drainMs, () => {
      this.#abort.abort();
    });
    await Promise.all([this.#worker.stop(), this.#resender.stop()]);
    cancel();
    await this.#log.close();
  }

  status(): DeliveryReport {
    const nowMs = this.#clock.nowMs();
    const reports = new Map([...this.#receivers.keys()].map((name) => [name, this.#emptyReport(name)]));
    for (const { receiver, state, acceptedMs } of this.#outbox.entries()) {
      const report = reports.get(receiver) ?? this.#emptyReport(receiver);
      reports.set(receiver, {
        ...report,
        pending: report.pending + (state === 'pending' ? 1 : 0),
        dead: report.dead + (state === 'dead' ? 1 : 0),
        oldestAgeMs: state === 'pending' ? Math.max(report.oldestAgeMs, nowMs - acceptedMs) : report.oldestAgeMs,
      });
    }
    return { receivers: [...reports.values()], notDurable: this.#log.problem };
  }

  /** Messages that were dropped because too many waited. */
  get dropped(): number {
    return this.#outbox.dropped;
  }

  /** Messages that wait, of those that can. */
  get fill(): TableFill {
    return this.#outbox.fill;
  }

  deliveries(): readonly Delivery[] {
    return [...this.#outbox.entries()];
  }

  retry(id: string): ReturnType<DeliverySource['retry']> {
    const entry = this.#outbox.find(id);
    if (entry === undefined) {
      return 'unknown';
    }
    if (entry.state === 'delivered') {
      return 'delivered';
    }
    if (this.#parallel(entry.receiver, entry.replica) === null) {
      return 'no_receiver';
    }
    const nowMs = this.#clock.nowMs();
    this.#outbox.update({ ...entry, state: 'pending', endMs: null, nextAttemptMs: nowMs, ageFromMs: nowMs });
    this.#worker.hurry(entry.receiver, entry.replica);
    return this.#outbox.find(id) ?? entry;
  }

  async test(name: string): ReturnType<DeliverySource['test']> {
    const receiver = this.#receivers.get(name);
    if (receiver === undefined) {
      return 'unknown';
    }
    if (this.#testing.has(name)) {
      return 'busy';
    }
    this.#testing.add(name);
    try {
      const encoded = testAlert(name, this.#options.node, randomUUID(), this.#clock.nowMs());
      const alert = decodeAlert(encoded);
      const message: Message = { id: alert.id, event: 'test', alert, encoded };
      const replicas = Array.from({ length: receiver.format.replicas }, (_unused, index) => index + 1);
      return await Promise.all(replicas.map((replica) => this.#testReplica(receiver, replica, message)));
    } finally {
      this.#testing.delete(name);
    }
  }

  async #testReplica(receiver: Receiver, replica: number, message: Message): Promise<TestAnswer> {
    const startMs = this.#clock.nowMs();
    const verdict = await attempt(
      receiver.config,
      () => receiver.format.prepare(message, replica, startMs),
      this.#context(),
    );
    return {
      replica,
      delivered: verdict.kind === 'delivered',
      httpStatus: verdict.httpStatus,
      error: verdict.kind === 'delivered' ? '' : verdict.error,
      durationMs: this.#clock.nowMs() - startMs,
    };
  }

  #configure(configs: readonly ReceiverConfig[]): void {
    this.#receivers = new Map(configs.map((config) => [config.name, createReceiver(config, this.#options.node)]));
    for (const receiver of this.#receivers.values()) {
      this.#intake.restoreGroups(receiver);
    }
    const nowMs = this.#clock.nowMs();
    for (const entry of this.#outbox.entries()) {
      if (entry.state === 'pending' && this.#parallel(entry.receiver, entry.replica) === null) {
        this.#outbox.update({
          ...entry,
          state: 'dead',
          endMs: nowMs,
          lastError: 'the receiver is not configured any more',
        });
      }
    }
  }

  #createWorker(): DeliveryWorker {
    const { log, maxAgeMs = DAY_MS, random = Math.random } = this.#options;
    return new DeliveryWorker({
      outbox: this.#outbox,
      clock: this.#clock,
      random,
      maxAgeMs,
      parallel: (receiver, replica) => this.#parallel(receiver, replica),
      send: (entry) => this.#send(entry),
      onTurn: (receiver, replica, reason) => {
        const which = `receiver ${receiver}${replica === 1 ? '' : ` (url ${replica})`}`;
        if (reason === null) {
          log.info(`${which} takes alerts again`);
        } else {
          log.warn(`${which} does not take alerts: ${reason}; they are kept and sent later`);
        }
      },
      onDead: ({ id, receiver, event, alertId, lastError }) => {
        log.error(
          `delivery ${id} (${event}, alert ${alertId}) to receiver ${receiver} was given up: ${lastError}; "stuckctl deliveries --retry ${id}" sends it again`,
        );
      },
    });
  }

  #parallel(name: string, replica: number): number | null {
    const format = this.#receivers.get(name)?.format;
    return format === undefined || replica > format.replicas ? null : format.parallel;
  }

  async #send(entry: OutboxEntry): Promise<Verdict> {
    const receiver = this.#receivers.get(entry.receiver);
    if (receiver === undefined) {
      return { kind: 'final', httpStatus: 0, error: 'the receiver is not configured any more' };
    }
    const { id, event, alert: encoded, replica } = entry;
    const prepare = () =>
      receiver.format.prepare({ id, event, encoded, alert: decodeAlert(encoded) }, replica, this.#clock.nowMs());
    return attempt(receiver.config, prepare, this.#context());
  }

  #context(): SendContext {
    return {
      resolve: this.#options.resolve ?? resolveWithSystem,
      nowMs: () => this.#clock.nowMs(),
      stop: this.#abort.signal,
    };
  }

  #emptyReport(name: string): ReceiverReport {
    const { delivered, dropped, failedAttempts } = this.#outbox.counts(name);
    const replicas = this.#receivers.get(name)?.format.replicas ?? 0;
    const errors = Array.from({ length: replicas }, (_unused, index) => this.#worker.lastError(name, index + 1));
    const lastError = errors.find((error) => error !== '') ?? '';
    return { name, pending: 0, oldestAgeMs: 0, delivered, dead: 0, dropped, failedAttempts, lastError };
  }

  #scheduleMaintenance(): void {
    this.#cancelMaintenance = this.#clock.after(MAINTAIN_INTERVAL_MS, () => {
      void this.#outbox.maintain().finally(() => {
        if (!this.#stopped) {
          this.#scheduleMaintenance();
        }
      });
    });
  }

  #tellLogProblem(problem: string): void {
    const { log } = this.#options;
    if (problem === '') {
      log.info('deliveries are kept on disk again');
    } else {
      log.error(`deliveries are kept in memory only, and what waits would be lost by a restart: ${problem}`);
    }
  }
}
