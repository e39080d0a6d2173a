import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filesBelow } from './files.mjs';
import { root } from './run-tool.mjs';

const folder = 'build/man';
const pages = ['stuckctl.1', 'stuckd.8', 'stuckd.yaml.5'];
const scripts = ['stuckctl', 'stuckd'].flatMap((name) => ['bash', 'zsh', 'fish'].map((shell) => `${name}.${shell}`));
const example = 'deploy/stuckd.example.yaml';

/** Manual pages and completions, which say the same as --help; whoever installs stuckd copies them where they belong: see install.sh. */
export const manStep = {
  name: 'man',
  doing: 'writing the manual pages',
  inputs: () => ['package.json', 'deploy/setup/man.mjs', example, ...filesBelow('build/daemon')],
  outputs: [...pages, ...scripts].map((name) => `${folder}/${name}`),
  async run() {
    const { completions, manPages } = await import(pathToFileURL(join(root, 'build/daemon/man-pages.js')).href);
    mkdirSync(join(root, folder), { recursive: true });
    for (const [name, text] of [...manPages(readFileSync(join(root, example), 'utf8')), ...completions()]) {
      writeFileSync(join(root, folder, name), text);
    }
  },
};
