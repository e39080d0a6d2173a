import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { filesBelow } from './files.mjs';
import { root, runNodeTool } from './run-tool.mjs';

const generatedFolder = 'daemon/rpc/gen';

/** The main files of the two programs, by the names that "bin" in package.json gives them; the bundles start there. */
export const mainFiles = { stuckd: 'build/daemon/main.js', stuckctl: 'build/daemon/cli/main.js' };

const outputs = Object.values(mainFiles);

const sources = () =>
  ['daemon', 'test', 'deploy/examples'].flatMap((folder) => filesBelow(folder, (path) => path.endsWith('.ts')));

/** A compiled file whose source is gone would still be imported, and as a test still be run. */
function removeOrphans() {
  for (const path of ['build/daemon', 'build/test', 'build/deploy'].flatMap((folder) => filesBelow(folder))) {
    const source = path.slice('build/'.length).replace(/\.js(\.map)?$/, '.ts');
    if (!existsSync(join(root, source)) && !path.startsWith(`build/${generatedFolder}/`)) {
      rmSync(join(root, path));
    }
  }
}

/** The compiler only types the generated classes; their JavaScript goes along as it is. */
function copyGenerated() {
  mkdirSync(join(root, 'build', generatedFolder), { recursive: true });
  for (const path of filesBelow(generatedFolder, (path) => path.endsWith('.js'))) {
    copyFileSync(join(root, path), join(root, 'build', generatedFolder, basename(path)));
  }
}

/** TypeScript to build/, file by file, as the tests import it. */
export const compileStep = {
  name: 'compile',
  doing: 'compiling the daemon',
  inputs: () => ['package.json', 'package-lock.json', 'tsconfig.json', ...filesBelow(generatedFolder), ...sources()],
  outputs,
  async run() {
    if (!outputs.every((path) => existsSync(join(root, path)))) {
      // The compiler goes by its notes and would not write again what somebody has deleted.
      rmSync(join(root, 'build/.tsbuildinfo'), { force: true });
    }
    await runNodeTool('typescript/bin/tsc', ['-p', '.']);
    removeOrphans();
    copyGenerated();
  },
};
