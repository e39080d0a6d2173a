/** What the application experiences, or experienced. */
import { endedEffect } from './effect-ended.js';
import { staleReuseEffect } from './effect-reuse.js';
import { bytesWords } from '../format-words.js';
import { isBusyPeer, isOrphan, latestEndWords, waitWords, type WallTimes } from './words.js';
import type { StuckRecord } from '../record.js';

/** @returns one to three sentences. */
export function effectOf(record: StuckRecord, nowUs: number, names: WallTimes): string {
  if (record.kind === 'stale_reuse') {
    return staleReuseEffect(record);
  }
  if (record.outcome !== null) {
    return endedEffect(record, record.outcome, record.endUs ?? nowUs);
  }
  if (isOrphan(record)) {
    const until = latestEndWords(record.giveUp, nowUs, names) ?? 'the kernel frees it';
    return `No application waits for it: only kernel memory and local port ${record.local.port} stay in use until ${until}. Whether the last data arrived is not known.`;
  }
  if (record.ownerType === 'unaccepted') {
    return `No process has accepted it yet: nobody waits for it here, but the other side may, and it takes a place in the accept queue of port ${record.local.port}.`;
  }
  return presentEffect(record, nowUs, names);
}

function presentEffect(record: StuckRecord, nowUs: number, names: WallTimes): string {
  switch (record.kind) {
    case 'retransmitting':
      return retransmittingEffect(record, nowUs, names);
    case 'keepalive_unanswered':
      return keepaliveEffect(record, nowUs, names);
    case 'zero_window':
      return zeroWindowEffect(record, nowUs, names);
    case 'connecting':
      return `Whoever needs this connection hangs ${waitWords(record, 'fails', nowUs, names)}, unless the application has a connect timeout of its own.`;
    case 'accepting':
      return 'These clients cannot connect: their SYN is answered, but nothing comes back. Other clients notice nothing as long as the queue has room.';
    case 'accept_queue_full':
      return 'New clients hang in connect() or get no answer: the kernel drops their handshakes, and they try again after 1 s, 3 s and 7 s. Those in the queue are connected and wait to be served.';
    case 'closing':
      return closingEffect(record, nowUs, names);
    case 'fin_wait':
      return 'The application can still read, and a read hangs until the peer sends something or closes. Half-close is legal: this may be meant.';
    case 'close_wait':
      return closeWaitEffect(record);
    case 'unread':
      return unreadEffect(record);
    case 'zombie':
      return 'The next read or write on it fails at once. Until then the application takes it for alive, and its descriptor stays in use.';
    case 'stale_reuse':
      return staleReuseEffect(record);
  }
}

function retransmittingEffect(record: StuckRecord, nowUs: number, names: WallTimes): string {
  const effect = [];
  if (record.ownerType === 'kernel') {
    effect.push(kernelEffect(record, nowUs, names));
  } else if (record.direction === 'inbound') {
    effect.push(
      `The client does not get what was sent to it; the connection keeps its memory and its descriptor ${waitWords(record, 'fails', nowUs, names)}.`,
    );
  } else {
    effect.push(
      `Requests on this connection hang ${waitWords(record, 'fail', nowUs, names)}, unless the application has a timeout of its own.`,
      'A pool that hands this connection out again makes the next request hang too.',
    );
  }
  if (record.options.keepalive === true) {
    effect.push('Keepalive is on and does not help: the kernel sends no probes while data is unacknowledged.');
  }
  return effect.join(' ');
}

function kernelEffect(record: StuckRecord, nowUs: number, names: WallTimes): string {
  return `What uses it in the kernel, for example a network mount, hangs ${waitWords(record, 'fails', nowUs, names)}.`;
}

function keepaliveEffect(record: StuckRecord, nowUs: number, names: WallTimes): string {
  if (record.ownerType === 'kernel') {
    return kernelEffect(record, nowUs, names);
  }
  if (record.direction === 'inbound') {
    return `Nothing waits on it: the client is gone. The connection keeps its memory and its descriptor ${waitWords(record, 'fails', nowUs, names)}.`;
  }
  const idle = `If it stays idle, it lasts ${waitWords(record, 'fails', nowUs, names)}.`;
  return `Nothing waits on it yet, but the next request that is sent on it hangs. ${idle}`;
}

/** Only TCP_USER_TIMEOUT ends a wait for a peer that answers. */
function isAnswering(record: StuckRecord): boolean {
  return isBusyPeer(record) && (record.giveUp?.never !== false || record.giveUp.reason !== 'user_timeout');
}

function zeroWindowEffect(record: StuckRecord, nowUs: number, names: WallTimes): string {
  if (record.ownerType === 'kernel') {
    return kernelEffect(record, nowUs, names);
  }
  const who = record.direction === 'inbound' ? 'the client' : 'the peer';
  const wait = isAnswering(record) ? `until ${who} reads` : waitWords(record, 'fails', nowUs, names);
  const writes = `What was written waits ${wait}; once the send buffer is full, a write blocks or says EAGAIN.`;
  if (isBusyPeer(record)) {
    return `${writes} The other side is alive and only slow to read: this may be meant.`;
  }
  return record.options.keepalive === true
    ? `${writes} Keepalive is on and does not help: the kernel sends no keepalive probes while data is queued.`
    : writes;
}

function closingEffect(record: StuckRecord, nowUs: number, names: WallTimes): string {
  const unknown = 'The application has ended its side; whether its last data arrived is not known.';
  // In the other closing states the peer has already ended its side, and a read returns at once.
  return record.state === 'FIN_WAIT1'
    ? `${unknown} A read on the connection hangs ${waitWords(record, 'fails', nowUs, names)}.`
    : unknown;
}

function closeWaitEffect(record: StuckRecord): string {
  const left =
    record.unreadBytes > 0 ? `A read still returns the ${bytesWords(record.unreadBytes)} that came before.` : '';
  const kept = 'Its descriptor and its memory stay in use until the application closes it.';
  const reuse = record.direction === 'inbound' ? '' : 'A pool that hands it out again makes the next request fail.';
  return [kept, left, reuse].filter((text) => text !== '').join(' ');
}

function unreadEffect(record: StuckRecord): string {
  const who = record.direction === 'inbound' ? 'the client' : 'the peer';
  return record.informational
    ? `Nothing is blocked yet, as there is room for more; but what ${who} sent has not been noticed here.`
    : `Writes of ${who} block, or soon will: the receive buffer here is filling up or full.`;
}
