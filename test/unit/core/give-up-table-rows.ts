/**
 * Tables of lifetimes: read from text, so that they stay readable, and held against the give-up model over every phase
 * of the timer wheel.
 */
import assert from 'node:assert/strict';
import type { SocketSnapshot, TcpSysctls } from '../../../daemon/core/snapshot.js';
import { BASE_JIFFIES, Moment, ending, type Ending } from './give-up-sockets.js';

/** Least and most, seconds. */
type Range = readonly [number, number];

/** The share of its length by which the wheel delays a timer at most: a bucket against the shortest wait in it. */
const WHEEL_SHARE = 8 / 63;

/** A measured end contains the latency of the process that saw it and of the softirq on a busy machine, seconds. */
const MEASURED_WITHIN = 0.1;

/** The columns of figures; those before them say which case it is. */
const FIGURES: ReadonlySet<string> = new Set(['limit', 'sum', 'time']);

/** One row: cells by the name of their column. A cell `-` is empty. */
export class Row {
  readonly #cells: ReadonlyMap<string, string>;

  constructor(columns: readonly string[], cells: readonly string[]) {
    assert.equal(cells.length, columns.length, `a cell is missing or too much: ${cells.join(' | ')}`);
    this.#cells = new Map(columns.map((column, index) => [column, cells[index] ?? '']));
  }

  /** What the row is about, which stands left of its figures, and the end: the name of a test. */
  get title(): string {
    const named = [...this.#cells].filter(([, cell]) => cell !== '-');
    const facts = named.slice(
      0,
      named.findIndex(([column]) => FIGURES.has(column)),
    );
    return `${facts.map(([column, cell]) => `${column} ${cell}`).join(', ')}: ${this.text('time') ?? ''} s`;
  }

  /** @returns null where the table has no such column, or nothing in it. */
  text(column: string): string | null {
    const cell = this.#cells.get(column) ?? '-';
    return cell === '-' ? null : cell;
  }

  optional(column: string): number | null {
    const cell = this.text(column);
    return cell === null ? null : toNumber(cell);
  }

  number(column: string): number {
    return this.optional(column) ?? assert.fail(`${column} is empty`);
  }

  /** A cell like `6.41-6.66`, or a single number. */
  range(column: string): Range | null {
    const cell = this.text(column);
    return cell === null ? null : toRange(cell);
  }
}

function toNumber(cell: string): number {
  const value = Number(cell);
  assert.ok(Number.isFinite(value), `${cell} is no number`);
  return value;
}

function toRange(cell: string): Range {
  const [least = '', most = least] = cell.split('-');
  return [toNumber(least), toNumber(most)];
}

/** @param text lines of cells between bars; the first line names the columns. */
export function table(text: string): Row[] {
  const lines = text.split('\n').filter((line) => line.includes('|'));
  const [columns = [], ...rows] = lines.map((line) => line.split('|').map((cell) => cell.trim()));
  assert.ok(rows.length > 0, 'the table is empty');
  return rows.map((cells) => new Row(columns.slice(1, -1), cells.slice(1, -1)));
}

/** @returns a kernel's own sysctls with some of them changed. */
export function withSysctls(moment: Moment, changes: Partial<TcpSysctls>): Pick<SocketSnapshot, 'sysctls'> {
  return { sysctls: { ...moment.socket(1).sysctls, ...changes } };
}

/** What a row says beside its numbers. */
export interface Expected {
  readonly reason: Ending['reason'];
  readonly error?: string;
  /** Seconds to the first timer of the row. */
  readonly firstWait: number;
}

/**
 * Compares a row with the forecasts for sockets of every phase. Columns, times in seconds from the snapshot on:
 *
 * - `HZ`;
 * - `sum`: what the timeouts before the end add up to. The wheel only adds to it, and no more than its share;
 * - `time`: the end, least and most over the phases. Exact;
 * - `latest`: the other end that is given where a tick is within reach of the limit; `some` if not in all phases;
 * - `sent`: transmissions before the end; of two ends, before the one for which all timers run on time;
 * - `reference`: the range of the kernel reference, rounded there, for one of the two ends;
 * - `measured`: ends measured on a kernel of that HZ.
 */
export function assertLives(row: Row, expected: Expected, socketAt: (moment: Moment) => SocketSnapshot): void {
  const hz = row.number('HZ');
  const lives = phases(hz, Math.round(expected.firstWait * hz)).map((phase) => {
    const moment = new Moment(hz, phase);
    const giveUp = ending(moment, socketAt(moment));
    assert.equal(giveUp.reason, expected.reason);
    assert.equal(giveUp.expectedError, expected.error ?? 'ETIMEDOUT');
    const seconds = (us: number): number => (us - moment.monoUs) / 1_000_000;
    return {
      time: seconds(giveUp.timeUs),
      latest: giveUp.latestTimeUs === null ? null : seconds(giveUp.latestTimeUs),
      sent: giveUp.retransmitsLeft,
    };
  });
  const later = lives.map(({ latest }) => latest).filter((latest) => latest !== null);
  const latest = later.length === 0 ? '-' : rangeText(later);
  assert.deepEqual(
    {
      time: rangeText(lives.map(({ time }) => time)),
      sent: rangeText(lives.map(({ sent }) => sent)),
      latest: later.length === 0 || later.length === lives.length ? latest : `some ${latest}`,
    },
    { time: row.text('time'), sent: row.text('sent'), latest: row.text('latest') ?? '-' },
  );
  assertCoherent(row);
}

/** The figures of a row among each other. */
function assertCoherent(row: Row): void {
  const time = row.range('time') ?? assert.fail('time is empty');
  const latest = toRange((row.text('latest') ?? row.text('time') ?? '').replace('some ', ''));
  const sum = row.range('sum');
  if (sum !== null) {
    const [least, most] = [sum[0], sum[1] * (1 + WHEEL_SHARE) + ((row.range('sent')?.[1] ?? 0) + 1) / row.number('HZ')];
    assert.ok(time[0] >= least && time[1] <= most, `the wheel makes ${least}-${most} s of it`);
  }
  const reference = row.text('reference');
  if (reference !== null) {
    const agrees = (range: Range): boolean =>
      range.every((value, edge) => isRounded(value, reference.split('-')[edge]));
    assert.ok(agrees(time) || agrees(latest), `the reference has ${reference} s`);
  }
  for (const measured of (row.text('measured') ?? '').split(' ').filter(Boolean).map(toNumber)) {
    const near = [time, latest].some(
      ([least, most]) => Math.abs(clamp(measured, least, most) - measured) < MEASURED_WITHIN,
    );
    assert.ok(near, `measured: ${measured} s`);
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** Within a unit of the last digit that is given: some ranges of the reference are of sampled phases. */
function isRounded(value: number, given = ''): boolean {
  const digits = given.split('.')[1]?.length ?? 0;
  return Math.abs(value - toNumber(given)) < 10 ** -digits;
}

/** @returns least and most. Milliseconds are exact: a tick of the kernels in the tables is a whole number of them. */
export function rangeText(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) =>
    String(Math.round(value * 1000) / 1000),
  );
  return least === most ? String(least) : `${least}-${most}`;
}

/**
 * @returns the phases of the wheel in which a life can begin. Every phase comes again after a bucket of the longest
 * RTO, 120 s. Of the wider bucket of a keepalive timer of two hours only the first and the last jiffy matter, as that
 * timer runs at a boundary of all smaller buckets.
 */
export function phases(hz: number, firstWaitJiffies: number): readonly number[] {
  const period = bucketOf(120 * hz);
  const bucket = bucketOf(firstWaitJiffies);
  if (bucket <= period) {
    return Array.from({ length: period }, (_, phase) => phase);
  }
  const boundary = bucket - ((BASE_JIFFIES + firstWaitJiffies) % bucket);
  return [boundary - 1, boundary, boundary + bucket / 2];
}

/** @returns the width of the bucket in which a wait of so many jiffies ends: 8 to the power of its level. */
function bucketOf(waitJiffies: number): number {
  let width = 1;
  while (waitJiffies - 1 >= 63 * width) {
    width *= 8;
  }
  return width;
}
