/** Which records a request means: the checked form of `ConnectionFilter`. */
import { createHash } from 'node:crypto';
import type { StuckKind } from '../core/kinds.js';
import type { WallClock, WorkloadSource } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import { kindFromProto } from './enum-mapping.js';
import { factsOfRecord, type FilterFacts, parseFacts } from './filter-facts.js';
import { stuckd } from './gen/stuckd.js';
import { canonicalAddress, formatPeer, parsePeer } from './peer-address.js';
import { timestampToUs } from './proto-time.js';
import { invalidArgument } from './status.js';
import { parseWorkloadFields } from './workload-filter.js';

/** Values in one field of a filter. */
const FILTER_VALUES_MAX = 1000;

export interface ConnectionFilter {
  /** True if every record matches. */
  readonly matchesAll: boolean;
  readonly matches: (record: StuckRecord) => boolean;
  /** The same for a record on disk. @param facts as they stand there */
  readonly matchesStored: (facts: string) => boolean;
  /** Only records that were stuck at some time from then on; microseconds since 1970, 0 for all. */
  readonly stuckAfterUs: number;
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

export function isPeer({ remote }: Pick<FilterFacts, 'remote'>, peers: ReadonlySet<string>): boolean {
  const address = canonicalAddress(remote.address) ?? remote.address;
  return peers.has(address) || peers.has(formatPeer(address, remote.port));
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
  const names = [fields.containers, fields.pods, fields.units].map((values) => new Set(values));
  const stuckAfterUs = filter?.stuckAfter ? timestampToUs(filter.stuckAfter) : 0;
  const detectedBeforeUs = filter?.detectedBefore ? timestampToUs(filter.detectedBefore) : Infinity;
  const matchesAll =
    pids.size + kinds.size + peers.size + netns.size === 0 &&
    isMeant === null &&
    stuckAfterUs === 0 &&
    detectedBeforeUs === Infinity;
  const matchesFacts = (facts: FilterFacts): boolean =>
    (pids.size === 0 || facts.pids.some((pid) => pids.has(pid))) &&
    (kinds.size === 0 || kinds.has(facts.kind)) &&
    (peers.size === 0 || isPeer(facts, peers)) &&
    (netns.size === 0 || netns.has(facts.netns)) &&
    (isMeant === null || isMeant(facts.workload)) &&
    (facts.endUs ?? Infinity) >= stuckAfterUs &&
    facts.detectedUs < detectedBeforeUs;
  const sorted = [pids, kinds, peers, netns, ...names, [stuckAfterUs], [detectedBeforeUs]].map((values) =>
    [...values].map(String).sort(),
  );
  return {
    matchesAll,
    matchesStored: (text) => {
      const facts = matchesAll ? null : parseFacts(text);
      return matchesAll || (facts !== null && matchesFacts(facts));
    },
    matches: (record) => matchesAll || matchesFacts(factsOfRecord(record, clock, workloads)),
    stuckAfterUs,
    fingerprint: createHash('sha256').update(JSON.stringify(sorted)).digest('base64url').slice(0, 16),
  };
}
