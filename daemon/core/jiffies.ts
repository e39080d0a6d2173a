/** The kernel's tick as a clock: conversions between jiffies, milliseconds and CLOCK_MONOTONIC. */
import type { ClockReport, KernelFacts } from './snapshot.js';

/** Length and phase of the tick. */
export interface TickClock {
  readonly hz: number;
  /** A jiffy (64 bits), and the CLOCK_MONOTONIC microsecond at which it began. */
  readonly jiffies: number;
  readonly edgeUs: number;
}

/** @returns the tick of this kernel, at the phase that `clock` measured. */
export function tickClock(kernel: KernelFacts, clock: ClockReport): TickClock {
  return { hz: kernel.hz, jiffies: clock.jiffies, edgeUs: clock.jiffyEdgeUs };
}

/** @returns CLOCK_MONOTONIC, whole microseconds, at which `jiffy` begins. */
export function jiffyStartUs(jiffy: number, ticks: TickClock): number {
  return Math.floor(((jiffy - ticks.jiffies) * 1_000_000) / ticks.hz + ticks.edgeUs);
}

/** @returns the first jiffy that begins at or after `monoUs`. */
export function jiffyAtOrAfter(monoUs: number, ticks: TickClock): number {
  return ticks.jiffies + Math.ceil(((monoUs - ticks.edgeUs) * ticks.hz) / 1_000_000);
}

/** `jiffies_to_msecs()`: rounds up where a tick is no whole number of milliseconds. */
export function jiffiesToMs(jiffies: number, hz: number): number {
  return Math.ceil((jiffies * 1000) / hz);
}

/** `msecs_to_jiffies()`: rounds up. */
export function msToJiffies(ms: number, hz: number): number {
  return Math.ceil((ms * hz) / 1000);
}

/** `usecs_to_jiffies()`: rounds up. */
export function usToJiffies(us: number, hz: number): number {
  return Math.ceil((us * hz) / 1_000_000);
}

/**
 * Restores the upper half of a jiffies value of which the kernel keeps the low 32 bits.
 * @param around a full value less than 2^31 jiffies away (24 days at HZ 1000).
 */
export function extendJiffies32(low32: number, around: number): number {
  return around + ((low32 - around) | 0);
}
