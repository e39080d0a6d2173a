/** The keys of the configuration that are about alerts: `kinds.<kind>.alert`, `alerts`, `rules`, `silences`. */
import * as z from 'zod';
import { duration } from './config-values.js';
import { SEVERITIES } from './core/alert.js';
import { DEFAULT_ALERT_CONFIG } from './core/alerts/alert-config.js';
import { parseNetwork } from './core/alerts/network.js';
import { STUCK_KINDS, type StuckKind } from './core/kinds.js';
import { formatDurationMs } from './lib/duration.js';

const DAY_MS = 86_400_000;
const RULES_MAX = 1000;
const VALUES_MAX = 1000;
const TEXT_MAX = 4096;

const time = duration(0, DAY_MS);
const connections = z.number().int().min(1).max(1_000_000);
const share = z.number().min(0).max(1);

/** What only some kinds can set: elsewhere it would mean nothing. */
const ONLY_OF: Readonly<Record<'orAfter' | 'informationalAfter' | 'rising' | 'within', readonly StuckKind[]>> = {
  orAfter: ['connecting'],
  informationalAfter: ['zero_window', 'unread'],
  rising: ['close_wait'],
  within: ['stale_reuse'],
};

export interface KindAlertSettings {
  readonly enabled: boolean;
  readonly after: number;
  readonly connections: number;
  readonly for: number;
  readonly orAfter?: number | undefined;
  readonly informationalAfter?: number | undefined;
  readonly rising?: boolean | undefined;
  readonly within?: number | undefined;
}

/** A duration with a default, as one would write it: so the JSON Schema tells it to editors. */
function preset(milliseconds: number, schema: z.ZodType<number> = time): z.ZodPrefault<z.ZodType<number>> {
  return schema.prefault(formatDurationMs(milliseconds));
}

function withDefault(schema: z.ZodType<number>, milliseconds: number | null): z.ZodType<number | undefined> {
  return milliseconds === null ? schema.optional() : preset(milliseconds, schema);
}

/** When alerts of a kind fire; what is not given is as in the table of kinds. */
export function kindAlertSchema(kind: StuckKind): z.ZodType<KindAlertSettings> {
  const alert = DEFAULT_ALERT_CONFIG.kinds[kind];
  const shape = {
    enabled: z.boolean().default(alert.enabled),
    /** A connection counts when its record has been open for so long. */
    after: preset(alert.afterMs),
    /** How many must count. */
    connections: connections.default(alert.connections),
    /** For how long that must have been so. */
    for: preset(alert.forMs),
    /** One connection is enough when its record has been open for so long. */
    orAfter: withDefault(time, alert.orAfterMs),
    /** What is for information counts no earlier than after this. */
    informationalAfter: withDefault(time, alert.informationalAfterMs),
    /** A number that has grown for minutes is enough. */
    rising: z.boolean().default(alert.rising),
    /** Events count for so long. */
    within: withDefault(duration(1000, DAY_MS), alert.windowMs),
  };
  const { orAfter, informationalAfter, rising, within, ...all } = shape;
  const some = Object.entries({ orAfter, informationalAfter, rising, within }).filter(([key]) =>
    ONLY_OF[key as keyof typeof ONLY_OF].includes(kind),
  );
  return z.strictObject({ ...all, ...Object.fromEntries(some) }).prefault({} as never);
}

export const alertsSchema = z
  .strictObject({
    /** From so many processes on, their alerts about one peer are one; 0: never. */
    collapseProcesses: z
      .number()
      .int()
      .min(0)
      .max(100_000)
      .refine((count) => count !== 1, { error: 'one process has one alert anyway; give 0 (never), 2 or more' })
      .default(DEFAULT_ALERT_CONFIG.collapseProcesses),
    /** An alert is resolved when its condition has not held for so long. */
    keepFiringFor: preset(DEFAULT_ALERT_CONFIG.keepFiringForMs),
    /** Changes of one alert are told no more often. */
    updateInterval: preset(DEFAULT_ALERT_CONFIG.updateIntervalMs, duration(1000, DAY_MS)),
    /** Alerts that fire at the same time. */
    maxFiring: z.number().int().min(1).max(100_000).default(DEFAULT_ALERT_CONFIG.maxFiring),
    /** What holds for connections that came in, if the kind asks for less. */
    inbound: z
      .strictObject({
        connections: connections.default(DEFAULT_ALERT_CONFIG.inbound.connections),
        /** Of all connections of that listener. */
        share: share.default(DEFAULT_ALERT_CONFIG.inbound.share),
        for: preset(DEFAULT_ALERT_CONFIG.inbound.forMs),
      })
      .prefault({}),
    /** A condition that comes back fires later: by `first`, then twice as much each time, `max` at most. */
    damping: z
      .strictObject({
        first: preset(DEFAULT_ALERT_CONFIG.damping.firstMs),
        max: preset(DEFAULT_ALERT_CONFIG.damping.maxMs),
        /** After so long a quiet it is new again. */
        forgetAfter: preset(DEFAULT_ALERT_CONFIG.damping.forgetMs),
      })
      .prefault({}),
  })
  .prefault({});

function listOf<Item extends z.ZodType>(item: Item): z.ZodOptional<z.ZodArray<Item>> {
  // An empty list would match nothing, or everything: nobody could tell.
  return z.array(item).min(1, { error: 'name at least one, or leave the key out' }).max(VALUES_MAX).optional();
}

const pattern = z.string().min(1).max(TEXT_MAX);

const peer = z.string().refine((text) => parseNetwork(text) !== null, {
  error: ({ input }) =>
    `${JSON.stringify(input)} is not a peer; write 10.0.0.0/8, 10.0.0.2, 10.0.0.2:80, fd00::/8 or [fd00::2]:80`,
});

/** All keys must match; of the values of one key, any. Texts are patterns with `*` and `?`. */
const matchSchema = z.strictObject({
  kinds: listOf(z.enum(STUCK_KINDS)),
  /** The path of the executable, or its last part. */
  executables: listOf(pattern),
  cgroups: listOf(pattern),
  /** Names or ids. */
  containers: listOf(pattern),
  pods: listOf(pattern),
  podNamespaces: listOf(pattern),
  units: listOf(pattern),
  peers: listOf(peer),
  ports: listOf(z.number().int().min(1).max(65_535)),
  informational: z.boolean().optional(),
});

export type MatchSettings = z.output<typeof matchSchema>;

/** Read from the top. Each that matches sets what it names, unless one above has set it; `stop` ends the reading. */
export const rulesSchema = z
  .array(
    z.strictObject({
      match: matchSchema.prefault({}),
      alert: z
        .strictObject({
          enabled: z.boolean().optional(),
          after: time.optional(),
          connections: connections.optional(),
          for: time.optional(),
          share: share.optional(),
        })
        .prefault({}),
      severity: z.enum(SEVERITIES).optional(),
      /** Names of receivers; none: nobody is told. */
      receivers: z.array(z.string().min(1).max(TEXT_MAX)).max(VALUES_MAX).optional(),
      stop: z.boolean().default(false),
    }),
  )
  .max(RULES_MAX)
  .prefault([]);

export type RuleSettings = z.output<typeof rulesSchema>[number];

/** What they match fires as ever, and is kept from receivers. */
export const silencesSchema = z
  .array(
    z.strictObject({
      match: matchSchema,
      until: z.iso.datetime({ offset: true, error: 'must be a time with its zone, such as 2026-11-22T18:00:00Z' }),
      comment: z.string().max(TEXT_MAX).default(''),
    }),
  )
  .max(RULES_MAX)
  .default([]);
