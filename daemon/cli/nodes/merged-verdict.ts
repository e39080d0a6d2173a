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

/** `7 of 9 nodes`, `all 9 nodes`. */
function shareText(count: number, answered: number): string {
  return count < answered ? `${count} of ${countText(answered, 'node')}` : `all ${countText(answered, 'node')}`;
}

function othersText(count: number): string {
  return count === 1
    ? 'the other one has nothing stuck to it, or no connection to it'
    : `the other ${count} have nothing stuck to it, or no connection to it`;
}

function singleVerdict({ peer }: PeerOfNode, answered: number): MergedVerdict {
  switch (peer.verdict ?? PeerVerdict.PEER_VERDICT_UNSPECIFIED) {
    case PeerVerdict.PEER_VERDICT_DEAD:
      return answered > 1 ? 'dead_from_some' : 'dead';
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
function judgeSilent(silent: readonly PeerOfNode[], fail: number, answered: number): Judgement {
  const holed = `Black-holed from ${shareText(silent.length, answered)}`;
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
  return others === 0
    ? { verdict: 'dead', summary: `${holed}, and ${failing}: the host is dead, or cut off from all of them.` }
    : {
        verdict: 'dead_from_some',
        summary: `${holed} (${namesText(silent)}), and ${failing}; ${othersText(others)}. If one of the others reaches it, the network between is at fault, else the host.`,
      };
}

/**
 * @param nodes where something is stuck to the peer, at least one.
 * @param answered how many nodes have answered in all.
 */
export function judgeMergedPeer(nodes: readonly PeerOfNode[], answered: number): Judgement {
  const [first] = nodes;
  if (first !== undefined && nodes.length === 1) {
    const own = first.peer.summary ?? '';
    return {
      verdict: singleVerdict(first, answered),
      summary: answered === 1 ? own : `Only from ${first.node}, 1 of ${countText(answered, 'node')}. ${own}`,
    };
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
      summary: `Black-holed from ${shareText(silent.length, answered)} (${namesText(silent)}), but new connections from ${namesText(works)} work: the peer lives, and the network between it and the former does not carry.`,
    };
  }
  if (works.length === nodes.length) {
    return {
      verdict: 'poisoned_pool',
      summary: `Stuck from ${shareText(nodes.length, answered)}, but new connections work from each: the old ones are lost. Drop them there: let the pools close them, or restart the processes.`,
    };
  }
  if (silent.length > 0 && silent.length === nodes.length) {
    return judgeSilent(silent, fail.length, answered);
  }
  if (silent.length + works.length + partial.length > 0) {
    return {
      verdict: 'partial',
      summary: `Stuck from ${shareText(nodes.length, answered)}, and not in the same way everywhere: silent towards ${silent.length}, partly answering ${partial.length}, taking new connections from ${works.length}. Probably one of several servers behind this address is dead, or one of several ways to it.`,
    };
  }
  return {
    verdict: null,
    summary: `Stuck from ${shareText(nodes.length, answered)}; see each node for what it looks like there.`,
  };
}
