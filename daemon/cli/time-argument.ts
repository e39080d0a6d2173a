/** A point in time on the command line: how long ago, or when. */
import { parseDurationMs } from '../lib/duration.js';
import { UsageError } from './cli-io.js';

export type TimeArgument = { readonly agoMs: number } | { readonly atMs: number };

/** A date, with a time if you like; without a zone it is that of the reader, as everywhere in stuckctl. */
const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/** @throws UsageError if it is neither a duration nor a time. */
export function parseTimeArgument(option: string, text: string | undefined): TimeArgument | null {
  if (text === undefined) {
    return null;
  }
  const agoMs = parseDurationMs(text);
  if (agoMs !== null) {
    return { agoMs };
  }
  // JavaScript takes a date alone for one in UTC.
  const atMs = TIME.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00` : text) : NaN;
  if (Number.isNaN(atMs)) {
    const shown = JSON.stringify(text);
    throw new UsageError(
      `--${option} ${shown}: give how long ago (30m, 2h, 7d), or a time (2026-11-22, 2026-11-22T08:30, 2026-11-22T08:30:00Z)`,
    );
  }
  return { atMs };
}

/** @returns milliseconds since 1970. */
export function timeArgumentMs(time: TimeArgument, nowMs: number): number {
  return 'atMs' in time ? time.atMs : nowMs - time.agoMs;
}
