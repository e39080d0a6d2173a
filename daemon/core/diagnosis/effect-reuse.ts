/** What a request meets that is sent on a connection which is gone. */
import type { StuckRecord } from '../record.js';

/** tcp_reset(): after the peer's FIN a reset reads as a broken pipe, and a read that waits sees the end of the stream first. */
export function staleReuseEffect(record: StuckRecord): string {
  const fails =
    record.reuse === 'closed_before'
      ? 'The request fails: a read finds the end of the stream, a further write gets EPIPE.'
      : record.reuse === 'closed_during'
        ? 'The request fails with ECONNRESET, or with the end of the stream where an answer was due.'
        : 'The request fails with ECONNRESET.';
  const whose =
    record.direction === 'inbound' ? 'The client did not get it' : 'The peer most likely did not process it';
  return `${fails} ${whose}; to send it again is safe if it is idempotent.`;
}
