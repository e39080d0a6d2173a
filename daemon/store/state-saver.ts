/** Writes open records to disk when they changed: soon, but not more often than the disk likes. */
import type { SavedState } from '../core/tracker-messages.js';
import type { OpenRecordStore } from './open-records.js';

/** After a change the file follows within this time; a storm of changes costs one write in it. */
const SAVE_DELAY_MS = 250;

export class StateSaver {
  readonly #store: OpenRecordStore;
  readonly #read: () => SavedState | null;
  readonly #onResult: (error: Error | null) => void;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /**
   * @param read gives what is to be saved; null while nothing is known, when the file stays as it is
   * @param onResult gets null after a write, or why it failed: the daemon goes on, and tries again at the next change
   */
  constructor(store: OpenRecordStore, read: () => SavedState | null, onResult: (error: Error | null) => void) {
    this.#store = store;
    this.#read = read;
    this.#onResult = onResult;
  }

  /** To be called at every change. */
  touch(): void {
    if (this.#closed) {
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#save();
    }, SAVE_DELAY_MS);
  }

  /** Writes the last state, and nothing afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    await this.#save();
  }

  async #save(): Promise<void> {
    const state = this.#read();
    if (state === null) {
      return;
    }
    try {
      await this.#store.save(state);
      this.#onResult(null);
    } catch (error) {
      this.#onResult(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
