/** What several nodes say about the same peer, as one. */
import Long from 'long';
import { isLoopback } from '../../core/loopback.js';
import { stuckd } from '../../rpc/gen/stuckd.js';
import { formatPeer } from '../../rpc/peer-address.js';
import { timestampToUs } from '../../rpc/proto-time.js';
import { judgeMergedPeer, type MergedVerdict, type NodeCounts, type PeerOfNode } from './merged-verdict.js';
import { sum } from './sums.js';

type PeerSummary = stuckd.v1.PeerSummary.$Properties;
type Timestamp = NonNullable<PeerSummary['oldestSince']>;

export interface MergedPeer {
  /** Counts are sums, times the first of all, `summary` is of all nodes; `verdict` is not set. */
  readonly peer: stuckd.v1.PeerSummary;
  readonly verdict: MergedVerdict;
  /** Where something is stuck to it, most first. */
  readonly nodes: readonly PeerOfNode[];
}

/** Each node, or each link, has a peer of its own by this address. */
function isLocalAddress(address: string): boolean {
  return isLoopback(address) || /^fe[89ab][0-9a-f]:/i.test(address) || address.startsWith('169.254.');
}

/** What is one peer: an address and port, and where these mean another host on every node, the node as well. */
function identity({ node, peer }: PeerOfNode): string {
  const address = peer.peer?.address ?? '';
  const where = formatPeer(address, peer.peer?.port ?? 0);
  const netns = peer.netns ?? 0;
  return netns === 0 && !isLocalAddress(address) ? where : JSON.stringify([where, node, netns]);
}

function sumLong(values: readonly (Long | null | undefined)[]): Long {
  return values.reduce<Long>((total, value) => total.add(value ?? Long.UZERO), Long.UZERO);
}

/** @param sign 1 for the first, -1 for the last. */
function outermost(times: readonly (Timestamp | null | undefined)[], sign: 1 | -1): Timestamp | null {
  const known = times.filter((time) => time !== null && time !== undefined);
  return known.toSorted((a, b) => sign * (timestampToUs(a) - timestampToUs(b)))[0] ?? null;
}

function sumKinds(peers: readonly PeerSummary[]): stuckd.v1.KindCount.$Properties[] {
  const counts = new Map<stuckd.v1.StuckKind, number>();
  for (const { kind, count } of peers.flatMap(({ byKind }) => byKind ?? [])) {
    counts.set(kind ?? 0, (counts.get(kind ?? 0) ?? 0) + (count ?? 0));
  }
  return [...counts].map(([kind, count]) => ({ kind, count })).sort((a, b) => b.count - a.count);
}

function sumNewConnections(peers: readonly PeerSummary[]): stuckd.v1.NewConnections.$Properties | null {
  const all = peers.map(({ newConnections }) => newConnections).filter((one) => one !== null && one !== undefined);
  return all.length === 0
    ? null
    : {
        succeeded: sumLong(all.map(({ succeeded }) => succeeded)),
        failed: sumLong(all.map(({ failed }) => failed)),
        lastSuccess: outermost(
          all.map(({ lastSuccess }) => lastSuccess),
          -1,
        ),
        lastFailure: outermost(
          all.map(({ lastFailure }) => lastFailure),
          -1,
        ),
      };
}

function mergeGroup(group: readonly PeerOfNode[], counts: NodeCounts): MergedPeer {
  const nodes = group.toSorted((a, b) => (b.peer.stuckCount ?? 0) - (a.peer.stuckCount ?? 0));
  const peers = nodes.map(({ peer }) => peer);
  const { verdict, summary } = judgeMergedPeer(nodes, counts);
  // A sum of which a part is not known would look like a whole.
  const isTotalKnown = peers.every(({ totalCount }) => (totalCount ?? 0) > 0);
  const { PeerSummary } = stuckd.v1;
  const message = {
    peer: peers[0]?.peer ?? null,
    netns: peers[0]?.netns ?? 0,
    stuckCount: sum(peers.map(({ stuckCount }) => stuckCount)),
    totalCount: isTotalKnown ? sum(peers.map(({ totalCount }) => totalCount)) : 0,
    processCount: sum(peers.map(({ processCount }) => processCount)),
    byKind: sumKinds(peers),
    newConnections: sumNewConnections(peers),
    summary,
    oldestSince: outermost(
      peers.map(({ oldestSince }) => oldestSince),
      1,
    ),
    earliestGiveUp: outermost(
      peers.map(({ earliestGiveUp }) => earliestGiveUp),
      1,
    ),
    unackedBytes: sumLong(peers.map(({ unackedBytes }) => unackedBytes)),
  };
  return { peer: PeerSummary.decode(PeerSummary.encode(message).finish()), verdict, nodes };
}

/** @returns the peers that most nodes are stuck to first, then by connections. */
export function mergePeers(all: readonly PeerOfNode[], counts: NodeCounts): MergedPeer[] {
  const groups = new Map<string, PeerOfNode[]>();
  for (const one of all) {
    const key = identity(one);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, [one]);
    } else {
      group.push(one);
    }
  }
  return [...groups.values()]
    .map((group) => mergeGroup(group, counts))
    .sort((a, b) => b.nodes.length - a.nodes.length || b.peer.stuckCount - a.peer.stuckCount);
}
