/**
 * Control groups by their id, which is the inode number of their directory in the cgroup v2 hierarchy. Sockets know the
 * group of whoever created them by that id alone.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface CgroupTreeOptions {
  /** Where control groups are mounted. */
  readonly cgroupRoot: string;
  /** Between the end of one walk and the begin of the next, milliseconds; longer where a walk takes long. */
  readonly walkIntervalMs?: number;
  /** Directories that one walk visits. */
  readonly directoriesMax?: number;
  /** Of any origin, milliseconds. */
  readonly nowMs?: () => number;
}

interface Walk {
  readonly paths: ReadonlyMap<bigint, string>;
  /** All that was there has been seen. */
  readonly isComplete: boolean;
}

const WALK_INTERVAL_MS = 5000;
/** Walks take no larger share of the time than one in so many. */
const WALK_SHARE = 50;
/** A node with 250 pods has some two thousand. */
const DIRECTORIES_MAX = 16_384;
/** Ids that are known to lead nowhere. */
const ABSENT_MAX = 4096;

/** The cgroup v2 hierarchy: all of it, or beside those of v1 in a directory of its own; null if there is none. */
function unifiedRoot(cgroupRoot: string): string | null {
  const roots = [cgroupRoot, join(cgroupRoot, 'unified')];
  return roots.find((root) => existsSync(join(root, 'cgroup.controllers'))) ?? null;
}

/** The directory is gone, as groups come and go; anything else, such as a lack of descriptors, says nothing of it. */
function isRemoved(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENODEV';
}

export class CgroupTree {
  readonly #root: string | null;
  readonly #walkIntervalMs: number;
  readonly #directoriesMax: number;
  readonly #nowMs: () => number;
  #paths: ReadonlyMap<bigint, string> = new Map();
  /** Ids are not given again, so that one which a complete walk did not meet is gone for good. */
  readonly #absent = new Set<bigint>();
  /** Asked for since the last walk began. */
  #wanted = new Set<bigint>();
  #walking = false;
  #timer: NodeJS.Timeout | null = null;
  #nextWalkMs = -Infinity;
  #stopped = false;

  constructor(options: CgroupTreeOptions) {
    this.#root = unifiedRoot(options.cgroupRoot);
    this.#walkIntervalMs = options.walkIntervalMs ?? WALK_INTERVAL_MS;
    this.#directoriesMax = options.directoriesMax ?? DIRECTORIES_MAX;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /**
   * Never waits: what is not known yet is looked for, to be known when it is asked for again.
   * @returns the path from the root of the hierarchy; null if it is not known.
   */
  pathOf(id: bigint): string | null {
    const path = this.#paths.get(id) ?? null;
    if (path === null && id !== 0n && !this.#absent.has(id) && this.#wanted.size < ABSENT_MAX) {
      this.#wanted.add(id);
      this.#schedule();
    }
    return path;
  }

  /** Makes what is there now known, so that the first question finds it. */
  start(): void {
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
  }

  #schedule(): void {
    if (this.#root === null || this.#walking || this.#timer !== null || this.#stopped) {
      return;
    }
    const root = this.#root;
    const waitMs = Math.max(0, this.#nextWalkMs - this.#nowMs());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#refresh(root);
    }, waitMs);
  }

  async #refresh(root: string): Promise<void> {
    this.#walking = true;
    const beginMs = this.#nowMs();
    const wanted = this.#wanted;
    this.#wanted = new Set();
    const { paths, isComplete } = await this.#walk(root);
    this.#paths = paths;
    for (const id of wanted) {
      if (isComplete && !paths.has(id)) {
        this.#rememberAbsent(id);
      }
    }
    // What was asked for meanwhile is a reason to look again only if the answer is not here by now.
    for (const id of this.#wanted) {
      if (this.#paths.has(id) || this.#absent.has(id)) {
        this.#wanted.delete(id);
      }
    }
    this.#walking = false;
    const endMs = this.#nowMs();
    this.#nextWalkMs = endMs + Math.max(this.#walkIntervalMs, WALK_SHARE * (endMs - beginMs));
    if (this.#wanted.size > 0) {
      this.#schedule();
    }
  }

  #rememberAbsent(id: bigint): void {
    this.#absent.add(id);
    for (const oldest of this.#absent) {
      if (this.#absent.size <= ABSENT_MAX) {
        return;
      }
      this.#absent.delete(oldest);
    }
  }

  /** One directory after the other, breadth first: pods lie near the root, and nobody is in a hurry. */
  async #walk(root: string): Promise<Walk> {
    const paths = new Map<bigint, string>();
    let isComplete = true;
    const queue = ['/'];
    for (let path = queue.shift(); path !== undefined && !this.#stopped; path = queue.shift()) {
      const directory = join(root, path);
      try {
        const { ino } = await stat(directory, { bigint: true });
        const entries = await readdir(directory, { withFileTypes: true });
        paths.set(ino, path);
        const room = this.#directoriesMax - paths.size - queue.length;
        const below = entries.filter((entry) => entry.isDirectory());
        isComplete &&= below.length <= room;
        queue.push(...below.slice(0, Math.max(0, room)).map(({ name }) => join(path, name)));
      } catch (error) {
        // Since its parent was read; the root is gone only if the hierarchy itself is.
        isComplete &&= isRemoved(error) && path !== '/';
      }
    }
    return { paths, isComplete: isComplete && !this.#stopped };
  }
}
