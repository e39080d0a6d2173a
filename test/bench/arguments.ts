/** The command line of the benchmarks. */
import { parseArgs } from 'node:util';

export interface BenchArguments {
  /** Names of the parts to run, in the order of `known`, without repetition. */
  readonly parts: readonly string[];
  /** Ends the output with one line of JSON. */
  readonly json: boolean;
  /** Connections that `sweep` and `audit` open; null for what each of them does by itself. */
  readonly connections: number | null;
  /** Records that `leak` has opened and ended; null for what it does by itself. */
  readonly records: number | null;
  /** How long `leak` looks on while nothing happens, before that. */
  readonly idleMinutes: number;
  /** Where the daemons of the parts write CPU profiles as they end; null for none. */
  readonly profileDirectory: string | null;
  readonly help: boolean;
}

/** A mistake in the command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Both ends of each are held by this machine, at some 5 KiB of kernel memory a socket. */
export const CONNECTIONS_MAX = 200_000;
/** Six rounds of `leak`: fewer make no slope. */
const RECORDS_MIN = 30_000;
/** At some 5,000 in five seconds. */
const RECORDS_MAX = 10_000_000;
const IDLE_MINUTES_MAX = 1440;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  connections: { type: 'string' },
  records: { type: 'string' },
  'idle-minutes': { type: 'string', default: '0' },
  profile: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function parseNumber(option: string, text: string, minimum: number, maximum: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (!(value >= minimum && value <= maximum)) {
    throw new UsageError(`--${option} takes a number from ${minimum} to ${maximum}, not "${text}"`);
  }
  return value;
}

function parse(
  argv: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/**
 * @param argv arguments after the name of the script.
 * @param known names of all parts; all of them run if none is named.
 * @throws UsageError
 */
export function parseBenchArguments(argv: readonly string[], known: readonly string[]): BenchArguments {
  const { values, positionals } = parse(argv);
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`there is no part "${unknown}"; the parts are ${known.join(', ')}`);
  }
  return {
    parts: positionals.length === 0 ? known : known.filter((name) => positionals.includes(name)),
    json: values.json,
    connections:
      values.connections === undefined ? null : parseNumber('connections', values.connections, 1, CONNECTIONS_MAX),
    records: values.records === undefined ? null : parseNumber('records', values.records, RECORDS_MIN, RECORDS_MAX),
    idleMinutes: parseNumber('idle-minutes', values['idle-minutes'], 0, IDLE_MINUTES_MAX),
    profileDirectory: values.profile ?? null,
    help: values.help,
  };
}
