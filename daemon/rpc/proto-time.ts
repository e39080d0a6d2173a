/** `google.protobuf.Timestamp` and `Duration`, from and to plain numbers. */
import Long from 'long';
import type { google } from './gen/stuckd.js';

type Timestamp = google.protobuf.Timestamp.$Properties;
type Duration = google.protobuf.Duration.$Properties;

const US_PER_SECOND = 1_000_000;
const NS_PER_US = 1000;
/** 9999-12-31T23:59:59Z, the last second that a Timestamp may hold. */
const REAL_US_MAX = 253_402_300_799 * US_PER_SECOND;

/** The nearest time that a Timestamp and a Date can hold: forecasts are computed from what a sensor says. */
export function clampRealUs(realUs: number): number {
  return Number.isNaN(realUs) ? 0 : Math.floor(Math.min(Math.max(realUs, 0), REAL_US_MAX));
}

/** @param realUs microseconds since 1970; fractions are dropped. */
export function timestampFromUs(realUs: number): Timestamp {
  const us = clampRealUs(realUs);
  const seconds = Math.floor(us / US_PER_SECOND);
  return { seconds: Long.fromNumber(seconds), nanos: (us - seconds * US_PER_SECOND) * NS_PER_US };
}

/** @returns milliseconds since 1970, with fractions. */
export function timestampToMs(time: Timestamp): number {
  return (time.seconds?.toNumber() ?? 0) * 1000 + (time.nanos ?? 0) / 1e6;
}

/** @returns microseconds since 1970, rounded down. */
export function timestampToUs(time: Timestamp): number {
  return (time.seconds?.toNumber() ?? 0) * US_PER_SECOND + Math.floor((time.nanos ?? 0) / NS_PER_US);
}

/** @param durationUs microseconds, may be negative; fractions are dropped. */
export function durationFromUs(durationUs: number): Duration {
  const us = Math.trunc(durationUs);
  // Unlike those of a Timestamp, the two fields of a Duration have the same sign.
  const seconds = Math.trunc(us / US_PER_SECOND);
  return { seconds: Long.fromNumber(seconds), nanos: (us - seconds * US_PER_SECOND) * NS_PER_US };
}

/** @returns milliseconds, with fractions. */
export function durationToMs(duration: Duration): number {
  return (duration.seconds?.toNumber() ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6;
}
