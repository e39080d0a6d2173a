/**
 * `npm run soak`: a daemon with its default configuration watches healthy traffic of many shapes for some minutes. Any
 * record that is not informational is a false alarm, and fails the run; so does a shape that did not flow, or a daemon
 * that does not see a black hole in the end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { formatTable, type Column } from '../../daemon/cli/text-table.js';
import { sweepLeftovers } from '../../daemon/demo/lab/leftovers.js';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { CleanupStack } from '../../daemon/lib/cleanup-stack.js';
import { Sockprog } from '../support/sockprog.js';
import { StuckdUnderTest, type StuckJson } from '../support/stuckd.js';
import { NETWORK_SHAPES } from './network-shapes.js';
import { addHosts, PORT, SERVER_ADDRESS, type Hosts, type RunningShape, type Shape } from './shape.js';
import { SOCKET_SHAPES } from './socket-shapes.js';
import { webShape } from './web-shape.js';

const SHAPES: readonly Shape[] = [...SOCKET_SHAPES, ...NETWORK_SHAPES, webShape];
const DEFAULT_SECONDS = 180;
const CLEANUP_STEP_MS = 20_000;
const TEND_INTERVAL_MS = 250;
const TELL_INTERVAL_MS = 30_000;

interface Soaked {
  readonly shape: Shape;
  readonly hosts: Hosts;
  readonly running: RunningShape;
  /** What went wrong while it was tended. */
  problem: string | null;
}

interface Result {
  readonly name: string;
  readonly proof: string;
  readonly failure: string | null;
  readonly informational: readonly StuckJson[];
  readonly alarms: readonly StuckJson[];
}

const COLUMNS: readonly Column<Result>[] = [
  { header: 'SHAPE', cell: ({ name }) => name },
  { header: 'FALSE ALARMS', cell: ({ alarms }) => String(alarms.length), alignRight: true },
  { header: 'INFORMATIONAL', cell: ({ informational }) => String(informational.length), alignRight: true },
  { header: 'WHAT FLOWED', cell: ({ proof, failure }) => (failure === null ? proof : `FAILED: ${failure}`) },
];

const say = (line: string): void => {
  process.stderr.write(`soak: ${line}\n`);
};

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Keeps one shape up until `endMs`. */
async function tend(soaked: Soaked, endMs: number): Promise<void> {
  const { tend: tendShape } = soaked.running;
  try {
    while (tendShape !== undefined && performance.now() < endMs) {
      await tendShape();
      await delay(TEND_INTERVAL_MS);
    }
  } catch (error) {
    soaked.problem = words(error);
  }
}

async function judge(stuckd: StuckdUnderTest, { shape, hosts, running, problem }: Soaked): Promise<Result> {
  // Before the proof is asked for, so that nothing that opens meanwhile is overlooked.
  let [proof, failure] = ['', problem];
  try {
    proof = await running.proof();
  } catch (error) {
    failure ??= words(error);
  }
  const changes = [...stuckd.changesIn(hosts.client), ...stuckd.changesIn(hosts.server)];
  const opened = changes.flatMap(({ kind, record }) => (kind === 'opened' ? [record.id] : []));
  // A record may turn into something worse: its newest version counts.
  const records = opened.flatMap((id) => changes.findLast(({ record }) => record.id === id)?.record ?? []);
  const everGrave = new Set(changes.flatMap(({ record }) => (record.informational === true ? [] : [record.id])));
  return {
    name: shape.name,
    proof,
    failure,
    informational: records.filter(({ id }) => !everGrave.has(id)),
    alarms: records.filter(({ id }) => everGrave.has(id)),
  };
}

/** Silence proves nothing of a daemon that is blind: in the end there is something to see. */
async function control(stuckd: StuckdUnderTest, lab: NetnsLab): Promise<void> {
  const hosts = await addHosts(lab);
  const serving = await Sockprog.start(lab, hosts.server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=sink`);
  const using = await Sockprog.start(lab, hosts.client);
  await using.connect('control', SERVER_ADDRESS, PORT);
  await hosts.link.cut();
  await using.command('send control 100');
  await stuckd.waitOpened(hosts.client, 'retransmitting');
}

function report(results: readonly Result[]): number {
  process.stdout.write(formatTable(COLUMNS, results, Infinity));
  const alarms = results.flatMap((result) => result.alarms);
  for (const record of alarms) {
    process.stdout.write(`\n${JSON.stringify(record, null, 2)}\n`);
  }
  const failures = results.filter(({ failure }) => failure !== null).length;
  process.stdout.write(`\n${alarms.length} false alarms, ${failures} of ${results.length} shapes failed\n`);
  return alarms.length + failures === 0 ? 0 : 1;
}

async function soak(seconds: number, cleanup: CleanupStack): Promise<number> {
  const lab = new NetnsLab();
  cleanup.push('network namespaces', () => lab.close());
  const soaked: Soaked[] = [];
  for (const shape of SHAPES) {
    say(`starting: ${shape.name}`);
    const hosts = await addHosts(lab);
    soaked.push({ shape, hosts, running: await shape.start(hosts), problem: null });
  }
  const ending = {
    after: (end: () => Promise<void>): void => {
      cleanup.push('the daemon', end);
    },
  };
  const stuckd = await StuckdUnderTest.start(ending);
  say(`${seconds} s of ${soaked.length} shapes`);
  const endMs = performance.now() + seconds * 1000;
  const tending = Promise.all(soaked.map((one) => tend(one, endMs)));
  while (performance.now() < endMs) {
    await delay(Math.min(TELL_INTERVAL_MS, Math.max(0, endMs - performance.now())));
    const changes = soaked.flatMap(({ hosts }) => [
      ...stuckd.changesIn(hosts.client),
      ...stuckd.changesIn(hosts.server),
    ]);
    const opened = changes.filter(({ kind }) => kind === 'opened').length;
    say(`${Math.max(0, Math.round((endMs - performance.now()) / 1000))} s left, ${opened} records so far`);
  }
  await tending;
  await stuckd.sweepFromNow();
  const results: Result[] = [];
  for (const one of soaked) {
    results.push(await judge(stuckd, one));
  }
  await control(stuckd, lab);
  return report(results);
}

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: { seconds: { type: 'string' } } });
  const seconds = Number(values.seconds ?? DEFAULT_SECONDS);
  if (!(seconds >= 20 && seconds <= 86_400)) {
    throw new RangeError('--seconds takes a number from 20 to 86400');
  }
  if (process.getuid?.() !== 0) {
    throw new Error('it needs root, for BPF and network namespaces');
  }
  await sweepLeftovers();
  const cleanup = new CleanupStack(CLEANUP_STEP_MS);
  try {
    return await soak(seconds, cleanup);
  } finally {
    for (const { name, message } of await cleanup.releaseAll()) {
      say(`clean-up of ${name}: ${message}`);
    }
  }
}

// Namespaces and child processes go when this process exits, but a signal's default would not let it.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(words(error));
  process.exitCode = 1;
}
