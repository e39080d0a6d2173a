/** Kernels that were fetched and unpacked, outside the tree, so that a second run needs no network. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { AptArchive } from './apt-archive.js';
import { chooseRelease, type KernelRelease, seriesOf } from './kernel-release.js';

/** A kernel that can be booted. */
export interface Kernel extends KernelRelease {
  readonly image: string;
  /** A folder with lib/modules/RELEASE, for modprobe's option --dirname. */
  readonly root: string;
}

const UNPACK_TIMEOUT_MS = 120_000;

export function defaultCacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stuckd/kernels');
}

export class KernelStore {
  readonly #directory: string;
  readonly #progress: (line: string) => void;
  #archive: Promise<{ archive: AptArchive; releases: readonly KernelRelease[] }> | undefined;

  constructor(directory: string, progress: (line: string) => void) {
    this.#directory = directory;
    this.#progress = progress;
    mkdirSync(directory, { recursive: true });
  }

  /**
   * @param wanted see `chooseRelease`
   * @throws Error that names the series there are, if there is no such kernel
   */
  async get(wanted: string): Promise<Kernel> {
    const { archive, releases } = await this.#open();
    const stored = this.#stored();
    const release = chooseRelease(releases, wanted) ?? chooseRelease(stored, wanted);
    if (release === undefined) {
      throw new Error(
        `there is no kernel "${wanted}"; the series are ${seriesOf([...releases, ...stored]).join(', ')}`,
      );
    }
    if (!stored.some((other) => other.release === release.release)) {
      this.#progress(`fetching ${release.release} (${release.version})`);
      await this.#fetch(archive, release);
    }
    return this.#kernel(release);
  }

  #open(): Promise<{ archive: AptArchive; releases: readonly KernelRelease[] }> {
    this.#archive ??= AptArchive.open(join(this.#directory, 'apt')).then(async (archive) => ({
      archive,
      releases: await archive.releases(),
    }));
    return this.#archive;
  }

  #kernel(release: KernelRelease): Kernel {
    const root = join(this.#directory, release.release);
    return { ...release, root, image: join(root, 'vmlinuz') };
  }

  /** A kernel's folder gets its name when it is complete. */
  #stored(): readonly KernelRelease[] {
    return readdirSync(this.#directory)
      .map((name) => join(this.#directory, name, 'release.json'))
      .filter((path) => existsSync(path))
      .map((path) => JSON.parse(readFileSync(path, 'utf8')) as KernelRelease);
  }

  async #fetch(archive: AptArchive, release: KernelRelease): Promise<void> {
    const work = mkdtempSync(join(this.#directory, 'fetch-'));
    try {
      const packages = join(work, 'packages');
      const unpacked = join(work, 'unpacked');
      const kernel = join(work, 'kernel');
      mkdirSync(packages);
      mkdirSync(join(kernel, 'lib/modules'), { recursive: true });
      await archive.download(release, packages);
      for (const file of readdirSync(packages)) {
        await runCommand(['dpkg-deb', '-x', join(packages, file), unpacked], { timeoutMs: UNPACK_TIMEOUT_MS });
      }
      arrange(unpacked, kernel, release.release);
      await runCommand(['depmod', '--basedir', kernel, release.release], { timeoutMs: UNPACK_TIMEOUT_MS });
      writeFileSync(join(kernel, 'release.json'), JSON.stringify(release));
      renameSync(kernel, join(this.#directory, release.release));
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
}

/** The first of these paths that exists. Packages moved image and modules around over the years. */
function find(candidates: readonly string[], what: string): string {
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) {
    throw new Error(`the packages hold no ${what}; looked for ${candidates.join(', ')}`);
  }
  return found;
}

function arrange(unpacked: string, kernel: string, release: string): void {
  const modules = ['lib/modules', 'usr/lib/modules'].map((folder) => join(unpacked, folder, release));
  const images = [join(unpacked, 'boot', `vmlinuz-${release}`), ...modules.map((folder) => join(folder, 'vmlinuz'))];
  renameSync(find(images, 'kernel image'), join(kernel, 'vmlinuz'));
  renameSync(find(modules, 'modules'), join(kernel, 'lib/modules', release));
}
