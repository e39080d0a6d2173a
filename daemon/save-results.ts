/** What could not be saved the last time: said once when it begins and once when it ends. */
import type { Logger } from './lib/logger.js';

export class SaveResults {
  readonly #log: Logger;
  readonly #unsaved = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** For example `open records`. */
  get unsaved(): readonly string[] {
    return [...this.#unsaved];
  }

  /** @param error of the last attempt; null if it worked */
  take(what: string, consequence: string, error: Error | null): void {
    if (error !== null && !this.#unsaved.has(what)) {
      this.#log.error(`${what} cannot be saved, ${consequence}: ${error.message}`);
      this.#unsaved.add(what);
    }
    if (error === null && this.#unsaved.delete(what)) {
      this.#log.info(`${what} are saved again`);
    }
  }
}
