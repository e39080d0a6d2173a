/**
 * What a filter looks at. Records in memory and records on disk both give it, so that a filter means the same for both; on
 * disk it stands beside the message, which then need not be decoded to be passed over.
 */
import * as z from 'zod';
import { STUCK_KINDS } from '../core/kinds.js';
import type { StuckKind } from '../core/kinds.js';
import type { WallClock, WorkloadSource } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import type { Endpoint } from '../core/snapshot.js';
import type { Workload } from '../core/workload.js';
import type { WorkloadNames } from './workload-filter.js';

export interface FilterFacts {
  readonly kind: StuckKind;
  /** Of its holders, or of those of its last owner. */
  readonly pids: readonly number[];
  readonly remote: Endpoint;
  readonly netns: number;
  /** Null: not known. */
  readonly workload: WorkloadNames | null;
  /** Microseconds since 1970. */
  readonly detectedUs: number;
  /** Null while it is stuck. */
  readonly endUs: number | null;
}

/** What else is known of a workload is not written beside every change. */
export function namesOf(workload: Workload | null): WorkloadNames | null {
  if (workload === null) {
    return null;
  }
  const { containerId, pod, podNamespace, unit } = workload;
  return { containerId, pod, podNamespace, unit };
}

/** An orphan is found by the process that left it: a watch that follows a process must see what becomes of its sockets. */
export function factsOfRecord(record: StuckRecord, clock: WallClock, workloads: WorkloadSource): FilterFacts {
  const owner = record.owner ?? record.lastOwner;
  return {
    kind: record.kind,
    pids: owner === null ? [] : [owner.pid, ...owner.holders.map(({ pid }) => pid)],
    remote: record.remote,
    netns: record.netns,
    workload: namesOf(workloads.workloadOf(record)),
    detectedUs: clock.monoToRealUs(record.detectedUs),
    endUs: record.endUs === null ? null : clock.monoToRealUs(record.endUs),
  };
}

const schema: z.ZodType<FilterFacts> = z.object({
  kind: z.enum(STUCK_KINDS),
  pids: z.array(z.number()),
  remote: z.object({ address: z.string(), port: z.number() }),
  netns: z.number(),
  workload: z
    .object({ containerId: z.string(), pod: z.string(), podNamespace: z.string(), unit: z.string() })
    .nullable(),
  detectedUs: z.number(),
  endUs: z.number().nullable(),
});

/** @returns null if it is not what this version writes. */
export function parseFacts(json: string): FilterFacts | null {
  try {
    return schema.safeParse(JSON.parse(json)).data ?? null;
  } catch {
    return null;
  }
}
