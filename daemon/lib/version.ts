/** The version of this build: that of its package.json. */
import { readFileSync } from 'node:fs';
import { packageFile } from './package-root.js';

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : null;
  return typeof version === 'string' ? version : 'unknown';
}

export const VERSION = readVersion();
