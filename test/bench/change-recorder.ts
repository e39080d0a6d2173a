/** A subscriber of WatchStuckConnections that notes when each change reached it. */
import { timestampToMs } from '../../daemon/rpc/proto-time.js';
import type { StuckdClient, WatchChange } from '../../daemon/rpc/grpc-client.js';
import { waitFor } from '../support/wait-for.js';

/** @returns milliseconds to add to `performance.now()` for the time of day: Date.now() alone is too coarse. */
function realTimeOffsetMs(): number {
  const startMs = Date.now();
  let tickMs = startMs;
  while (tickMs === startMs) {
    tickMs = Date.now();
  }
  return tickMs - performance.now();
}

export class ChangeRecorder {
  /** From the event in the kernel that crossed the threshold to here, milliseconds, of each record that opened. */
  readonly latenciesMs: number[] = [];
  /** When the newest of them crossed, and when the newest arrived; time of day, milliseconds. */
  lastCrossedMs = 0;
  lastArrivedMs = 0;
  firstCrossedMs = Infinity;
  readonly #offsetMs = realTimeOffsetMs();
  readonly #stop = new AbortController();
  #error: Error | null = null;
  #isLive = false;

  private constructor() {
    // Made by `start`.
  }

  /** @returns once the snapshot is complete. */
  static async start(client: StuckdClient): Promise<ChangeRecorder> {
    const recorder = new ChangeRecorder();
    void recorder.#follow(client);
    await recorder.until(() => recorder.#isLive, 'the snapshot', 30_000);
    return recorder;
  }

  /** The time of day, milliseconds, with fractions. */
  nowMs(): number {
    return performance.now() + this.#offsetMs;
  }

  get opened(): number {
    return this.latenciesMs.length;
  }

  /** @throws Error if the watch ended, or it takes longer. */
  async until(condition: () => boolean, what: string, timeoutMs: number): Promise<void> {
    await waitFor(() => this.#error !== null || condition(), { what, timeoutMs, intervalMs: 20 });
    if (this.#error !== null) {
      throw this.#error;
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(client: StuckdClient): Promise<void> {
    try {
      for await (const { changes } of client.watchResponses({}, '', this.#stop.signal)) {
        const nowMs = this.nowMs();
        for (const change of changes) {
          this.#note(change, nowMs);
        }
      }
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error));
    }
  }

  #note({ snapshotEnd, opened }: WatchChange, nowMs: number): void {
    if (snapshotEnd) {
      this.#isLive = true;
    } else if (opened) {
      const crossedMs = timestampToMs(opened.detectedTime ?? {});
      this.latenciesMs.push(nowMs - crossedMs);
      this.firstCrossedMs = Math.min(this.firstCrossedMs, crossedMs);
      this.lastCrossedMs = Math.max(this.lastCrossedMs, crossedMs);
      this.lastArrivedMs = nowMs;
    }
  }
}
