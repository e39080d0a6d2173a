/** What came out of the guests, as the page SUPPORTED_KERNELS.md. Pure. */
import { type Architecture, flavourOf, titleOf } from './flavour.js';
import type { TestResult } from './guest-output.js';
import { filesOf, type KernelResult, refusal, type Row } from './report.js';

const MARKS: Readonly<Record<TestResult['result'], string>> = { passed: '✓', failed: '**✗**', skipped: '–' };

function markOf({ result, atSecondTry }: TestResult): string {
  return atSecondTry === true ? `${MARKS[result]} ²` : MARKS[result];
}

function markdownTable(title: string, results: readonly KernelResult[], rows: readonly Row[]): readonly string[] {
  const titles = results.map(titleOf);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line([title, ...titles]),
    line(['---', ...titles.map(() => ':-:')]),
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

function featureTable(results: readonly KernelResult[]): readonly string[] {
  return markdownTable(
    'feature',
    results,
    collectRows(
      results,
      ({ features }) => features.filter(({ name }) => !NOT_OF_THE_KERNEL.includes(name)),
      ({ name }) => escapeMarkdown(name),
      ({ available, how = 'yes' }) => (available ? escapeMarkdown(how === '' ? 'yes' : how) : 'no'),
    ),
  );
}

function testTables(results: readonly KernelResult[]): readonly string[] {
  return filesOf(results).flatMap((file) => [
    `### ${file}`,
    '',
    ...markdownTable(
      'test',
      results,
      collectRows(
        results,
        (result) => result.tests.filter((test) => test.file === file),
        ({ name }) => escapeMarkdown(name),
        markOf,
      ),
    ),
    '',
  ]);
}

function remark(result: KernelResult): string {
  if (result.failure !== undefined) {
    return 'did not come to its end';
  }
  return result.refused ? escapeMarkdown(refusal(result)) : '';
}

function verdictLine(result: KernelResult): string {
  const count = (wanted: string): string => String(result.tests.filter((test) => test.result === wanted).length);
  const cells = [titleOf(result), result.release, count('passed'), count('failed'), remark(result)];
  return `| ${cells.join(' | ')} |`;
}

/** @param quick only the test files ran that stand and fall with the kernel */
function partOf(results: readonly KernelResult[], date: string, quick: boolean): string {
  const ran = results.filter(({ refused }) => !refused);
  return [
    quick
      ? `Last run: ${date}, of the test files that stand and fall with the kernel (\`--quick\`).`
      : `Last full run: ${date}.`,
    '',
    '| version | release | passed | failed | remarks |',
    '| --- | --- | :-: | :-: | --- |',
    ...results.map(verdictLine),
    '',
    '## What stuckd finds on each',
    '',
    ...featureTable(ran),
    '',
    '## Tests',
    '',
    '✓ ² did not pass at first, but as its file ran once more, alone: emulated CPUs miss timers now and then.',
    '',
    ...testTables(ran),
  ].join('\n');
}

const INTRODUCTION = [
  '# Supported kernels',
  '',
  'stuckd uses BPF on Linux 5.12 or newer with BTF (`CONFIG_DEBUG_INFO_BTF=y`), and polls elsewhere (README, "Where BPF cannot',
  'go"). What moved between kernels it finds by BTF, never by version, since stable kernels carry back-ports. This page is',
  "written by `npm run test:kernels -- --write`, which boots Debian's kernels under qemu and runs the kernel tests in each.",
  '',
  '',
].join('\n');

const ARM64_INTRODUCTION = [
  '# On arm64',
  '',
  'This part is written by `npm run test:arm64 -- --write`. The sensor is cross-compiled on an amd64 machine (`npm run',
  "build:arm64`), and runs with Debian's kernels and programs, and Node.js, for arm64, on a CPU that qemu emulates (Neoverse",
  'N1). Both compilers must see the records of the sensor as the committed layout has them, and the golden records, written',
  'under an emulator, must be those of amd64. `arm64-16k` has pages of 16 KiB. Not run: anything on real hardware; kernels',
  'with pages of 64 KiB, which Debian does not build; the load tests, and a build of the whole on arm64 itself.',
  '',
  '',
].join('\n');

/**
 * SUPPORTED_KERNELS.md, in which the kernels of each architecture have their part.
 * @param before the page as it is: the part of which there are no results stays
 * @param date of the run, as YYYY-MM-DD
 * @param quick only the test files ran that stand and fall with the kernel
 */
export function formatPage(before: string, results: readonly KernelResult[], date: string, quick: boolean): string {
  const start = before.indexOf(ARM64_INTRODUCTION.slice(0, ARM64_INTRODUCTION.indexOf('\n') + 1));
  const [usual, arm64] = start < 0 ? [before, ''] : [before.slice(0, start), before.slice(start)];
  const of = (architecture: Architecture): readonly KernelResult[] =>
    results.filter(({ release }) => flavourOf(release).architecture === architecture);
  const write = (architecture: Architecture, introduction: string, old: string): string =>
    of(architecture).length === 0 ? old : introduction + partOf(of(architecture), date, quick);
  const parts = [write('amd64', INTRODUCTION, usual), write('arm64', ARM64_INTRODUCTION, arm64)];
  return `${parts
    .map((part) => part.trimEnd())
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}
