/**
 * What watching costs while 50,000 segments are sent again each second: all of stuckd (daemon, sensor, event programs in the
 * kernel) against bpftrace with one line for each. The peer of 50,000 connections has vanished; first the threshold is out
 * of reach, so that nothing is ever reported, and in the end it is what it is, and all of them are recorded.
 *
 * It needs `tcp_rto_max_ms` (Linux 6.15): elsewhere segments are sent again ever more seldom.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { startProcess } from '../../daemon/demo/lab/managed-process.js';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import { BenchDaemon } from './bench-daemon.js';
import { BenchPrograms, programIdsOf } from './bpf-programs.js';
import { bpftraceArgv, hasBpftrace } from './bpftrace.js';
import { ConnectionLoad } from './connection-load.js';
import { valuesByLabel } from './metric-text.js';
import type { Part, PartContext, PartResult } from './part.js';
import { clockTicks } from './process-usage.js';
import { measureRetransmits, type Watcher, type WatchCost } from './retransmit-cost.js';
import { summarize } from './retransmit-table.js';
import { scratchDirectory } from './scratch.js';

const CONNECTIONS = 50_000;
/** The longest RTO: from the fourth on, each connection sends again once a second. */
const RTO_MAX_MS = 1000;
/** TCP gives up after so many; none of them comes to that here. */
const RETRIES = 255;
const THRESHOLD_OUT_OF_REACH = 255;
const THRESHOLD_DEFAULT = 3;
/** A few may have lost too much in their youth for the evidence rule. */
const STUCK_SHARE = 0.98;
const MEASURE_MS = 10_000;
/** An audit runs five seconds after the first complete picture, and takes a second or two with so many connections. */
const AUDITED_MS = 9000;
const REST_MS = 6000;
const STUCK_TIMEOUT_MS = 60_000;
const BPFTRACE_TIMEOUT_MS = 30_000;

interface Stage {
  readonly context: PartContext;
  readonly load: ConnectionLoad;
  readonly programs: BenchPrograms;
  readonly ticksPerSecond: number;
}

async function pause(ms: number): Promise<void> {
  await delay(ms);
}

async function watcherOf(daemon: BenchDaemon): Promise<Watcher> {
  const { pid, sensor } = await daemon.status();
  return {
    pids: [pid, sensor?.pid ?? 0],
    countedProgram: 'on_retransmit',
    // What these take is in the processor time of the sensor, in which they run.
    uncountedPrograms: ['refresh', 'sweep'],
  };
}

async function startDaemon({ context }: Stage, retransmits: number): Promise<BenchDaemon> {
  const directory = scratchDirectory(context);
  const configuration = join(directory, 'stuckd.yaml');
  writeFileSync(configuration, `kinds: { retransmitting: { open: { retransmits: ${retransmits} } } }\n`);
  const daemon = BenchDaemon.start(join(directory, 'daemon'), [], ['--config', configuration]);
  await daemon.firstPicture();
  return daemon;
}

function measure(stage: Stage, watcher: Watcher, action: () => Promise<void>): Promise<WatchCost> {
  return measureRetransmits(stage.programs, watcher, stage.ticksPerSecond, action);
}

async function withLosses(daemon: BenchDaemon, cost: WatchCost): Promise<WatchCost> {
  return { ...cost, lost: valuesByLabel(await daemon.scrape(), 'stuckd_dropped_total') };
}

/** Nothing ever crosses the threshold: the condition in which a healthy node is, and the target is meant. */
async function measureBelow(stage: Stage): Promise<{ readonly atRest: WatchCost; readonly below: WatchCost }> {
  const daemon = await startDaemon(stage, THRESHOLD_OUT_OF_REACH);
  try {
    const watcher = await watcherOf(daemon);
    stage.context.progress('at rest');
    await pause(AUDITED_MS);
    const atRest = await measure(stage, watcher, () => pause(REST_MS));
    stage.context.progress('cutting the network');
    const below = await measure(stage, watcher, async () => {
      await stage.load.blackHole();
      await pause(MEASURE_MS);
    });
    return { atRest, below: await withLosses(daemon, below) };
  } finally {
    await daemon.stop();
  }
}

/** With the daemon's own threshold, after all of them were recorded. */
async function measureStuck(stage: Stage): Promise<WatchCost> {
  const daemon = await startDaemon(stage, THRESHOLD_DEFAULT);
  try {
    const all = CONNECTIONS * STUCK_SHARE;
    await daemon.waitFor(({ tracker }) => (tracker?.stuck ?? 0) >= all, 'records of all', STUCK_TIMEOUT_MS);
    await pause(AUDITED_MS);
    return await withLosses(daemon, await measure(stage, await watcherOf(daemon), () => pause(MEASURE_MS)));
  } finally {
    await daemon.stop();
  }
}

async function measureBpftrace(stage: Stage): Promise<WatchCost> {
  const outputPath = join(scratchDirectory(stage.context), 'lines');
  const script = join(packageRoot(), 'test/bench/tcpretrans.bt');
  const bpftrace = startProcess(bpftraceArgv(['-o', outputPath, script]));
  try {
    const watcher: Watcher = { pids: [bpftrace.pid], countedProgram: 'tcp_retransmit_', uncountedPrograms: [] };
    // It is attached right after it was loaded; what it prints is no sign, since that stays in a buffer.
    await waitFor(async () => (await stage.programs.count(programIdsOf(bpftrace.pid))).has(watcher.countedProgram), {
      what: 'bpftrace to attach',
      timeoutMs: BPFTRACE_TIMEOUT_MS,
    });
    const cost = await measure(stage, watcher, () => pause(MEASURE_MS));
    await bpftrace.stop(BPFTRACE_TIMEOUT_MS);
    const lines = await runCommand(['grep', '-c', 'ESTABLISHED', outputPath]);
    return { ...cost, lost: { lines: Math.max(0, cost.retransmits - Number(lines)) } };
  } finally {
    await bpftrace.stop();
  }
}

async function run(context: PartContext): Promise<PartResult> {
  const load = await ConnectionLoad.start(context);
  await load.setClientSysctl('net.ipv4.tcp_rto_max_ms', RTO_MAX_MS);
  await load.setClientSysctl('net.ipv4.tcp_retries2', RETRIES);
  // It attaches nothing to a tracepoint, and lets the kernel count.
  const programs = await BenchPrograms.attach(context, 'empty_iterator');
  await programs.enableCounting();
  const stage: Stage = { context, load, programs, ticksPerSecond: await clockTicks() };
  context.progress(`opening ${CONNECTIONS} connections`);
  await load.open(CONNECTIONS);
  const { atRest, below } = await measureBelow(stage);
  let bpftrace: WatchCost | null = null;
  if (hasBpftrace()) {
    context.progress('bpftrace');
    bpftrace = await measureBpftrace(stage);
  }
  context.progress('all of them stuck');
  return summarize(CONNECTIONS, { atRest, below, bpftrace, stuck: await measureStuck(stage) });
}

export const retransmitsPart: Part = {
  name: 'retransmits',
  summary: 'all of stuckd against bpftrace with a line for each, at 50,000 retransmissions a second',
  run,
};
