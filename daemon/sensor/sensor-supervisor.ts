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
  /** True while work that they have made is not done, and nothing more should be read; never, if it is left out. */
  isBusy?(): boolean;
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
  readonly #backoff = new Backoff(RETRY_MIN_MS, RETRY_MAX_MS, RETRY_FORGET_MS);
  readonly #stop = new AbortController();
  #configuration: SensorConfiguration;
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

  /** Changes thresholds and intervals, of the sensor that runs now and of those to come. */
  configure(configuration: SensorConfiguration): void {
    this.#configuration = configuration;
    this.#session?.configure(configuration);
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
    while (!this.#isStopping()) {
      const startUs = monotonicUs();
      const end = await this.#serve();
      const successMs = this.#introduction === null ? 0 : (monotonicUs() - startUs) / 1000;
      this.#introduction = null;
      this.#session = null;
      if (this.#isStopping()) {
        this.#listener.down(end, null);
        return;
      }
      this.#lastError = end.reason;
      this.#restarts += 1;
      this.#state = 'backoff';
      const retryMs = this.#backoff.next(successMs);
      this.#listener.down(end, retryMs);
      await this.#pause(retryMs);
      this.#state = 'starting';
    }
  }

  #isStopping(): boolean {
    return this.#stop.signal.aborted;
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
      isBusy: () => this.#listener.isBusy?.() === true,
    });
    this.#session = session;
    return session.run();
  }

  async #pause(waitMs: number): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) {
      return; // the listener has stopped it
    }
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const timer = setTimeout(finish, waitMs);
      signal.addEventListener('abort', finish);
    });
  }
}
