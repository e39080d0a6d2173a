import { spawnSync } from 'node:child_process';
import { installMissing, missingPackages } from './system-packages.mjs';
import { ToolError } from './run-tool.mjs';

/** @returns the package of the newest clang that this machine's apt offers, for example clang-22. */
function newestOffered() {
  const search = spawnSync('apt-cache', ['search', '--names-only', '^clang-[0-9]+$'], { encoding: 'utf8' });
  const names = [...(search.stdout ?? '').matchAll(/^clang-\d+/gm)].map(([name]) => name);
  if (names.length === 0) {
    throw new ToolError('apt offers no clang under the name of a version here; "apt-get update" may help.');
  }
  return names.sort((a, b) => Number(a.slice('clang-'.length)) - Number(b.slice('clang-'.length))).at(-1);
}

const asPackages = () => {
  const name = newestOffered();
  return [{ name, finds: [name] }];
};

/** Beside the usual one, which goes on being called clang. */
export const newestClangStep = {
  name: 'newest-clang',
  doing: 'installing the newest clang',
  isDone: () => missingPackages(asPackages()).length === 0,
  run: () => installMissing(asPackages()),
};
