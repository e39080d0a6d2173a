/** The command line of `npm run test:kernels`. Pure. */
import { parseArgs } from 'node:util';
import { NEWEST } from './kernel-release.js';

export class UsageError extends Error {}

export interface MatrixArguments {
  readonly help: boolean;
  /** See `chooseRelease`. */
  readonly kernels: readonly string[];
  /** Only test files whose name contains one of these, with commas in between; empty: all. */
  readonly only: string;
  readonly quick: boolean;
  /** Run this in the guest instead of the tests. */
  readonly command?: string;
  /** Guests at a time. */
  readonly jobs: number;
  readonly timeoutMs: number;
  /** Write SUPPORTED_KERNELS.md. */
  readonly write: boolean;
}

/** Every place in which a structure or a function that the sensor reads differs is on one of these. */
export const ALL_KERNELS = ['5.10', '6.1', '6.12', '6.18', NEWEST] as const;

/** The same for arm64, on one of them with larger pages: what is asked for by the name of the architecture alone. */
export const ARM64_KERNELS = ['arm64/6.1', 'arm64-16k/6.12', `arm64/${NEWEST}`] as const;

/** A full run in an emulated machine, in which a few test files hang and run once more (`test/run.mjs`). */
const TIMEOUT_MINUTES = 45;

/**
 * The test files that stand and fall with the kernel's structures, tracepoints and refusals; the others are about what
 * stuckd makes of them. An emulated CPU runs these in a few minutes.
 */
const QUICK = 'check,fields,probes,keepalive,hidden,lockdown';

export function usage(): string {
  return [
    'npm run test:kernels [-- KERNEL...] [--quick | --only NAME,...] [--run COMMAND] [--jobs N] [--timeout MINUTES] [--write]',
    '',
    "Boots kernels of Debian's under qemu, with this machine's files read-only, and runs the kernel tests in them.",
    '',
    `  KERNEL           a series (6.12), a version (6.12.43) or "newest"; without any: ${ALL_KERNELS.join(' ')};`,
    `                   arm64/6.12 is one for arm64, and arm64 stands for ${ARM64_KERNELS.join(' ')}`,
    '  --only NAME,...  only the test files whose name contains one of these',
    `  --quick          only what stands and falls with the kernel: ${QUICK}`,
    '  --run COMMAND    run this in the guest, as root, instead of the tests, and print what it says',
    '  --jobs N         guests at a time',
    `  --timeout N      end a guest after so many minutes (${TIMEOUT_MINUTES})`,
    '  --write          write the result to SUPPORTED_KERNELS.md',
    '',
    'Consoles and results are kept in build/kernels. Needs root.',
    '',
  ].join('\n');
}

function positiveNumber(text: string, name: string): number {
  const value = Number(text);
  if (!(value > 0)) {
    throw new UsageError(`--${name} takes a number above 0, not "${text}"`);
  }
  return value;
}

/** @throws UsageError */
export function parseMatrixArguments(argv: readonly string[], defaultJobs: number): MatrixArguments {
  const options = {
    help: { type: 'boolean', short: 'h', default: false },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    run: { type: 'string' },
    jobs: { type: 'string', default: String(defaultJobs) },
    timeout: { type: 'string', default: String(TIMEOUT_MINUTES) },
    write: { type: 'boolean', default: false },
  } as const;
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (values.quick && values.only !== '') {
    throw new UsageError('--quick is a choice of files already; it does not go with --only');
  }
  if (values.write && (values.only !== '' || values.run !== undefined)) {
    throw new UsageError('--write is for all tests, or --quick');
  }
  return {
    help: values.help,
    kernels:
      positionals.length === 0 ? ALL_KERNELS : positionals.flatMap((name) => (name === 'arm64' ? ARM64_KERNELS : name)),
    only: values.quick ? QUICK : values.only,
    quick: values.quick,
    ...(values.run === undefined ? {} : { command: values.run }),
    jobs: Math.ceil(positiveNumber(values.jobs, 'jobs')),
    timeoutMs: positiveNumber(values.timeout, 'timeout') * 60_000,
    write: values.write,
  };
}
