/**
 * Does anything stay behind? Some thousand connections get stuck and come to an end, round after round, until as many records as
 * wanted were opened and ended. Between the rounds nothing is stuck: what daemon and sensor hold then must not grow with the
 * number of records. Before that, if wanted, the same question of a daemon that has nothing to do.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../support/wait-for.js';
import { BenchDaemon } from './bench-daemon.js';
import { ConnectionLoad } from './connection-load.js';
import { INSPECT_FLAG, InspectedHeap, inspectorUrl } from './inspected-heap.js';
import { type HeapPoint, type LeakResult, type MemoryPoint, summarize } from './leak-table.js';
import { sumOfMetric } from './metric-text.js';
import type { Part, PartContext, PartResult } from './part.js';
import { residentKib } from './process-usage.js';

/** Stuck at once in every round. */
const CONNECTIONS = 5000;
export const RECORDS_DEFAULT = 100_000;
/** Collections of all garbage in a run: enough for a slope, few enough that the daemon's own ones make the resident memory. */
const HEAP_POINTS = 6;
/** The least of these counts: a collector that is lazy looks like a leak. */
const READINGS = 8;
const READING_INTERVAL_MS = 50;
const IDLE_INTERVAL_MS = 5000;
const MS_PER_MINUTE = 60_000;
const STUCK_TIMEOUT_MS = 60_000;
const RECOVERED_TIMEOUT_MS = 120_000;

class LeakStage {
  readonly #load: ConnectionLoad;
  readonly #daemon: BenchDaemon;
  readonly #heap: InspectedHeap;
  readonly #sensorPid: number;
  readonly #startMs = performance.now();
  #open = CONNECTIONS;

  private constructor(load: ConnectionLoad, daemon: BenchDaemon, heap: InspectedHeap, sensorPid: number) {
    this.#load = load;
    this.#daemon = daemon;
    this.#heap = heap;
    this.#sensorPid = sensorPid;
  }

  static async build(context: PartContext): Promise<LeakStage> {
    const load = await ConnectionLoad.start(context);
    await load.open(CONNECTIONS);
    const daemon = await BenchDaemon.startFor(context, [INSPECT_FLAG]);
    const url = await waitFor(() => inspectorUrl(daemon.process.stderrTail), {
      what: 'the inspector',
      timeoutMs: 10_000,
    });
    const heap = await InspectedHeap.connect(url);
    context.cleanup.push('inspector', () => {
      heap.close();
    });
    const { sensor } = await daemon.status();
    return new LeakStage(load, daemon, heap, sensor?.pid ?? 0);
  }

  /**
   * New connections, since one that lost as much before would be given more time; all get stuck, half of them are closed and
   * the others recover.
   */
  async round(): Promise<void> {
    await this.#load.open(CONNECTIONS - this.#open);
    await this.#load.blackHole();
    await this.#daemon.waitFor(
      ({ tracker }) => (tracker?.stuck ?? 0) >= CONNECTIONS,
      'all connections to be stuck',
      STUCK_TIMEOUT_MS,
    );
    await this.#load.heal();
    await this.#load.closeFromClient(CONNECTIONS / 2);
    await this.#daemon.waitFor(
      ({ tracker }) => tracker?.stuck === 0,
      'the other connections to recover',
      RECOVERED_TIMEOUT_MS,
    );
    await this.#load.closeFromClient(CONNECTIONS / 2);
    this.#open = 0;
  }

  async records(): Promise<number> {
    return sumOfMetric(await this.#daemon.scrape(), 'stuckd_records_opened_total');
  }

  async readMemory(records: number): Promise<MemoryPoint> {
    let daemonKib = Infinity;
    let sensorKib = Infinity;
    for (let reading = 0; reading < READINGS; reading += 1) {
      daemonKib = Math.min(daemonKib, residentKib(this.#daemon.process.pid));
      sensorKib = Math.min(sensorKib, residentKib(this.#sensorPid));
      await delay(READING_INTERVAL_MS);
    }
    return { records, minutes: (performance.now() - this.#startMs) / MS_PER_MINUTE, daemonKib, sensorKib };
  }

  async readHeap(records: number): Promise<HeapPoint> {
    return { records, liveKib: (await this.#heap.liveBytes()) / 1024 };
  }
}

async function idle(context: PartContext, stage: LeakStage): Promise<readonly MemoryPoint[]> {
  const points: MemoryPoint[] = [];
  const endMs = performance.now() + context.arguments.idleMinutes * MS_PER_MINUTE;
  while (performance.now() < endMs) {
    points.push(await stage.readMemory(0));
    await delay(IDLE_INTERVAL_MS);
  }
  return points;
}

async function run(context: PartContext): Promise<PartResult> {
  const wanted = context.arguments.records ?? RECORDS_DEFAULT;
  const stage = await LeakStage.build(context);
  if (context.arguments.idleMinutes > 0) {
    context.progress(`${CONNECTIONS} connections at rest for ${context.arguments.idleMinutes} minutes`);
  }
  const result: LeakResult = { connections: CONNECTIONS, idle: await idle(context, stage), memory: [], heap: [] };
  const memory: MemoryPoint[] = [];
  const heap: HeapPoint[] = [];
  let records = 0;
  while (records < wanted) {
    await stage.round();
    records = await stage.records();
    memory.push(await stage.readMemory(records));
    if (records >= (wanted * (heap.length + 1)) / HEAP_POINTS) {
      heap.push(await stage.readHeap(records));
      context.progress(`${records} records opened and ended`);
    }
  }
  return summarize({ ...result, memory, heap });
}

export const leakPart: Part = {
  name: 'leak',
  summary: `memory while ${RECORDS_DEFAULT} records are opened and ended; --records N, --idle-minutes M`,
  run,
};
