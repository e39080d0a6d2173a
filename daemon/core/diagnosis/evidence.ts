/** What shows that a connection is stuck, and why nothing gets through where that can be told. */
import { bytesWords, countWords, idleWords } from '../format-words.js';
import { isListener } from './words.js';
import type { LastingKind } from './phrases.js';
import type { StuckRecord } from '../record.js';

/** Shorter pauses are a matter of course in a pool, and no middlebox forgets a connection so soon. */
export const NOTABLE_IDLE_US = 60_000_000;

/** @returns the facts behind the sentence, joined by commas. */
export function evidenceWords(kind: LastingKind, record: StuckRecord): string {
  return [...facts(kind, record), ...(isListener(record) ? [] : causeWords(record))].join(', ');
}

function facts(kind: LastingKind, record: StuckRecord): string[] {
  switch (kind) {
    case 'retransmitting':
      return [retransmissions(record) ?? 'nothing acknowledged', ...bytesInLimbo(record), ...idleBefore(record)];
    case 'keepalive_unanswered':
      return [`${countWords(record.probes, 'keepalive probe', 'keepalive probes')} unanswered`];
    case 'zero_window':
      return [windowProbes(record), ...bytesWaiting(record)];
    case 'connecting':
      return [
        `${countWords(record.retransmits + 1, 'SYN', 'SYNs')} ${record.cause === 'not_sent' ? 'not sent' : 'unanswered'}`,
      ];
    case 'accepting':
      return handshakes(record);
    case 'accept_queue_full':
      return acceptQueue(record);
    case 'closing':
      // Without numbers of bytes: the FIN takes a sequence number of its own and would be counted as data.
      return ['its FIN is not acknowledged', ...list(retransmissions(record))];
    case 'fin_wait':
      return ['its FIN is acknowledged, and nothing comes from the peer'];
    case 'close_wait':
      return ['the peer has closed', ...learntLimit(record), ...unreadBytes(record)];
    case 'unread':
      return [...unreadBytes(record), ...bufferSize(record)];
    case 'zombie':
      return ['it has ended, and the application has not fetched the error'];
  }
}

function list(words: string | null): string[] {
  return words === null ? [] : [words];
}

function retransmissions(record: StuckRecord): string | null {
  if (record.retransmits === 0) {
    // What this host refuses at the first attempt is never retransmitted: the persist timer tries it again.
    const isRefused = record.cause === 'not_sent' && record.probes > 0;
    return isRefused ? `${countWords(record.probes, 'attempt', 'attempts')} refused` : null;
  }
  const count = countWords(record.retransmits, 'retransmission', 'retransmissions');
  return `${count} ${record.cause === 'not_sent' ? 'not sent' : 'unanswered'}`;
}

function bytesInLimbo(record: StuckRecord): string[] {
  const sent = record.unackedBytes > 0 ? [`${bytesWords(record.unackedBytes)} in limbo`] : [];
  const queued =
    record.unsentBytes > 0 ? [`${bytesWords(record.unsentBytes)} queued${sent.length > 0 ? ' behind' : ''}`] : [];
  return [...sent, ...queued];
}

function idleBefore({ idleBeforeUs }: StuckRecord): string[] {
  return idleBeforeUs !== null && idleBeforeUs >= NOTABLE_IDLE_US ? [`after ${idleWords(idleBeforeUs)} idle`] : [];
}

function windowProbes(record: StuckRecord): string {
  if (record.informational) {
    return 'it answers every probe and does not read';
  }
  return record.probes > 0
    ? `${countWords(record.probes, 'window probe', 'window probes')} unanswered`
    : 'the window probes are unanswered';
}

function bytesWaiting(record: StuckRecord): string[] {
  const bytes = record.unackedBytes + record.unsentBytes;
  return bytes > 0 ? [`${bytesWords(bytes)} to be sent`] : [];
}

function handshakes({ acceptQueue: queue }: StuckRecord): string[] {
  return queue === null
    ? ['their SYN was answered']
    : [`${queue.unanswered} of ${queue.handshakes} handshakes unanswered`];
}

function acceptQueue({ acceptQueue: queue }: StuckRecord): string[] {
  return queue === null
    ? ['its queue is full']
    : [`${queue.waiting} wait in its queue, which is made for ${queue.limit}`];
}

function unreadBytes({ unreadBytes: bytes }: StuckRecord): string[] {
  return bytes > 0 ? [`${bytesWords(bytes)} unread`] : [];
}

function bufferSize({ informational, receiveBufferBytes: bytes }: StuckRecord): string[] {
  const size = bytes > 0 ? [`buffer of ${bytesWords(bytes)}`] : [];
  return informational ? size : [...size, 'the window closed or soon to close'];
}

function learntLimit({ peerIdleLimitUs }: StuckRecord): string[] {
  return peerIdleLimitUs === null ? [] : [`it closes idle connections after ${idleWords(peerIdleLimitUs)}`];
}

function causeWords({ cause }: StuckRecord): string[] {
  switch (cause) {
    case null:
      return [];
    case 'not_sent':
      return ['this host itself does not let them out'];
    case 'neighbour_unreachable':
      return ['nobody answers for the next hop'];
    case 'path_mtu':
      return ['full-size segments are lost while smaller ones get through'];
  }
}

/** A stale reuse in one sentence, in the past: it opens and ends at once. */
export function staleReuseWords(record: StuckRecord, holder: string, peer: string, time: string): string {
  const idle = record.idleBeforeUs === null ? '' : ` after ${idleWords(record.idleBeforeUs)} idle`;
  return `${holder} used the connection to ${peer} again at ${time}${idle}: ${staleWords(record)}.`;
}

function staleWords(record: StuckRecord): string {
  switch (record.reuse) {
    case 'closed_before':
      return 'the peer had closed it already, and answered with RST';
    case 'closed_during':
      return 'the peer closed it while the data was on its way';
    case 'forgotten':
      return 'the peer, or something on the path, knew nothing of it any more and answered with RST';
    case null:
      return 'the peer answered with RST';
  }
}
