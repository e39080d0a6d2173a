/**
 * What the stuck connections to a peer look like as a whole. A dead host and a poisoned pool need different hands: one is
 * mended over there, the other by dropping connections here. What tells them apart is what becomes of new connections.
 */
import { countWords, durationWords } from './format-words.js';
import type { StuckRecord } from './record.js';
import type { Endpoint } from './snapshot.js';
import type { PeerSigns } from './sweep-totals.js';
import type { NewConnections } from './totals.js';

export type PeerVerdict = 'poisoned_pool' | 'dead' | 'partial' | 'not_tried';

export interface PeerJudgement {
  /** Null: not known yet, or the peer is not the cause. */
  readonly verdict: PeerVerdict | null;
  /** The verdict in words, one or two sentences. */
  readonly summary: string;
}

export interface PeerFacts {
  readonly peer: Endpoint;
  readonly stuckCount: number;
  /** Null: not known. */
  readonly totalCount: number | null;
  /** Of the stuck ones, those that wait for an answer of the peer; in the others something here is waited for. */
  readonly unanswered: readonly StuckRecord[];
  readonly signs: PeerSigns | null;
  readonly newConnections: NewConnections | null;
  readonly nowUs: number;
}

/** What happened longer ago says nothing about now. */
const LATELY_US = 300_000_000;
/** Where successes and failures come as close as this, both go on; else the later one is the state of things. */
const MIXED_US = 10_000_000;
/** What was on its way as the others got stuck is no sign of life. */
const HEARD_MARGIN_US = 5_000_000;

/** `unseen`: they are not counted by polling, and none hangs. */
type Attempts = 'work' | 'fail' | 'mixed' | 'none' | 'unseen';

function latest(times: readonly (number | null | undefined)[]): number | null {
  const known = times.filter((time) => time !== null && time !== undefined);
  return known.length === 0 ? null : Math.max(...known);
}

/** What becomes of new connections. An attempt that hangs is a failure before it is over. */
function judgeAttempts({ newConnections, unanswered, nowUs }: PeerFacts): Attempts {
  const successUs = newConnections?.lastSuccessUs ?? null;
  const hangingUs = unanswered.reduce<number | null>(
    (newest, { kind, detectedUs }) => (kind === 'connecting' ? latest([newest, detectedUs]) : newest),
    null,
  );
  const failureUs = latest([newConnections?.lastFailureUs, hangingUs]);
  const works = successUs !== null && nowUs - successUs <= LATELY_US;
  const fails = failureUs !== null && (nowUs - failureUs <= LATELY_US || hangingUs !== null);
  if (works && fails && Math.abs(successUs - failureUs) <= MIXED_US) {
    return 'mixed';
  }
  if (works && (!fails || successUs > failureUs)) {
    return 'work';
  }
  if (fails) {
    return 'fail';
  }
  return unanswered.some(({ polled }) => polled) ? 'unseen' : 'none';
}

/** Did the peer answer on other connections after these got stuck? By the median, as some may be stuck for another reason. */
function isHeardFrom({ signs, unanswered }: PeerFacts): boolean {
  const since = unanswered.map(({ sinceUs }) => sinceUs).sort((a, b) => a - b);
  const median = since[Math.floor(since.length / 2)] ?? Infinity;
  return signs?.lastHeardUs !== null && signs !== null && signs.lastHeardUs > median + HEARD_MARGIN_US;
}

/** Null: not known. Attempts under way are no connections that could be stuck or work. */
function countOthers({ totalCount, stuckCount, unanswered, signs }: PeerFacts): number | null {
  if (totalCount === null || signs === null) {
    return null;
  }
  const stuckAttempts = unanswered.filter(({ kind }) => kind === 'connecting').length;
  return Math.max(0, totalCount - stuckCount - Math.max(0, signs.connecting - stuckAttempts));
}

function shareWords({ stuckCount, totalCount }: PeerFacts): string {
  if (totalCount === null) {
    return `${countWords(stuckCount, 'connection', 'connections')} to it ${stuckCount === 1 ? 'is' : 'are'} stuck`;
  }
  if (stuckCount >= totalCount) {
    return stuckCount === 1 ? 'The only connection to it is stuck' : `All ${stuckCount} connections to it are stuck`;
  }
  return `${stuckCount} of ${totalCount} connections to it ${stuckCount === 1 ? 'is' : 'are'} stuck`;
}

function agoWords(timeUs: number | null, nowUs: number): string {
  return timeUs === null ? '' : ` (the last one ${durationWords(nowUs - timeUs)} ago)`;
}

function othersWords(others: number, heard: boolean): string {
  const [one, many] = heard
    ? ['another works', 'others work']
    : ['another has not been used', 'others may just be idle'];
  return others === 1 ? one : many;
}

/** @param untried what is known if none was tried */
function untriedWords(attempts: Attempts, untried: string): string {
  return attempts === 'unseen' ? 'polling does not see whether new ones work' : untried;
}

function judgePartial(facts: PeerFacts, attempts: Attempts, others: number): PeerJudgement {
  const share = shareWords(facts);
  if (attempts === 'mixed') {
    return {
      verdict: 'partial',
      summary: `${share}, and of new ones some work and some fail: probably one of several servers behind this address is dead.`,
    };
  }
  if (attempts === 'fail') {
    return {
      verdict: 'partial',
      summary: `${share} and new ones fail, but others are still answered: the peer lives and takes no new connections, or one of several servers behind this address is dead.`,
    };
  }
  const heard = isHeardFrom(facts);
  const guess = heard
    ? 'one of several servers behind this address may be dead, or something on the path dropped some connections'
    : `${untriedWords(attempts, 'no new connection was tried lately')}, so a dead peer cannot be told from dropped connections`;
  return { verdict: 'partial', summary: `${share}, ${othersWords(others, heard)}: ${guess}.` };
}

function judgeSilent(facts: PeerFacts, attempts: Attempts, others: number): PeerJudgement {
  const { newConnections, nowUs, peer } = facts;
  const share = shareWords(facts);
  if (attempts === 'fail') {
    const rest = others === 0 ? '' : ', the rest is silent';
    const ago = agoWords(newConnections?.lastFailureUs ?? null, nowUs);
    return {
      verdict: 'dead',
      summary: `${share}${rest}, and new ones fail${ago}: the host is dead, or cut off from here.`,
    };
  }
  return {
    verdict: 'not_tried',
    summary: `${share}, and ${untriedWords(attempts, 'no new one was tried lately')}. Try one, for example nc -vz ${peer.address} ${peer.port}: if it works, drop the old ones; if not, the host is dead or cut off.`,
  };
}

/** The peer has closed, or waits: something here does not read, accept or close. */
function judgeOwnFault(facts: PeerFacts): PeerJudgement {
  return {
    verdict: null,
    summary: `${shareWords(facts)}, but not for want of an answer: a process here does not read or close them.`,
  };
}

function poisonedWords(facts: PeerFacts): string {
  const { newConnections, stuckCount, unanswered, nowUs } = facts;
  const works = `${shareWords(facts)}, but new ones work${agoWords(newConnections?.lastSuccessUs ?? null, nowUs)}`;
  return unanswered.every(({ ownerType }) => ownerType === 'orphan')
    ? `${works}: the old ones were closed here already, and the kernel will end them.`
    : stuckCount === 1
      ? `${works}: the old one is lost. Drop it: let the pool close it, or restart the process.`
      : `${works}: the old ones are lost. Drop them: let the pool close them, or restart the process.`;
}

export function judgePeer(facts: PeerFacts): PeerJudgement {
  if (facts.unanswered.length === 0) {
    return judgeOwnFault(facts);
  }
  const attempts = judgeAttempts(facts);
  if (attempts === 'work') {
    return { verdict: 'poisoned_pool', summary: poisonedWords(facts) };
  }
  const others = countOthers(facts);
  if (others === null) {
    return { verdict: null, summary: `${shareWords(facts)}; how many there are in all is known after the next sweep.` };
  }
  if (attempts === 'mixed' || (others > 0 && (attempts !== 'fail' || isHeardFrom(facts)))) {
    return judgePartial(facts, attempts, others);
  }
  return judgeSilent(facts, attempts, others);
}
