/** Configuration: file, then environment, then flags; every value that enters the daemon is checked here. */
import { existsSync } from 'node:fs';
import * as z from 'zod';
import { alertsSchema, kindAlertSchema, rulesSchema, silencesSchema } from './config-alerts.js';
import { auditSchema } from './config-audit.js';
import { type ConfigFile, ConfigFileError, type KeyPath, readConfigFile } from './config-file.js';
import { grpcSchema } from './config-grpc.js';
import { historyDiskSchema } from './config-history.js';
import { httpSchema } from './config-http.js';
import { kubernetesSchema, workloadsSchema } from './config-kubernetes.js';
import { describeProblems } from './config-problems.js';
import { checkReceiverNames } from './config-receivers.js';
import { address, duration } from './config-values.js';
import type { StuckKind } from './core/kinds.js';
import { DEFAULT_CONFIG_PATH } from './default-config-path.js';
import { isRecord } from './lib/is-record.js';
import { LOG_LEVELS } from './lib/logger.js';
import { receiversSchema } from './sinks/receiver-config.js';

const DEFAULT_STATE_DIR = '/var/lib/stuckd';

const count = z.number().int().min(1).max(255);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** @param open what must hold before a record opens */
function kind<Open extends z.ZodRawShape>(
  name: StuckKind,
  open: Open,
): z.ZodPrefault<
  z.ZodObject<
    {
      enabled: z.ZodDefault<z.ZodBoolean>;
      open: z.ZodPrefault<z.ZodObject<Open, z.core.$strict>>;
      alert: ReturnType<typeof kindAlertSchema>;
    },
    z.core.$strict
  >
> {
  const openSchema = z.strictObject(open).prefault({} as never);
  const shape = { enabled: z.boolean().default(true), open: openSchema, alert: kindAlertSchema(name) };
  return z.strictObject(shape).prefault({} as never);
}

/** How long it must have lasted. */
function after(milliseconds: string): { readonly after: z.ZodPrefault<z.ZodType<number>> } {
  return { after: duration(0, DAY_MS).prefault(milliseconds) };
}

const kindsSchema = z.strictObject({
  retransmitting: kind('retransmitting', {
    /** Consecutive RTOs without any ACK. */
    retransmits: count.default(3),
    /** How likely a healthy connection may look the same: opens only below this. */
    chance: z.number().gt(0).lt(1).default(1e-4),
  }),
  keepalive_unanswered: kind('keepalive_unanswered', { probes: count.default(2) }),
  /** `probes`: unanswered window probes; `after`: of a peer that answers them. */
  zero_window: kind('zero_window', { probes: count.default(3), ...after('60s') }),
  connecting: kind('connecting', { retransmits: count.default(3) }),
  /** Handshakes whose SYN-ACK was sent again: at least so many, and this share of the backlog. */
  accepting: kind('accepting', {
    handshakes: z.number().int().min(1).max(65_535).default(16),
    share: z.number().min(0).max(1).default(0.25),
    ...after('30s'),
  }),
  accept_queue_full: kind('accept_queue_full', after('10s')),
  closing: kind('closing', after('15s')),
  fin_wait: kind('fin_wait', after('10m')),
  close_wait: kind('close_wait', after('60s')),
  unread: kind('unread', after('60s')),
  zombie: kind('zombie', after('60s')),
  /** `idle`: how long the connection must have been idle before it was used again. */
  stale_reuse: kind('stale_reuse', { idle: duration(1, HOUR_MS).prefault('1s') }),
});

/** What may stand in the file. */
export const configSchema = z
  .strictObject({
    grpc: grpcSchema.prefault({}),
    /** Metrics and health. */
    http: httpSchema.prefault({}),
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
    audit: auditSchema.prefault({}),
    alerts: alertsSchema,
    rules: rulesSchema,
    silences: silencesSchema,
    history: z
      .strictObject({
        /** Ended records that are kept in memory. */
        ended: z.number().int().min(0).max(100_000).default(1000),
        disk: historyDiskSchema,
      })
      .prefault({}),
    /** Where alerts go. */
    receivers: receiversSchema,
    workloads: workloadsSchema.prefault({}),
    kubernetes: kubernetesSchema.prefault({}),
    log: z.strictObject({ level: z.enum(LOG_LEVELS).default('info') }).prefault({}),
  })
  .superRefine(({ rules, receivers }, context) => {
    checkReceiverNames(rules, receivers, context);
  });

export type Config = z.output<typeof configSchema>;

/** What is wrong with the configuration, with file, line and key: the message is for the person who wrote it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Settings from the command line; they beat the environment, which beats the file. */
export interface ConfigFlags {
  /** Path given with --config; it must exist, unlike the default path. */
  readonly configPath?: string;
  readonly grpcAddress?: string;
  readonly httpAddress?: string;
  readonly stateDir?: string;
  readonly sensorAddress?: string;
  readonly logLevel?: string;
}

/** @returns null if there is none and none has to be. */
function readFile(path: string, mustExist: boolean): ConfigFile | null {
  if (!mustExist && !existsSync(path)) {
    return null;
  }
  try {
    return readConfigFile(path);
  } catch (error) {
    throw error instanceof ConfigFileError ? new ConfigError(error.message, { cause: error }) : error;
  }
}

/** Sets `value` at `path` in a copy of `target`, over what the file says. */
function override(
  target: Readonly<Record<string, unknown>>,
  path: readonly string[],
  value: string,
): Readonly<Record<string, unknown>> {
  const [key, ...rest] = path;
  if (key === undefined) {
    return target;
  }
  if (rest.length === 0) {
    return { ...target, [key]: value };
  }
  const inner = target[key] === undefined ? {} : target[key];
  // What is no section in the file stays there, to be found wrong.
  return isRecord(inner) ? { ...target, [key]: override(inner, rest, value) } : target;
}

interface Override {
  readonly keys: readonly string[];
  readonly value: string;
  /** The variable or flag, as one writes it. */
  readonly source: string;
}

/** What flags and variables set, of both the one that counts. */
function overrides(flags: ConfigFlags, environment: NodeJS.ProcessEnv): readonly Override[] {
  const choose = (keys: readonly string[], option: string, flag?: string, variable?: string): readonly Override[] => {
    const text = variable === undefined ? undefined : environment[variable];
    const [value, source] = flag === undefined ? [text, variable] : [flag, option];
    return value === undefined || value === '' || source === undefined ? [] : [{ keys, value, source }];
  };
  return [
    ...choose(['grpc', 'address'], '--address', flags.grpcAddress, 'STUCKD_ADDRESS'),
    ...choose(['http', 'address'], '--http-address', flags.httpAddress, 'STUCKD_HTTP_ADDRESS'),
    ...choose(['stateDir'], '--state-dir', flags.stateDir, 'STUCKD_STATE_DIR'),
    ...choose(['sensor', 'address'], '--sensor-address', flags.sensorAddress, 'STUCKD_SENSOR_ADDRESS'),
    ...choose(['log', 'level'], '--log-level', flags.logLevel),
  ];
}

/**
 * Reads the configuration.
 * @throws ConfigError with a message that names file, line and key.
 */
export function loadConfig(flags: ConfigFlags, environment: NodeJS.ProcessEnv): Config {
  const path = flags.configPath ?? DEFAULT_CONFIG_PATH;
  const file = readFile(path, flags.configPath !== undefined);
  const set = overrides(flags, environment);
  const content = set.reduce((merged, { keys, value }) => override(merged, keys, value), file?.content ?? {});
  const result = configSchema.safeParse(content);
  if (!result.success) {
    const overriddenBy = (keys: KeyPath): string | null =>
      set.find((each) => each.keys.join('.') === keys.join('.'))?.source ?? null;
    const problems = describeProblems(result.error, configSchema, { content, file, overriddenBy });
    throw new ConfigError(`the configuration is wrong:\n${problems.join('\n')}`);
  }
  return result.data;
}
