/** Which alerts a request means: the checked form of `AlertFilter`. */
import { createHash } from 'node:crypto';
import type { Alert } from '../core/alert.js';
import { SEVERITY_RANK } from '../core/alerts/alert-state.js';
import { type AlertFacts, factsOfAlert, parseAlertFacts } from './alert-facts.js';
import { severityToProto } from './alert-names.js';
import { checkSize, parseKinds, parsePeers } from './connection-filter.js';
import { stuckd } from './gen/stuckd.js';
import { canonicalAddress, formatPeer } from './peer-address.js';
import { invalidArgument } from './status.js';
import type { WatchFilter } from './watch-session.js';

export interface AlertFilter extends WatchFilter<Alert> {
  readonly matchesFacts: (facts: AlertFacts) => boolean;
  /** The same for an alert on disk. @param facts as they stand there */
  readonly matchesStored: (facts: string) => boolean;
  /** Two filters that mean the same have the same fingerprint. */
  readonly fingerprint: string;
}

function isAboutPeer({ peers: ofAlert }: AlertFacts, peers: ReadonlySet<string>): boolean {
  return ofAlert.some(({ address, port }) => {
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
  const matchesAll = pids.size + kinds.size + peers.size + rank === 0;
  const matchesFacts = (facts: AlertFacts): boolean =>
    (pids.size === 0 || facts.pids.some((pid) => pids.has(pid))) &&
    (kinds.size === 0 || kinds.has(facts.kind)) &&
    (peers.size === 0 || isAboutPeer(facts, peers)) &&
    SEVERITY_RANK[facts.severity] >= rank;
  return {
    matchesAll,
    matchesFacts,
    matches: (alert) => matchesAll || matchesFacts(factsOfAlert(alert)),
    matchesStored: (text) => {
      const facts = matchesAll ? null : parseAlertFacts(text);
      return matchesAll || (facts !== null && matchesFacts(facts));
    },
    fingerprint: createHash('sha256').update(JSON.stringify(sorted)).digest('base64url').slice(0, 16),
  };
}
