/**
 * From the event in the kernel that crosses a threshold to the change at a gRPC subscriber in another process, one connection
 * at a time: while the machine is otherwise quiet, and while other programs want every core for themselves.
 */
import { availableParallelism } from 'node:os';
import { startProcess } from '../../daemon/demo/lab/managed-process.js';
import { CleanupStack } from '../../daemon/lib/cleanup-stack.js';
import { BenchDaemon } from './bench-daemon.js';
import { ChangeRecorder } from './change-recorder.js';
import { ConnectionLoad } from './connection-load.js';
import type { Part, PartContext, PartResult, Row } from './part.js';
import { formatTimes } from './report.js';
import { times } from './statistics.js';

const CONNECTIONS = 500;
/** The kernel's timers of this length run in ticks of 32 ms (its timer wheel): so no two run at once. */
const PAUSE_US = 35_000;
const OPENED_TIMEOUT_MS = 60_000;
const CLEANUP_STEP_MS = 70_000;
const P50_TARGET_MS = 1;
const P99_TARGET_MS = 5;

/** Programs that never wait, one for each core, with the priority that the daemon has. */
function occupyCores({ cleanup }: PartContext): void {
  for (let core = 0; core < availableParallelism(); core += 1) {
    const spinning = startProcess(['sh', '-c', 'while :; do :; done']);
    cleanup.push('load', async () => {
      await spinning.stop();
    });
  }
}

async function trickle(context: PartContext, isLoaded: boolean): Promise<readonly number[]> {
  const load = await ConnectionLoad.start(context);
  await load.open(CONNECTIONS);
  const daemon = await BenchDaemon.startFor(context);
  const recorder = await ChangeRecorder.start(daemon.client);
  context.cleanup.push('subscriber', () => {
    recorder.stop();
  });
  if (isLoaded) {
    occupyCores(context);
  }
  const where = isLoaded ? 'while the cores are busy' : 'on a quiet machine';
  context.progress(`cutting ${CONNECTIONS} connections, one every ${PAUSE_US / 1000} ms, ${where}`);
  await load.blackHoleOneByOne(PAUSE_US);
  await recorder.until(() => recorder.opened >= CONNECTIONS, 'all connections to be told', OPENED_TIMEOUT_MS);
  return recorder.latenciesMs;
}

/** With a daemon and connections of its own, so that the second measurement finds nothing of the first. */
async function measure(context: PartContext, isLoaded: boolean): Promise<readonly number[]> {
  const cleanup = new CleanupStack(CLEANUP_STEP_MS);
  const release = async (): Promise<void> => {
    for (const { name, message } of await cleanup.releaseAll()) {
      context.progress(`clean-up of ${name}: ${message}`);
    }
  };
  context.cleanup.push('what was measured', release);
  const latenciesMs = await trickle({ ...context, cleanup }, isLoaded);
  await release();
  return latenciesMs;
}

function rows(quietMs: readonly number[], loadedMs: readonly number[]): readonly Row[] {
  const quiet = times(quietMs);
  const loaded = times(loadedMs);
  const toSubscriber = 'threshold crossed to the change at a subscriber';
  return [
    {
      what: toSubscriber,
      measured: formatTimes(quietMs),
      compared: `target: p50 ${P50_TARGET_MS} ms, p99 ${P99_TARGET_MS} ms`,
      ratio: `${(quiet.p50 / P50_TARGET_MS).toFixed(2)} and ${(quiet.p99 / P99_TARGET_MS).toFixed(2)} x the targets`,
    },
    {
      what: 'the same while a program spins on every core',
      measured: formatTimes(loadedMs),
      compared: 'on the quiet machine, as above',
      ratio: `${(loaded.p50 / quiet.p50).toFixed(2)} and ${(loaded.p99 / quiet.p99).toFixed(2)} x as long (p50, p99)`,
    },
  ];
}

function figures(latenciesMs: readonly number[]): Readonly<Record<'p50Ms' | 'p99Ms' | 'maxMs', number>> {
  const { p50, p99, max } = times(latenciesMs);
  return { p50Ms: p50, p99Ms: p99, maxMs: max };
}

async function run(context: PartContext): Promise<PartResult> {
  const quietMs = await measure(context, false);
  const loadedMs = await measure(context, true);
  return {
    title: `${CONNECTIONS} connections that get stuck one after the other, ${PAUSE_US / 1000} ms apart`,
    rows: rows(quietMs, loadedMs),
    figures: { connections: CONNECTIONS, ...figures(quietMs), loaded: figures(loadedMs) },
  };
}

export const latencyPart: Part = {
  name: 'latency',
  summary: 'from the event in the kernel to the change at a gRPC subscriber, on a quiet machine and a busy one',
  run,
};
