/** The first file system of a guest: busybox, the modules that it takes to reach the host's files, and what to do then. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { packageRoot } from '../support/package-root.js';
import type { Kernel } from './kernel-store.js';
import { PORTS } from './qemu-arguments.js';

/** For the host's file system, and a writable one over it. */
const MODULES = ['virtio_pci', 'virtiofs', 'overlay'];

/** What a guest writes there reaches the host as its results. */
export const RESULTS_DEVICE = '/dev/guest-results';

export interface Initramfs {
  readonly kernel: Kernel;
  /** Shell commands that the guest runs; their exit status is the guest's. */
  readonly script: string;
  /** Empty folder to build it in. */
  readonly directory: string;
}

/** Modules are loaded in the order in which `modprobe` would. */
async function modulePaths(kernel: Kernel): Promise<readonly string[]> {
  const paths = new Set<string>();
  for (const module of MODULES) {
    const query = ['modprobe', '--dirname', kernel.root, '--set-version', kernel.release, '--show-depends', module];
    // A module that modprobe does not know is part of the kernel image; some packages lack the list of those.
    const answer = await runCommand(query).catch(() => '');
    for (const [, path] of answer.matchAll(/^insmod (\S+)/gm)) {
      if (path !== undefined) {
        paths.add(path);
      }
    }
  }
  return [...paths];
}

async function addModule(path: string, target: string): Promise<void> {
  if (path.endsWith('.xz')) {
    await runCommand(['sh', '-c', 'xz -dc "$1" >"$2"', 'sh', path, target]);
  } else {
    copyFileSync(path, target);
  }
}

/**
 * What the guest runs after its root is there: the script, whose exit status it reports, and the end. After that nothing
 * can be loaded any more, so that it waits with what the shell has in itself.
 */
function sessionScript(script: string, { architecture }: Kernel): string {
  const { console, results } = PORTS[architecture];
  const preparation = readFileSync(join(packageRoot(), 'test/matrix/guest/session'), 'utf8');
  return [
    preparation,
    `ln -s ${results} ${RESULTS_DEVICE}`,
    `stty -F ${RESULTS_DEVICE} raw -echo`,
    `echo '{"guest":"started"}' >${RESULTS_DEVICE}`,
    `work() {\n${script}\n}`,
    `(work) </dev/null >/dev/${console} 2>&1`,
    `echo "{\\"exitStatus\\":$?}" >${RESULTS_DEVICE}`,
    'sync',
    'echo o >/proc/sysrq-trigger',
    'read -r _ </dev/console',
    '',
  ].join('\n');
}

/** @returns the path of the image */
export async function buildInitramfs({ kernel, script, directory }: Initramfs): Promise<string> {
  const tree = join(directory, 'tree');
  const image = join(directory, 'initramfs');
  mkdirSync(join(tree, 'bin'), { recursive: true });
  mkdirSync(join(tree, 'modules'));
  copyFileSync(join(kernel.userland ?? '/', 'bin/busybox'), join(tree, 'bin/busybox'));
  for (const [index, path] of (await modulePaths(kernel)).entries()) {
    const name = basename(path).replace(/\.xz$/, '');
    await addModule(path, join(tree, 'modules', `${String(index).padStart(2, '0')}-${name}`));
  }
  copyFileSync(join(packageRoot(), 'test/matrix/guest/init'), join(tree, 'init'));
  writeFileSync(join(tree, 'session'), sessionScript(script, kernel));
  writeFileSync(join(tree, 'modules-directory'), join(kernel.root, 'lib/modules'));
  for (const program of ['init', 'session', 'bin/busybox']) {
    chmodSync(join(tree, program), 0o755);
  }
  await runCommand(['sh', '-c', 'cd "$1" && find . | cpio --quiet -o -H newc >"$2"', 'sh', tree, image]);
  return image;
}
