/** Where this package lies: what belongs to it is found from there, by the compiled files and by the bundles alike. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) {
      throw new Error('the package.json of stuckd is missing: it must lie in a directory above the program');
    }
    directory = parent;
  }
  return directory;
}

const root = findRoot();

/** @param path of a file of this package, from the directory of its package.json. @returns an absolute path */
export function packageFile(path: string): string {
  return join(root, path);
}
