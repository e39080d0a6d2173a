/** Which of Debian's kernel packages is meant by "6.1", "6.12.43" or "newest". Pure. */

import { FLAVOURS, flavourOf, splitWanted } from './flavour.js';

/** A kernel as an index of the archive lists it. */
export interface KernelRelease {
  /** What `uname -r` will say, for example 6.1.0-56-cloud-amd64. */
  readonly release: string;
  /** Of the source, for example 6.1.192: Debian's release name hides the stable version on its older kernels. */
  readonly version: string;
  /** Packages that hold image and modules, `linux-image-...` first; from 7.0 on they are spread over several. */
  readonly packages: readonly string[];
}

/** The kernel with the highest version there is. */
export const NEWEST = 'newest';

const IMAGE = new RegExp(`^linux-image-(\\d.*-(?:${FLAVOURS.map(({ suffix }) => suffix).join('|')}))$`);

interface PackageEntry {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly string[];
}

function parseEntry(paragraph: string): PackageEntry {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
  return {
    name: field('Package'),
    version: /^(\d+(?:\.\d+)+)/.exec(field('Version'))?.[1] ?? '',
    dependencies: field('Depends')
      .split(/[,|]/)
      .map((dependency) => dependency.trim().split(' ')[0] ?? ''),
  };
}

/** @param index paragraphs as in a Packages file or the output of `apt-cache show` */
export function parseReleases(index: string): readonly KernelRelease[] {
  const entries = index.split(/\n\n+/).map(parseEntry);
  const names = new Set(entries.map(({ name }) => name));
  return entries.flatMap(({ name, version, dependencies }) => {
    const release = IMAGE.exec(name)?.[1];
    // A meta-package of a series ("linux-image-6.1-cloud-amd64") holds nothing itself.
    if (release === undefined || release.split(/[.-]/).length <= 4) {
      return [];
    }
    const parts = dependencies.filter((dependency) => dependency.endsWith(`-${release}`) && names.has(dependency));
    return [{ release, version, packages: [name, ...parts] }];
  });
}

/** Compares texts of numbers and words as a person would: 6.9 before 6.10. */
const compareNaturally = new Intl.Collator('en', { numeric: true }).compare;

function compareReleases(a: KernelRelease, b: KernelRelease): number {
  return compareNaturally(a.version, b.version) || compareNaturally(a.release, b.release);
}

function isMeant(wanted: string, { release, version }: KernelRelease): boolean {
  const meant = splitWanted(wanted);
  return (
    meant.flavour === flavourOf(release) &&
    (meant.version === NEWEST || [release, version].includes(meant.version) || version.startsWith(`${meant.version}.`))
  );
}

/**
 * @param wanted a series ("6.12"), a version ("6.12.43"), a release as `uname -r` prints it, or "newest"; those of
 *     another machine with its label in front ("arm64/6.12")
 * @returns the newest kernel that is meant; undefined if there is none
 */
export function chooseRelease(releases: readonly KernelRelease[], wanted: string): KernelRelease | undefined {
  return releases
    .filter((release) => isMeant(wanted, release))
    .sort(compareReleases)
    .at(-1);
}

/** @returns the series there are, oldest first: what a user can ask for */
export function seriesOf(releases: readonly KernelRelease[]): readonly string[] {
  const series = releases.map(({ version }) => version.split('.').slice(0, 2).join('.'));
  return [...new Set(series)].sort(compareNaturally);
}
