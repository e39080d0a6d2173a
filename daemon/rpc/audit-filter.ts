/** Which connections of an audit a request means: what a `ConnectionFilter` says of connections that are not stuck. */
import { createHash } from 'node:crypto';
import type { HeldConnection } from '../core/audit/run.js';
import type { WorkloadSource } from '../core/ports.js';
import { checkSize, isPeer, parsePeers } from './connection-filter.js';
import { namesOf } from './filter-facts.js';
import { stuckd } from './gen/stuckd.js';
import { invalidArgument } from './status.js';
import { parseWorkloadFields } from './workload-filter.js';

export interface AuditFilter {
  readonly matches: (connection: HeldConnection) => boolean;
  /** It leaves none out. */
  readonly isEmpty: boolean;
  /** Two filters that mean the same have the same fingerprint. */
  readonly fingerprint: string;
}

/** @returns what the table of workloads asks for. */
export function heldBy({ owner }: Pick<HeldConnection, 'owner'>): Parameters<WorkloadSource['workloadOf']>[0] {
  return { owner, lastOwner: null, ownerType: owner === null ? 'unknown' : 'process', creatorCgroupId: 0n };
}

const { DIRECTION_UNSPECIFIED, DIRECTION_INBOUND, DIRECTION_OUTBOUND } = stuckd.v1.Direction;
const DIRECTIONS: readonly number[] = [DIRECTION_UNSPECIFIED, DIRECTION_INBOUND, DIRECTION_OUTBOUND];

/** @throws RpcError INVALID_ARGUMENT, naming the field and the value. */
export function parseAuditFilter(
  { filter, direction: wanted }: Pick<stuckd.v1.AuditConnectionsRequest.$Properties, 'filter' | 'direction'>,
  workloads: WorkloadSource,
): AuditFilter {
  const direction = wanted ?? DIRECTION_UNSPECIFIED;
  if (!DIRECTIONS.includes(direction)) {
    throw invalidArgument(`direction must be OUTBOUND or INBOUND, or be left out: ${direction}`);
  }
  if ((filter?.kinds ?? []).length > 0 || filter?.stuckAfter || filter?.detectedBefore) {
    throw invalidArgument(
      'filter.kinds, stuck_after and detected_before are about stuck connections, not for an audit',
    );
  }
  const { pids = [], peers = [], netns = [], containers = [], pods = [], units = [] } = filter ?? {};
  const fields = {
    ...{ pids: pids ?? [], peers: peers ?? [], netns: netns ?? [] },
    ...{ containers: containers ?? [], pods: pods ?? [], units: units ?? [] },
  };
  for (const [field, values] of Object.entries(fields)) {
    checkSize(field, values);
  }
  const wantedPids = new Set(fields.pids);
  const wantedPeers = parsePeers(fields.peers);
  const wantedNetns = new Set(fields.netns);
  const isMeant = parseWorkloadFields(fields);
  const sorted = [wantedPids, wantedPeers, wantedNetns, fields.containers, fields.pods, fields.units].map((values) =>
    [...values].map(String).sort(),
  );
  return {
    isEmpty: direction === DIRECTION_UNSPECIFIED && sorted.every((values) => values.length === 0),
    matches: (connection) =>
      (direction === DIRECTION_UNSPECIFIED || connection.isInbound === (direction === DIRECTION_INBOUND)) &&
      (wantedPids.size === 0 || [...wantedPids].some((pid) => connection.holderPids.has(pid))) &&
      (wantedPeers.size === 0 || isPeer(connection, wantedPeers)) &&
      (wantedNetns.size === 0 || wantedNetns.has(connection.netns)) &&
      (isMeant === null || isMeant(namesOf(workloads.workloadOf(heldBy(connection))))),
    fingerprint: createHash('sha256')
      .update(JSON.stringify([direction, sorted]))
      .digest('base64url')
      .slice(0, 16),
  };
}
