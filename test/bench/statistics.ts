/** The few statistics that the benchmarks report. */

/** @throws RangeError without values: a benchmark that measured nothing must not report a number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) {
    throw new RangeError('the median of nothing');
  }
  return (lower + upper) / 2;
}

/** Of what is measured a few times and scatters. */
export interface Distribution {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly runs: number;
}

/** @throws RangeError without values. */
export function distribution(values: readonly number[]): Distribution {
  return { min: Math.min(...values), median: median(values), max: Math.max(...values), runs: values.length };
}

/** @throws RangeError if there is nothing to divide by. */
export function ratio(numerator: number, denominator: number): number {
  if (!(denominator > 0) || !Number.isFinite(numerator)) {
    throw new RangeError(`${numerator} / ${denominator} is no ratio`);
  }
  return numerator / denominator;
}

/** One way to list connections, measured: how long it took and how many it listed or visited. */
export interface Listing {
  readonly wallMs: number;
  readonly count: number;
}

/**
 * How many times faster a sweep handles one socket than `ss` prints one connection: the `ratioVsSs` of the contract,
 * (wall time of ss / connections it printed) / (wall time of the sweep / sockets it visited).
 * @throws RangeError if one of the two listed nothing.
 */
export function ratioVsSs(ss: Listing, sweep: Listing): number {
  return ratio(ratio(ss.wallMs, ss.count), ratio(sweep.wallMs, sweep.count));
}

/** @returns what each thing more that is listed adds, microseconds. @throws RangeError if both list as many. */
export function slopeUs(small: Listing, large: Listing): number {
  return ratio((large.wallMs - small.wallMs) * 1000, large.count - small.count);
}

/**
 * @returns by how much y grows with x, as the straight line does that is nearest to all points.
 * @throws RangeError unless there are two different x.
 */
export function leastSquaresSlope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  const covariance = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return ratio(covariance, variance);
}

/** @returns of many measurements the middle, what 99 % do not exceed, and the most. @throws RangeError without values */
export function times(values: readonly number[]): Readonly<Record<'p50' | 'p99' | 'max', number>> {
  const at = (percent: number): number => significant(percentile(values, percent));
  return { p50: at(50), p99: at(99), max: at(100) };
}

/** @returns `value` with at most `digits` significant digits: more would only pretend to be known. */
export function significant(value: number, digits = 4): number {
  return Number(value.toPrecision(digits));
}

/**
 * @param percent above 0, up to 100.
 * @returns the least of the values that `percent` of them do not exceed.
 * @throws RangeError without values.
 */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.ceil((percent / 100) * sorted.length) - 1];
  if (value === undefined) {
    throw new RangeError('a percentile of nothing');
  }
  return value;
}
