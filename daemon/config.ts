/** Configuration: file, then environment, then flags; every value that enters the daemon is checked here. */
import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import * as z from 'zod';
import { DEFAULT_CONFIG_PATH } from './default-config-path.js';
import { parseDurationMs } from './lib/duration.js';
import { LOG_LEVELS } from './lib/logger.js';
import { type Address, AddressError, DEFAULT_ADDRESS, parseAddress } from './rpc/address.js';
import { receiversSchema } from './sinks/receiver-config.js';

const DEFAULT_STATE_DIR = '/var/lib/stuckd';

/** A duration as text with a unit ("500ms", "2s", "10m", "2h"), in whole milliseconds. */
function duration(minMs: number, maxMs: number): z.ZodType<number> {
  return z
    .string({ error: 'must be a duration with a unit, such as 500ms, 2s, 10m or 2h' })
    .transform((text, context) => {
      const milliseconds = parseDurationMs(text);
      if (milliseconds === null) {
        context.addIssue({ code: 'custom', message: `"${text}" is not a duration such as 500ms, 2s, 10m or 2h` });
        return z.NEVER;
      }
      if (milliseconds < minMs || milliseconds > maxMs) {
        context.addIssue({ code: 'custom', message: `must lie between ${minMs} ms and ${maxMs} ms` });
        return z.NEVER;
      }
      return milliseconds;
    });
}

/** An address, kept as it was written. @param allowed kinds of address that can be used there */
function address(allowed: readonly Address['kind'][]): z.ZodType<string> {
  return z.string().superRefine((text, context) => {
    try {
      if (!allowed.includes(parseAddress(text).kind)) {
        context.addIssue({ code: 'custom', message: `"${text}" must be unix:PATH` });
      }
    } catch (error) {
      if (!(error instanceof AddressError)) {
        throw error;
      }
      context.addIssue({ code: 'custom', message: error.message });
    }
  });
}

const count = z.number().int().min(1).max(255);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** @param open what must hold before a record opens */
function kind<Open extends z.ZodRawShape>(
  open: Open,
): z.ZodPrefault<
  z.ZodObject<
    { enabled: z.ZodDefault<z.ZodBoolean>; open: z.ZodPrefault<z.ZodObject<Open, z.core.$strict>> },
    z.core.$strict
  >
> {
  const openSchema = z.strictObject(open).prefault({} as never);
  return z.strictObject({ enabled: z.boolean().default(true), open: openSchema }).prefault({} as never);
}

/** How long it must have lasted. */
function after(milliseconds: string): { readonly after: z.ZodPrefault<z.ZodType<number>> } {
  return { after: duration(0, DAY_MS).prefault(milliseconds) };
}

const kindsSchema = z.strictObject({
  retransmitting: kind({
    /** Consecutive RTOs without any ACK. */
    retransmits: count.default(3),
    /** How likely a healthy connection may look the same: opens only below this. */
    chance: z.number().gt(0).lt(1).default(1e-4),
  }),
  keepalive_unanswered: kind({ probes: count.default(2) }),
  /** `probes`: unanswered window probes; `after`: of a peer that answers them. */
  zero_window: kind({ probes: count.default(3), ...after('60s') }),
  connecting: kind({ retransmits: count.default(3) }),
  /** Handshakes whose SYN-ACK was sent again: at least so many, and this share of the backlog. */
  accepting: kind({
    handshakes: z.number().int().min(1).max(65_535).default(16),
    share: z.number().min(0).max(1).default(0.25),
    ...after('30s'),
  }),
  accept_queue_full: kind(after('10s')),
  closing: kind(after('15s')),
  fin_wait: kind(after('10m')),
  close_wait: kind(after('60s')),
  unread: kind(after('60s')),
  zombie: kind(after('60s')),
  /** `idle`: how long the connection must have been idle before it was used again. */
  stale_reuse: kind({ idle: duration(1, HOUR_MS).prefault('1s') }),
});

const configSchema = z.strictObject({
  grpc: z.strictObject({ address: address(['unix', 'tcp']).default(DEFAULT_ADDRESS) }).prefault({}),
  stateDir: z.string().min(1).default(DEFAULT_STATE_DIR),
  sensor: z
    .strictObject({
      /** `unix:PATH` of a sensor that runs apart; without it the daemon starts one. */
      address: address(['unix']).optional(),
      /** Executable of the sensor that the daemon starts. */
      path: z.string().min(1).optional(),
      /** Tracepoints that the daemon's own sensor leaves out, to find out whether a probe is to blame. */
      without: z.array(z.string().regex(/^[a-z_]+$/, 'must be the name of a tracepoint')).default([]),
      refreshInterval: duration(100, HOUR_MS).prefault('1s'),
      sweepInterval: duration(100, HOUR_MS).prefault('2s'),
      fullRefreshInterval: duration(1000, HOUR_MS).prefault('30s'),
    })
    .prefault({}),
  kinds: kindsSchema.prefault({}),
  history: z
    .strictObject({
      /** Ended records that are kept in memory. */
      ended: z.number().int().min(0).max(100_000).default(1000),
    })
    .prefault({}),
  /** Where alerts go. */
  receivers: receiversSchema,
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default('info') }).prefault({}),
});

export type Config = z.output<typeof configSchema>;

/** What is wrong with the configuration, with file and key: the message is for the person who wrote it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Settings from the command line; they beat the environment, which beats the file. */
export interface ConfigFlags {
  /** Path given with --config; it must exist, unlike the default path. */
  readonly configPath?: string;
  readonly grpcAddress?: string;
  readonly stateDir?: string;
  readonly sensorAddress?: string;
  readonly logLevel?: string;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readFile(path: string, mustExist: boolean): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (!mustExist && (error as NodeJS.ErrnoException).code === 'ENOENT') {
      return {};
    }
    throw new ConfigError(`cannot read the configuration: ${(error as Error).message}`);
  }
  let content: unknown;
  try {
    content = parseYaml(text);
  } catch (error) {
    throw new ConfigError(`${path} is not valid YAML: ${(error as Error).message}`);
  }
  if (content === null || content === undefined) {
    return {}; // an empty file, or one with comments only
  }
  if (!isRecord(content)) {
    throw new ConfigError(`${path} must hold keys and values at its top level`);
  }
  return content;
}

/** Sets `value` at `path` in a copy of `target`, over what the file says. */
function override(target: Record<string, unknown>, path: readonly string[], value: string): Record<string, unknown> {
  const [key, ...rest] = path;
  if (key === undefined) {
    return target;
  }
  const inner = target[key];
  return {
    ...target,
    [key]: rest.length === 0 ? value : override(isRecord(inner) ? inner : {}, rest, value),
  };
}

/**
 * Reads the configuration.
 * @throws ConfigError with a message that names file and key.
 */
export function loadConfig(flags: ConfigFlags, environment: NodeJS.ProcessEnv): Config {
  const path = flags.configPath ?? DEFAULT_CONFIG_PATH;
  let content = readFile(path, flags.configPath !== undefined);
  const overrides: readonly (readonly [readonly string[], string | undefined])[] = [
    [['grpc', 'address'], flags.grpcAddress ?? environment['STUCKD_ADDRESS']],
    [['stateDir'], flags.stateDir ?? environment['STUCKD_STATE_DIR']],
    [['sensor', 'address'], flags.sensorAddress ?? environment['STUCKD_SENSOR_ADDRESS']],
    [['log', 'level'], flags.logLevel],
  ];
  for (const [keys, value] of overrides) {
    if (value !== undefined && value !== '') {
      content = override(content, keys, value);
    }
  }
  const result = configSchema.safeParse(content);
  if (!result.success) {
    throw new ConfigError(
      `the configuration (${path}, environment and flags) is wrong:\n${z.prettifyError(result.error)}`,
    );
  }
  return result.data;
}
