/**
 * Hands on what the sensor reports, in order. What a sweep says of tens of thousands of stuck connections is work for many
 * turns of the event loop; meanwhile nothing else is taken, and the sensor waits.
 */
import type { SensorRecord } from './core/sensor-records.js';
import type { TrackerEngine } from './tracker/tracker-engine.js';

export class SensorIntake {
  readonly #tracker: Pick<TrackerEngine, 'take' | 'isConcluding' | 'goOn'>;
  readonly #onTaken: (records: readonly SensorRecord[]) => void;
  /** In order; the first is the one that the tracker is busy with. */
  readonly #waiting: (readonly SensorRecord[])[] = [];
  #turn: NodeJS.Immediate | null = null;

  /** @param onTaken gets the same records when the tracker is done with them */
  constructor(
    tracker: Pick<TrackerEngine, 'take' | 'isConcluding' | 'goOn'>,
    onTaken: (records: readonly SensorRecord[]) => void,
  ) {
    this.#tracker = tracker;
    this.#onTaken = onTaken;
  }

  /** While it is true, whoever reads from the sensor should pause: what comes nevertheless waits in memory. */
  get isBusy(): boolean {
    return this.#turn !== null;
  }

  take(records: readonly SensorRecord[]): void {
    this.#waiting.push(...untilPassEnds(records));
    if (this.#turn === null) {
      this.#takeNext();
    }
  }

  /** Takes all that waits, at once: this sensor says no more. */
  finish(): void {
    while (this.#turn !== null) {
      clearImmediate(this.#turn);
      this.#goOn();
    }
  }

  #takeNext(): void {
    for (let records = this.#waiting[0]; records !== undefined; records = this.#waiting[0]) {
      this.#tracker.take(records);
      if (this.#tracker.isConcluding) {
        this.#schedule();
        return;
      }
      this.#passOn();
    }
  }

  #schedule(): void {
    this.#turn = setImmediate(() => {
      this.#goOn();
    });
  }

  #goOn(): void {
    this.#turn = null;
    this.#tracker.goOn();
    if (this.#tracker.isConcluding) {
      this.#schedule();
    } else {
      this.#passOn();
      this.#takeNext();
    }
  }

  #passOn(): void {
    const records = this.#waiting.shift();
    if (records !== undefined) {
      this.#onTaken(records);
    }
  }
}

/** @returns the same records, in parts each of which ends where a pass does. */
function untilPassEnds(records: readonly SensorRecord[]): (readonly SensorRecord[])[] {
  const parts: (readonly SensorRecord[])[] = [];
  let start = 0;
  records.forEach((record, index) => {
    if (record.type === 'pass' && record.pass.edge === 'end') {
      parts.push(records.slice(start, index + 1));
      start = index + 1;
    }
  });
  if (start < records.length) {
    parts.push(start === 0 ? records : records.slice(start));
  }
  return parts;
}
