/** What the application experiences, or experienced. */
import { durationWords } from './format-words.js';
import { isOrphan, latestEndWords, unreachableError, waitWords, type WallTimes } from './diagnosis-words.js';
import type { Outcome } from './kinds.js';
import type { StuckRecord } from './record.js';

/** @returns one to three sentences. */
export function effectOf(record: StuckRecord, nowUs: number, names: WallTimes): string {
  if (record.outcome !== null) {
    return endedEffect(record, record.outcome, record.endUs ?? nowUs);
  }
  if (isOrphan(record)) {
    const until = latestEndWords(record.giveUp, nowUs, names) ?? 'the kernel frees it';
    return `No application waits for it: only kernel memory and local port ${record.local.port} stay in use until ${until}. Whether the last data arrived is not known.`;
  }
  switch (record.kind) {
    case 'retransmitting':
      return retransmittingEffect(record, nowUs, names);
    case 'keepalive_unanswered':
      return keepaliveEffect(record, nowUs, names);
    case 'connecting':
      return `Whoever needs this connection hangs ${waitWords(record, 'fails', nowUs, names)}, unless the application has a connect timeout of its own.`;
    case 'closing':
      return closingEffect(record, nowUs, names);
    case 'zero_window':
      return `Writes block; what is queued waits ${waitWords(record, 'fails', nowUs, names)}.`;
    case 'accepting':
      return 'Clients wait for a connection that does not come about.';
    case 'accept_queue_full':
      return 'New connections are not served; the kernel drops further ones.';
    case 'fin_wait':
    case 'close_wait':
      return 'The connection keeps its descriptor and its memory.';
    case 'unread':
      return 'The peer has to wait once the buffer is full.';
    case 'zombie':
      return 'The next read or write on it fails.';
    case 'stale_reuse':
      return 'The request fails; whether it was processed is not known.';
  }
}

function retransmittingEffect(record: StuckRecord, nowUs: number, names: WallTimes): string {
  const effect = [];
  if (record.ownerType === 'kernel') {
    effect.push(
      `What uses it in the kernel, for example a network mount, hangs ${waitWords(record, 'fails', nowUs, names)}.`,
    );
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
  if (record.options.keepalive) {
    effect.push('Keepalive is on and does not help: the kernel sends no probes while data is unacknowledged.');
  }
  return effect.join(' ');
}

function keepaliveEffect(record: StuckRecord, nowUs: number, names: WallTimes): string {
  if (record.direction === 'inbound') {
    return `Nothing waits on it: the client is gone. The connection keeps its memory and its descriptor ${waitWords(record, 'fails', nowUs, names)}.`;
  }
  const idle = `If it stays idle, it lasts ${waitWords(record, 'fails', nowUs, names)}.`;
  return `Nothing waits on it yet, but the next request that is sent on it hangs. ${idle}`;
}

function closingEffect(record: StuckRecord, nowUs: number, names: WallTimes): string {
  const unknown = 'The application has ended its side; whether its last data arrived is not known.';
  // In the other closing states the peer has already ended its side, and a read returns at once.
  return record.state === 'FIN_WAIT1'
    ? `${unknown} A read on the connection hangs ${waitWords(record, 'fails', nowUs, names)}.`
    : unknown;
}

function endedEffect(record: StuckRecord, outcome: Outcome, endUs: number): string {
  switch (outcome) {
    case 'recovered':
      return recoveredEffect(record, endUs);
    case 'reset_by_peer':
      return failedEffect(record, record.kind === 'connecting' ? 'ECONNREFUSED' : resetError(record));
    case 'timed_out':
      return failedEffect(record, 'ETIMEDOUT');
    case 'unreachable':
      return failedEffect(record, unreachableError(record.giveUp));
    case 'destroyed':
      return failedEffect(record, 'ECONNABORTED');
    case 'closed_by_application':
      return record.kind === 'connecting'
        ? 'The application stopped waiting by itself.'
        : `The application gave the connection up by itself.${lossWords(record)}`;
    case 'owner_exited':
      return `The process is gone, and the connection with it.${lossWords(record)}`;
    case 'lost_track':
      return 'How it ended is not known: the sensor was down, or a record was lost.';
  }
}

function recoveredEffect(record: StuckRecord, endUs: number): string {
  const span = durationWords(endUs - record.sinceUs);
  switch (record.kind) {
    case 'retransmitting':
      return `The data got through after ${span}: the application saw a delay and no error.`;
    case 'keepalive_unanswered':
      return 'The connection works again; the application noticed nothing.';
    case 'connecting':
      return `The connection was established ${span} after the first attempt.`;
    case 'closing':
      return 'The peer has received everything, the end of the connection included.';
    case 'zero_window':
      return `The data got through after ${span}: the application saw a delay and no error.`;
    case 'accepting':
    case 'accept_queue_full':
      return 'Clients are served again.';
    case 'fin_wait':
    case 'close_wait':
    case 'unread':
    case 'zombie':
    case 'stale_reuse':
      return 'It is over.';
  }
}

function failedEffect(record: StuckRecord, error: string): string {
  if (isOrphan(record)) {
    return 'No application is told: the socket belonged to nobody any more. Whether the last data arrived is not known.';
  }
  return record.kind === 'connecting'
    ? `The application gets ${error} from connect().`
    : `The application gets ${error} on its next read or write.${lossWords(record)}`;
}

/** After the peer's FIN a reset reads as a broken pipe. */
function resetError(record: StuckRecord): string {
  return record.state === 'CLOSE_WAIT' ? 'EPIPE' : 'ECONNRESET';
}

function lossWords(record: StuckRecord): string {
  return record.kind === 'retransmitting' && record.unackedBytes > 0
    ? ' Whether the unacknowledged data arrived is not known.'
    : '';
}
