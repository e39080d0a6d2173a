import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run-tool.mjs';

/** All files below a folder of the repository for which keep(path) holds, as sorted paths relative to the root. */
export function filesBelow(folder, keep = () => true) {
  if (!existsSync(join(root, folder))) {
    return [];
  }
  const paths = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      paths.push(...filesBelow(path, keep));
    } else if (keep(path)) {
      paths.push(path);
    }
  }
  return paths.sort();
}

/** One hash over names and contents, so that a touched file changes nothing and a renamed one does. */
export function hashFiles(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = readFileSync(join(root, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
