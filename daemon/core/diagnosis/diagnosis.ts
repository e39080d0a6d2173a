/** Facts about one stuck connection, turned into sentences that a tired person understands at three in the morning. */
import { adviceFor, type Advice } from './advice.js';
import { effectOf } from './effect.js';
import { summaryOf } from './summary.js';
import type { WallTimes } from './words.js';
import type { StuckRecord } from '../record.js';

/** What the facts mean. Names of processes are in it as they came: whoever prints it escapes it. */
export interface Diagnosis {
  /** One sentence: who, to whom, since when, what, until when. */
  readonly summary: string;
  /** What the application experiences. */
  readonly effect: string;
  /** Most useful first; empty where nothing can be done. */
  readonly advice: readonly Advice[];
}

/**
 * @param nowUs CLOCK_MONOTONIC, microseconds, from which spans of time are counted.
 * @param names says CLOCK_MONOTONIC as wall time, in whatever form the reader wants.
 */
export function diagnose(record: StuckRecord, nowUs: number, names: WallTimes): Diagnosis {
  return {
    summary: summaryOf(record, nowUs, names),
    effect: effectOf(record, nowUs, names),
    advice: adviceFor(record, nowUs, names),
  };
}
