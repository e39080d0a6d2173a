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
    enabled: z.boolean().default(alert.enabled).describe('Whether there are alerts of this kind.'),
    after: preset(alert.afterMs).describe('A connection counts when its record has been open for so long.'),
    connections: connections.default(alert.connections).describe('How many must count.'),
    for: preset(alert.forMs).describe('For how long that must have been so.'),
    orAfter: withDefault(time, alert.orAfterMs).describe(
      'One connection is enough when its record has been open for so long.',
    ),
    informationalAfter: withDefault(time, alert.informationalAfterMs).describe(
      'What is for information counts no earlier than after this.',
    ),
    rising: z.boolean().default(alert.rising).describe('A number that has grown for minutes is enough, too.'),
    within: withDefault(duration(1000, DAY_MS), alert.windowMs).describe('Events count for so long.'),
  };
  const { orAfter, informationalAfter, rising, within, ...all } = shape;
  const some = Object.entries({ orAfter, informationalAfter, rising, within }).filter(([key]) =>
    ONLY_OF[key as keyof typeof ONLY_OF].includes(kind),
  );
  return z
    .strictObject({ ...all, ...Object.fromEntries(some) })
    .prefault({} as never)
    .describe('When somebody is told.');
}

export const alertsSchema = z
  .strictObject({
    collapseProcesses: z
      .number()
      .int()
      .min(0)
      .max(100_000)
      .refine((count) => count !== 1, { error: 'one process has one alert anyway; give 0 (never), 2 or more' })
      .default(DEFAULT_ALERT_CONFIG.collapseProcesses)
      .describe('From so many processes on, their alerts about one peer are one; 0: never.'),
    collapsePeers: z
      .number()
      .int()
      .min(0)
      .max(100_000)
      .refine((count) => count !== 1, { error: 'one peer has one alert anyway; give 0 (never), 2 or more' })
      .default(DEFAULT_ALERT_CONFIG.collapsePeers)
      .describe('From so many peers on, the alerts of one process about them are one; 0: never.'),
    keepFiringFor: preset(DEFAULT_ALERT_CONFIG.keepFiringForMs).describe(
      'An alert is resolved when its condition has not held for so long.',
    ),
    updateInterval: preset(DEFAULT_ALERT_CONFIG.updateIntervalMs, duration(1000, DAY_MS)).describe(
      'Changes of one alert are told no more often.',
    ),
    maxFiring: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .default(DEFAULT_ALERT_CONFIG.maxFiring)
      .describe('Alerts that fire at the same time.'),
    inbound: z
      .strictObject({
        connections: connections.default(DEFAULT_ALERT_CONFIG.inbound.connections).describe('So many.'),
        share: share
          .default(DEFAULT_ALERT_CONFIG.inbound.share)
          .describe('And this share of all connections of that listener, from 0 to 1.'),
        for: preset(DEFAULT_ALERT_CONFIG.inbound.forMs).describe('For so long.'),
      })
      .prefault({})
      .describe('What holds for connections that came in, if the kind asks for less: clients vanish all day.'),
    damping: z
      .strictObject({
        first: preset(DEFAULT_ALERT_CONFIG.damping.firstMs).describe(
          'By so much the first time, then twice as much each time.',
        ),
        max: preset(DEFAULT_ALERT_CONFIG.damping.maxMs).describe('By so much at most.'),
        forgetAfter: preset(DEFAULT_ALERT_CONFIG.damping.forgetMs).describe('After so long a quiet it is new again.'),
      })
      .prefault({})
      .describe('A condition that comes back fires later.'),
  })
  .prefault({})
  .describe('What holds for all alerts.');

function listOf<Item extends z.ZodType>(item: Item): z.ZodOptional<z.ZodArray<Item>> {
  // An empty list would match nothing, or everything: nobody could tell.
  return z.array(item).min(1, { error: 'name at least one, or leave the key out' }).max(VALUES_MAX).optional();
}

const pattern = z.string().min(1).max(TEXT_MAX);

const peer = z.string().refine((text) => parseNetwork(text) !== null, {
  error: ({ input }) =>
    `${JSON.stringify(input)} is not a peer; write 10.0.0.0/8, 10.0.0.2, 10.0.0.2:80, fd00::/8 or [fd00::2]:80`,
});

const MATCH = 'All keys must match, of the values of a key any; texts may contain * and ?.';

const matchSchema = z.strictObject({
  kinds: listOf(z.enum(STUCK_KINDS)).describe('Kinds of stuck connections.'),
  executables: listOf(pattern).describe('Paths of the executable, or their last parts.'),
  cgroups: listOf(pattern).describe('Paths of the control group.'),
  containers: listOf(pattern).describe('Names or ids of containers.'),
  pods: listOf(pattern).describe('Names of pods.'),
  podNamespaces: listOf(pattern).describe('Kubernetes namespaces of pods.'),
  units: listOf(pattern).describe('systemd units.'),
  peers: listOf(peer).describe(
    'Addresses, networks, or addresses with a port, of peers to which this machine opened the connection.',
  ),
  ports: listOf(z.number().int().min(1).max(65_535)).describe('Local ports, of connections that came in.'),
  informational: z.boolean().optional().describe('Whether it is for information only.'),
});

export type MatchSettings = z.output<typeof matchSchema>;

export const rulesSchema = z
  .array(
    z.strictObject({
      match: matchSchema.prefault({}).describe(MATCH),
      alert: z
        .strictObject({
          enabled: z.boolean().optional().describe('Whether there are alerts of this.'),
          after: time.optional().describe('As in kinds.'),
          connections: connections.optional().describe('As in kinds.'),
          for: time.optional().describe('As in kinds.'),
          share: share.optional().describe('As alerts.inbound.share.'),
        })
        .prefault({})
        .describe('When somebody is told.'),
      severity: z.enum(SEVERITIES).optional().describe('How grave it is.'),
      receivers: z
        .array(z.string().min(1).max(TEXT_MAX))
        .max(VALUES_MAX)
        .optional()
        .describe('Names of receivers; an empty list: nobody is told.'),
      stop: z.boolean().default(false).describe('Rules below are not read.'),
    }),
  )
  .max(RULES_MAX)
  .prefault([])
  .describe(
    'What is different for some alerts. Read from the top: each rule that matches sets what it names, unless one above has set it.',
  );

export type RuleSettings = z.output<typeof rulesSchema>[number];

export const silencesSchema = z
  .array(
    z.strictObject({
      match: matchSchema.describe(MATCH),
      until: z.iso
        .datetime({ offset: true, error: 'must be a time with its zone, such as 2026-11-22T18:00:00Z' })
        .describe('When it ends, with its zone: 2026-11-22T18:00:00Z.'),
      comment: z.string().max(TEXT_MAX).default('').describe('Why, for whoever reads this.'),
    }),
  )
  .max(RULES_MAX)
  .default([])
  .describe('Of whom nobody wants to hear for a while: such alerts fire and are listed, and reach no receiver.');
