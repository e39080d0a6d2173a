/** Which records a request means: the checked form of `ConnectionFilter`. */
import { createHash } from 'node:crypto';
import type { StuckKind } from '../core/kinds.js';
import type { WallClock, WorkloadSource } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import { kindFromProto } from './enum-mapping.js';
import { stuckd } from './gen/stuckd.js';
import { canonicalAddress, formatPeer, parsePeer } from './peer-address.js';
import { timestampToMs } from './proto-time.js';
import { invalidArgument } from './status.js';
import { parseWorkloadFields } from './workload-filter.js';

/** Values in one field of a filter. */
const FILTER_VALUES_MAX = 1000;

export interface ConnectionFilter {
  /** True if every record matches. */
  readonly matchesAll: boolean;
  readonly matches: (record: StuckRecord) => boolean;
  /** Two filters that mean the same have the same fingerprint. */
  readonly fingerprint: string;
}

export function checkSize(field: string, values: readonly unknown[]): void {
  if (values.length > FILTER_VALUES_MAX) {
    throw invalidArgument(`filter.${field} has ${values.length} values; ${FILTER_VALUES_MAX} is the most`);
  }
}

export function parseKinds(values: readonly number[]): ReadonlySet<StuckKind> {
  if (values.includes(stuckd.v1.StuckKind.STUCK_KIND_UNSPECIFIED)) {
    return new Set();
  }
  const kinds = new Set<StuckKind>();
  for (const value of values) {
    const kind = kindFromProto(value);
    if (kind === null) {
      throw invalidArgument(`filter.kinds: this stuckd has no kind with number ${value}`);
    }
    kinds.add(kind);
  }
  return kinds;
}

/** Addresses, and address:port, in canonical form. */
export function parsePeers(values: readonly string[]): ReadonlySet<string> {
  const peers = new Set<string>();
  for (const value of values) {
    const peer = parsePeer(value);
    if (peer === null) {
      const shown = JSON.stringify(value.slice(0, 80));
      throw invalidArgument(
        `filter.peers: ${shown} is not an IP address with or without a port; write 10.0.0.2, 10.0.0.2:80 or [2001:db8::2]:80`,
      );
    }
    peers.add(peer.port === null ? peer.address : formatPeer(peer.address, peer.port));
  }
  return peers;
}

/** An orphan is found by the process that left it: a watch that follows a process must see what becomes of its sockets. */
function heldBy(record: StuckRecord, pids: ReadonlySet<number>): boolean {
  const owner = record.owner ?? record.lastOwner;
  return owner !== null && (pids.has(owner.pid) || owner.holders.some((holder) => pids.has(holder.pid)));
}

function isPeer(record: StuckRecord, peers: ReadonlySet<string>): boolean {
  const address = canonicalAddress(record.remote.address) ?? record.remote.address;
  return peers.has(address) || peers.has(formatPeer(address, record.remote.port));
}

interface TimeRange {
  /** Milliseconds since 1970; null: no bound. */
  readonly stuckAfterMs: number | null;
  readonly detectedBeforeMs: number | null;
}

/** A record that is open is stuck at any time to come. */
function isWithin(record: StuckRecord, { stuckAfterMs, detectedBeforeMs }: TimeRange, clock: WallClock): boolean {
  const wallMs = (monoUs: number): number => clock.monoToRealUs(monoUs) / 1000;
  return (
    (stuckAfterMs === null || record.endUs === null || wallMs(record.endUs) >= stuckAfterMs) &&
    (detectedBeforeMs === null || wallMs(record.detectedUs) < detectedBeforeMs)
  );
}

/**
 * @throws RpcError INVALID_ARGUMENT, naming the field and the value.
 */
export function parseConnectionFilter(
  filter: stuckd.v1.ConnectionFilter.$Properties | null | undefined,
  clock: WallClock,
  workloads: WorkloadSource,
): ConnectionFilter {
  const fields = {
    pids: filter?.pids ?? [],
    kinds: filter?.kinds ?? [],
    peers: filter?.peers ?? [],
    netns: filter?.netns ?? [],
    containers: filter?.containers ?? [],
    pods: filter?.pods ?? [],
    units: filter?.units ?? [],
  };
  for (const [field, values] of Object.entries(fields)) {
    checkSize(field, values);
  }
  const pids = new Set(fields.pids);
  const kinds = parseKinds(fields.kinds);
  const peers = parsePeers(fields.peers);
  const netns = new Set(fields.netns);
  const isMeant = parseWorkloadFields(fields);
  const times: TimeRange = {
    stuckAfterMs: filter?.stuckAfter ? timestampToMs(filter.stuckAfter) : null,
    detectedBeforeMs: filter?.detectedBefore ? timestampToMs(filter.detectedBefore) : null,
  };
  const names = [fields.containers, fields.pods, fields.units].map((values) => new Set(values));
  const sorted = [pids, kinds, peers, netns, ...names].map((set) => [...set].map(String).sort());
  return {
    matchesAll:
      pids.size + kinds.size + peers.size + netns.size === 0 &&
      isMeant === null &&
      times.stuckAfterMs === null &&
      times.detectedBeforeMs === null,
    matches: (record) =>
      (pids.size === 0 || heldBy(record, pids)) &&
      (kinds.size === 0 || kinds.has(record.kind)) &&
      (peers.size === 0 || isPeer(record, peers)) &&
      (netns.size === 0 || netns.has(record.netns)) &&
      (isMeant === null || isMeant(workloads.workloadOf(record))) &&
      isWithin(record, times, clock),
    fingerprint: createHash('sha256')
      .update(JSON.stringify([...sorted, times.stuckAfterMs, times.detectedBeforeMs]))
      .digest('base64url')
      .slice(0, 16),
  };
}
