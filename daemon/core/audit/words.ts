/** What an audit has found, as sentences. */
import { countWords, durationWords, endpointWords, processWords } from '../format-words.js';
import type { ExposureCounts, HangCounts } from './exposure-tally.js';
import type { AuditFinding, WaitRange } from './findings.js';

/** What no audit can see. */
export const CAVEAT =
  "An application's own timeouts cannot be seen from outside: where it has some, it learns sooner than the kernel would tell it.";

/** @returns who would wait for whom, and how long, as one sentence. */
export function findingWords(finding: AuditFinding): string {
  const { owner, peer, localPort, inFlight, idle, exposed, limitUs } = finding;
  const who = owner === null ? 'An unknown process' : processWords(owner);
  const count = countWords(finding.count, 'connection', 'connections');
  const inFlightWords = spanWords(inFlight, exposed.inFlight, limitUs);
  const idleWords = spanWords(idle, exposed.idle, limitUs);
  return peer === null
    ? `${who} has ${count} from clients of port ${localPort}: one whose client vanished would hold its descriptor ${inFlightWords} with data on the way to the client, and ${idleWords} if it is idle.`
    : `${who} has ${count} to ${endpointWords(peer)}: if it vanished, a request under way would hang ${inFlightWords}, and an idle connection would look alive ${idleWords}.`;
}

/**
 * `for ever`, `for 15 min 24 s`; where connections differ `for 30 s to 15 min 24 s`, and how many of them are concerned where
 * only some are.
 */
function spanWords({ shortestUs, longestUs }: WaitRange, counts: HangCounts, limitUs: number): string {
  const total = counts.never + counts.over + counts.bounded;
  const [shortest, longest] = [durationWords(shortestUs), durationWords(longestUs)];
  if (counts.never > 0) {
    return counts.never === total ? 'for ever' : `for ever (${counts.never} of ${total}; the shortest ${shortest})`;
  }
  const span = shortest === longest ? `for ${longest}` : `for ${shortest} to ${longest}`;
  const isMixed = counts.over > 0 && counts.bounded > 0;
  return isMixed ? `${span} (${counts.over} of ${total} for more than ${durationWords(limitUs)})` : span;
}

/** What the numbers of a summary are of. */
export interface SummaryScope {
  readonly nodes: number;
  /** Somebody asked about some connections only. */
  readonly isFiltered: boolean;
  /** Descriptors that were not looked at. */
  readonly unreported: number;
}

/** @param limitUs what the counts call too long. @returns what a manager wants to know. */
export function summaryWords(counts: Omit<ExposureCounts, 'local'>, limitUs: number, scope: SummaryScope): string {
  const { outbound, inbound } = counts;
  const [total, clients] = [sumOf(outbound.worst), sumOf(inbound.worst)];
  const limit = durationWords(limitUs);
  const place = scope.nodes === 1 ? 'this node' : `these ${scope.nodes} nodes`;
  const sentences: string[] = [];
  if (total > 0) {
    const asked = scope.isFiltered ? `that ${total === 1 ? 'was' : 'were'} asked about ` : '';
    sentences.push(
      `${tooLong(outbound.inFlight)} of ${countWords(total, 'connection', 'connections')} ${asked}on ${place} would hang a request for more than ${limit} if the peer vanished now${andForEver(outbound.inFlight)}; ${outbound.idle.never} would look alive for ever while idle${andLonger(outbound.idle, limit)}.`,
    );
  } else if (!scope.isFiltered) {
    sentences.push(`There are no established connections to peers on ${place}.`);
  } else if (clients === 0) {
    sentences.push(`There are no established connections on ${place} that match the filter.`);
  }
  if (clients > 0) {
    const asked = scope.isFiltered && total === 0 ? ` on ${place}` : '';
    sentences.push(
      `Of ${countWords(clients, 'connection', 'connections')} from clients${asked}, ${tooLong(inbound.inFlight)} would hold a descriptor for more than ${limit} with data under way${andForEver(inbound.inFlight)}; ${inbound.idle.never} for ever while idle${andLonger(inbound.idle, limit)}.`,
    );
  }
  if (scope.unreported > 0) {
    sentences.push(
      `This is not all: ${countWords(scope.unreported, 'descriptor was', 'descriptors were')} not looked at.`,
    );
  }
  return sentences.join(' ');
}

function sumOf({ never, over, bounded }: HangCounts): number {
  return never + over + bounded;
}

function tooLong({ never, over }: HangCounts): number {
  return never + over;
}

/** A user timeout of weeks: rare, so that nothing is said where there is none. */
function andForEver({ never }: HangCounts): string {
  return never === 0 ? '' : `, ${never} of them for ever`;
}

function andLonger({ over }: HangCounts, limit: string): string {
  return over === 0 ? '' : `, and ${over} for more than ${limit}`;
}
