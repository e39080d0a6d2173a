import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runTool } from './run-tool.mjs';

function lockedPackages(file) {
  const path = join(root, file);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined;
}

/**
 * npm keeps its own note of what it put into node_modules. Comparing that note with the lock file is exact, and it also
 * accepts what a developer installed by hand. Optional packages for other platforms are rightly absent.
 */
function isInstalled() {
  const installed = lockedPackages('node_modules/.package-lock.json');
  if (installed === undefined) {
    return false;
  }
  const locked = lockedPackages('package-lock.json');
  const matches = Object.entries(locked).every(([path, wanted]) => {
    const found = installed[path];
    return path === '' || (found === undefined ? wanted.optional === true : found.integrity === wanted.integrity);
  });
  return matches && Object.keys(installed).every((path) => path in locked);
}

/** The npm packages, exactly as locked, with the tools of the build also where NODE_ENV is "production". */
export const npmPackagesStep = {
  name: 'npm',
  doing: 'installing npm packages',
  isDone: isInstalled,
  run: () => runTool('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']),
};
