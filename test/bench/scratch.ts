/** A directory of a part's own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PartContext } from './part.js';

/** @returns its path; it goes when the part ends, or with this process. */
export function scratchDirectory({ cleanup }: PartContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-bench-'));
  const remove = (): void => {
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', remove);
  cleanup.push('files', () => {
    process.off('exit', remove);
    remove();
  });
  return directory;
}
