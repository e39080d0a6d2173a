/** Debian's builds of a kernel that are tested, and what kind of machine each takes. Pure. */

/** As Debian names it. */
export type Architecture = 'amd64' | 'arm64';

export interface Flavour {
  /** How the names of Debian's packages, and of the release, end. */
  readonly suffix: string;
  readonly architecture: Architecture;
  /** In front of a version on the command line ("arm64/6.12"), and behind it in tables; empty for the usual one. */
  readonly label: string;
}

const USUAL: Flavour = { suffix: 'cloud-amd64', architecture: 'amd64', label: '' };

/** Pages of 4 KiB each, as on most servers of either kind; and of 16 KiB. Debian has no kernel with 64 KiB. */
export const FLAVOURS: readonly Flavour[] = [
  USUAL,
  { suffix: 'cloud-arm64', architecture: 'arm64', label: 'arm64' },
  { suffix: 'arm64-16k', architecture: 'arm64', label: 'arm64-16k' },
];

/** @param release as `uname -r` prints it */
export function flavourOf(release: string): Flavour {
  return FLAVOURS.find(({ suffix }) => release.endsWith(`-${suffix}`)) ?? USUAL;
}

/**
 * @param wanted "6.12" or "arm64/6.12"; or a release, whose flavour is its own
 * @returns the flavour, and what is left for the version
 */
export function splitWanted(wanted: string): { readonly flavour: Flavour; readonly version: string } {
  const [, label = '', version = ''] = /^(?:([^/]*)\/)?(.*)$/.exec(wanted) ?? [];
  const labelled = FLAVOURS.find((flavour) => flavour.label === label);
  if (labelled === undefined) {
    throw new Error(
      `there is no kind of kernel "${label}", only ${FLAVOURS.map((each) => each.label)
        .join(' ')
        .trim()}`,
    );
  }
  return { flavour: label === '' ? flavourOf(version) : labelled, version };
}

/** @returns what a kernel is called in tables: "6.12.117", or "6.12.117 arm64" */
export function titleOf({ version, release }: { readonly version: string; readonly release: string }): string {
  return `${version} ${flavourOf(release).label}`.trim();
}
