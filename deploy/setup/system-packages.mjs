import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runTool, ToolError } from './run-tool.mjs';

/**
 * What stuckd needs from the system, by the Debian package that brings it. `finds` are the files or programs by which
 * another distribution is judged, where package names differ.
 */
const systemPackages = [
  { name: 'bpftool', finds: ['bpftool'] },
  { name: 'clang', finds: ['clang'] },
  { name: 'clang-format', finds: ['clang-format'] },
  { name: 'gcc', finds: ['gcc'] },
  { name: 'iproute2', finds: ['ip', 'ss'] },
  { name: 'iptables', finds: ['iptables'] },
  { name: 'libbpf-dev', finds: ['/usr/include/bpf/libbpf.h'] },
  { name: 'libc6-dev', finds: ['/usr/include/stdio.h'] },
  { name: 'libelf-dev', finds: ['/usr/include/libelf.h'] },
  { name: 'llvm', finds: ['llvm-strip'] },
  { name: 'make', finds: ['make'] },
  { name: 'nftables', finds: ['nft'] },
  { name: 'procps', finds: ['sysctl'] },
  { name: 'util-linux', finds: ['nsenter', 'unshare'] },
  { name: 'zlib1g-dev', finds: ['/usr/include/zlib.h'] },
];

/** What it takes to boot kernels in emulated machines, which is for the developers of stuckd alone. */
const guestPackages = [
  { name: 'busybox-static', finds: ['/bin/busybox'] },
  { name: 'cpio', finds: ['cpio'] },
  { name: 'kmod', finds: ['depmod', 'modprobe'] },
  { name: 'qemu-system-x86', finds: ['qemu-system-x86_64', '/usr/lib/qemu/virtiofsd'] },
  { name: 'xz-utils', finds: ['xz'] },
];

/** A compiler for arm64, and an emulator for its programs. */
const crossPackages = [
  { name: 'gcc-aarch64-linux-gnu', finds: ['aarch64-linux-gnu-gcc'] },
  { name: 'libc6-dev-arm64-cross', finds: ['/usr/aarch64-linux-gnu/include/stdio.h'] },
  { name: 'qemu-user-static', finds: ['qemu-aarch64-static'] },
];

/** An emulator of whole machines of that kind. */
const arm64GuestPackages = [{ name: 'qemu-system-arm', finds: ['qemu-system-aarch64'] }];

/** Where the tests try out the terminal view, completions and manual pages. */
const terminalPackages = [
  { name: 'fish', finds: ['fish'] },
  { name: 'man-db', finds: ['man'] },
  { name: 'mandoc', finds: ['mandoc'] },
  { name: 'tmux', finds: ['tmux'] },
  { name: 'zsh', finds: ['zsh'] },
];

/** bpftool, nft and iptables live in the sbin folders, which the PATH of an ordinary user often leaves out. */
const searchPath = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].filter(
  (folder) => folder !== '',
);

function isThere(find) {
  return find.startsWith('/') ? existsSync(find) : searchPath.some((folder) => existsSync(join(folder, find)));
}

/** Debian and what is built on it say so in os-release; only there the package names above hold. */
function isDebianLike() {
  const osRelease = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(osRelease);
}

/** @returns the names of those that are not installed */
export function missingPackages(packages) {
  if (!isDebianLike()) {
    return packages.filter(({ finds }) => !finds.every(isThere)).map(({ name }) => name);
  }
  const names = packages.map(({ name }) => name);
  // dpkg-query fails when any package is unknown to it; what it printed about the others still holds.
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...names], {
    encoding: 'utf8',
  });
  if (query.error !== undefined) {
    throw new ToolError(`dpkg-query could not be started: ${query.error.message}`);
  }
  const installed = new Set(query.stdout.split('\n').filter((line) => line.endsWith(' installed')));
  return names.filter((name) => !installed.has(`${name} installed`));
}

async function install(names) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  // A machine that has just booted often still runs its own apt; wait for it rather than fail.
  const lockWait = ['-o', 'DPkg::Lock::Timeout=300'];
  await runTool('apt-get', [...lockWait, 'update'], env);
  await runTool('apt-get', [...lockWait, 'install', '-y', '--no-install-recommends', ...names], env);
}

export async function installMissing(packages) {
  const names = missingPackages(packages);
  if (!isDebianLike()) {
    const what = packages.filter(({ name }) => names.includes(name)).map(({ finds }) => finds.join(', '));
    throw new ToolError(
      `This is not Debian, so setup installs no system packages by itself. Install what provides: ${what.join(', ')}.`,
    );
  }
  if (process.getuid() !== 0) {
    throw new ToolError(
      `System packages are missing and only root can install them. Let an administrator run:\n` +
        `  apt-get update && apt-get install -y --no-install-recommends ${names.join(' ')}`,
    );
  }
  await install(names);
  const still = missingPackages(packages);
  if (still.length > 0) {
    throw new ToolError(`apt-get finished, but these packages are still not installed: ${still.join(' ')}.`);
  }
}

// The system itself is asked every time, since a package can be removed.

/** Compilers, headers and network tools. */
export const systemPackagesStep = {
  name: 'system',
  doing: 'installing system packages',
  isDone: () => missingPackages(systemPackages).length === 0,
  run: () => installMissing(systemPackages),
};

/** What it takes to build the sensor for arm64 on another machine, beside the libraries of `sysrootStep`. */
export const crossPackagesStep = {
  name: 'cross',
  doing: 'installing a compiler for arm64',
  isDone: () => missingPackages(crossPackages).length === 0,
  run: () => installMissing(crossPackages),
};

/** An emulator, and what builds the first file system of its machines. */
export const guestPackagesStep = {
  name: 'guests',
  doing: 'installing an emulator',
  isDone: () => missingPackages(guestPackages).length === 0,
  run: () => installMissing(guestPackages),
};

/** What it takes beside to boot kernels for arm64. */
export const arm64GuestPackagesStep = {
  name: 'arm64-guests',
  doing: 'installing an emulator of arm64',
  isDone: () => missingPackages(arm64GuestPackages).length === 0,
  run: () => installMissing(arm64GuestPackages),
};

/** A terminal without a screen, shells, and readers of manual pages. Tests that miss one say so. */
export const terminalPackagesStep = {
  name: 'terminals',
  doing: 'installing shells and a terminal for the tests',
  isDone: () => missingPackages(terminalPackages).length === 0,
  run: () => installMissing(terminalPackages),
};
