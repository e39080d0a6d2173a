/** Which alerts a request means: the checked form of `AlertFilter`. */
import { createHash } from 'node:crypto';
import type { Alert } from '../core/alert.js';
import { SEVERITY_RANK } from '../core/alerts/alert-state.js';
import { severityToProto } from './alert-names.js';
import { checkSize, parseKinds, parsePeers } from './connection-filter.js';
import { stuckd } from './gen/stuckd.js';
import { canonicalAddress, formatPeer } from './peer-address.js';
import { invalidArgument } from './status.js';
import type { WatchFilter } from './watch-session.js';

export interface AlertFilter extends WatchFilter<Alert> {
  /** Two filters that mean the same have the same fingerprint. */
  readonly fingerprint: string;
}

/** An alert about several processes, or about orphans, is found by those whose connections are in its sample. */
function isOfProcess({ process, connections }: Alert, pids: ReadonlySet<number>): boolean {
  return process === null
    ? connections.some(({ owner, lastOwner }) => pids.has((owner ?? lastOwner)?.pid ?? 0))
    : pids.has(process.pid);
}

/** One without a peer of its own likewise. */
function isAboutPeer({ peer, connections }: Alert, peers: ReadonlySet<string>): boolean {
  const remotes = peer === null ? connections.map(({ remote }) => remote) : [peer];
  return remotes.some(({ address, port }) => {
    const canonical = canonicalAddress(address) ?? address;
    return peers.has(canonical) || peers.has(formatPeer(canonical, port));
  });
}

/** @returns the rank that an alert must have. */
function parseMinSeverity(value: stuckd.v1.Severity): number {
  if (value === stuckd.v1.Severity.SEVERITY_UNSPECIFIED) {
    return 0;
  }
  const severity = (['info', 'warning', 'critical'] as const).find((known) => severityToProto(known) === value);
  if (severity === undefined) {
    throw invalidArgument(`filter.min_severity: this stuckd has no severity with number ${String(value)}`);
  }
  return SEVERITY_RANK[severity];
}

/**
 * @throws RpcError INVALID_ARGUMENT, naming the field and the value.
 */
export function parseAlertFilter(filter: stuckd.v1.AlertFilter.$Properties | null | undefined): AlertFilter {
  const fields = { kinds: filter?.kinds ?? [], peers: filter?.peers ?? [], pids: filter?.pids ?? [] };
  for (const [field, values] of Object.entries(fields)) {
    checkSize(field, values);
  }
  const kinds = parseKinds(fields.kinds);
  const peers = parsePeers(fields.peers);
  const pids = new Set(fields.pids);
  const rank = parseMinSeverity(filter?.minSeverity ?? 0);
  const sorted = [[...pids], [...kinds], [...peers], [rank]].map((values) => values.map(String).sort());
  return {
    matchesAll: pids.size + kinds.size + peers.size + rank === 0,
    matches: (alert) =>
      (pids.size === 0 || isOfProcess(alert, pids)) &&
      (kinds.size === 0 || kinds.has(alert.kind)) &&
      (peers.size === 0 || isAboutPeer(alert, peers)) &&
      SEVERITY_RANK[alert.severity] >= rank,
    fingerprint: createHash('sha256').update(JSON.stringify(sorted)).digest('base64url').slice(0, 16),
  };
}
