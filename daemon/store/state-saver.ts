/** Writes what must survive a restart to disk when it changed: soon, but not more often than the disk likes. */
import { monotonicUs } from '../lib/system-clock.js';

/** After a change the file follows within this time; a storm of changes costs one write in it. */
const SAVE_DELAY_MS = 250;
/** Between two writes lies at least this many times what the last one took: a storm is not for writing files. */
const PAUSE_PER_WRITE = 20;

/** But never longer than this: what is not on disk when the daemon is killed gets another id afterwards. */
const PAUSE_MAX_MS = 10_000;

/** After a failed write. */
const RETRY_DELAY_MS = 10_000;

/** Where it goes. */
export interface SavingStore<State> {
  save(state: State): Promise<void>;
}

export class StateSaver<State> {
  readonly #store: SavingStore<State>;
  readonly #read: () => State | null;
  readonly #onResult: (error: Error | null) => void;
  #timer: NodeJS.Timeout | null = null;
  #saving: Promise<void> | null = null;
  #delayMs = SAVE_DELAY_MS;
  #dirty = false;
  #closed = false;

  /**
   * @param read gives what is to be saved; null while nothing is known, when the file stays as it is
   * @param onResult gets null after a write, or why it failed: the daemon goes on, and tries again at the next change
   */
  constructor(store: SavingStore<State>, read: () => State | null, onResult: (error: Error | null) => void) {
    this.#store = store;
    this.#read = read;
    this.#onResult = onResult;
  }

  /** To be called at every change. */
  touch(): void {
    this.#dirty = true;
    this.#arm();
  }

  /** Writes the last state, and nothing afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    await this.#saving;
    await this.#save();
  }

  #arm(): void {
    if (!this.#dirty || this.#closed || this.#timer !== null || this.#saving !== null) {
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#saving = this.#save().finally(() => {
        this.#saving = null;
        this.#arm();
      });
    }, this.#delayMs);
  }

  /** Never rejects. */
  async #save(): Promise<void> {
    this.#dirty = false;
    const state = this.#read();
    if (state === null) {
      return;
    }
    const startUs = monotonicUs();
    try {
      await this.#store.save(state);
      this.#delayMs = pauseAfterMs((monotonicUs() - startUs) / 1000);
      this.#onResult(null);
    } catch (error) {
      // Also without a further change: the disk may have room again, and the node may be quiet.
      this.#dirty = true;
      this.#delayMs = RETRY_DELAY_MS;
      this.#onResult(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** @returns how long to wait before the next write, after one that took `writeMs`. */
export function pauseAfterMs(writeMs: number): number {
  return Math.min(Math.max(SAVE_DELAY_MS, writeMs * PAUSE_PER_WRITE), PAUSE_MAX_MS);
}
