/** Lines out of a stream of text, none of them longer than is allowed. */
import { ApiError } from './api-error.js';

export class LineSplitter {
  readonly #lengthMax: number;
  #rest = '';

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  /** @returns the lines that `text` completes. @throws ApiError if a line is too long */
  take(text: string): readonly string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > this.#lengthMax || lines.some((line) => line.length > this.#lengthMax)) {
      throw new ApiError(0, `an event has more than ${this.#lengthMax} characters`);
    }
    return lines.filter((line) => line.trim() !== '');
  }
}
