/** From the records of `forecast` and what the applications met to the figures of its table. Pure. */
import type { Figures } from './part.js';
import { median, percentile, significant } from './statistics.js';

/** The forecast of a record, milliseconds since 1970. */
export interface ForecastTimes {
  readonly timeMs: number;
  /** Null unless it is a window. */
  readonly latestMs: number | null;
}

/** How the forecast of one connection did. */
export interface Verdict {
  readonly reason: string;
  /** Exempt by the words of the target: an ICMP error came after the detection. */
  readonly disturbed: boolean;
  /**
   * By the record: from the forecast at detection to the kernel's end; null if the record has none. Of two candidates,
   * where a tick is bistable, the nearer one counts: between them is not good enough.
   */
  readonly errorMs: number | null;
  /** The same for the last forecast before the end: what is left is the lateness of the last timer. */
  readonly lastErrorMs: number | null;
  /** Width of the forecast at detection; null if it had one candidate only. */
  readonly windowMs: number | null;
  /** The end came at the later of two candidates. */
  readonly atLater: boolean;
  /** By the application's own clock: from the forecast at detection to the moment at which it got its error. */
  readonly applicationErrorMs: number | null;
  /** Null where no application was told. */
  readonly errnoRight: boolean | null;
  /** Why there is no error of the forecast, or what the record looks like that has one. */
  readonly note: string;
}

export const TARGET_MS = 10;

/**
 * @param time as RFC 3339, with up to nine digits of a second, of which a Date keeps three.
 * @returns milliseconds since 1970, exact to the microsecond.
 */
export function preciseMs(time: string | undefined): number {
  const [, seconds, fraction = '0'] = /^([^.]+?)(?:\.(\d+))?Z$/.exec(time ?? '') ?? [];
  const ms = Date.parse(`${seconds ?? ''}Z`) + Number(`0.${fraction}`) * 1000;
  if (!Number.isFinite(ms)) {
    throw new RangeError(`"${time ?? ''}" is no time`);
  }
  return ms;
}

/** @returns milliseconds from the nearer bound of a forecast; 0 inside a window. */
export function distanceMs(forecast: ForecastTimes, endMs: number): number {
  return Math.min(0, endMs - forecast.timeMs) + Math.max(0, endMs - (forecast.latestMs ?? forecast.timeMs));
}

/** @returns the nearer candidate's error, and which one that is. */
export function nearestCandidate(
  { timeMs, latestMs }: ForecastTimes,
  endMs: number,
): { readonly errorMs: number; readonly atLater: boolean } {
  const early = endMs - timeMs;
  const late = endMs - (latestMs ?? timeMs);
  return Math.abs(late) < Math.abs(early) ? { errorMs: late, atLater: true } : { errorMs: early, atLater: false };
}

export interface Summary {
  readonly reason: string;
  readonly disturbed: boolean;
  readonly connections: number;
  /** Of |error|, milliseconds; null if nothing was measured. */
  readonly error: Spread | null;
  readonly applicationError: Spread | null;
  readonly measured: number;
  readonly withinTarget: number;
  /** Forecasts with two candidates, or between two bounds. */
  readonly windows: number;
  readonly atLater: number;
  readonly widestWindowMs: number;
  readonly wrongErrno: number;
}

export interface Spread {
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) {
    return null;
  }
  return {
    median: median(values),
    p95: percentile(values, 95),
    p99: percentile(values, 99),
    max: Math.max(...values),
  };
}

/** @returns one line of the table. */
export function summarize(reason: string, verdicts: readonly Verdict[]): Summary {
  const errors = verdicts.flatMap(({ errorMs }) => (errorMs === null ? [] : [Math.abs(errorMs)]));
  const atApplication = verdicts.flatMap(({ applicationErrorMs: ms }) => (ms === null ? [] : [Math.abs(ms)]));
  const windows = verdicts.filter(({ windowMs, errorMs }) => windowMs !== null && errorMs !== null);
  return {
    reason,
    disturbed: verdicts.some(({ disturbed }) => disturbed),
    connections: verdicts.length,
    error: spreadOf(errors),
    applicationError: spreadOf(atApplication),
    measured: errors.length,
    withinTarget: errors.filter((error) => error <= TARGET_MS).length,
    windows: windows.length,
    atLater: windows.filter(({ atLater }) => atLater).length,
    widestWindowMs: Math.max(0, ...windows.map(({ windowMs }) => windowMs ?? 0)),
    wrongErrno: verdicts.filter(({ errnoRight }) => errnoRight === false).length,
  };
}

/** @returns a line for each reason, in the order in which they first appear. */
export function summarizeByReason(verdicts: readonly Verdict[]): readonly Summary[] {
  const reasons = [...new Set(verdicts.map(({ reason }) => reason))];
  return reasons.map((name) =>
    summarize(
      name,
      verdicts.filter(({ reason }) => reason === name),
    ),
  );
}

/** Why a forecast missed: if the last forecast holds, ticks before the last one ran late, or the model is wrong. */
export function missWords({ reason, errorMs, lastErrorMs, note }: Verdict): string {
  const signed = (ms: number): string => `${ms > 0 ? '+' : ''}${ms.toFixed(1)} ms`;
  const last = lastErrorMs === null ? '' : `, the last forecast before the end ${signed(lastErrorMs)}`;
  return `${reason}: ${signed(errorMs ?? NaN)}${last} (${note})`;
}

export function figuresOf(summary: Summary): Figures {
  const rounded = ({ median: middle, p95, p99, max }: Spread): Figures => ({
    medianMs: significant(middle),
    p95Ms: significant(p95),
    p99Ms: significant(p99),
    maxMs: significant(max),
  });
  return {
    connections: summary.connections,
    measured: summary.measured,
    withinTarget: summary.withinTarget,
    windows: summary.windows,
    atLater: summary.atLater,
    widestWindowMs: significant(summary.widestWindowMs),
    wrongErrno: summary.wrongErrno,
    ...(summary.error === null ? {} : { error: rounded(summary.error) }),
    ...(summary.applicationError === null ? {} : { applicationError: rounded(summary.applicationError) }),
  };
}
