import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, runTool, ToolError } from './run-tool.mjs';

const packageName = 'prometheus-alertmanager';
const folder = 'build/tools/alertmanager';

/** The tests look for it there. */
const program = `${folder}/usr/bin/prometheus-alertmanager`;

/** Into the current folder of the shell; apt checks it against its signed indexes. */
const download = (into) =>
  runTool('sh', ['-c', 'cd "$1" && exec apt-get -q -o APT::Sandbox::User=root download "$2"', 'sh', into, packageName]);

async function fetchAndUnpack() {
  const temporary = `${folder}.new`;
  rmSync(join(root, temporary), { recursive: true, force: true });
  mkdirSync(join(root, temporary), { recursive: true });
  try {
    await download(temporary);
  } catch (error) {
    if (process.getuid() !== 0) {
      throw new ToolError(`${error.message}\nMaybe an "apt-get update" helps, which only an administrator can do.`);
    }
    await runTool('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'update']);
    await download(temporary);
  }
  const archive = readdirSync(join(root, temporary)).find((name) => name.endsWith('.deb'));
  await runTool('dpkg', ['-x', `${temporary}/${archive}`, temporary]);
  rmSync(join(root, temporary, archive));
  rmSync(join(root, folder), { recursive: true, force: true });
  renameSync(join(root, temporary), join(root, folder));
}

/** A real Alertmanager for the tests: Debian's package, unpacked and not installed, so that no service starts. */
export const alertmanagerStep = {
  name: 'alertmanager',
  doing: 'unpacking an Alertmanager',
  isDone: () => existsSync(join(root, program)),
  run: fetchAndUnpack,
};
