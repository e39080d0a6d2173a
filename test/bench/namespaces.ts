/**
 * As many connections in one network namespace and in two hundred: the sweep walks descriptors, so its cost must not
 * multiply. A tool that asks one namespace at a time has to be run in each.
 */
import { join } from 'node:path';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { BenchSensor, QUIET } from './bench-sensor.js';
import { BenchPrograms } from './bpf-programs.js';
import { SS, timeListing } from './listing-tools.js';
import type { Part, PartContext, PartResult } from './part.js';
import { formatMs } from './report.js';
import { scratchDirectory } from './scratch.js';
import { median, ratio, significant } from './statistics.js';
import { buildProgram, LineTool } from './tools.js';

const CONNECTIONS = 10_000;
const NAMESPACES = 200;
/** No process may be in need of more descriptors than it is allowed. */
const HOLDERS = 4;
/** The two ways by turns, so that what slows the machine down meets both. */
const TURNS = 3;
const SWEEPS_PER_TURN = 11;
/** Making a namespace takes some milliseconds, and up to half a second while others are taken down. */
const READY_TIMEOUT_MS = 120_000;

interface Samples {
  readonly sweepMs: number[];
  readonly emptyMs: number[];
  /** One run of `ss` in each namespace. */
  readonly ssMs: number[];
}

const samples = (): Samples => ({ sweepMs: [], emptyMs: [], ssMs: [] });

interface Stage {
  readonly program: string;
  readonly sensor: BenchSensor;
  readonly iterator: BenchPrograms;
  readonly outputPath: string;
}

/** Runs `ss` in every namespace once. @returns milliseconds in all */
async function timeSsEverywhere(paths: readonly string[], outputPath: string): Promise<number> {
  let totalMs = 0;
  let connections = 0;
  for (const path of paths) {
    const { wallMs, count } = await timeListing(SS, { path }, outputPath);
    totalMs += wallMs;
    connections += count;
  }
  if (connections !== 2 * CONNECTIONS) {
    throw new Error(`ss found ${connections} ends of ${CONNECTIONS} connections`);
  }
  return totalMs;
}

/** @param namespaces 1 or a multiple of `HOLDERS` */
async function measure(stage: Stage, namespaces: number, into: Samples): Promise<void> {
  const lab = new NetnsLab();
  try {
    const first = await lab.addNamespace('first');
    const share = String(CONNECTIONS / HOLDERS);
    const own = namespaces === 1 ? 0 : namespaces / HOLDERS;
    const holders = Array.from(
      { length: HOLDERS },
      () => new LineTool(lab.spawnIn(first, [stage.program, String(own), share])),
    );
    const paths = (
      await Promise.all(
        holders.map(async (holder) => {
          const descriptors = await holder.expect('ready', READY_TIMEOUT_MS);
          return descriptors.map((fd) => `/proc/${holder.process.pid}/fd/${fd}`);
        }),
      )
    ).flat();
    for (let number = 0; number < SWEEPS_PER_TURN; number += 1) {
      const { durationUs } = await stage.sensor.sweep();
      into.sweepMs.push(durationUs / 1000);
      into.emptyMs.push(await stage.iterator.iterate());
    }
    if (into.ssMs.length === 0) {
      into.ssMs.push(await timeSsEverywhere(paths.length === 0 ? [first.path] : paths, stage.outputPath));
    }
  } finally {
    await lab.close();
  }
}

function summarize(one: Samples, many: Samples): PartResult {
  const sweep = { one: median(one.sweepMs), many: median(many.sweepMs) };
  const empty = { one: median(one.emptyMs), many: median(many.emptyMs) };
  const ss = { one: median(one.ssMs), many: median(many.ssMs) };
  const row = (what: string, medians: { one: number; many: number }): PartResult['rows'][number] => ({
    what,
    measured: formatMs(medians.many),
    compared: `in 1 namespace: ${formatMs(medians.one)}`,
    ratio: `${ratio(medians.many, medians.one).toFixed(2)} x as long`,
  });
  return {
    title: `${CONNECTIONS} connections in ${NAMESPACES} network namespaces and in one; medians of ${one.sweepMs.length} sweeps`,
    rows: [
      row('sweep with owners, all namespaces', sweep),
      row('iterator that reads nothing', empty),
      row('ss -tinop, once in each namespace', ss),
    ],
    figures: {
      connections: CONNECTIONS,
      namespaces: NAMESPACES,
      sweepOneMs: significant(sweep.one),
      sweepManyMs: significant(sweep.many),
      ratioSweep: significant(ratio(sweep.many, sweep.one)),
      ratioEmptyIterator: significant(ratio(empty.many, empty.one)),
      ratioSs: significant(ratio(ss.many, ss.one)),
    },
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const stage: Stage = {
    program: await buildProgram('loopback'),
    sensor: await BenchSensor.start(context, QUIET),
    iterator: await BenchPrograms.attach(context, 'empty_iterator'),
    outputPath: join(scratchDirectory(context), 'listing'),
  };
  const one = samples();
  const many = samples();
  for (let turn = 1; turn <= TURNS; turn += 1) {
    context.progress(`turn ${turn} of ${TURNS}`);
    await measure(stage, 1, one);
    await measure(stage, NAMESPACES, many);
  }
  return summarize(one, many);
}

export const namespacesPart: Part = {
  name: 'namespaces',
  summary: `the sweep over ${CONNECTIONS} connections in one network namespace and in ${NAMESPACES}`,
  run,
};
