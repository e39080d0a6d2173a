/** The rows of a connection's page that only some kinds have. */
import { causeName, reuseName } from '../rpc/enum-mapping.js';
import { durationToMs } from '../rpc/proto-time.js';
import type { Connection } from './connection-text.js';
import { durationText } from './quantity-text.js';

type Fact = readonly [name: string, text: string];

export function circumstanceFacts({ cause, idleBefore, peerIdleLimit, reuse, acceptQueue }: Connection): Fact[] {
  const facts: Fact[] = [];
  if ((cause ?? 0) !== 0) {
    facts.push(['cause', causeName(cause).replaceAll('_', ' ')]);
  }
  if ((reuse ?? 0) !== 0) {
    facts.push(['reuse', reuseName(reuse).replaceAll('_', ' ')]);
  }
  if (idleBefore !== null && idleBefore !== undefined) {
    facts.push(['idle before', durationText(durationToMs(idleBefore))]);
  }
  if (peerIdleLimit !== null && peerIdleLimit !== undefined) {
    facts.push(['peer closes', `idle connections after ${durationText(durationToMs(peerIdleLimit))}`]);
  }
  if (acceptQueue !== null && acceptQueue !== undefined) {
    const { waiting, limit, handshakes, unanswered } = acceptQueue;
    facts.push(['accept queue', `${waiting ?? 0} wait, ${limit ?? 0} allowed`]);
    facts.push(['handshakes', `${handshakes ?? 0} incomplete, ${unanswered ?? 0} of them unanswered`]);
  }
  return facts;
}
