/** TCP sequence arithmetic: numbers are u32 and wrap (RFC 9293 section 3.4). */

/** @returns bytes from `from` up to `to`, 0 to 2^32 - 1. */
export function seqDistance(from: number, to: number): number {
  return (to - from) >>> 0;
}

/** @returns true if `a` comes after `b`; both less than 2^31 apart. */
export function seqAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}
