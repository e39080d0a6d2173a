/** What an audit has found, as sentences. */
import { countWords, durationWords, endpointWords, processWords } from '../format-words.js';
import type { AuditFinding, ExposureCounts, WaitRange } from './findings.js';

/** What no audit can see. */
export const CAVEAT =
  "An application's own timeouts cannot be seen from outside: where it has some, it learns sooner than the kernel would tell it.";

function waitWords({ longestUs }: WaitRange): string {
  return longestUs === Infinity ? 'for ever' : durationWords(longestUs);
}

/** @returns who would wait for whom, and how long, as one sentence. */
export function findingWords({ owner, peer, localPort, connections, inFlight, idle }: AuditFinding): string {
  const who = owner === null ? 'A process that is gone' : processWords(owner);
  const count = countWords(connections.length, 'connection', 'connections');
  if (peer === null) {
    return `${who} has ${count} from clients of port ${localPort}: one whose client vanished would hold its descriptor ${spanWords(inFlight)} with data on the way to the client, and ${spanWords(idle)} if it is idle.`;
  }
  return `${who} has ${count} to ${endpointWords(peer)}: if it vanished, a request under way would hang ${spanWords(inFlight)}, and an idle connection would look alive ${spanWords(idle)}.`;
}

/** `for ever`, `for 15 min 24 s`, `for up to 15 min 24 s` where connections differ. */
function spanWords(range: WaitRange): string {
  if (range.longestUs === Infinity) {
    return range.shortestUs === Infinity ? 'for ever' : `for ${durationWords(range.shortestUs)} or for ever`;
  }
  return durationWords(range.shortestUs) === waitWords(range)
    ? `for ${waitWords(range)}`
    : `for up to ${waitWords(range)}`;
}

/**
 * @param limitUs what the counts call too long.
 * @param nodes that the counts are of.
 * @returns what a manager wants to know.
 */
export function summaryWords({ outbound, inbound }: Omit<ExposureCounts, 'local'>, limitUs: number, nodes = 1): string {
  const [where, has] =
    nodes === 1 ? ['this node', 'This node has'] : [`these ${nodes} nodes`, `These ${nodes} nodes have`];
  const limit = durationWords(limitUs);
  const out = outbound.never + outbound.over;
  const total = out + outbound.bounded;
  const inn = inbound.never + inbound.over;
  const sentences = [
    total === 0
      ? `${has} no established connections to peers.`
      : `${out} of ${countWords(total, 'connection', 'connections')} of ${where} would hang for more than ${limit} if the peer vanished now; ${outbound.never} for ever.`,
    ...(inn + inbound.bounded === 0
      ? []
      : [
          `Of ${countWords(inn + inbound.bounded, 'connection', 'connections')} from clients, ${inn} would hold a descriptor for more than ${limit}; ${inbound.never} for ever.`,
        ]),
  ];
  return sentences.join(' ');
}
