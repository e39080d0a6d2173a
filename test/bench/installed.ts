/** Peers that are not installed are left out with a line that says so, never a failure. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** @returns whether a program of this name is on the path. */
export function isInstalled(program: string, path = process.env['PATH'] ?? ''): boolean {
  return path.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
