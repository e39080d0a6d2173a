import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, runTool, ToolError } from './run-tool.mjs';

/** Into the current folder of the shell; apt checks it against its signed indexes. */
const download = (into, packageName) =>
  runTool('sh', ['-c', 'cd "$1" && exec apt-get -q -o APT::Sandbox::User=root download "$2"', 'sh', into, packageName]);

async function fetchAndUnpack(packageName, folder) {
  const temporary = `${folder}.new`;
  rmSync(join(root, temporary), { recursive: true, force: true });
  mkdirSync(join(root, temporary), { recursive: true });
  try {
    await download(temporary, packageName);
  } catch (error) {
    if (process.getuid() !== 0) {
      throw new ToolError(`${error.message}\nMaybe an "apt-get update" helps, which only an administrator can do.`);
    }
    await runTool('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'update']);
    await download(temporary, packageName);
  }
  const archive = readdirSync(join(root, temporary)).find((name) => name.endsWith('.deb'));
  await runTool('dpkg', ['-x', `${temporary}/${archive}`, temporary]);
  rmSync(join(root, temporary, archive));
  rmSync(join(root, folder), { recursive: true, force: true });
  renameSync(join(root, temporary), join(root, folder));
}

/**
 * A program for the tests: Debian's package, unpacked below build/tools and not installed, so that no service starts. It
 * brings no packages that it depends on; a Go program needs none.
 */
function unpackedTool({ name, packageName, program }) {
  const folder = `build/tools/${name}`;
  return {
    name,
    doing: `unpacking Debian's ${packageName}`,
    isDone: () => existsSync(join(root, folder, program)),
    run: () => fetchAndUnpack(packageName, folder),
  };
}

/** It brings amtool as well. */
export const alertmanagerStep = unpackedTool({
  name: 'alertmanager',
  packageName: 'prometheus-alertmanager',
  program: 'usr/bin/prometheus-alertmanager',
});

/** It brings promtool as well. */
export const prometheusStep = unpackedTool({
  name: 'prometheus',
  packageName: 'prometheus',
  program: 'usr/bin/prometheus',
});
