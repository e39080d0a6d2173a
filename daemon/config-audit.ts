/** `audit` in the configuration: how often all connections are looked at unasked, and what they are judged by. */
import * as z from 'zod';
import { duration } from './config-values.js';
import type { PathIdleLimit } from './core/audit/rules.js';

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
const LIMITS_MAX = 20;
const NAME_LENGTH_MAX = 80;

/** Instead of an interval: only when somebody asks. */
const AUDIT_OFF = 'off';

/** Idle times after which well-known middleboxes forget a connection, where nobody has changed that. */
const KNOWN_LIMITS = [
  { name: 'NAT gateway and Network Load Balancer of AWS', limit: '350s' },
  { name: 'Linux IPVS', limit: '900s' },
];

export const auditSchema = z.strictObject({
  interval: z
    .union([z.literal(AUDIT_OFF), duration(10 * SECOND_MS, DAY_MS)])
    .prefault('10m')
    .describe('How often that is looked at for the metrics; off: only when somebody asks.'),
  idleLimits: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(NAME_LENGTH_MAX).describe('What it is called in findings.'),
        limit: duration(SECOND_MS, DAY_MS).describe('After so long without a packet it forgets a connection.'),
      }),
    )
    .max(LIMITS_MAX)
    .prefault(KNOWN_LIMITS)
    .describe('What forgets idle connections on the path: keepalive that begins later is told.'),
});

export interface AuditSettings {
  /** Null: only when somebody asks. */
  readonly intervalMs: number | null;
  readonly idleLimits: readonly PathIdleLimit[];
}

export function auditSettings({ interval, idleLimits }: z.output<typeof auditSchema>): AuditSettings {
  return {
    intervalMs: interval === AUDIT_OFF ? null : interval,
    idleLimits: idleLimits.map(({ name, limit }) => ({ name, limitMs: limit })),
  };
}
