/** Control groups of a test, laid out as runtimes do, and removed when it ends. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ending } from './lab.js';
import { waitFor } from './wait-for.js';

function mounts(): readonly (readonly string[])[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
}

/** Where cgroup v2 is mounted. */
export function cgroup2Mount(): string | undefined {
  return mounts().find(([, , type]) => type === 'cgroup2')?.[1];
}

/** Where the hierarchy of a controller of cgroup v1 is mounted. */
export function cgroup1Mount(controller: string): string | undefined {
  return mounts().find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes(controller))?.[1];
}

/** Why groups cannot be made there, for the `skip` option of a test; false if they can. */
export function cgroupSkipReason(mount: string | undefined): string | false {
  if (mount === undefined) {
    return 'no such hierarchy of control groups is mounted here';
  }
  const probe = join(mount, `stuckd_test-probe-${String(process.pid)}`);
  try {
    mkdirSync(probe);
    rmdirSync(probe);
    return false;
  } catch (error) {
    return `control groups cannot be made here: ${(error as Error).message}`;
  }
}

/** Groups are removed from the leaves. @throws Error while a process is in one of them */
export function removeGroups(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      removeGroups(join(directory, entry.name));
    }
  }
  rmdirSync(directory);
}

let groups = 0;

/** A group, below one that no other test and nothing else of this machine uses. */
export class TestCgroup {
  readonly #mount: string;
  readonly #top: string;
  /** As processes in it see it. */
  readonly path: string;

  /** @param below path from the top group of this test, such as `kubepods.slice/...` */
  constructor(test: Ending, mount: string, below: string) {
    groups += 1;
    const top = `stuckd_test${String(process.pid)}_${String(groups)}.slice`;
    this.#mount = mount;
    this.#top = join(mount, top);
    this.path = `/${top}/${below}`;
    mkdirSync(join(mount, this.path), { recursive: true });
    test.after(() => this.remove());
  }

  add(pid: number): void {
    writeFileSync(join(this.#mount, this.path, 'cgroup.procs'), String(pid));
  }

  /** When no process is left in it. */
  async remove(): Promise<void> {
    const isRemoved = (): boolean => {
      if (existsSync(this.#top)) {
        removeGroups(this.#top);
      }
      return true;
    };
    await waitFor(isRemoved, { what: `removing ${this.#top}` });
  }
}
