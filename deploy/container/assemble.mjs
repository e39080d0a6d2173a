// Lays out what the container image ships, below a directory: node deploy/container/assemble.mjs DIRECTORY
// The build stage of the Dockerfile runs it, and so do the tests, which run the programs from such a directory. It needs
// the results of the setup steps "sensor" and "bundle".
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesBelow } from '../setup/files.mjs';
import { root, ToolError } from '../setup/run-tool.mjs';

/** Where the package lies in the image. */
const home = 'opt/stuckd';

/** Where the runtime image has Node.js. It has no /usr/bin/env, which the programs ask for elsewhere. */
const node = '/nodejs/bin/node';

const sensor = 'bpf/.output/stuckd-sensor';
const licences = ['LICENSE', 'bpf/LICENSE'];

const { name, version, license, type, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Programs in the path of the image, and what they are links to. */
const commands = { ...bin, 'stuckd-sensor': sensor };

/** Source maps are for developers, who have the sources. */
const isShipped = (path) => !path.endsWith('.map');

function copy(path, image) {
  const target = join(image, home, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(root, path), target);
}

function interpretByNode(path) {
  const text = readFileSync(path, 'utf8');
  const changed = text.replace(/^#!.*\n/, `#!${node}\n`);
  if (changed === text) {
    throw new ToolError(`${path} does not begin with the line that names its interpreter.`);
  }
  writeFileSync(path, changed);
}

function assemble(image) {
  const missing = Object.values(commands).filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) {
    throw new ToolError(`Not built yet: ${missing.join(', ')}. Run "node deploy/setup/setup.mjs" first.`);
  }
  for (const path of [...filesBelow(dirname(bin.stuckd), isShipped), ...licences, sensor]) {
    copy(path, image);
  }
  for (const path of Object.values(bin)) {
    interpretByNode(join(image, home, path));
    chmodSync(join(image, home, path), 0o755);
  }
  chmodSync(join(image, home, sensor), 0o755);
  // By it the programs find their package; what it says of building and testing is of no use there.
  writeFileSync(join(image, home, 'package.json'), `${JSON.stringify({ name, version, license, type }, null, 2)}\n`);
  mkdirSync(join(image, 'usr/local/bin'), { recursive: true });
  for (const [command, path] of Object.entries(commands)) {
    symlinkSync(`/${home}/${path}`, join(image, 'usr/local/bin', command));
  }
}

const [directory, ...rest] = process.argv.slice(2);
if (directory === undefined || rest.length > 0) {
  process.stderr.write('usage: node deploy/container/assemble.mjs DIRECTORY\n');
  process.exitCode = 2;
} else {
  try {
    assemble(directory);
  } catch (error) {
    if (!(error instanceof ToolError)) {
      throw error;
    }
    process.stderr.write(`assemble: ${error.message}\n`);
    process.exitCode = 1;
  }
}
