/**
 * Tells the service manager how the daemon is. Each message says all of it again, so that the next one makes up for one that
 * was lost. They are sent from a timer of the event loop: where that hangs, the watchdog of systemd hears nothing and starts
 * the daemon anew.
 */
import type { NotifySocket } from './notify-socket.js';

/** How often the status may change. A summary for people, who have `stuckctl watch` for more. */
const STATUS_INTERVAL_MS = 10_000;

export interface ServiceNotifierOptions {
  readonly socket: NotifySocket;
  /** How often a sign of life is due, ms; null if nobody waits for one. */
  readonly watchdogMs: number | null;
  /** One line. */
  readonly status: () => string;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly nowUs: () => number;
  /** Called when messages begin to be lost. */
  readonly warn: (message: string) => void;
}

export class ServiceNotifier {
  readonly #options: ServiceNotifierOptions;
  /** Runs while the daemon serves. */
  #timer: NodeJS.Timeout | null = null;
  #isStopping = false;
  #toldStatus: string | null = null;
  #isFailing = false;

  constructor(options: ServiceNotifierOptions) {
    this.#options = options;
  }

  /** The daemon serves; from now on its status is told and, if wanted, that it lives. */
  ready(): void {
    if (this.#isStopping) {
      return;
    }
    const { watchdogMs } = this.#options;
    this.#timer ??= setInterval(
      () => {
        this.#tick();
      },
      Math.min(watchdogMs ?? STATUS_INTERVAL_MS, STATUS_INTERVAL_MS),
    );
    this.#sayReady(this.#options.status());
  }

  /** To be followed by `ready`. systemd tells a reload that it asked for by the time (Type=notify-reload). */
  reloading(): void {
    if (this.#timer === null) {
      return;
    }
    this.#send(['RELOADING=1', `MONOTONIC_USEC=${Math.floor(this.#options.nowUs())}`]);
  }

  /** What has changed is worth telling now. */
  update(): void {
    if (this.#timer !== null) {
      this.#tick();
    }
  }

  /** The last word. */
  stopping(): void {
    this.#isStopping = true;
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
    this.#send(['STOPPING=1', 'STATUS=draining']);
  }

  #tick(): void {
    const status = this.#options.status();
    if (this.#options.watchdogMs !== null || status !== this.#toldStatus) {
      this.#sayReady(status);
    }
  }

  #sayReady(status: string): void {
    const alive = this.#options.watchdogMs === null ? [] : ['WATCHDOG=1'];
    this.#toldStatus = this.#send(['READY=1', `STATUS=${status}`, ...alive]) ? status : null;
  }

  #send(assignments: readonly string[]): boolean {
    try {
      this.#options.socket.send(assignments);
      this.#isFailing = false;
      return true;
    } catch (error) {
      if (!this.#isFailing) {
        this.#options.warn(
          `the service manager cannot be told: ${error instanceof Error ? error.message : String(error)}`,
        );
        this.#isFailing = true;
      }
      return false;
    }
  }
}
