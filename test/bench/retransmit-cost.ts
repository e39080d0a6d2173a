/** What a watcher of retransmissions costs while something happens: programs in the kernel, and processes. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type BenchPrograms, type ProgramCounts, programIdsOf } from './bpf-programs.js';
import { cpuTicksOf } from './process-usage.js';
import { RunningAction } from './running-action.js';

/** A watcher that is attached. */
export interface Watcher {
  readonly pids: readonly number[];
  /** Its program on tcp_retransmit_skb, as the kernel calls it: its runs are the retransmissions. */
  readonly countedProgram: string;
  /** Names of programs whose time is not to be added. */
  readonly uncountedPrograms: readonly string[];
}

export interface WatchCost {
  readonly elapsedMs: number;
  readonly retransmits: number;
  /** In the fullest tenth of a second, per second. */
  readonly peakRate: number;
  /** Of programs at tracepoints, in whatever process or interrupt they ran. */
  readonly kernelMs: number;
  /** Of the watcher's processes, user and system. */
  readonly processMs: number;
  /** What it was to tell and did not, by where that was lost. */
  readonly lost: Readonly<Record<string, number>>;
}

const SAMPLE_INTERVAL_MS = 100;

interface Sample {
  readonly atMs: number;
  readonly retransmits: number;
  readonly kernelMs: number;
}

function sampleOf(counts: ProgramCounts, { countedProgram, uncountedPrograms }: Watcher): Sample {
  const counted = counts.get(countedProgram);
  if (counted === undefined) {
    throw new Error(`the watcher has no program ${countedProgram}`);
  }
  const programs = [...counts].filter(([name]) => !uncountedPrograms.includes(name));
  return {
    atMs: performance.now(),
    retransmits: counted.runs,
    kernelMs: programs.reduce((sum, [, { nanoseconds }]) => sum + nanoseconds, 0) / 1e6,
  };
}

function processMs({ pids }: Watcher, ticksPerSecond: number): number {
  const ticks = pids.map((pid) => cpuTicksOf(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  return (ticks.reduce((sum, count) => sum + count, 0) / ticksPerSecond) * 1000;
}

/** @returns the most retransmissions a second between two neighbours. */
export function peakRate(samples: readonly Pick<Sample, 'atMs' | 'retransmits'>[]): number {
  let peak = 0;
  for (const [index, sample] of samples.slice(1).entries()) {
    const before = samples[index] ?? sample;
    if (sample.atMs > before.atMs) {
      peak = Math.max(peak, (1000 * (sample.retransmits - before.retransmits)) / (sample.atMs - before.atMs));
    }
  }
  return peak;
}

/** Measures while `action` runs. `lost` is empty here: only the watcher knows. */
export async function measureRetransmits(
  programs: BenchPrograms,
  watcher: Watcher,
  ticksPerSecond: number,
  action: () => Promise<void>,
): Promise<WatchCost> {
  const ids = watcher.pids.flatMap(programIdsOf);
  const sample = async (): Promise<Sample> => sampleOf(await programs.count(ids), watcher);
  const processesBefore = processMs(watcher, ticksPerSecond);
  const first = await sample();
  const samples = [first];
  const running = new RunningAction(action());
  let last = first;
  while (!running.isOver) {
    await delay(SAMPLE_INTERVAL_MS);
    last = await sample();
    samples.push(last);
  }
  await running.result();
  return {
    elapsedMs: last.atMs - first.atMs,
    retransmits: last.retransmits - first.retransmits,
    peakRate: peakRate(samples),
    kernelMs: last.kernelMs - first.kernelMs,
    processMs: processMs(watcher, ticksPerSecond) - processesBefore,
    lost: {},
  };
}
