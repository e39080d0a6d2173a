import { packageFile } from '../../daemon/lib/package-root.js';

/** The directory of package.json. */
export function packageRoot(): string {
  return packageFile('.');
}
