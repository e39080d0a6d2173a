/** How what sweeps count and what is stuck add up: "2 of 12" must be a part of a whole. */
import type { StuckRecord } from './record.js';

/** Sweeps count what a descriptor refers to, and neither listeners nor what the kernel has closed already. */
export function isCountedBySweeps(record: StuckRecord): boolean {
  return (
    (record.ownerType === 'process' || record.ownerType === 'pending') &&
    record.state !== 'CLOSE' &&
    record.acceptQueue === null
  );
}

/**
 * @param records open ones
 * @param counted by the last sweep; what got stuck or was left behind after it may be missing there.
 */
export function totalOf(records: Iterable<StuckRecord>, counted: number | null): number | null {
  if (counted === null) {
    return null;
  }
  let stuck = 0;
  let uncounted = 0;
  for (const record of records) {
    stuck += 1;
    uncounted += isCountedBySweeps(record) ? 0 : 1;
  }
  return Math.max(stuck, counted + uncounted);
}
