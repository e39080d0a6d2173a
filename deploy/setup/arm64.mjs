import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from './files.mjs';
import { root, runTool, ToolError } from './run-tool.mjs';

const folder = 'build/arm64';
const sysroot = `${folder}/sysroot`;

/** What the sensor is linked with, beside libc, which comes with the cross compiler. */
const libraries = ['libbpf-dev', 'libelf-dev', 'zlib1g-dev'];

/**
 * apt reads the sources of this machine for the other architecture, with directories of its own: nothing is installed,
 * and dpkg need not know the architecture.
 */
function aptOptions(state) {
  const settings = {
    'APT::Architecture': 'arm64',
    'APT::Architectures': 'arm64',
    'APT::Sandbox::User': 'root', // the user _apt cannot write into a folder of ours
    'Acquire::Languages': 'none',
    'Dir::State': state,
    'Dir::State::status': `${state}/status`,
    'Dir::Cache': `${state}/cache`,
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

async function unpackLibraries() {
  const state = join(root, folder, 'apt');
  const packages = join(root, folder, 'packages');
  const unpacked = join(root, folder, 'unpacked');
  for (const path of [packages, unpacked]) {
    rmSync(path, { recursive: true, force: true });
  }
  for (const path of [`${state}/lists/partial`, `${state}/cache/archives/partial`, packages, unpacked]) {
    mkdirSync(path, { recursive: true });
  }
  writeFileSync(`${state}/status`, '');
  await runTool('apt-get', [...aptOptions(state), '-q', 'update']);
  const download = ['apt-get', ...aptOptions(state), '-q', 'download', ...libraries];
  await runTool('sh', ['-c', 'cd "$1" && shift && exec "$@"', 'sh', packages, ...download]);
  for (const name of readdirSync(packages)) {
    await runTool('dpkg', ['-x', join(packages, name), unpacked]);
  }
  rmSync(join(root, sysroot), { recursive: true, force: true });
  renameSync(unpacked, join(root, sysroot));
}

/** Debian's libraries for arm64, unpacked below build/. */
export const sysrootStep = {
  name: 'sysroot',
  doing: "unpacking Debian's libraries for arm64",
  isDone: () => existsSync(join(root, sysroot, 'usr/lib/aarch64-linux-gnu/libbpf.a')),
  run: unpackLibraries,
};

/** The C half for arm64 on a machine that is none, and the proof that its records are those of every other machine. */
export const arm64Step = {
  name: 'arm64',
  doing: 'building the sensor for arm64',
  inputs: () => [
    ...filesBelow('bpf', (path) => !path.startsWith('bpf/.output/')),
    ...['daemon/wire/layout.generated.ts', ...filesBelow('test/golden')],
  ],
  outputs: ['bpf/.output/arm64/stuckd-sensor', 'bpf/.output/arm64/stuckd-notify-exec'],
  run() {
    if (process.arch === 'arm64') {
      throw new ToolError('This machine is arm64 itself: "npm run build" builds the sensor for it.');
    }
    return runTool('make', ['-C', 'bpf', 'ARCH=arm64']);
  },
};
