/** Keeps a sensor at work: starts or connects, and does it again when it ends, with growing pauses. */
import type { SensorState } from '../core/ports.js';
import type { SensorRecord } from '../core/sensor-records.js';
import { Backoff } from '../lib/backoff.js';
import { monotonicUs } from '../lib/system-clock.js';
import type { SensorConfiguration } from '../wire/command-encoder.js';
import type { SensorLink } from './sensor-link.js';
import { type SensorIntroduction, type SessionEnd, SensorSession } from './sensor-session.js';

export interface SupervisorListener {
  up(introduction: SensorIntroduction): void;
  records(records: readonly SensorRecord[]): void;
  /** @param retryMs when it will be tried again; null when the daemon is stopping */
  down(end: SessionEnd, retryMs: number | null): void;
}

export interface SupervisorStatus {
  readonly state: SensorState;
  /** How often it ended and was started or connected to again. */
  readonly restarts: number;
  /** Why it ended the last time; empty if it never did. */
  readonly lastError: string;
  /** What the present one said about itself; null while there is none. */
  readonly introduction: SensorIntroduction | null;
}

const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 10_000;
const RETRY_FORGET_MS = 60_000;

export class SensorSupervisor {
  readonly #connect: () => SensorLink;
  readonly #listener: SupervisorListener;
  readonly #configuration: SensorConfiguration;
  readonly #backoff = new Backoff(RETRY_MIN_MS, RETRY_MAX_MS, RETRY_FORGET_MS);
  readonly #stop = new AbortController();
  #session: SensorSession | null = null;
  #running: Promise<void> | null = null;
  #state: SensorState = 'starting';
  #restarts = 0;
  #lastError = '';
  #introduction: SensorIntroduction | null = null;

  /** @param connect gives a fresh link; its failures show as a link that ends */
  constructor(connect: () => SensorLink, configuration: SensorConfiguration, listener: SupervisorListener) {
    this.#connect = connect;
    this.#configuration = configuration;
    this.#listener = listener;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the sensor and waits until it is gone. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#session?.close();
    await this.#running;
    this.#state = 'stopped';
  }

  /** Sends a command if a sensor is there; a new one starts with a clean slate anyway. */
  send(command: Uint8Array): void {
    this.#session?.send(command);
  }

  status(): SupervisorStatus {
    return {
      state: this.#state,
      restarts: this.#restarts,
      lastError: this.#lastError,
      introduction: this.#introduction,
    };
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const startUs = monotonicUs();
      const end = await this.#serve();
      const wasUp = this.#introduction !== null;
      this.#introduction = null;
      this.#session = null;
      if (this.#stop.signal.aborted) {
        this.#listener.down(end, null);
        return;
      }
      this.#lastError = end.reason;
      this.#restarts += 1;
      this.#state = 'backoff';
      const retryMs = this.#backoff.next(wasUp ? (monotonicUs() - startUs) / 1000 : 0);
      this.#listener.down(end, retryMs);
      await this.#pause(retryMs);
      this.#state = 'starting';
    }
  }

  async #serve(): Promise<SessionEnd> {
    const session = new SensorSession(this.#connect(), this.#configuration, {
      ready: (introduction) => {
        this.#introduction = introduction;
        this.#state = 'running';
        this.#listener.up(introduction);
      },
      records: (records) => {
        this.#listener.records(records);
      },
    });
    this.#session = session;
    return session.run();
  }

  async #pause(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#stop.signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}
