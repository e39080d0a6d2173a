// Proves what counts as a good kernel, and that the table and the page show every failure. It cannot prove that a guest
// told all of its tests.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatPage } from '../../matrix/page.js';
import { formatResults, isAsExpected, type KernelResult } from '../../matrix/report.js';

const GOOD: KernelResult = {
  version: '6.1.192',
  release: '6.1.0-56-cloud-amd64',
  tests: [
    { file: 'keepalive', name: 'a probe | lost', result: 'passed' },
    { file: 'story', name: 'both endings', result: 'passed' },
  ],
  features: [
    { name: 'sensor', available: true, how: '/somewhere/stuckd-sensor' },
    { name: 'keepalive timer', available: true, how: 'icsk_keepalive_timer' },
    { name: 'icsk_rto_max', available: false, how: '' },
  ],
  refused: false,
  durationMs: 90_000,
};

const BAD: KernelResult = {
  ...GOOD,
  version: '7.3.4',
  release: '7.3.4+deb13-cloud-amd64',
  tests: [
    { file: 'keepalive', name: 'a probe | lost', result: 'failed', error: 'it was found' },
    { file: 'story', name: 'both endings', result: 'skipped' },
  ],
};

const OLD: KernelResult = {
  ...GOOD,
  ...{ version: '5.10.262', release: '5.10.0-46', tests: [], refused: true },
  features: [
    { name: 'kernel BTF', available: true, required: true, how: '' },
    { name: 'BPF programs', available: false, required: true, how: 'Linux 5.12 is needed' },
    { name: 'pid namespace', available: false, required: false, how: 'owners' },
  ],
};

describe('what is as expected', () => {
  const table: readonly (readonly [string, KernelResult, boolean])[] = [
    ['all tests passed', GOOD, true],
    ['a test failed', BAD, false],
    ['no test ran', { ...GOOD, tests: [] }, false],
    ['the guest hung', { ...GOOD, failure: 'hung' }, false],
    ['an old kernel is refused', OLD, true],
    ['an old kernel is not refused', { ...OLD, refused: false, tests: GOOD.tests }, false],
    ['a supported kernel is refused', { ...GOOD, refused: true }, false],
    ['the oldest supported one', { ...GOOD, version: '5.12.1' }, true],
  ];
  for (const [what, result, expected] of table) {
    test(what, () => {
      assert.equal(isAsExpected(result), expected);
    });
  }
});

test('the table has a row for each file, a column for each kernel, and names what failed', () => {
  const text = formatResults([OLD, GOOD, BAD]);
  const [header = '', keepalive = '', story = '', verdicts = ''] = text.split('\n');
  assert.match(header, /^TESTS +5\.10\.262 +6\.1\.192 +7\.3\.4$/);
  assert.match(keepalive, /^keepalive +- +1 +0, 1 FAILED$/);
  assert.match(story, /^story +- +1 +0, 1 skipped$/);
  assert.match(verdicts, /too old +1\.5 min +FAILED$/);
  assert.match(text, /7\.3\.4 {2}keepalive: a probe \| lost\n {4}it was found/);
});

test('a test that passed at the second try is good, and told apart', () => {
  const result: KernelResult = {
    ...GOOD,
    tests: [
      { file: 'story', name: 'both endings', result: 'passed', atSecondTry: true },
      { file: 'story', name: 'one ending', result: 'passed' },
    ],
  };
  assert.equal(isAsExpected(result), true);
  assert.match(formatResults([result]), /story +2, 1 at the 2nd try\n/);
  const page = formatPage('', [result], '2026-11-21', false);
  assert.match(page, /\| both endings \| ✓ ² \|\n\| one ending \| ✓ \|/);
});

test('tests of one name have a row each on the page: none hides that another failed', () => {
  const tests = (['failed', 'passed'] as const).map((result) => ({ file: 'story', name: 'twin', result }));
  const page = formatPage(
    '',
    [
      { ...GOOD, tests },
      { ...BAD, tests: tests.slice(1) },
    ],
    '2026-11-22',
    false,
  );
  assert.match(page, /\| twin \| \*\*✗\*\* \| ✓ \|\n\| twin \| ✓ \| {2}\|\n/);
});

test('a refusal is told in the words of stuckd check', () => {
  assert.match(formatResults([OLD]), /5\.10\.262 {2}BPF programs: Linux 5\.12 is needed\n/);
  assert.match(formatResults([{ ...GOOD, refused: true, features: [] }]), /6\.1\.192 {2}stuckd check failed/);
});

test('a guest that hung is a crash, with the reason', () => {
  const text = formatResults([{ ...GOOD, failure: 'the boot did not end within 120 s' }]);
  assert.match(text, /CRASHED/);
  assert.match(text, /6\.1\.192 {2}the boot did not end within 120 s/);
});

test('the page has features and tests by kernel, in Markdown', () => {
  const page = formatPage('', [OLD, GOOD, BAD], '2026-11-21', false);
  assert.match(page, /Last full run: 2026-11-21\./);
  assert.match(formatPage('', [GOOD], '2026-11-21', true), /Last run: 2026-11-21, .*--quick/);
  assert.match(page, /\| 5\.10\.262 \| 5\.10\.0-46 \| 0 \| 0 \| BPF programs: Linux 5\.12 is needed \|/);
  assert.match(page, /\| feature \| 6\.1\.192 \| 7\.3\.4 \|/);
  assert.match(page, /\| keepalive timer \| icsk_keepalive_timer \|/);
  assert.doesNotMatch(page, /somewhere/, 'paths of the machine are of no interest');
  assert.match(page, /\| icsk_rto_max \| no \| no \|/);
  assert.match(page, /\| a probe \\\| lost \| ✓ \| \*\*✗\*\* \|/);
});

const ON_ARM64: KernelResult = { ...GOOD, version: '6.12.117', release: '6.12.117+deb12-arm64-16k' };

test('a kernel for another machine says so, in the table and in the text', () => {
  const text = formatResults([GOOD, { ...ON_ARM64, failure: 'hung' }]);
  assert.match(text, /^TESTS +6\.1\.192 +6\.12\.117 arm64-16k\n/);
  assert.match(text, /6\.12\.117 arm64-16k {2}hung/);
});

test('each architecture has its part of the page, which stays as it is when the other is written', () => {
  const both = formatPage('', [GOOD, ON_ARM64], '2026-11-21', false);
  assert.match(both, /^# Supported kernels\n[^]*\n# On arm64\n[^]*\| feature \| 6\.12\.117 arm64-16k \|/);
  const later = formatPage(both, [ON_ARM64], '2026-11-29', true);
  assert.match(later, /Last full run: 2026-11-21\.[^]*# On arm64[^]*Last run: 2026-11-29/);
  assert.equal(formatPage(formatPage('', [GOOD], '2026-11-21', false), [ON_ARM64], '2026-11-21', false), both);
  assert.equal(formatPage(later, [GOOD, ON_ARM64], '2026-11-21', false), both);
  assert.equal(formatPage(both, [GOOD], '2026-11-21', false), both);
});
