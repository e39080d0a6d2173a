/** Directories of kernel tests, which daemons write to as long as they live. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directories: string[] = [];

/**
 * Makes a directory that is removed as the process of this test file ends. A hook of the test that needs it would run
 * before the hooks that end its daemons, and one of these would write into what is being removed.
 */
export function temporaryDirectory(): string {
  if (directories.length === 0) {
    process.once('exit', () => {
      for (const directory of directories) {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-state-'));
  directories.push(directory);
  return directory;
}
