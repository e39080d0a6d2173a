// Runs the compiled tests, tier by tier, each tier by what it needs: nothing, loopback, root and a kernel with BTF, or a
// whole machine of its own.
// Usage: node test/run.mjs [unit|acceptance|kernel|polling|load|guest ...] [--only NAME,...] [--results FILE]
//   [--second-chance] [--mode polling [--table FILE]]
import { setMaxListeners } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PollingTable } from './polling-table.mjs';

/** Set in a machine that `npm run test:kernels` has booted, and that ends with the tests. */
const inGuest = process.env.STUCKD_TEST_GUEST === '1';

/** Kernel test files that `npm test` runs in both modes. */
const POLLED =
  'retransmitting,connecting,keepalive,zero-window,closing,close-wait,owners,namespaces,unprivileged,modes';

/**
 * Kernel test files mostly wait for timers of the kernel, so more of them than there are cores run at a time; an emulated
 * CPU is too slow for that. The timeout is one file's: it ends a hung test, it does not measure. The tests of tier guest
 * change the machine for all, so they run one after the other.
 */
const kernel = {
  ...{ name: 'kernel', folders: ['kernel'], obstacle: kernelObstacle },
  ...(inGuest ? { concurrency: 3, fileTimeoutMs: 600_000 } : { concurrency: 4, fileTimeoutMs: 300_000 }),
};

/** The same tests with a sensor that uses no BPF. */
const polling = { ...kernel, name: 'polling', mode: 'polling', only: POLLED };

const tiers = [
  { name: 'unit', folders: ['unit', 'scenarios'], concurrency: 2, fileTimeoutMs: 180_000, obstacle: () => undefined },
  { name: 'acceptance', folders: ['acceptance'], concurrency: 2, fileTimeoutMs: 180_000, obstacle: () => undefined },
  kernel,
  polling,
  // A storm for one daemon is one for every daemon of the machine: these run one after the other, beside nothing else.
  { name: 'load', folders: ['load'], concurrency: 1, fileTimeoutMs: 300_000, obstacle: kernelObstacle },
  { name: 'guest', folders: ['guest'], concurrency: 1, fileTimeoutMs: 300_000, obstacle: guestObstacle },
];

/** What loading BPF programs and building network namespaces takes, by the bit in the kernel's capability masks. */
const capabilityBits = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 };

function missingCapabilities() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return Object.keys(capabilityBits).filter((name) => ((effective >> BigInt(capabilityBits[name])) & 1n) === 0n);
}

/** Why the kernel tests cannot run; `curable` says that another user on this machine could run them. */
function kernelObstacle({ mode }) {
  if (process.platform !== 'linux') {
    return { reason: 'they need Linux', curable: false };
  }
  if (mode !== 'polling' && !existsSync('/sys/kernel/btf/vmlinux')) {
    return { reason: 'this kernel offers no BTF (/sys/kernel/btf/vmlinux is absent)', curable: false };
  }
  if (process.geteuid() !== 0) {
    return { reason: 'they need root', curable: true };
  }
  const missing = missingCapabilities();
  return missing.length === 0 ? undefined : { reason: `root here lacks ${missing.join(', ')}`, curable: false };
}

/** These tests would leave the machine of a developer without what they take away. */
function guestObstacle() {
  const reason = 'they change the whole machine; "npm run test:kernels" boots one for them';
  return inGuest ? kernelObstacle({}) : { reason, curable: false };
}

function testFilesBelow(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .sort()
    .map((name) => folder + name);
}

function testFiles(tier, only) {
  return tier.folders
    .map((name) => fileURLToPath(new URL(`../build/test/${name}/`, import.meta.url)))
    .filter((folder) => existsSync(folder))
    .flatMap(testFilesBelow)
    .filter((file) => only.split(',').some((part) => basename(file).includes(part)));
}

/** A test in a folder that no tier names would never run, and nobody would miss it. */
function strayTestFiles() {
  const known = new Set(tiers.flatMap((tier) => testFiles(tier, '')));
  return testFilesBelow(fileURLToPath(new URL('../build/test/', import.meta.url))).filter((file) => !known.has(file));
}

/** A message may hold a whole comparison of objects. */
const errorCharsMax = 300;

const diagnostic = (message) => ({ type: 'test:diagnostic', data: { nesting: 0, message } });

/** The closing counts of a run ("pass 12"), which carry no file; a test's own diagnostic carries one. */
function closingCount({ type, data }) {
  if (type !== 'test:diagnostic' || data.nesting !== 0 || data.file !== undefined) {
    return undefined;
  }
  const [, name, count] = /^(\w+) (\d+(?:\.\d+)?)$/.exec(data.message) ?? [];
  return name === undefined ? undefined : { name, count: Number(count) };
}

/** As the results name a test file: no folders of this machine, no endings. */
const shortName = (file) => basename(file).replace(/\.test\.js$/, '');

function writeLine(path, line) {
  if (path !== undefined) {
    appendFileSync(path, `${JSON.stringify(line)}\n`);
  }
}

/** Adds one line to a file of results for each test that has ended; a suite is no test. */
function writeResult(path, { type, data }) {
  if ((type !== 'test:pass' && type !== 'test:fail') || data.details.type === 'suite') {
    return;
  }
  const error = data.details.error?.cause ?? data.details.error;
  const test = {
    file: shortName(data.file ?? data.name),
    // A file that hung, or that failed outside of its tests, is a test whose name is its path.
    name: data.name === data.file ? basename(data.name) : data.name,
    line: data.line,
    result: type === 'test:fail' ? 'failed' : data.skip === undefined ? 'passed' : 'skipped',
    ...(type === 'test:fail'
      ? {
          error: String(error?.message ?? error)
            .split('\n')[0]
            .slice(0, errorCharsMax),
        }
      : {}),
  };
  writeLine(path, { test });
}

/** Passes on the events of one run, all but its closing, which it adds to `counts`; files with a failure go to `failed`. */
async function* runEvents(options, { counts, failed, table }, resultsPath) {
  for await (const event of run(options)) {
    writeResult(resultsPath, event);
    table?.take(shortName(event.data.file ?? event.data.name ?? ''), event);
    if (event.type === 'test:fail') {
      failed.add(event.data.file ?? event.data.name);
    }
    const closing = closingCount(event);
    if (closing !== undefined) {
      counts[closing.name] = (counts[closing.name] ?? 0) + closing.count;
    } else if (event.type !== 'test:summary') {
      yield event;
    }
  }
}

/**
 * A busy or an emulated machine now and then misses a timer. With --second-chance the files in which something failed run
 * once more, one at a time, and that decides: whoever reads the results forgets what they said of these files before. Alone
 * a file is faster, and one that hangs twice must leave a guest the time to tell of it.
 */
async function* tierEvents(tier, files, outcome, { signal, resultsPath, secondChance }) {
  yield diagnostic(`${tier.name} tests`);
  process.env.STUCKD_TEST_MODE = tier.mode ?? 'ebpf'; // test/support/sensor-mode.ts
  const options = { files, concurrency: tier.concurrency, timeout: tier.fileTimeoutMs, signal };
  const failed = new Set();
  yield* runEvents(options, { ...outcome, failed }, resultsPath);
  outcome.failed = failures(outcome.counts);
  const again = files.filter((file) => failed.has(file));
  if (!secondChance || again.length === 0 || signal.aborted) {
    return;
  }
  yield diagnostic(`${tier.name} tests, once more: ${again.map((file) => basename(file)).join(', ')}`);
  writeLine(resultsPath, { again: again.map(shortName) });
  const counts = {};
  for (const file of again) {
    outcome.table?.forget(shortName(file));
  }
  const alone = { files: again, concurrency: 1, timeout: tier.fileTimeoutMs / 2 };
  yield* runEvents({ ...options, ...alone }, { counts, failed: new Set(), table: outcome.table }, resultsPath);
  outcome.failed = failures(counts);
  outcome.again = again.length;
}

function describe({ counts, failed, again = 0 }) {
  const seconds = Math.round((counts.duration_ms ?? 0) / 1000);
  const first = `${counts.pass ?? 0} passed, ${failures(counts)} failed, ${counts.skipped ?? 0} skipped in ${seconds} s`;
  return again === 0 ? first : `${first}; ${failed} failed as ${again} of the files ran once more`;
}

const failures = (counts) => (counts.fail ?? 0) + (counts.cancelled ?? 0);

/** Runs the tiers as one report with one closing, and leaves each tier's verdict in `results`. */
async function* allEvents({ wanted, only, ...options }, results, signal) {
  const totals = {};
  for (const tier of wanted) {
    const obstacle = tier.obstacle(tier);
    const files = testFiles(tier, only === '' ? (tier.only ?? '') : only);
    if (obstacle !== undefined) {
      // A CI that quietly stops to test the kernel side is worse than a red one.
      const failed = obstacle.curable && process.env.CI === 'true';
      results.push({ tier, failed, text: `not run: ${obstacle.reason}` });
    } else if (files.length === 0) {
      results.push({ tier, failed: only === '', text: 'no test files' });
    } else if (!signal.aborted) {
      const outcome = { counts: {}, failed: 0, table: tier.mode === 'polling' ? new PollingTable() : undefined };
      yield* tierEvents(tier, files, outcome, { signal, ...options });
      results.push({ tier, ran: true, failed: outcome.failed > 0, text: describe(outcome), table: outcome.table });
      for (const [name, count] of Object.entries(outcome.counts)) {
        totals[name] = (totals[name] ?? 0) + count;
      }
    }
  }
  for (const [name, count] of Object.entries(totals)) {
    yield diagnostic(`${name} ${count}`);
  }
}

function parseArguments(args) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      results: { type: 'string' },
      mode: { type: 'string', default: 'ebpf' },
      table: { type: 'string' },
      'second-chance': { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const unknown = positionals.find((name) => !tiers.some((tier) => tier.name === name));
  if (unknown !== undefined) {
    throw new Error(`there is no tier "${unknown}"; the tiers are ${tiers.map((tier) => tier.name).join(', ')}`);
  }
  if (values.mode !== 'ebpf' && values.mode !== 'polling') {
    throw new Error(`--mode is ebpf or polling, not "${values.mode}"`);
  }
  const wanted = positionals.length === 0 ? tiers : tiers.filter((tier) => positionals.includes(tier.name));
  return {
    // All that may apply to a sensor that polls; storms are about events.
    wanted: values.mode === 'polling' ? [{ ...polling, only: '' }] : wanted,
    tablePath: values.table,
    only: values.only ?? '',
    resultsPath: values.results,
    secondChance: values['second-chance'],
  };
}

async function main(args) {
  const plan = parseArguments(args);
  const strays = strayTestFiles();
  if (strays.length > 0) {
    throw new Error(`no tier runs these test files: ${strays.join(', ')}`);
  }
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // every test file that runs listens
  process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());
  const results = [];
  const report = Readable.from(allEvents(plan, results, stop.signal)).compose(spec);
  for await (const text of report) {
    process.stdout.write(text);
  }
  const width = Math.max(...tiers.map((tier) => tier.name.length));
  process.stdout.write('\n');
  for (const { tier, ran, failed, text } of results) {
    const verdict = failed ? 'FAILED' : ran ? 'passed' : '-';
    process.stdout.write(`${verdict.padEnd(6)}  ${tier.name.padEnd(width)}  ${text}\n`);
  }
  for (const { table } of results) {
    process.stdout.write(table === undefined ? '' : `\n${table.text()}`);
    if (table !== undefined && plan.tablePath !== undefined) {
      table.writeMarkdown(plan.tablePath);
    }
  }
  const filterMatched = plan.only === '' || results.some(({ ran }) => ran);
  return stop.signal.aborted || !filterMatched || results.some(({ failed }) => failed) ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`test: ${error.message}\n`);
  process.exitCode = 2;
}
