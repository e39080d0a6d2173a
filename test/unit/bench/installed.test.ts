/** Proves that a peer is looked for in all directories of the path, and that what cannot be executed does not count. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isInstalled } from '../../bench/installed.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

test('a program is looked for in every directory of the path', () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'peer');
  writeFileSync(file, '');
  chmodSync(file, 0o644);
  // Root may read and write anything, but executes only what somebody may execute.
  assert.equal(isInstalled('peer', directory), false);
  chmodSync(file, 0o755);
  assert.equal(isInstalled('peer', `/nowhere:${directory}`), true);
  assert.equal(isInstalled('another', directory), false);
  assert.equal(isInstalled('peer', ''), false);
});
