// Builds the sensor with the newest clang that is installed beside the usual one, in a folder of its own, and as root
// loads its programs into this kernel: "npm run build:newest-clang". The layout of the records must be the committed one.
import { readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { root, runTool, ToolError } from './run-tool.mjs';

const folder = '/usr/bin';

/** Versions that can be called by their number, newest first, without that which is called clang. */
function others() {
  const usual = /clang-?(\d+)$|llvm-(\d+)/.exec(realpathSync(join(folder, 'clang'))) ?? [];
  return readdirSync(folder)
    .flatMap((name) => /^clang-(\d+)$/.exec(name)?.[1] ?? [])
    .filter((version) => !usual.slice(1).includes(version))
    .sort((a, b) => b - a);
}

async function main() {
  const [newest] = others();
  if (newest === undefined) {
    process.stdout.write('No other clang is installed; "npm run build:newest-clang" installs one.\n');
    return;
  }
  const output = `.output/clang-${newest}`;
  await runTool('make', ['-C', 'bpf', `CLANG=clang-${newest}`, `OUTPUT=${output}`]);
  const sensor = join(root, 'bpf', output, 'stuckd-sensor');
  const loads = process.getuid() === 0;
  if (loads) {
    await runTool(sensor, ['--check']);
  }
  process.stdout.write(`clang ${newest} builds the sensor${loads ? ', and its programs load here' : ''}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ToolError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
