/** What came out of the guests, as a table for a terminal. Pure. */
import { type Column, formatTable } from '../../daemon/cli/text-table.js';
import { titleOf } from './flavour.js';
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

export interface Row {
  readonly title: string;
  readonly cells: ReadonlyMap<string, string>;
}

function columns(title: string, results: readonly KernelResult[]): readonly Column<Row>[] {
  return [
    { header: title, cell: (row) => row.title },
    ...results.map((result) => ({
      header: titleOf(result),
      cell: ({ cells }: Row) => cells.get(result.release) ?? '',
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

export function filesOf(results: readonly KernelResult[]): readonly string[] {
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
export function refusal({ features }: KernelResult): string {
  const missing = features.filter(({ available, required = false }) => required && !available);
  return missing.map(({ name, how = '' }) => `${name}: ${how}`).join('; ') || 'stuckd check failed without an answer';
}

function failureLines(result: KernelResult): readonly string[] {
  const failed = result.tests.filter((test) => test.result === 'failed');
  const title = titleOf(result);
  return [
    ...failed.map(({ file, name, error = '' }) => `${title}  ${file}: ${name}\n    ${error}`),
    ...(result.failure === undefined ? [] : [`${title}  ${result.failure}`]),
    ...(result.refused ? [`${title}  ${refusal(result)}`] : []),
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
