/** What came out of the guests, as a table for a terminal and as a page. Pure. */
import { type Column, formatTable } from '../../daemon/cli/text-table.js';
import type { CheckedFeature, TestResult } from './guest-output.js';

/** One kernel and what its guest said. */
export interface KernelResult {
  readonly version: string;
  readonly release: string;
  readonly tests: readonly TestResult[];
  readonly features: readonly CheckedFeature[];
  /** stuckd says that it cannot run on this kernel, as it must on one that is too old. */
  readonly refused: boolean;
  /** The guest did not come to its end. */
  readonly failure?: string;
  readonly durationMs: number;
}

/** The oldest kernel that stuckd promises to run on. */
const MINIMUM = [5, 12] as const;

function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

export function isAsExpected({ version, refused, failure, tests }: KernelResult): boolean {
  if (failure !== undefined || refused === isSupported(version)) {
    return false;
  }
  return refused || (tests.length > 0 && tests.every(({ result }) => result !== 'failed'));
}

interface Row {
  readonly title: string;
  readonly cells: ReadonlyMap<string, string>;
}

function columns(title: string, results: readonly KernelResult[]): readonly Column<Row>[] {
  return [
    { header: title, cell: (row) => row.title },
    ...results.map(({ version, release }) => ({
      header: version,
      cell: ({ cells }: Row) => cells.get(release) ?? '',
      alignRight: true,
    })),
  ];
}

function summariseFile(tests: readonly TestResult[]): string {
  const count = (wanted: TestResult['result']): number => tests.filter(({ result }) => result === wanted).length;
  const again = tests.filter(({ atSecondTry }) => atSecondTry === true).length;
  const parts = [
    String(count('passed')),
    ...(again > 0 ? [`${String(again)} at the 2nd try`] : []),
    ...(count('skipped') > 0 ? [`${String(count('skipped'))} skipped`] : []),
    ...(count('failed') > 0 ? [`${String(count('failed'))} FAILED`] : []),
  ];
  return tests.length === 0 ? '-' : parts.join(', ');
}

function filesOf(results: readonly KernelResult[]): readonly string[] {
  return [...new Set(results.flatMap(({ tests }) => tests.map(({ file }) => file)))].sort();
}

function verdict(result: KernelResult): string {
  const minutes = `${(result.durationMs / 60_000).toFixed(1)} min`;
  if (result.failure !== undefined) {
    return 'CRASHED';
  }
  if (result.refused) {
    return isSupported(result.version) ? 'REFUSED' : 'too old';
  }
  return isAsExpected(result) ? minutes : 'FAILED';
}

/** Why stuckd cannot run there, in its own words. */
function refusal({ features }: KernelResult): string {
  const missing = features.filter(({ available, required = false }) => required && !available);
  return missing.map(({ name, how = '' }) => `${name}: ${how}`).join('; ') || 'stuckd check failed without an answer';
}

function failureLines(result: KernelResult): readonly string[] {
  const failed = result.tests.filter((test) => test.result === 'failed');
  return [
    ...failed.map(({ file, name, error = '' }) => `${result.version}  ${file}: ${name}\n    ${error}`),
    ...(result.failure === undefined ? [] : [`${result.version}  ${result.failure}`]),
    ...(result.refused ? [`${result.version}  ${refusal(result)}`] : []),
  ];
}

/** Kernel x test file, with the number of tests that passed; then what failed. */
export function formatResults(results: readonly KernelResult[]): string {
  const rows: Row[] = filesOf(results).map((file) => ({
    title: file,
    cells: new Map(
      results.map(({ release, tests }) => [release, summariseFile(tests.filter((test) => test.file === file))]),
    ),
  }));
  rows.push({ title: '', cells: new Map(results.map((result) => [result.release, verdict(result)])) });
  const failures = results.flatMap(failureLines);
  return formatTable(columns('TESTS', results), rows, Infinity) + failures.map((line) => `${line}\n`).join('');
}

const MARKS: Readonly<Record<TestResult['result'], string>> = { passed: '✓', failed: '**✗**', skipped: '–' };

function markOf({ result, atSecondTry }: TestResult): string {
  return atSecondTry === true ? `${MARKS[result]} ²` : MARKS[result];
}

function markdownTable(title: string, results: readonly KernelResult[], rows: readonly Row[]): readonly string[] {
  const versions = results.map(({ version }) => version);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line([title, ...versions]),
    line(['---', ...versions.map(() => ':-:')]),
    ...rows.map(({ title: rowTitle, cells }) =>
      line([rowTitle, ...results.map(({ release }) => cells.get(release) ?? '')]),
    ),
  ];
}

/**
 * Rows in the order in which they first appear; a cell for each kernel that has one. What has one title more than once on
 * a kernel, as tests of two suites may, has as many rows.
 */
function collectRows<T>(
  results: readonly KernelResult[],
  items: (result: KernelResult) => readonly T[],
  title: (item: T) => string,
  cell: (item: T) => string,
): readonly Row[] {
  const rows: { readonly title: string; readonly cells: Map<string, string> }[] = [];
  for (const result of results) {
    for (const item of items(result)) {
      const isFree = (row: Row): boolean => row.title === title(item) && !row.cells.has(result.release);
      let row = rows.find(isFree);
      if (row === undefined) {
        row = { title: title(item), cells: new Map() };
        rows.push(row);
      }
      row.cells.set(result.release, cell(item));
    }
  }
  return rows;
}

function escapeMarkdown(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** What `stuckd check` says of the machine and the build, whatever the kernel. */
const NOT_OF_THE_KERNEL: readonly string[] = ['privileges', 'kernel BTF', 'pid namespace', 'sensor', 'lockdown'];

/**
 * SUPPORTED_KERNELS.md.
 * @param date of the run, as YYYY-MM-DD
 * @param quick only the test files ran that stand and fall with the kernel
 */
export function formatPage(results: readonly KernelResult[], date: string, quick: boolean): string {
  const ran = results.filter(({ refused }) => !refused);
  const features = collectRows(
    ran,
    ({ features: all }) => all.filter(({ name }) => !NOT_OF_THE_KERNEL.includes(name)),
    ({ name }) => escapeMarkdown(name),
    ({ available, how = 'yes' }) => (available ? escapeMarkdown(how === '' ? 'yes' : how) : 'no'),
  );
  const tests = filesOf(ran).flatMap((file) => [
    `### ${file}`,
    '',
    ...markdownTable(
      'test',
      ran,
      collectRows(
        ran,
        (result) => result.tests.filter((test) => test.file === file),
        ({ name }) => escapeMarkdown(name),
        markOf,
      ),
    ),
    '',
  ]);
  const verdicts = results.map(
    (result) =>
      `| ${result.version} | ${result.release} | ${String(result.tests.filter((test) => test.result === 'passed').length)} | ` +
      `${String(result.tests.filter((test) => test.result === 'failed').length)} | ${remark(result)} |`,
  );
  return [
    '# Supported kernels',
    '',
    'stuckd needs Linux 5.12 or newer with BTF (`CONFIG_DEBUG_INFO_BTF=y`). What moved between kernels it finds by BTF, never by',
    'version, since stable kernels carry back-ports. This page is written by `npm run test:kernels -- --write`, which boots',
    "Debian's kernels under qemu and runs the kernel tests in each of them.",
    '',
    quick
      ? `Last run: ${date}, of the test files that stand and fall with the kernel (\`--quick\`).`
      : `Last full run: ${date}.`,
    '',
    '| version | release | passed | failed | remarks |',
    '| --- | --- | :-: | :-: | --- |',
    ...verdicts,
    '',
    '## What stuckd finds on each',
    '',
    ...markdownTable('feature', ran, features),
    '',
    '## Tests',
    '',
    '✓ ² did not pass at first, but as its file ran once more, alone: emulated CPUs miss timers now and then.',
    '',
    ...tests,
  ].join('\n');
}

function remark(result: KernelResult): string {
  if (result.failure !== undefined) {
    return 'did not come to its end';
  }
  return result.refused ? escapeMarkdown(refusal(result)) : '';
}
