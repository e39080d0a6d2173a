/** `npm run bench`: runs the parts one after the other, prints a table of each, and with --json one line for scripts. */
import { sweepLeftovers } from '../../daemon/demo/lab/leftovers.js';
import { CleanupStack } from '../../daemon/lib/cleanup-stack.js';
import { type BenchArguments, parseBenchArguments, UsageError } from './arguments.js';
import { auditPart } from './audit.js';
import { churnPart } from './churn.js';
import { decodePart } from './decode.js';
import { eventPart } from './event.js';
import { forecastPart } from './forecast.js';
import { idlePart } from './idle.js';
import { latencyPart } from './latency.js';
import { leakPart } from './leak.js';
import { memoryPart } from './memory.js';
import { namespacesPart } from './namespaces.js';
import type { Figures, Part, PartResult } from './part.js';
import { formatResult } from './report.js';
import { retransmitsPart } from './retransmits.js';
import { startPart } from './start.js';
import { stormPart } from './storm.js';
import { streamPart } from './stream.js';
import { sweepPart } from './sweep.js';

const PARTS: readonly Part[] = [
  sweepPart,
  namespacesPart,
  auditPart,
  eventPart,
  retransmitsPart,
  churnPart,
  latencyPart,
  decodePart,
  streamPart,
  idlePart,
  memoryPart,
  leakPart,
  startPart,
  stormPart,
  forecastPart,
];

/** What a step of the clean-up may take: thousands of sockets are closed in some of them. */
const CLEANUP_STEP_MS = 70_000;

function usage(): string {
  const width = Math.max(...PARTS.map(({ name }) => name.length));
  return [
    'npm run bench [-- PART...] [--json] [--connections N] [--records N] [--idle-minutes M] [--profile DIR]',
    '',
    ...PARTS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Without a part, all run. Needs root; works in network namespaces of its own.',
    '',
  ].join('\n');
}

async function runPart(part: Part, benchArguments: BenchArguments): Promise<PartResult> {
  const cleanup = new CleanupStack(CLEANUP_STEP_MS);
  const progress = (line: string): void => {
    process.stderr.write(`${part.name}: ${line}\n`);
  };
  try {
    return await part.run({ arguments: benchArguments, cleanup, progress });
  } finally {
    for (const { name, message } of await cleanup.releaseAll()) {
      progress(`clean-up of ${name}: ${message}`);
    }
  }
}

/** @returns the exit status: a part that fails keeps none of the others from running. */
async function main(argv: readonly string[]): Promise<number> {
  const benchArguments = parseBenchArguments(
    argv,
    PARTS.map(({ name }) => name),
  );
  if (benchArguments.help) {
    process.stdout.write(usage());
    return 0;
  }
  if (process.getuid?.() !== 0) {
    process.stderr.write('bench: it needs root, for BPF and network namespaces\n');
    return 1;
  }
  await sweepLeftovers();
  const figures: Record<string, Figures[string]> = {};
  let status = 0;
  for (const part of PARTS.filter(({ name }) => benchArguments.parts.includes(name))) {
    try {
      const result = await runPart(part, benchArguments);
      Object.assign(figures, { [part.name]: result.figures }, result.headline);
      process.stdout.write(`${formatResult(part.name, result)}\n`);
    } catch (error) {
      status = 1;
      process.stderr.write(`${part.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  if (benchArguments.json) {
    process.stdout.write(`${JSON.stringify(figures)}\n`);
  }
  return status;
}

// Namespaces, child processes and files of the parts go when this process exits, but a signal's default would not let it.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) {
    throw error;
  }
  process.stderr.write(`bench: ${error.message}\n\n${usage()}`);
  process.exitCode = 2;
}
