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
import { AptArchive, KERNEL_SUITES } from './apt-archive.js';
import { type Architecture, flavourOf, splitWanted } from './flavour.js';
import { foreignUserland } from './foreign-userland.js';
import { chooseRelease, type KernelRelease, seriesOf } from './kernel-release.js';

/** A kernel that can be booted. */
export interface Kernel extends KernelRelease {
  readonly image: string;
  /** A folder with lib/modules/RELEASE, for modprobe's option --dirname. */
  readonly root: string;
  readonly architecture: Architecture;
  /** What is the guest's root, where it cannot be this machine's. */
  readonly userland?: string;
}

/** Of this machine. */
const HOST_ARCHITECTURE: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

const UNPACK_TIMEOUT_MS = 120_000;

export function defaultCacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'stuckd/kernels');
}

interface OpenArchive {
  readonly archive: AptArchive;
  readonly releases: readonly KernelRelease[];
}

export class KernelStore {
  readonly #directory: string;
  readonly #progress: (line: string) => void;
  readonly #archives = new Map<Architecture, Promise<OpenArchive>>();

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
    const { architecture } = splitWanted(wanted).flavour;
    const { archive, releases } = await this.#open(architecture);
    const stored = this.#stored();
    const release = chooseRelease(releases, wanted) ?? chooseRelease(stored, wanted);
    if (release === undefined) {
      const isOfThis = (other: KernelRelease): boolean => flavourOf(other.release).architecture === architecture;
      throw new Error(
        `there is no kernel "${wanted}"; the series are ${seriesOf([...releases, ...stored].filter(isOfThis)).join(', ')}`,
      );
    }
    if (!stored.some((other) => other.release === release.release)) {
      this.#progress(`fetching ${release.release} (${release.version})`);
      await this.#fetch(archive, release);
    }
    return this.#kernel(release, architecture);
  }

  #open(architecture: Architecture): Promise<OpenArchive> {
    const directory = join(this.#directory, architecture === 'amd64' ? 'apt' : `apt-${architecture}`);
    const open = async (): Promise<OpenArchive> => {
      const archive = await AptArchive.open(directory, architecture, KERNEL_SUITES);
      return { archive, releases: await archive.releases() };
    };
    const opened = this.#archives.get(architecture) ?? open();
    this.#archives.set(architecture, opened);
    return opened;
  }

  async #kernel(release: KernelRelease, architecture: Architecture): Promise<Kernel> {
    const root = join(this.#directory, release.release);
    const kernel = { ...release, architecture, root, image: join(root, 'vmlinuz') };
    return architecture === HOST_ARCHITECTURE
      ? kernel
      : { ...kernel, userland: await foreignUserland(architecture, this.#directory, this.#progress) };
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
