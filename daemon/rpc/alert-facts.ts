/**
 * What a filter of alerts looks at. Alerts in memory and alerts on disk both give it, so that a filter means the same for
 * both; on disk it stands beside the message, which then need not be decoded to be passed over.
 */
import * as z from 'zod';
import { type Alert, SEVERITIES, type Severity } from '../core/alert.js';
import { STUCK_KINDS, type StuckKind } from '../core/kinds.js';
import type { WallClock } from '../core/ports.js';
import type { Endpoint } from '../core/snapshot.js';

export interface AlertFacts {
  readonly kind: StuckKind;
  readonly severity: Severity;
  /** An alert about several processes, or about orphans, is found by those whose connections are in its sample. */
  readonly pids: readonly number[];
  /** One without a peer of its own likewise. */
  readonly peers: readonly Endpoint[];
}

/** As they stand on disk. */
export interface StoredAlertFacts extends AlertFacts {
  /** Microseconds since 1970; null while it fires. */
  readonly endUs: number | null;
}

export function factsOfAlert({ kind, severity, process, peer, connections }: Alert): AlertFacts {
  const pids =
    process === null ? connections.map(({ owner, lastOwner }) => (owner ?? lastOwner)?.pid ?? 0) : [process.pid];
  const peers = peer === null ? connections.map(({ remote }) => remote) : [peer];
  return { kind, severity, pids: pids.filter((pid) => pid > 0), peers };
}

export function storedFactsOf(alert: Alert, clock: WallClock): StoredAlertFacts {
  return { ...factsOfAlert(alert), endUs: alert.endUs === null ? null : clock.monoToRealUs(alert.endUs) };
}

const schema: z.ZodType<StoredAlertFacts> = z.object({
  kind: z.enum(STUCK_KINDS),
  severity: z.enum(SEVERITIES),
  pids: z.array(z.number()),
  peers: z.array(z.object({ address: z.string(), port: z.number() })),
  endUs: z.number().nullable(),
});

/** @returns null if it is not what this version writes. */
export function parseAlertFacts(json: string): StoredAlertFacts | null {
  try {
    return schema.safeParse(JSON.parse(json)).data ?? null;
  } catch {
    return null;
  }
}
