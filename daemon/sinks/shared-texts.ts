/** Long texts that several deliveries have in common: each is held once, and counted once, however many have it. */

interface Shared {
  readonly text: string;
  readonly bytes: number;
  uses: number;
}

export class SharedTexts {
  readonly #texts = new Map<string, Shared>();
  #bytes = 0;

  /** Of all that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the same text, as it is held already where others have it. */
  hold(text: string): string {
    if (text === '') {
      return text;
    }
    const known = this.#texts.get(text);
    if (known !== undefined) {
      known.uses += 1;
      return known.text;
    }
    const bytes = Buffer.byteLength(text);
    this.#texts.set(text, { text, bytes, uses: 1 });
    this.#bytes += bytes;
    return text;
  }

  /** To be called once for each {@link hold}. */
  release(text: string): void {
    const known = this.#texts.get(text);
    if (known === undefined) {
      return;
    }
    known.uses -= 1;
    if (known.uses === 0) {
      this.#texts.delete(text);
      this.#bytes -= known.bytes;
    }
  }
}
