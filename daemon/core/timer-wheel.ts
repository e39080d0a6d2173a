/**
 * The kernel's timer wheel (kernel/time/timer.c): when a timer really runs.
 *
 * A timer never runs early: it runs at the first boundary of its bucket after `expires`. Buckets of level L are 8^L
 * jiffies wide, and the level follows from the distance at the moment of arming. A timer of 120 s is therefore up to
 * 2 s late at HZ 250, and the keepalive timer of two hours up to 131 s.
 */
import { extendJiffies32 } from './jiffies.js';
import type { KernelTimer } from './snapshot.js';

/** `LVL_DEPTH` - 1 for HZ above 100; no timer of TCP is long enough to reach the one level that HZ 100 lacks. */
const LEVEL_MAX = 8;

/** `TIMER_ARRAYSHIFT`: the bits of `timer_list.flags` from here on are the slot. */
const SLOT_SHIFT = 22;

/** `LVL_SIZE`. */
const SLOTS_PER_LEVEL = 64;

/** @returns the jiffy at which a timer that is queued now will run; never before `nowJiffies`. */
export function fireJiffy(timer: KernelTimer, nowJiffies: number): number {
  const level = Math.floor((timer.flags >>> SLOT_SHIFT) / SLOTS_PER_LEVEL);
  return Math.max(bucketEnd(extendJiffies32(timer.expiresJiffies32, nowJiffies), level), nowJiffies);
}

/**
 * @param delayJiffies at least 1.
 * @returns the jiffy at which a timer will run that is armed by a timer handler running in `nowJiffies`.
 */
export function armJiffy(nowJiffies: number, delayJiffies: number): number {
  // The clock of the wheel is one jiffy ahead while handlers run, so that none can re-arm itself for the same jiffy.
  return bucketEnd(nowJiffies + delayJiffies, levelFor(delayJiffies - 1));
}

/**
 * The inverse of `armJiffy`, for a chain of timers in which each handler arms the next one with the same delay: those
 * handlers run at boundaries of the same level.
 *
 * @param firedJiffy when the handler ran; at or shortly after a boundary.
 * @returns the jiffy at which the handler before it ran.
 */
export function armedJiffy(firedJiffy: number, delayJiffies: number): number {
  const width = latenessJiffies(delayJiffies);
  const boundary = Math.floor(firedJiffy / width) * width;
  return Math.floor((boundary - 1 - delayJiffies) / width) * width;
}

/** @param delayJiffies 0 means the next tick. @returns a timer as `mod_timer()` queues it. */
export function queuedTimer(nowJiffies: number, delayJiffies: number): KernelTimer {
  const flags = (levelFor(Math.max(0, delayJiffies - 1)) * SLOTS_PER_LEVEL) << SLOT_SHIFT;
  return { pending: true, expiresJiffies32: (nowJiffies + delayJiffies) >>> 0, flags: flags >>> 0 };
}

/**
 * @param delayJiffies at least 1.
 * @returns by how many jiffies at most a timer of this length runs later than it was set for: less than a seventh of it.
 */
export function latenessJiffies(delayJiffies: number): number {
  return bucketWidth(levelFor(delayJiffies - 1));
}

/** `calc_index()`: the boundary strictly after `expires`. */
function bucketEnd(expires: number, level: number): number {
  const width = bucketWidth(level);
  return (Math.floor(expires / width) + 1) * width;
}

/** `LVL_GRAN`, jiffies. */
function bucketWidth(level: number): number {
  return 2 ** (3 * level);
}

/** `calc_wheel_index()`: level L holds distances below `LVL_START(L + 1)` = 63 * 8^L. */
function levelFor(distance: number): number {
  let level = 0;
  let start = SLOTS_PER_LEVEL - 1;
  while (level < LEVEL_MAX && distance >= start) {
    level++;
    start *= 8;
  }
  return level;
}
