/** From the event in the kernel that crosses a threshold to the change at a gRPC subscriber, one connection at a time. */
import { BenchDaemon } from './bench-daemon.js';
import { ChangeRecorder } from './change-recorder.js';
import { ConnectionLoad } from './connection-load.js';
import type { Part, PartContext, PartResult } from './part.js';
import { formatTimes } from './report.js';
import { times } from './statistics.js';

const CONNECTIONS = 1000;
/** So that the next one does not wait for the one before. */
const PAUSE_US = 10_000;
const OPENED_TIMEOUT_MS = 60_000;
const P50_TARGET_MS = 1;
const P99_TARGET_MS = 5;

async function run(context: PartContext): Promise<PartResult> {
  const load = await ConnectionLoad.start(context);
  await load.open(CONNECTIONS);
  const daemon = await BenchDaemon.startFor(context);
  const recorder = await ChangeRecorder.start(daemon.client);
  context.cleanup.push('subscriber', () => {
    recorder.stop();
  });
  context.progress(`cutting ${CONNECTIONS} connections, one every ${PAUSE_US / 1000} ms`);
  await load.blackHoleOneByOne(PAUSE_US);
  await recorder.until(() => recorder.opened >= CONNECTIONS, 'all connections to be told', OPENED_TIMEOUT_MS);
  const { p50, p99, max } = times(recorder.latenciesMs);
  return {
    title: `${CONNECTIONS} connections that get stuck one after the other, ${PAUSE_US / 1000} ms apart`,
    rows: [
      {
        what: 'threshold crossed to the change at a subscriber',
        measured: formatTimes(recorder.latenciesMs),
        compared: `target: p50 ${P50_TARGET_MS} ms, p99 ${P99_TARGET_MS} ms`,
        ratio: `${(p50 / P50_TARGET_MS).toFixed(2)} and ${(p99 / P99_TARGET_MS).toFixed(2)} x the targets`,
      },
    ],
    figures: {
      connections: CONNECTIONS,
      p50Ms: p50,
      p99Ms: p99,
      maxMs: max,
    },
  };
}

export const latencyPart: Part = {
  name: 'latency',
  summary: 'from the event in the kernel to the change at a gRPC subscriber',
  run,
};
