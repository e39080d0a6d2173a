/**
 * Where a sensor that polls leads to other words than one that sees events, about the same end of the same connection. The
 * tests name what an event would tell; what is honest without it stands here.
 */
import { isPolling } from './sensor-mode.js';

const POLLED_OUTCOMES: Readonly<Record<string, readonly string[]>> = {};

/** @returns the outcomes that may be told in the mode of this run, where an event would tell `outcome`. */
export function outcomesTold(outcome: string): readonly string[] {
  return isPolling ? (POLLED_OUTCOMES[outcome] ?? [outcome]) : [outcome];
}
