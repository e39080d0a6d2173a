/** What a guest writes to its second serial port: one JSON object a line. Pure. */

/** One test, as `test/run.mjs --results` tells it. */
export interface TestResult {
  /** Base name of the file without its endings, for example "keepalive". */
  readonly file: string;
  readonly name: string;
  /** In that file: tests of different suites may have one name. */
  readonly line?: number;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** Before, beside other tests, it had failed, or its file had not come so far. */
  readonly atSecondTry?: true;
  /** What was wrong, in one line. */
  readonly error?: string;
}

/** One line of `stuckd check -o json`. */
export interface CheckedFeature {
  readonly name: string;
  readonly available: boolean;
  readonly required?: boolean;
  /** How stuckd does it here, or why it cannot. */
  readonly how?: string;
}

export interface GuestOutput {
  /** The guest has booted and reached its first command. */
  readonly started: boolean;
  readonly kernel?: string;
  readonly features: readonly CheckedFeature[];
  readonly tests: readonly TestResult[];
  /** Of the script; undefined until it has ended. */
  readonly exitStatus?: number;
  /** Lines that could be read. */
  readonly lines: number;
}

interface Line {
  readonly guest?: string;
  readonly kernel?: string;
  readonly features?: readonly CheckedFeature[];
  readonly test?: TestResult;
  /** Base names of the files that run once more from here on. */
  readonly again?: readonly string[];
  readonly exitStatus?: number;
}

/** A guest that is ended in the middle of a line leaves a part of it. */
function parseLine(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isSameTest(a: TestResult, b: TestResult): boolean {
  return a.file === b.file && a.name === b.name && a.line === b.line;
}

/**
 * A file in which something failed runs once more, and that decides: what was said of it before counts no more, be it of a
 * test or of the file as a whole. What passes only then is told apart.
 */
function lastWords(lines: readonly Line[]): readonly TestResult[] {
  let results: TestResult[] = [];
  let before: readonly TestResult[] = [];
  let again: readonly string[] = [];
  for (const line of lines) {
    if (line.again !== undefined) {
      again = line.again;
      before = results.filter(({ file }) => again.includes(file));
      results = results.filter(({ file }) => !again.includes(file));
    }
    const { test } = line;
    if (test !== undefined) {
      const earlier = before.filter((other) => isSameTest(test, other));
      const hadFailed = earlier.length === 0 || earlier.some(({ result }) => result === 'failed');
      const isSaved = test.result === 'passed' && again.includes(test.file) && hadFailed;
      results.push(isSaved ? { ...test, atSecondTry: true } : test);
    }
  }
  return results;
}

export function parseGuestOutput(text: string): GuestOutput {
  const lines = text
    .split(/\r?\n/)
    .map(parseLine)
    .filter((line) => line !== undefined);
  const last = <K extends keyof Line>(key: K): Line[K] | undefined =>
    lines.findLast((line) => line[key] !== undefined)?.[key];
  const kernel = last('kernel');
  const exitStatus = last('exitStatus');
  return {
    started: last('guest') !== undefined,
    ...(kernel === undefined ? {} : { kernel }),
    features: last('features') ?? [],
    tests: lastWords(lines),
    ...(exitStatus === undefined ? {} : { exitStatus }),
    lines: lines.length,
  };
}
