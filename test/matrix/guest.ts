/** Boots one kernel under qemu, runs a script in it, and gives back what it said. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import { CleanupStack } from '../../daemon/lib/cleanup-stack.js';
import { packageRoot } from '../support/package-root.js';
import { serveHostFiles } from './host-files.js';
import { buildInitramfs } from './initramfs.js';
import type { Kernel } from './kernel-store.js';
import { EMULATORS, hasHardwareVirtualisation, qemuArguments } from './qemu-arguments.js';
import { parseGuestOutput, type GuestOutput } from './guest-output.js';

export interface GuestJob {
  readonly kernel: Kernel;
  /** Shell commands, as root, in the root of the repository. */
  readonly script: string;
  /** Where console.log and results.jsonl go; made if it is not there. */
  readonly directory: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly timeoutMs: number;
  readonly kernelParameters: readonly string[];
  /** Called with all that the guest has said so far, whenever that is more than before. */
  readonly watch: (output: GuestOutput) => void;
}

export interface GuestEnd {
  readonly output: GuestOutput;
  /** Why there is no exit status: it hung, it crashed, or qemu did not run; undefined if the guest ended well. */
  readonly failure?: string;
}

/** A guest that has not reached its first command by then hangs: an emulated one takes five seconds, a busy host ten. */
const BOOT_TIMEOUT_MS = 120_000;
const POLL_MS = 500;
const CONSOLE_TAIL_LINES = 12;

let tscKhz: Promise<number> | undefined;

/** The host's time stamp counter, kHz; measured once. */
function tscFrequency(): Promise<number> {
  tscKhz ??= (async () => {
    const program = join(packageRoot(), 'build/test-tools/tsc_khz');
    mkdirSync(dirname(program), { recursive: true });
    await runCommand(['gcc', '-O2', '-o', program, join(packageRoot(), 'test/matrix/guest/tsc_khz.c')]);
    return Number(await runCommand([program]));
  })();
  return tscKhz;
}

function readOutput(resultsPath: string): GuestOutput {
  return parseGuestOutput(existsSync(resultsPath) ? readFileSync(resultsPath, 'utf8') : '');
}

function consoleTail(path: string): string {
  const text = existsSync(path) ? readFileSync(path, 'utf8').replaceAll('\r', '') : '';
  return text.trimEnd().split('\n').slice(-CONSOLE_TAIL_LINES).join('\n');
}

/** Waits until qemu ends, and ends it when its time is over. @returns why it was ended, if it was */
async function superviseGuest(qemu: ManagedProcess, job: GuestJob, resultsPath: string): Promise<string | undefined> {
  const startMs = performance.now();
  let said = 0;
  while (qemu.running) {
    const output = readOutput(resultsPath);
    if (output.lines > said) {
      said = output.lines;
      job.watch(output);
    }
    const elapsedMs = performance.now() - startMs;
    const limitMs = output.started ? job.timeoutMs : Math.min(BOOT_TIMEOUT_MS, job.timeoutMs);
    if (elapsedMs > limitMs) {
      qemu.kill('SIGKILL');
      await qemu.ended;
      return `${output.started ? 'the tests' : 'the boot'} did not end within ${String(Math.round(limitMs / 1000))} s`;
    }
    await Promise.race([qemu.ended, new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
  }
  return undefined;
}

/** What the guest must find where it is here. A foreign one has no use for this machine's Node.js. */
function sharedPaths({ root, userland }: Kernel): readonly string[] {
  const modules = realpathSync(join(packageRoot(), 'node_modules'));
  return [packageRoot(), modules, root, ...(userland === undefined ? [process.execPath] : [])];
}

/** Programs of this machine make way for those of the guest's, or for their absence; all this is in the guest alone. */
function foreignPreparation({ userland, architecture }: Kernel): readonly string[] {
  return userland === undefined
    ? []
    : [`mount --bind bpf/.output/${architecture} bpf/.output`, 'rm -rf build/test-tools build/tools'];
}

async function runGuest(job: GuestJob, work: string, cleanup: CleanupStack): Promise<GuestEnd> {
  const consolePath = join(job.directory, 'console.log');
  const resultsPath = join(job.directory, 'results.jsonl');
  mkdirSync(job.directory, { recursive: true });
  writeFileSync(consolePath, '');
  writeFileSync(resultsPath, '');
  const { kernel } = job;
  const script = [`cd '${packageRoot()}'`, ...foreignPreparation(kernel), job.script].join('\n');
  const initramfs = await buildInitramfs({ kernel, script, directory: work });
  const files = await serveHostFiles(work, sharedPaths(kernel), kernel.userland);
  cleanup.push('virtiofsd', async () => {
    await files.server.stop();
  });
  const hardware = kernel.userland === undefined && hasHardwareVirtualisation(readFileSync('/proc/cpuinfo', 'utf8'));
  const machine = {
    ...{
      architecture: kernel.architecture,
      image: kernel.image,
      initramfs,
      fileSystemSocket: files.socket,
      consolePath,
      resultsPath,
    },
    ...{ cpus: job.cpus, memoryMib: job.memoryMib, kernelParameters: job.kernelParameters },
    tscKhz: hardware || kernel.architecture !== 'amd64' ? 0 : await tscFrequency(),
  };
  const qemu = startProcess([EMULATORS[kernel.architecture], ...qemuArguments(machine, hardware)]);
  cleanup.push('qemu', async () => {
    qemu.kill('SIGKILL');
    await qemu.ended;
  });
  const timeout = await superviseGuest(qemu, job, resultsPath);
  const output = readOutput(resultsPath);
  job.watch(output);
  if (output.exitStatus !== undefined) {
    return { output };
  }
  const reason = timeout ?? (qemu.stderrTail.trim() || 'the guest ended before its tests did');
  return { output, failure: `${reason}\n${consoleTail(consolePath)}` };
}

/** Boots the kernel and runs the job to its end, or to its time limit; leaves no process and no mount behind. */
export async function bootGuest(job: GuestJob): Promise<GuestEnd> {
  const work = mkdtempSync(join(tmpdir(), 'stuckd-guest-'));
  const removeWork = (): void => {
    rmSync(work, { recursive: true, force: true });
  };
  process.once('exit', removeWork); // when a signal ends this process
  const cleanup = new CleanupStack(10_000);
  cleanup.push('work folder', removeWork);
  try {
    return await runGuest(job, work, cleanup);
  } finally {
    await cleanup.releaseAll();
    process.off('exit', removeWork);
  }
}
