/** When the screen is drawn: soon after a key, and else no more often than people can read. */

/** Four frames a second at most, however much changes. */
const CHANGE_PERIOD_MS = 250;
/** Ages and countdowns show seconds. */
const CLOCK_PERIOD_MS = 1000;
/** A key is answered at once, but the keys of a paste, or of one that is held down, not each for itself. */
const KEY_PERIOD_MS = 40;
/** Where there is so much to show that a frame takes long, frames come less often: a fifth of a processor at most. */
const REST_PER_WORK = 4;

export class FramePacer {
  readonly #draw: () => Promise<void>;
  readonly #nowMs: () => number;
  #timer: NodeJS.Timeout | null = null;
  #dueMs = Infinity;
  #lastMs = -Infinity;
  /** Until then it rests from the last frame. */
  #restsUntilMs = -Infinity;
  #isDrawing = false;
  /** Something has changed since the last frame began. */
  #isStale = false;
  #isClosed = false;

  /** @param draw writes a frame, and resolves when the terminal has it @param nowMs a clock that never goes back */
  constructor(draw: () => Promise<void>, nowMs: () => number) {
    this.#draw = draw;
    this.#nowMs = nowMs;
  }

  /** Something changed by itself. */
  changed(): void {
    this.#isStale = true;
    // How long to rest from the frame that is being drawn is known when it is done.
    if (!this.#isDrawing) {
      this.#aimAfter(CHANGE_PERIOD_MS);
    }
  }

  /** Somebody waits for it. */
  pressed(): void {
    this.#aim(this.#lastMs + KEY_PERIOD_MS);
  }

  close(): void {
    this.#isClosed = true;
    this.#disarm();
  }

  #nextPeriodMs(): number {
    return this.#isStale ? CHANGE_PERIOD_MS : CLOCK_PERIOD_MS;
  }

  #aimAfter(periodMs: number): void {
    this.#aim(Math.max(this.#lastMs + periodMs, this.#restsUntilMs));
  }

  #aim(dueMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, dueMs);
    // A terminal that has not taken the last frame gets the next one when it has.
    if (!this.#isDrawing && !this.#isClosed) {
      this.#arm();
    }
  }

  #arm(): void {
    this.#disarm();
    this.#timer = setTimeout(() => void this.#frame(), Math.max(0, this.#dueMs - this.#nowMs()));
  }

  #disarm(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
  }

  async #frame(): Promise<void> {
    this.#isDrawing = true;
    this.#isStale = false;
    this.#dueMs = Infinity;
    this.#lastMs = this.#nowMs();
    await this.#draw();
    this.#isDrawing = false;
    const endMs = this.#nowMs();
    this.#restsUntilMs = endMs + REST_PER_WORK * (endMs - this.#lastMs);
    this.#aimAfter(this.#nextPeriodMs());
  }
}
