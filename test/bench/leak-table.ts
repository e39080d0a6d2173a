/** What memory does while records come and go, as a table: what each record leaves behind, and each minute. */
import type { Figures, PartResult, Row } from './part.js';
import { formatKib } from './report.js';
import { leastSquaresSlope, ratio, significant } from './statistics.js';

/** Between two rounds. */
export interface MemoryPoint {
  /** Opened and ended so far. */
  readonly records: number;
  readonly minutes: number;
  readonly daemonKib: number;
  readonly sensorKib: number;
}

/** After a full collection. */
export interface HeapPoint {
  readonly records: number;
  readonly liveKib: number;
}

export interface LeakResult {
  readonly connections: number;
  /** While nothing happened; empty if that was not asked for. */
  readonly idle: readonly MemoryPoint[];
  readonly memory: readonly MemoryPoint[];
  readonly heap: readonly HeapPoint[];
}

/** The first part of the run fills tables, buffers and caches that are bounded; a leak goes on after that. */
const WARM_UP_SHARE = 1 / 3;

function warm<T>(points: readonly T[]): readonly T[] {
  return points.slice(Math.floor(points.length * WARM_UP_SHARE));
}

interface Slopes {
  readonly bytesPerRecord: number;
  readonly kibPerMinute: number;
}

function slopesOf(points: readonly MemoryPoint[], kibOf: (point: MemoryPoint) => number): Slopes {
  return {
    bytesPerRecord: leastSquaresSlope(points.map((point) => ({ x: point.records, y: 1024 * kibOf(point) }))),
    kibPerMinute: leastSquaresSlope(points.map((point) => ({ x: point.minutes, y: kibOf(point) }))),
  };
}

function signed(value: number, digits: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(digits)}`;
}

function memoryRow(what: string, memory: readonly MemoryPoint[], kibOf: (point: MemoryPoint) => number): Row {
  const points = warm(memory);
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) {
    throw new RangeError('nothing was measured');
  }
  const { bytesPerRecord, kibPerMinute } = slopesOf(points, kibOf);
  return {
    what,
    measured: `${formatKib(kibOf(last))} after ${last.records} records`,
    compared: `after ${first.records}: ${formatKib(kibOf(first))}`,
    ratio: `${ratio(kibOf(last), kibOf(first)).toFixed(2)} x; ${signed(bytesPerRecord, 0)} bytes a record, ${signed(kibPerMinute, 0)} KiB a minute`,
  };
}

function heapSlope(points: readonly HeapPoint[]): number {
  return leastSquaresSlope(points.map(({ records, liveKib }) => ({ x: records, y: 1024 * liveKib })));
}

function heapRow(heap: readonly HeapPoint[]): Row {
  const points = warm(heap);
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) {
    throw new RangeError('nothing was measured');
  }
  return {
    what: 'heap of the daemon that is in use after a full collection',
    measured: `${formatKib(last.liveKib)} after ${last.records} records`,
    compared: `after ${first.records}: ${formatKib(first.liveKib)}`,
    ratio: `${ratio(last.liveKib, first.liveKib).toFixed(2)} x; ${signed(heapSlope(points), 0)} bytes a record`,
  };
}

function idleRow(what: string, idle: readonly MemoryPoint[], kibOf: (point: MemoryPoint) => number): Row {
  const first = Math.min(...idle.slice(0, 3).map(kibOf));
  const last = Math.min(...idle.slice(-3).map(kibOf));
  const perMinute = leastSquaresSlope(warm(idle).map((point) => ({ x: point.minutes, y: kibOf(point) })));
  return {
    what,
    measured: `${formatKib(last)} after ${(idle.at(-1)?.minutes ?? 0).toFixed(1)} minutes`,
    compared: `at first: ${formatKib(first)}`,
    ratio: `${ratio(last, first).toFixed(2)} x; ${signed(perMinute, 0)} KiB a minute`,
  };
}

const daemonKib = (point: MemoryPoint): number => point.daemonKib;
const sensorKib = (point: MemoryPoint): number => point.sensorKib;

function memoryFigures(points: readonly MemoryPoint[], kibOf: (point: MemoryPoint) => number): Figures {
  const { bytesPerRecord, kibPerMinute } = slopesOf(warm(points), kibOf);
  return {
    firstKib: kibOf(points[0] ?? { records: 0, minutes: 0, daemonKib: NaN, sensorKib: NaN }),
    leastKib: Math.min(...points.map(kibOf)),
    mostKib: Math.max(...points.map(kibOf)),
    lastKib: Math.min(...points.slice(-3).map(kibOf)),
    bytesPerRecord: significant(bytesPerRecord),
    kibPerMinute: significant(kibPerMinute),
  };
}

export function summarize({ connections, idle, memory, heap }: LeakResult): PartResult {
  const last = memory.at(-1);
  return {
    title: `${last?.records ?? 0} records opened and ended, ${connections} at a time; what is left between the rounds`,
    rows: [
      ...(idle.length === 0
        ? []
        : [
            idleRow(`daemon with ${connections} connections at rest`, idle, daemonKib),
            idleRow('sensor', idle, sensorKib),
          ]),
      memoryRow('resident memory of the daemon', memory, daemonKib),
      heapRow(heap),
      memoryRow('resident memory of the sensor', memory, sensorKib),
    ],
    figures: {
      records: last?.records ?? 0,
      minutes: significant(last?.minutes ?? 0),
      daemon: memoryFigures(memory, daemonKib),
      sensor: memoryFigures(memory, sensorKib),
      liveHeap: {
        ...Object.fromEntries(heap.map(({ records, liveKib }) => [`kibAfter${records}`, significant(liveKib)])),
        bytesPerRecord: significant(heapSlope(warm(heap))),
      },
      ...(idle.length === 0
        ? {}
        : {
            idle: {
              minutes: significant(idle.at(-1)?.minutes ?? 0),
              daemonFirstKib: idle[0]?.daemonKib ?? NaN,
              daemonLastKib: idle.at(-1)?.daemonKib ?? NaN,
              sensorLastKib: idle.at(-1)?.sensorKib ?? NaN,
            },
          }),
    },
  };
}
