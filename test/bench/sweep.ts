/**
 * How long the sensor's sweep takes: against `ss -tinop`, which also lists connections with their owners, and against
 * an iterator that visits the same descriptors and reads nothing, which no sweep can beat.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { BenchSensor, QUIET } from './bench-sensor.js';
import { BenchPrograms } from './bpf-programs.js';
import { ConnectionLoad, LOAD_INTERESTS } from './connection-load.js';
import type { Part, PartContext, PartResult } from './part.js';
import { formatMs } from './report.js';
import { scratchDirectory } from './scratch.js';
import { countSsConnections } from './ss-output.js';
import { type Listing, median, ratio, ratioVsSs, significant } from './statistics.js';

const ROUNDS_MAX = 21;
const ROUNDS_MIN = 3;
/** `ss` is quadratic: at 100,000 connections a single round takes 10 s and more. */
const ROUNDS_BUDGET_MS = 45_000;

/** Runs `ss` inside a namespace, with its output in a file: a pipe to this process would be measured along with it. */
async function timeSs(namespace: LabNamespace, outputPath: string): Promise<Listing> {
  const output = openSync(outputPath, 'w');
  try {
    const startMs = performance.now();
    const child = spawn('nsenter', [`--net=${namespace.path}`, '--', 'ss', '-tinop'], {
      stdio: ['ignore', output, 'ignore'],
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    const wallMs = performance.now() - startMs;
    if (code !== 0) {
      throw new Error(`ss -tinop ended with ${String(code)}`);
    }
    return { wallMs, count: countSsConnections(readFileSync(outputPath, 'latin1')) };
  } finally {
    closeSync(output);
  }
}

interface Rounds {
  readonly ss: Listing[];
  readonly sweep: Listing[];
  /** While every connection is of interest: the totals of an incident that takes the whole node. */
  readonly countingMs: number[];
  readonly emptyMs: number[];
}

function medianListing(listings: readonly Listing[]): Listing {
  return {
    wallMs: median(listings.map(({ wallMs }) => wallMs)),
    count: median(listings.map(({ count }) => count)),
  };
}

function summarize(connections: number, { ss, sweep, countingMs, emptyMs }: Rounds): PartResult {
  const ssMedian = medianListing(ss);
  const sweepMedian = medianListing(sweep);
  const emptyMedianMs = median(emptyMs);
  const countingMedianMs = median(countingMs);
  const versusSs = ratioVsSs(ssMedian, sweepMedian);
  const versusEmpty = ratio(sweepMedian.wallMs, emptyMedianMs);
  const versusQuiet = ratio(countingMedianMs, sweepMedian.wallMs);
  const sweepMs = `${formatMs(sweepMedian.wallMs)} for ${sweepMedian.count.toFixed(0)} sockets`;
  return {
    headline: { ratioVsSs: significant(versusSs) },
    title: `${connections} connections between two namespaces, both ends on this machine; medians of ${ss.length} rounds`,
    rows: [
      {
        what: 'sweep with owners, all namespaces',
        measured: sweepMs,
        compared: `ss -tinop in one namespace: ${formatMs(ssMedian.wallMs)} for ${ssMedian.count} connections`,
        ratio: `${versusSs.toFixed(0)} x faster for each (ratioVsSs)`,
      },
      {
        what: '',
        measured: sweepMs,
        compared: `iterator that reads nothing: ${formatMs(emptyMedianMs)}`,
        ratio: `${versusEmpty.toFixed(2)} x the limit (ratioVsEmptyIterator)`,
      },
      {
        what: 'sweep that counts every connection',
        measured: formatMs(countingMedianMs),
        compared: `where nothing is stuck: ${formatMs(sweepMedian.wallMs)}`,
        ratio: `${versusQuiet.toFixed(2)} x as long (ratioCounting)`,
      },
    ],
    figures: {
      connections,
      rounds: ss.length,
      ssMs: significant(ssMedian.wallMs),
      ssConnections: ssMedian.count,
      sweepMs: significant(sweepMedian.wallMs),
      sweepSockets: sweepMedian.count,
      emptyIteratorMs: significant(emptyMedianMs),
      ratioVsSs: significant(versusSs),
      ratioVsEmptyIterator: significant(versusEmpty),
      ratioCounting: significant(versusQuiet),
    },
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const { connections } = context.arguments;
  const ssOutput = join(scratchDirectory(context), 'ss');
  const load = await ConnectionLoad.start(context);
  context.progress(`opening ${connections} connections`);
  await load.open(connections);
  const sensor = await BenchSensor.start(context, QUIET);
  const iterator = await BenchPrograms.attach(context, 'empty_iterator');
  const rounds: Rounds = { ss: [], sweep: [], countingMs: [], emptyMs: [] };
  const measure = async ({ ss, sweep, countingMs, emptyMs }: Rounds): Promise<void> => {
    ss.push(await timeSs(load.client, ssOutput));
    const pass = await sensor.sweep();
    sweep.push({ wallMs: pass.durationUs / 1000, count: pass.sockets });
    emptyMs.push(await iterator.iterate());
    sensor.setInterests(LOAD_INTERESTS, true);
    countingMs.push((await sensor.sweep()).durationUs / 1000);
    sensor.setInterests(LOAD_INTERESTS, false);
  };
  context.progress('measuring');
  await measure({ ss: [], sweep: [], countingMs: [], emptyMs: [] }); // the first of everything meets cold caches and pays for them
  const endMs = performance.now() + ROUNDS_BUDGET_MS;
  while (rounds.ss.length < ROUNDS_MAX && (rounds.ss.length < ROUNDS_MIN || performance.now() < endMs)) {
    await measure(rounds);
  }
  return summarize(connections, rounds);
}

export const sweepPart: Part = {
  name: 'sweep',
  summary: 'the sweep over all sockets against ss -tinop and an empty iterator; --connections N',
  run,
};
