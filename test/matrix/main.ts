/** `npm run test:kernels`: boots kernels, runs the kernel tests in each, prints a table kernel x test. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.js';
import { buildSockprog } from '../support/sockprog.js';
import { type MatrixArguments, parseMatrixArguments, usage, UsageError } from './arguments.js';
import { titleOf } from './flavour.js';
import { CPUS_PER_GUEST, runInKernel, testKernel } from './kernel-session.js';
import { defaultCacheDirectory, type Kernel, KernelStore } from './kernel-store.js';
import { formatPage } from './page.js';
import { formatResults, isAsExpected } from './report.js';

function say(text: string): void {
  process.stderr.write(`kernels: ${text}\n`);
}

/** Runs the jobs, so many at a time, and keeps their order. */
async function inParallel<T, R>(
  items: readonly T[],
  jobs: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, item] = next;
      results[index] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, worker));
  return results;
}

/** Two names may mean one kernel. */
async function chooseKernels(wanted: readonly string[]): Promise<readonly Kernel[]> {
  const store = new KernelStore(defaultCacheDirectory(), say);
  const kernels = new Map<string, Kernel>();
  for (const name of wanted) {
    const kernel = await store.get(name);
    if (kernel.userland !== undefined && !existsSync(join(packageRoot(), `bpf/.output/${kernel.architecture}`))) {
      throw new Error(`there is no sensor for ${kernel.architecture} yet; "npm run build:arm64" builds it`);
    }
    kernels.set(kernel.release, kernel);
  }
  return [...kernels.values()];
}

async function runCommandEverywhere(
  kernels: readonly Kernel[],
  args: MatrixArguments,
  command: string,
): Promise<number> {
  const statuses = await inParallel(kernels, args.jobs, async (kernel) => {
    const { text, status } = await runInKernel(kernel, args, command);
    process.stdout.write(`== ${titleOf(kernel)}\n${text.trimEnd()}\n`);
    return status;
  });
  return Math.max(...statuses);
}

async function testEverywhere(kernels: readonly Kernel[], args: MatrixArguments): Promise<number> {
  await buildSockprog();
  const results = await inParallel(kernels, args.jobs, (kernel) => testKernel(kernel, args, say));
  process.stdout.write(formatResults(results));
  if (args.write) {
    const date = new Date().toISOString().slice(0, 10);
    const page = join(packageRoot(), 'SUPPORTED_KERNELS.md');
    writeFileSync(page, formatPage(readFileSync(page, 'utf8'), results, date, args.quick));
  }
  return results.every(isAsExpected) ? 0 : 1;
}

async function main(argv: readonly string[]): Promise<number> {
  const args = parseMatrixArguments(argv, Math.max(1, Math.floor(availableParallelism() / CPUS_PER_GUEST)));
  if (args.help) {
    process.stdout.write(usage());
    return 0;
  }
  if (process.getuid?.() !== 0) {
    throw new Error('it needs root, to show the guests the files of this machine');
  }
  const kernels = await chooseKernels(args.kernels);
  return args.command === undefined ? testEverywhere(kernels, args) : runCommandEverywhere(kernels, args, args.command);
}

// Guests and mounts end with this process by themselves (startProcess), but a signal's default would leave files behind.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`kernels: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
