/**
 * Labels with values from outside, such as names of pods, can make any number of series, and every one costs Prometheus
 * memory for hours. So a metric has room for a number of them; what is beyond is told under one value, `other`.
 */

export const OTHER = 'other';

/** Values of the workload labels of one series, in the order of their names. */
export type WorkloadValues = readonly string[];

const SEPARATOR = '\0';

/** Values as the key of a map; they come from Kubernetes and systemd, where no name has a zero byte. */
export function keyOfValues(values: WorkloadValues): string {
  return values.join(SEPARATOR);
}

/** What a state gauge has room for: of so many groups the largest. */
export function largestOf(sizes: ReadonlyMap<string, number>, max: number): ReadonlySet<string> {
  if (sizes.size <= max) {
    return new Set(sizes.keys());
  }
  const sorted = [...sizes].sort(([keyA, sizeA], [keyB, sizeB]) => sizeB - sizeA || (keyA < keyB ? -1 : 1));
  return new Set(sorted.slice(0, max).map(([key]) => key));
}

/** Which groups a counter has series for: the first ones to come, until nothing has been counted for them for long. */
export class SeriesRoom {
  readonly #max: number;
  readonly #idleUs: number;
  /** When each was counted last, by its key; the one that has waited longest first. */
  readonly #groups = new Map<string, { readonly values: WorkloadValues; readonly lastUs: number }>();

  /** @param idleUs after how long without anything a group gives its place up */
  constructor(max: number, idleUs: number) {
    this.#max = max;
    this.#idleUs = idleUs;
  }

  /** @param nowUs CLOCK_MONOTONIC, microseconds. @returns false if there is no room for it. */
  take(values: WorkloadValues, nowUs: number): boolean {
    const key = keyOfValues(values);
    if (!this.#groups.delete(key) && this.#groups.size >= this.#max) {
      return false;
    }
    this.#groups.set(key, { values, lastUs: nowUs });
    return true;
  }

  /** @returns those that gave their place up. */
  expire(nowUs: number): readonly WorkloadValues[] {
    const gone: WorkloadValues[] = [];
    for (const [key, { values, lastUs }] of this.#groups) {
      if (nowUs - lastUs < this.#idleUs) {
        break;
      }
      gone.push(values);
      this.#groups.delete(key);
    }
    return gone;
  }
}
