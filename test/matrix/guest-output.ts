/** What a guest writes to its second serial port: one JSON object a line. Pure. */

/** One test, as `test/run.mjs --results` tells it. */
export interface TestResult {
  /** Base name of the file without its endings, for example "keepalive". */
  readonly file: string;
  readonly name: string;
  /** In that file: tests of different suites may have one name. */
  readonly line?: number;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** It had failed before, beside other tests. */
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

/** A file in which something failed runs once more, and that decides; what passes only then is told apart. */
function lastWords(tests: readonly TestResult[]): readonly TestResult[] {
  const results = new Map<string, TestResult>();
  for (const test of tests) {
    const key = JSON.stringify([test.file, test.name, test.line]);
    const isSaved = results.get(key)?.result === 'failed' && test.result === 'passed';
    results.set(key, isSaved ? { ...test, atSecondTry: true } : test);
  }
  return [...results.values()];
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
    tests: lastWords(lines.map(({ test }) => test).filter((test) => test !== undefined)),
    ...(exitStatus === undefined ? {} : { exitStatus }),
    lines: lines.length,
  };
}
