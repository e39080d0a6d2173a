/** The command line of the benchmarks. */
import { parseArgs } from 'node:util';

export interface BenchArguments {
  /** Names of the parts to run, in the order of `known`, without repetition. */
  readonly parts: readonly string[];
  /** Ends the output with one line of JSON. */
  readonly json: boolean;
  /** Connections that `sweep` and `audit` open; null for what each of them does by itself. */
  readonly connections: number | null;
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

const OPTIONS = {
  json: { type: 'boolean', default: false },
  connections: { type: 'string' },
  profile: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function parseConnections(text: string): number {
  const connections = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (connections < 1 || connections > CONNECTIONS_MAX) {
    throw new UsageError(`--connections takes a number from 1 to ${CONNECTIONS_MAX}, not "${text}"`);
  }
  return connections;
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
    connections: values.connections === undefined ? null : parseConnections(values.connections),
    profileDirectory: values.profile ?? null,
    help: values.help,
  };
}
