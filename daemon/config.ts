/** Configuration: file, then environment, then flags; every value that enters the daemon is checked here. */
import { accessSync, constants, existsSync } from 'node:fs';
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
import { sensorSchema } from './config-sensor.js';
import { duration } from './config-values.js';
import type { StuckKind } from './core/kinds.js';
import { DEFAULT_CONFIG_PATH } from './default-config-path.js';
import { isRecord } from './lib/is-record.js';
import { type OwnPlaces, ownPlaces, SYSTEM_STATE_DIR } from './lib/own-places.js';
import { LOG_LEVELS } from './lib/logger.js';
import { receiversSchema } from './sinks/receiver-config.js';

const count = z.number().int().min(1).max(255);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** @param text what it is. @param open what must hold before a record opens */
function kind<Open extends z.ZodRawShape>(
  name: StuckKind,
  text: string,
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
  const openSchema = z
    .strictObject(open)
    .prefault({} as never)
    .describe('What must hold before a record opens.');
  const enabled = z.boolean().default(true).describe('Whether it is looked for.');
  const shape = { enabled, open: openSchema, alert: kindAlertSchema(name) };
  return z
    .strictObject(shape)
    .prefault({} as never)
    .describe(text);
}

function after(time: string, text = 'How long it must have lasted.'): { after: z.ZodPrefault<z.ZodType<number>> } {
  return { after: duration(0, DAY_MS).prefault(time).describe(text) };
}

const kindsSchema = z.strictObject({
  retransmitting: kind('retransmitting', 'Sent, and not acknowledged.', {
    retransmits: count.default(3).describe('Retransmission timeouts one after the other without any answer.'),
    chance: z
      .number()
      .gt(0)
      .lt(1)
      .default(1e-4)
      .describe(
        'How likely a healthy connection with this loss rate may look the same: a record opens only below this.',
      ),
  }),
  keepalive_unanswered: kind('keepalive_unanswered', 'Idle, and keepalive probes are not answered.', {
    probes: count.default(2).describe('Probes without an answer.'),
  }),
  zero_window: kind('zero_window', 'The peer closed its window.', {
    probes: count.default(3).describe('Window probes without an answer, of a silent peer.'),
    ...after('60s', 'How long nothing moves, of a peer that answers them.'),
  }),
  connecting: kind('connecting', 'A connection attempt is not answered.', {
    retransmits: count.default(3).describe('SYNs sent again.'),
  }),
  accepting: kind('accepting', 'Clients of a listener do not complete the handshake.', {
    handshakes: z
      .number()
      .int()
      .min(1)
      .max(65_535)
      .default(16)
      .describe('Handshakes whose SYN-ACK was sent again: at least so many.'),
    share: z.number().min(0).max(1).default(0.25).describe('And at least this share of the backlog, from 0 to 1.'),
    ...after('30s', 'For so long.'),
  }),
  accept_queue_full: kind('accept_queue_full', 'A listener whose process does not accept.', after('10s')),
  closing: kind('closing', 'Our FIN is not acknowledged.', after('15s')),
  fin_wait: kind(
    'fin_wait',
    'Closed for sending, and the peer does not close.',
    after('10m', 'How long it must have lasted without data.'),
  ),
  close_wait: kind('close_wait', 'The peer closed, and the application has not.', after('60s')),
  unread: kind('unread', 'Received data that the application does not read.', after('60s')),
  zombie: kind('zombie', 'The kernel has given up, and the application has not looked.', after('60s')),
  stale_reuse: kind('stale_reuse', 'A request on a pooled connection that was no more.', {
    idle: duration(1, HOUR_MS)
      .prefault('1s')
      .describe('How long the connection must have been idle before it was used again.'),
  }),
});

/** What may stand in the file. */
export const configSchema = z
  .strictObject({
    grpc: grpcSchema.prefault({}).describe('Where stuckctl and other clients connect.'),
    http: httpSchema.prefault({}).describe('Metrics for Prometheus (/metrics) and health (/healthz, /readyz).'),
    stateDir: z
      .string()
      .min(1)
      .default(SYSTEM_STATE_DIR)
      .describe(
        'Folder where open records, history and what receivers are to be told survive a restart. Variable STUCKD_STATE_DIR, flag --state-dir.',
      ),
    sensor: sensorSchema.prefault({}).describe('What reads the kernel.'),
    kinds: kindsSchema.prefault({}).describe('What counts as stuck, and when somebody is told.'),
    audit: auditSchema
      .prefault({})
      .describe('What would happen to each connection if its peer vanished now (stuckctl audit).'),
    alerts: alertsSchema,
    rules: rulesSchema,
    silences: silencesSchema,
    history: z
      .strictObject({
        ended: z.number().int().min(0).max(100_000).default(1000).describe('Ended records that are kept in memory.'),
        disk: historyDiskSchema,
      })
      .prefault({})
      .describe('What is kept of what is over.'),
    receivers: receiversSchema,
    workloads: workloadsSchema
      .prefault({})
      .describe('How it is found out to which container and unit a process belongs.'),
    kubernetes: kubernetesSchema.prefault({}).describe('Names and labels of pods, from the API server.'),
    log: z
      .strictObject({
        level: z.enum(LOG_LEVELS).default('info').describe('Less grave lines are left out. Flag --log-level.'),
      })
      .prefault({})
      .describe('The log, on standard output.'),
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
  readonly sensorMode?: string;
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
    ...choose(['sensor', 'mode'], '--sensor-mode', flags.sensorMode, 'STUCKD_SENSOR_MODE'),
    ...choose(['log', 'level'], '--log-level', flags.logLevel),
  ];
}

/**
 * The file that is read where none is given. The one in /etc may be for the eyes of the daemon of the node alone.
 * @param own where an ordinary user has his own
 */
export function defaultConfigPath(own: OwnPlaces | null): string {
  if (own === null) {
    return DEFAULT_CONFIG_PATH;
  }
  return !existsSync(own.configPath) && isReadable(DEFAULT_CONFIG_PATH) ? DEFAULT_CONFIG_PATH : own.configPath;
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** What is in effect for an ordinary user where nothing else is said. */
function withOwnDefaults(content: Content, own: OwnPlaces): Content {
  const { grpc = {}, http = {}, stateDir = own.stateDir } = content;
  const socket = own.socketPath(typeof stateDir === 'string' ? stateDir : undefined);
  return {
    ...content,
    stateDir,
    grpc: isRecord(grpc) ? { address: `unix:${socket}`, ...grpc } : grpc,
    // The stuckd of the node may have the port, which is no reason not to start.
    http: isRecord(http) && http['address'] === undefined ? { required: false, ...http } : http,
  };
}

type Content = Readonly<Record<string, unknown>>;

/**
 * Reads the configuration.
 * @param own where an ordinary user keeps things; null for root and for services
 * @throws ConfigError with a message that names file, line and key.
 */
export function loadConfig(
  flags: ConfigFlags,
  environment: NodeJS.ProcessEnv,
  own: OwnPlaces | null = ownPlaces(environment),
): Config {
  const path = flags.configPath ?? defaultConfigPath(own);
  const file = readFile(path, flags.configPath !== undefined);
  const set = overrides(flags, environment);
  const given = set.reduce((merged, { keys, value }) => override(merged, keys, value), file?.content ?? {});
  const content = own === null ? given : withOwnDefaults(given, own);
  const result = configSchema.safeParse(content);
  if (!result.success) {
    const overriddenBy = (keys: KeyPath): string | null =>
      set.find((each) => each.keys.join('.') === keys.join('.'))?.source ?? null;
    const problems = describeProblems(result.error, configSchema, { content, file, overriddenBy });
    throw new ConfigError(`the configuration is wrong:\n${problems.join('\n')}`);
  }
  return result.data;
}
