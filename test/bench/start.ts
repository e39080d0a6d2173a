/** How long a start takes, from `stuckd run` to the first complete picture, against one of bpftrace; and one `stuckctl list`. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.js';
import { BenchDaemon } from './bench-daemon.js';
import { bpftraceArgv, hasBpftrace } from './bpftrace.js';
import type { Part, PartContext, PartResult, Row } from './part.js';
import { formatMs, formatSpread } from './report.js';
import { scratchDirectory } from './scratch.js';
import { type Distribution, distribution, ratio, significant } from './statistics.js';

const RUNS = 7;

/**
 * As little as one can ask of it: it ends as soon as it is attached. Its time includes a shell in a mount namespace, which a
 * container may need, and to detach and exit; that of stuckd ends with the first picture.
 */
const BPFTRACE_ONE_LINER = 'BEGIN { exit(); } tracepoint:tcp:tcp_retransmit_skb { @ = count(); }';

/** @returns milliseconds from start to end. @throws Error unless it exits with 0 */
async function timeCommand(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [file = '', ...args] = argv;
  const startMs = performance.now();
  const child = spawn(file, args, { stdio: 'ignore', env: { ...process.env, ...environment } });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0) {
    throw new Error(`${argv.join(' ')} ended with ${String(code)}`);
  }
  return performance.now() - startMs;
}

interface Times {
  readonly firstPictureMs: number[];
  readonly listMs: number[];
  readonly emptyNodeMs: number[];
  /** Empty where it is not installed. */
  readonly bpftraceMs: number[];
}

async function measureOnce(directory: string, times: Times): Promise<void> {
  times.emptyNodeMs.push(await timeCommand([process.execPath, '-e', '0']));
  if (hasBpftrace()) {
    times.bpftraceMs.push(await timeCommand(bpftraceArgv(['-e', BPFTRACE_ONE_LINER])));
  }
  const startMs = performance.now();
  const daemon = BenchDaemon.start(directory);
  try {
    await daemon.firstPicture();
    times.firstPictureMs.push(performance.now() - startMs);
    const stuckctl = join(packageRoot(), 'build/bin/stuckctl.js');
    times.listMs.push(await timeCommand([process.execPath, stuckctl, 'list', '-o', 'json'], daemon.environment));
  } finally {
    await daemon.stop();
  }
}

function row(what: string, measured: Distribution, empty: Distribution): Row {
  return {
    what,
    measured: formatSpread(measured),
    compared: `empty Node.js: ${formatMs(empty.median)}`,
    ratio: `${ratio(measured.median, empty.median).toFixed(2)} x the limit`,
  };
}

function bpftraceRow(firstPicture: Distribution, bpftrace: Distribution | null): Row {
  return {
    what: '',
    measured: '',
    compared:
      bpftrace === null
        ? 'bpftrace: not installed'
        : `bpftrace with one tracepoint, until it has ended: ${formatSpread(bpftrace)}`,
    ratio: bpftrace === null ? '' : `${ratio(firstPicture.median, bpftrace.median).toFixed(2)} x as long`,
  };
}

function rounded({ min, median, max, runs }: Distribution): Readonly<Record<keyof Distribution, number>> {
  return { min: significant(min), median: significant(median), max: significant(max), runs };
}

async function run(context: PartContext): Promise<PartResult> {
  const directory = scratchDirectory(context);
  const nothing = (): Times => ({ firstPictureMs: [], listMs: [], emptyNodeMs: [], bpftraceMs: [] });
  const times = nothing();
  // The first run reads the files from the disk; the times of a program that was used before are the ones to compare.
  await measureOnce(join(directory, 'warm-up'), nothing());
  for (let number = 1; number <= RUNS; number += 1) {
    context.progress(`start ${number} of ${RUNS}`);
    await measureOnce(join(directory, String(number)), times);
  }
  const firstPicture = distribution(times.firstPictureMs);
  const list = distribution(times.listMs);
  const empty = distribution(times.emptyNodeMs);
  const bpftrace = times.bpftraceMs.length === 0 ? null : distribution(times.bpftraceMs);
  return {
    title: `${RUNS} starts; median (fastest - slowest)`,
    rows: [
      row('stuckd run to the first complete picture', firstPicture, empty),
      bpftraceRow(firstPicture, bpftrace),
      row('stuckctl list, start to end', list, empty),
    ],
    figures: {
      firstPictureMs: rounded(firstPicture),
      stuckctlListMs: rounded(list),
      emptyNodeMs: rounded(empty),
      ...(bpftrace === null ? {} : { bpftraceMs: rounded(bpftrace) }),
    },
  };
}

export const startPart: Part = {
  name: 'start',
  summary: 'from stuckd run to the first complete picture, against bpftrace; stuckctl list',
  run,
};
