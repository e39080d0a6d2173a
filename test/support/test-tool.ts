/** Small C programs of tests, compiled when one of them is needed. */
import { execFile } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from './package-root.js';

const built = new Map<string, Promise<string>>();

/** Another process may run what is there, so it is replaced, not written. */
async function compile(name: string, source: string): Promise<string> {
  const directory = join(packageRoot(), 'build/test-tools');
  const program = join(directory, name);
  const fresh = `${program}.${String(process.pid)}`;
  mkdirSync(directory, { recursive: true });
  const options = ['-O2', '-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
  await promisify(execFile)('cc', [...options, join(packageRoot(), source), '-o', fresh]);
  renameSync(fresh, program);
  return program;
}

/** @param source from the root of the package. @returns the path of the program, which each process compiles once */
export function testTool(name: string, source: string): Promise<string> {
  const program = built.get(name) ?? compile(name, source);
  built.set(name, program);
  return program;
}
