/** How many connections can be tracked in the memory that this process may use. */
import { getHeapStatistics } from 'node:v8';
import { DEFAULT_TRACKER_CONFIG } from './core/tracker-config.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Of the limit, what only ever holds what is new: three semi-spaces of 16 MiB. What lives on has the rest. Node.js ended a
 * daemon with 64 MiB for it at 3,800 records, where it had counted on both.
 */
const YOUNG_GENERATION_BYTES = 48 * MIB;

/** What the daemon takes on a machine without any connection, and some room to work in. */
const HEAP_AT_REST_BYTES = 48 * MIB;

/**
 * Of one connection that is stuck: its record and what alerts, totals, history and subscribers hold of it, some 9 KiB when
 * thousands get stuck at once, and as much again of what the garbage collector has not got to yet.
 */
const HEAP_PER_CONNECTION_BYTES = 16 * KIB;

/** However small the heap. */
const TRACKED_MIN = 1000;

/**
 * A daemon that runs out of heap is ended by Node.js at once, in the very outage that it is there for, and again after every
 * restart. So what does not fit is not tracked, and counted.
 * @param heapLimitBytes to which the heap may grow: `--max-old-space-size` and the young generation, or what Node.js makes
 * of the machine's memory or the control group's limit
 */
export function trackerRoom(heapLimitBytes: number = getHeapStatistics().heap_size_limit): number {
  const lasting = heapLimitBytes - YOUNG_GENERATION_BYTES - HEAP_AT_REST_BYTES;
  const fitting = Math.floor(lasting / HEAP_PER_CONNECTION_BYTES);
  return Math.min(Math.max(fitting, TRACKED_MIN), DEFAULT_TRACKER_CONFIG.maxTracked);
}
