/**
 * What the stuck connections to a peer look like from several nodes. A peer that is dead from everywhere is mended over
 * there; one that is dead from some and answers others is well, and the network to these nodes is not.
 */
import { stuckd } from '../../rpc/gen/stuckd.js';
import { countText } from '../quantity-text.js';

/** The verdicts of one node, and two that only several can give; null: not known, or the peer is not the cause. */
export type MergedVerdict = 'dead' | 'dead_from_some' | 'partition' | 'poisoned_pool' | 'partial' | 'not_tried' | null;

/** What one node says of a peer. */
export interface PeerOfNode {
  readonly node: string;
  readonly peer: stuckd.v1.PeerSummary.$Properties;
}

/** How many nodes were asked, and how many of them have answered, with or without something stuck. */
export interface NodeCounts {
  readonly asked: number;
  readonly answered: number;
}

interface Judgement {
  readonly verdict: MergedVerdict;
  readonly summary: string;
}

/** Names that are told; the rest is counted. */
const NAMES_SHOWN = 5;

const { PeerVerdict } = stuckd.v1;

function namesText(nodes: readonly PeerOfNode[]): string {
  const names = nodes.slice(0, NAMES_SHOWN).map(({ node }) => node);
  const more = nodes.length - names.length;
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ');
}

/** `7 of 9 nodes`, `all 9 nodes`; and where some are silent, `all 7 nodes that answered`. */
function shareText(count: number, { asked, answered }: NodeCounts): string {
  const share = count < answered ? `${count} of ${countText(answered, 'node')}` : `all ${countText(answered, 'node')}`;
  return asked > answered ? `${share} that answered` : share;
}

function othersText(count: number): string {
  return count === 1
    ? 'the other one has nothing stuck to it, or no connection to it'
    : `the other ${count} have nothing stuck to it, or no connection to it`;
}

/** Whether a peer is dead from everywhere is known only when everybody has answered. */
function singleVerdict({ peer }: PeerOfNode, { asked }: NodeCounts): MergedVerdict {
  switch (peer.verdict ?? PeerVerdict.PEER_VERDICT_UNSPECIFIED) {
    case PeerVerdict.PEER_VERDICT_DEAD:
      return asked > 1 ? 'dead_from_some' : 'dead';
    case PeerVerdict.PEER_VERDICT_POISONED_POOL:
      return 'poisoned_pool';
    case PeerVerdict.PEER_VERDICT_PARTIAL:
      return 'partial';
    case PeerVerdict.PEER_VERDICT_NOT_TRIED:
      return 'not_tried';
    case PeerVerdict.PEER_VERDICT_UNSPECIFIED:
    default: // a daemon that is newer knows more
      return null;
  }
}

/** Nothing of a peer comes back to the nodes in `silent`: new connections fail, or nobody tried one. */
function judgeSilent(silent: readonly PeerOfNode[], fail: number, counts: NodeCounts): Judgement {
  const { asked, answered } = counts;
  const holed = `Black-holed from ${shareText(silent.length, counts)}`;
  if (fail === 0) {
    return {
      verdict: 'not_tried',
      summary: `${holed}, and no new connection was tried lately: whether the peer is dead shows the next one.`,
    };
  }
  const failing =
    fail === silent.length
      ? 'new connections fail there'
      : `new connections fail from ${fail} of them, and were not tried from the rest`;
  const others = answered - silent.length;
  if (others === 0) {
    return asked === answered
      ? { verdict: 'dead', summary: `${holed}, and ${failing}: the host is dead, or cut off from all of them.` }
      : {
          verdict: 'dead_from_some',
          summary: `${holed}, and ${failing}. Whether the host is dead or only cut off from these, the others would show.`,
        };
  }
  return {
    verdict: 'dead_from_some',
    summary: `${holed} (${namesText(silent)}), and ${failing}; ${othersText(others)}. If one of the others reaches it, the network between is at fault, else the host.`,
  };
}

/** Nothing is merged: the words of the node itself, and that they are of one alone. */
function judgeSingle(only: PeerOfNode, counts: NodeCounts): Judgement {
  const own = only.peer.summary ?? '';
  const verdict = singleVerdict(only, counts);
  if (counts.asked === 1) {
    return { verdict, summary: own };
  }
  const from = counts.answered === 1 ? 'the only one that answered' : shareText(1, counts);
  return { verdict, summary: `Only from ${only.node}, ${from}. ${own}` };
}

/** @param nodes where something is stuck to the peer, at least one. */
export function judgeMergedPeer(nodes: readonly PeerOfNode[], counts: NodeCounts): Judgement {
  const judgement = judge(nodes, counts);
  const silent = counts.asked - counts.answered;
  return silent === 0
    ? judgement
    : { ...judgement, summary: `${judgement.summary} ${countText(silent, 'node')} did not answer.` };
}

function judge(nodes: readonly PeerOfNode[], counts: NodeCounts): Judgement {
  const [first] = nodes;
  if (first !== undefined && nodes.length === 1) {
    return judgeSingle(first, counts);
  }
  const having = (...verdicts: readonly stuckd.v1.PeerVerdict[]): PeerOfNode[] =>
    nodes.filter(({ peer }) => verdicts.includes(peer.verdict ?? PeerVerdict.PEER_VERDICT_UNSPECIFIED));
  const fail = having(PeerVerdict.PEER_VERDICT_DEAD);
  const silent = having(PeerVerdict.PEER_VERDICT_DEAD, PeerVerdict.PEER_VERDICT_NOT_TRIED);
  const works = having(PeerVerdict.PEER_VERDICT_POISONED_POOL);
  const partial = having(PeerVerdict.PEER_VERDICT_PARTIAL);
  if (fail.length > 0 && works.length > 0) {
    return {
      verdict: 'partition',
      summary: `Black-holed from ${shareText(silent.length, counts)} (${namesText(silent)}), but new connections from ${namesText(works)} work: the peer lives, and the network between it and the former does not carry.`,
    };
  }
  if (works.length === nodes.length) {
    return {
      verdict: 'poisoned_pool',
      summary: `Stuck from ${shareText(nodes.length, counts)}, but new connections work from each: the old ones are lost. Drop them there: let the pools close them, or restart the processes.`,
    };
  }
  if (silent.length > 0 && silent.length === nodes.length) {
    return judgeSilent(silent, fail.length, counts);
  }
  if (silent.length + works.length + partial.length > 0) {
    return {
      verdict: 'partial',
      summary: `Stuck from ${shareText(nodes.length, counts)}, and not in the same way everywhere: silent towards ${silent.length}, partly answering ${partial.length}, taking new connections from ${works.length}. Probably one of several servers behind this address is dead, or one of several ways to it.`,
    };
  }
  return {
    verdict: null,
    summary: `Stuck from ${shareText(nodes.length, counts)}; see each node for what it looks like there.`,
  };
}
