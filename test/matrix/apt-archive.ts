/**
 * Debian's archive, read by apt with directories of its own: nothing is installed, and what the machine's apt knows and
 * has configured stays as it is. The mirror is the one this machine is configured for.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { type Architecture, FLAVOURS } from './flavour.js';
import { type KernelRelease, parseReleases } from './kernel-release.js';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export type Suites = readonly (readonly [repository: 'debian' | 'debian-security', suite: string])[];

/** Suites that hold kernels, by the repository they are in; one that is gone from the archive costs only its kernels. */
export const KERNEL_SUITES: Suites = [
  ['debian-security', 'bullseye-security'],
  ['debian-security', 'bookworm-security'],
  ['debian', 'bookworm-backports'],
  ['debian', 'trixie-backports'],
];

/** @returns where the programs of a release of Debian are */
export function userlandSuites(codename: string): Suites {
  return [
    ['debian', codename],
    ['debian-security', `${codename}-security`],
  ];
}

const UPDATE_TIMEOUT_MS = 120_000;
const DOWNLOAD_TIMEOUT_MS = 600_000;

/** Where this machine gets a repository of Debian's from. @throws Error where it is no Debian. */
async function mirrorOf(repository: string): Promise<string> {
  const listing = await runCommand(['apt-get', 'indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']);
  const mirror = listing.split('\n').find((uri) => new RegExp(`/${repository}/?$`).test(uri));
  if (mirror === undefined) {
    throw new Error(
      `apt on this machine has no source for the repository "${repository}": Debian's kernels come from it`,
    );
  }
  return mirror;
}

export class AptArchive {
  readonly #architecture: Architecture;
  readonly #environment: readonly string[];

  private constructor(configuration: string, architecture: Architecture) {
    this.#architecture = architecture;
    this.#environment = ['env', `APT_CONFIG=${configuration}`, 'LC_ALL=C'];
  }

  /** Fetches the indexes. @param directory is made, and may be kept for the next time */
  static async open(directory: string, architecture: Architecture, suites: Suites): Promise<AptArchive> {
    for (const name of ['lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(directory, name), { recursive: true });
    }
    const sources: string[] = [];
    for (const [repository, suite] of suites) {
      sources.push(`deb [arch=${architecture} signed-by=${KEYRING}] ${await mirrorOf(repository)} ${suite} main`);
    }
    const settings: Record<string, string> = {
      'Dir::State': directory,
      'Dir::State::lists': join(directory, 'lists'),
      'Dir::State::status': join(directory, 'status'),
      'Dir::Cache': join(directory, 'cache'),
      'Dir::Etc::sourcelist': join(directory, 'sources.list'),
      'Dir::Etc::sourceparts': '-',
      'APT::Architecture': architecture,
      'APT::Architectures': architecture,
      'APT::Sandbox::User': 'root', // the user _apt cannot write into a folder of ours
      'Acquire::Languages': 'none',
    };
    writeFileSync(join(directory, 'sources.list'), `${sources.join('\n')}\n`);
    writeFileSync(join(directory, 'status'), '');
    const configuration = join(directory, 'apt.conf');
    writeFileSync(
      configuration,
      Object.entries(settings)
        .map(([name, value]) => `${name} "${value}";\n`)
        .join(''),
    );
    const archive = new AptArchive(configuration, architecture);
    // One suite that cannot be fetched is not an error: what is missing shows when a kernel is asked for.
    await archive
      .#run(['apt-get', '--allow-releaseinfo-change', '-q', 'update'], UPDATE_TIMEOUT_MS)
      .catch((error: unknown) => {
        if (!(error instanceof Error) || !error.message.includes('exit code 100')) {
          throw error;
        }
      });
    return archive;
  }

  async releases(): Promise<readonly KernelRelease[]> {
    const flavours = FLAVOURS.filter(({ architecture }) => architecture === this.#architecture);
    const suffixes = flavours.map(({ suffix }) => suffix).join('|');
    const pattern = `^linux-(image|base|binary|modules)-[0-9].*-(${suffixes})$`;
    const found = await this.#run(['apt-cache', 'search', '--names-only', pattern]);
    const names = [...found.matchAll(/^(\S+)/gm)].map(([name]) => name);
    return names.length === 0 ? [] : parseReleases(await this.#run(['apt-cache', 'show', ...names]));
  }

  /** Fetches the packages of a kernel, checked by apt against the signed indexes. @param directory where they go */
  async download(release: KernelRelease, directory: string): Promise<void> {
    await this.#run(
      ['sh', '-c', 'cd "$1" && shift && exec apt-get -q download "$@"', 'sh', directory, ...release.packages],
      DOWNLOAD_TIMEOUT_MS,
    );
  }

  /** Fetches packages and all that they depend on, checked likewise. @param directory where they go */
  async downloadWithDependencies(packages: readonly string[], directory: string): Promise<void> {
    mkdirSync(join(directory, 'partial'), { recursive: true });
    const options = [
      '-q',
      '-y',
      '--no-install-recommends',
      '--download-only',
      '-o',
      `Dir::Cache::archives=${directory}`,
    ];
    await this.#run(['apt-get', ...options, 'install', ...packages], DOWNLOAD_TIMEOUT_MS);
  }

  #run(argv: readonly string[], timeoutMs?: number): Promise<string> {
    return runCommand([...this.#environment, ...argv], timeoutMs === undefined ? {} : { timeoutMs });
  }
}
