/** What is done with one kernel: its guest runs the tests, or a developer's command. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.js';
import type { MatrixArguments } from './arguments.js';
import { titleOf } from './flavour.js';
import { FOREIGN_NODE } from './foreign-userland.js';
import { bootGuest, type GuestEnd } from './guest.js';
import type { GuestOutput } from './guest-output.js';
import { RESULTS_DEVICE } from './initramfs.js';
import type { Kernel } from './kernel-store.js';
import type { KernelResult } from './report.js';

/** Two virtual CPUs, since what runs in one guest alone runs beside itself; memory for its files, which live in it. */
export const CPUS_PER_GUEST = 2;
const MEMORY_MIB = 3072;

/** Exit status of a guest on which `stuckd check` says no to BPF. */
const CANNOT_RUN = 3;

type Progress = (line: string) => void;

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** For `stuckd check`: what is asked is whether BPF can be had. */
const EBPF_CONFIG = '/tmp/ebpf.yaml';

/** The guest says what stuckd finds there, then runs the tests; where BPF cannot be had, those of a sensor that polls. */
function testScript({ userland }: Kernel, only: string): string {
  const node = quote(userland === undefined ? process.execPath : FOREIGN_NODE);
  return [
    `export CI=true STUCKD_TEST_GUEST=1 STUCKD_TEST_WITHOUT=${quote(process.env['STUCKD_TEST_WITHOUT'] ?? '')}`,
    `echo "{\\"kernel\\":\\"$(uname -r)\\"}" >${RESULTS_DEVICE}`,
    `run() { ${node} test/run.mjs "$@" --second-chance --results ${RESULTS_DEVICE} --only ${quote(only)}; }`,
    `echo '{"sensor":{"mode":"ebpf"}}' >${EBPF_CONFIG}`,
    `if ! ${node} build/bin/stuckd.js check --config ${EBPF_CONFIG} -o json >${RESULTS_DEVICE}; then`,
    `  run polling || exit 1`,
    `  exit ${CANNOT_RUN}`,
    'fi',
    'run kernel guest',
  ].join('\n');
}

function directoryOf(kernel: Kernel): string {
  return join(packageRoot(), 'build/kernels', titleOf(kernel).replace(' ', '-'));
}

/** Emulated machines have a race or two of their own: now and then one panics before its first process runs. */
const BOOTS_MAX = 3;

async function boot(
  kernel: Kernel,
  args: MatrixArguments,
  script: string,
  watch: (output: GuestOutput) => void,
): Promise<GuestEnd> {
  for (let boots = 1; ; boots++) {
    const end = await bootOnce(kernel, args, script, watch);
    if (end.failure === undefined || end.output.started || boots === BOOTS_MAX) {
      return end;
    }
  }
}

function bootOnce(
  kernel: Kernel,
  args: MatrixArguments,
  script: string,
  watch: (output: GuestOutput) => void,
): Promise<GuestEnd> {
  rmSync(directoryOf(kernel), { recursive: true, force: true });
  return bootGuest({
    ...{ kernel, script, watch, directory: directoryOf(kernel) },
    ...{ cpus: CPUS_PER_GUEST, memoryMib: MEMORY_MIB, timeoutMs: args.timeoutMs },
    kernelParameters: ['lsm=lockdown,capability'], // one test locks its guest down
  });
}

/** One line whenever the guest has finished more tests. */
function report(title: string, progress: Progress): (output: GuestOutput) => void {
  let shown = '';
  return ({ started, tests }) => {
    const failed = tests.filter(({ result }) => result === 'failed').length;
    const text = started ? `${String(tests.length)} tests ended, ${String(failed)} failed` : 'boots';
    if (text !== shown) {
      shown = text;
      progress(`${title}: ${text}`);
    }
  };
}

function toResult({ version, release }: Kernel, { output, failure }: GuestEnd, durationMs: number): KernelResult {
  const refused = output.exitStatus === CANNOT_RUN;
  // A runner that fails without a failed test (a file that hung, say) must not look like success.
  const silent = output.exitStatus !== undefined && output.exitStatus !== 0 && !refused;
  const blamed = output.tests.some(({ result }) => result === 'failed');
  const reason = failure ?? (silent && !blamed ? `the tests ended with ${String(output.exitStatus)}` : undefined);
  return {
    ...{ version, release, refused, durationMs },
    ...{ tests: output.tests, features: output.features },
    ...(reason === undefined ? {} : { failure: reason }),
  };
}

/** Boots the kernel and runs the tests in it. */
export async function testKernel(kernel: Kernel, args: MatrixArguments, progress: Progress): Promise<KernelResult> {
  const startMs = performance.now();
  const end = await boot(kernel, args, testScript(kernel, args.only), report(titleOf(kernel), progress));
  return toResult(kernel, end, performance.now() - startMs);
}

/**
 * Boots the kernel and runs a shell command in it.
 * @returns what was on its console, and the status of the command: 1 if the guest did not come to its end
 */
export async function runInKernel(
  kernel: Kernel,
  args: MatrixArguments,
  command: string,
): Promise<{ readonly text: string; readonly status: number }> {
  const { output, failure } = await boot(kernel, args, command, () => undefined);
  const said = readFileSync(join(directoryOf(kernel), 'console.log'), 'utf8').replaceAll('\r', '');
  return { text: failure ?? said, status: output.exitStatus ?? 1 };
}
