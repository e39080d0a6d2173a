// Proves which of Debian's kernel packages a name means: series, stable version, release or the newest, over the ways in
// which Debian has named and split them. It cannot prove that the archive goes on doing so.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chooseRelease, parseReleases, seriesOf } from '../../matrix/kernel-release.js';

function paragraph(name: string, version: string, depends = 'kmod, linux-base (>= 4.3~)'): string {
  return `Package: ${name}\nVersion: ${version}\nDepends: ${depends}\nSize: 1`;
}

const NEW = '7.3.4+deb13-cloud-amd64';

const INDEX = [
  paragraph('linux-image-6.1-cloud-amd64', '6.1.190-1~deb11u1', 'linux-image-6.1.0-0.deb11.52-cloud-amd64'),
  paragraph('linux-image-6.1.0-0.deb11.52-cloud-amd64', '6.1.190-1~deb11u1'),
  paragraph('linux-image-6.1.0-56-cloud-amd64', '6.1.192-2'),
  paragraph('linux-image-6.1.0-9-cloud-amd64', '6.1.27-1'),
  paragraph('linux-image-6.12.43+deb12-cloud-amd64', '6.12.43-1~bpo12+1'),
  paragraph('linux-image-6.12.117+deb12-cloud-amd64', '6.12.117-1~deb12u1'),
  paragraph('linux-image-6.9.7+bpo-cloud-amd64', '6.9.7-1~bpo12+1'),
  paragraph('linux-image-6.12.117+deb12-amd64', '6.12.117-1~deb12u1'),
  paragraph('linux-image-6.12.117+deb12-cloud-arm64', '6.12.117-1~deb12u1'),
  paragraph('linux-image-6.12.95+deb12-arm64-16k', '6.12.95-1~deb12u1'),
  paragraph('linux-image-6.12-arm64-16k', '6.12.95-1~deb12u1', 'linux-image-6.12.95+deb12-arm64-16k'),
  paragraph(
    `linux-image-${NEW}`,
    '7.3.4-1~bpo13+1',
    `dracut | initramfs-tools, linux-base-${NEW} (= 7.3.4-1), linux-binary-${NEW} (= 7.3.4-1), linux-modules-${NEW}`,
  ),
  paragraph(`linux-binary-${NEW}`, '7.3.4-1~bpo13+1', ''),
  paragraph(`linux-modules-${NEW}`, '7.3.4-1~bpo13+1', ''),
].join('\n\n');

const releases = parseReleases(`${INDEX}\n`);

describe('a kernel is chosen by name', () => {
  const table: Readonly<Record<string, string | undefined>> = {
    '6.1': '6.1.0-56-cloud-amd64',
    '6.1.27': '6.1.0-9-cloud-amd64',
    '6.12': '6.12.117+deb12-cloud-amd64',
    '6.12.43': '6.12.43+deb12-cloud-amd64',
    '6.12.4': undefined,
    '6.1.0-0.deb11.52-cloud-amd64': '6.1.0-0.deb11.52-cloud-amd64',
    '6.18': undefined,
    '7': NEW,
    newest: NEW,
    'arm64/6.12': '6.12.117+deb12-cloud-arm64',
    'arm64/newest': '6.12.117+deb12-cloud-arm64',
    'arm64-16k/6.12': '6.12.95+deb12-arm64-16k',
    '6.12.95+deb12-arm64-16k': '6.12.95+deb12-arm64-16k',
    '6.12.95': undefined,
    'arm64/7': undefined,
  };
  for (const [wanted, release] of Object.entries(table)) {
    test(`${wanted} is ${release ?? 'not there'}`, () => {
      assert.equal(chooseRelease(releases, wanted)?.release, release);
    });
  }
});

test('series are told oldest first, by number', () => {
  assert.deepEqual(seriesOf(releases), ['6.1', '6.9', '6.12', '7.3']);
});

test('the packages of a kernel are its image and those parts that exist', () => {
  assert.deepEqual(chooseRelease(releases, 'newest')?.packages, [
    `linux-image-${NEW}`,
    `linux-binary-${NEW}`,
    `linux-modules-${NEW}`,
  ]);
  assert.deepEqual(chooseRelease(releases, '6.1')?.packages, ['linux-image-6.1.0-56-cloud-amd64']);
});

test('an empty index holds no kernel', () => {
  assert.deepEqual(parseReleases(''), []);
});

test('a kind of kernel that there is not', () => {
  assert.throws(() => chooseRelease(releases, 'riscv64/6.12'), /no kind of kernel "riscv64", only arm64 arm64-16k/);
});
