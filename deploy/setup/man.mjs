import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filesBelow } from './files.mjs';
import { root } from './run-tool.mjs';

const folder = 'build/man';
const example = 'deploy/stuckd.example.yaml';

/** Manual pages, which say the same as --help; whoever installs stuckd copies them below man/. */
export const manStep = {
  name: 'man',
  doing: 'writing the manual pages',
  inputs: () => ['package.json', 'deploy/setup/man.mjs', example, ...filesBelow('build/daemon')],
  outputs: ['stuckctl.1', 'stuckd.8', 'stuckd.yaml.5'].map((name) => `${folder}/${name}`),
  async run() {
    const { manPages } = await import(pathToFileURL(join(root, 'build/daemon/man-pages.js')).href);
    mkdirSync(join(root, folder), { recursive: true });
    for (const [name, text] of manPages(readFileSync(join(root, example), 'utf8'))) {
      writeFileSync(join(root, folder, name), text);
    }
  },
};
