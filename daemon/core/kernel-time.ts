/**
 * The kernel's time stamps as CLOCK_MONOTONIC microseconds. The kernel keeps 32 bits of jiffies, milliseconds or
 * microseconds, which wrap after 49 days (HZ 1000), 49 days and 71 minutes: each is read relative to the instant of the
 * snapshot that holds it.
 */
import { extendJiffies32, jiffyStartUs, type TickClock } from './jiffies.js';
import type { KernelTimer, SocketSnapshot } from './snapshot.js';

/**
 * A stamp that seems older than this many units is a little in the future instead: the snapshot's clock is read just
 * before its fields, and a jiffy may begin in between.
 */
const OLDEST_AGE = 0xffff_0000;

/** @returns units from a stamp, of which the low 32 bits are known, to `now`; 0 if it lies just ahead. */
function ageOf(stamp32: number, now: number): number {
  const age = (now - stamp32) >>> 0;
  return age > OLDEST_AGE ? 0 : age;
}

/** @returns microseconds in one jiffy. */
export function tickUs(ticks: TickClock): number {
  return 1_000_000 / ticks.hz;
}

/** @returns CLOCK_MONOTONIC microseconds at which the jiffy of a stamp from the past began. */
export function pastJiffies32Us(stamp32: number, socket: SocketSnapshot, ticks: TickClock): number {
  return jiffyStartUs(socket.jiffies - ageOf(stamp32, socket.jiffies), ticks);
}

/** @returns CLOCK_MONOTONIC microseconds at which the timer expires, before or after now; without wheel rounding. */
export function timerExpiryUs(timer: KernelTimer, socket: SocketSnapshot, ticks: TickClock): number {
  return jiffyStartUs(extendJiffies32(timer.expiresJiffies32, socket.jiffies), ticks);
}

/** @returns CLOCK_MONOTONIC microseconds of a millisecond stamp from the past. */
export function pastMs32Us(stamp32: number, monoUs: number): number {
  const nowMs = Math.floor(monoUs / 1000);
  return (nowMs - ageOf(stamp32, nowMs)) * 1000;
}

/** `retrans_stamp`. @returns CLOCK_MONOTONIC microseconds; null while nothing is being retransmitted. */
export function retransStampUs(socket: SocketSnapshot): number | null {
  if (socket.retransStamp === 0) {
    return null;
  }
  return socket.usecStamps
    ? socket.monoUs - ageOf(socket.retransStamp, socket.monoUs)
    : pastMs32Us(socket.retransStamp, socket.monoUs);
}

/** `icsk_probes_tstamp`. @returns CLOCK_MONOTONIC microseconds of the first window probe; null if none was stamped. */
export function windowProbeStartUs(socket: SocketSnapshot, ticks: TickClock): number | null {
  return socket.probesTstampJiffies32 === 0 ? null : pastJiffies32Us(socket.probesTstampJiffies32, socket, ticks);
}

/** @returns when the last acceptable ACK arrived, CLOCK_MONOTONIC microseconds, exact to a jiffy. */
export function lastAckUs(socket: SocketSnapshot, ticks: TickClock): number {
  return pastJiffies32Us(socket.rcvTstampJiffies32, socket, ticks);
}

/** @returns when the last acceptable ACK or the last data arrived, CLOCK_MONOTONIC microseconds, exact to a jiffy. */
export function lastHeardUs(socket: SocketSnapshot, ticks: TickClock): number {
  return Math.max(lastAckUs(socket, ticks), pastJiffies32Us(socket.lrcvtimeJiffies32, socket, ticks));
}
