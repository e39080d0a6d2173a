/** Answers of which further pages may be asked for: few, not too large together, and not for long. */
import { randomBytes } from 'node:crypto';

export interface KeptAnswersOptions {
  readonly answersMax: number;
  /** Of all answers together, in whatever their sizes are given; the newest is kept however large it is. */
  readonly sizeMax: number;
  /** After its last page was told. */
  readonly keepMs: number;
}

interface Kept<Answer> {
  readonly answer: Answer;
  readonly size: number;
  timer: NodeJS.Timeout;
}

export class KeptAnswers<Answer> {
  readonly #options: KeptAnswersOptions;
  /** In the order in which they were used. */
  readonly #kept = new Map<string, Kept<Answer>>();

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
  }

  /** @returns its name, which no answer of another daemon, or of another run of this one, has. */
  add(answer: Answer, size: number): string {
    const id = randomBytes(12).toString('base64url');
    this.#kept.set(id, { answer, size, timer: this.#forgetLater(id) });
    this.#makeRoom();
    return id;
  }

  get(id: string): Answer | undefined {
    return this.#kept.get(id)?.answer;
  }

  /** A further page was told: it is kept for a while again. */
  touch(id: string): void {
    const kept = this.#kept.get(id);
    if (kept !== undefined) {
      this.delete(id);
      this.#kept.set(id, { ...kept, timer: this.#forgetLater(id) });
    }
  }

  delete(id: string): void {
    clearTimeout(this.#kept.get(id)?.timer);
    this.#kept.delete(id);
  }

  #forgetLater(id: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.delete(id);
    }, this.#options.keepMs).unref();
  }

  #makeRoom(): void {
    const { answersMax, sizeMax } = this.#options;
    let size = [...this.#kept.values()].reduce((sum, kept) => sum + kept.size, 0);
    for (const [oldest, kept] of this.#kept) {
      if (this.#kept.size === 1 || (this.#kept.size <= answersMax && size <= sizeMax)) {
        return;
      }
      size -= kept.size;
      this.delete(oldest);
    }
  }
}
