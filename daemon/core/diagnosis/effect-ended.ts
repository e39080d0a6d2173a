/** What the application experienced when it was over. */
import { durationWords } from '../format-words.js';
import { isListener, isOrphan, unreachableError } from './words.js';
import type { LastingKind } from './phrases.js';
import type { Outcome, StuckKind } from '../kinds.js';
import type { StuckRecord } from '../record.js';

export function endedEffect(record: StuckRecord, outcome: Outcome, endUs: number): string {
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
      return `${CLOSED[record.kind]}${lossWords(record)}`;
    case 'owner_exited':
      return isListener(record)
        ? 'The process is gone, and its listener with it: clients are refused unless another process listens.'
        : `The process is gone, and the connection with it.${lossWords(record)}`;
    case 'lost_track':
      return record.polled
        ? 'How it ended is not known: polling sees that a connection is gone, and seldom why. The last step of its timeline says what it may have been.'
        : 'How it ended is not known: the sensor was down, or a record was lost.';
  }
}

const GAVE_UP = 'The application gave the connection up by itself.';
const CLOSED_AFTER_ALL = 'The application closed it after all: its descriptor and its memory are free.';

const CLOSED: Readonly<Record<StuckKind, string>> = {
  retransmitting: GAVE_UP,
  keepalive_unanswered: GAVE_UP,
  zero_window: GAVE_UP,
  connecting: 'The application stopped waiting by itself.',
  accepting: 'The application stopped listening: clients are refused unless another process listens.',
  accept_queue_full: 'The application stopped listening: the clients in its queue were reset.',
  closing: GAVE_UP,
  fin_wait: CLOSED_AFTER_ALL,
  close_wait: CLOSED_AFTER_ALL,
  unread: 'The application ended its side without reading the rest.',
  zombie: CLOSED_AFTER_ALL,
  stale_reuse: GAVE_UP,
};

const RECOVERED: Readonly<Record<LastingKind, (span: string) => string>> = {
  retransmitting: (span) => `The data got through after ${span}: the application saw a delay and no error.`,
  keepalive_unanswered: () => 'The connection works again; the application noticed nothing.',
  zero_window: (span) => `The data got through after ${span}: the application saw a delay and no error.`,
  connecting: (span) => `The connection was established ${span} after the first attempt.`,
  accepting: () => 'New clients get through again; those that were waiting had to try again.',
  accept_queue_full: (span) => `New clients get through again; some of them waited for up to ${span}.`,
  closing: () => 'The peer has received everything, the end of the connection included.',
  fin_wait: () => 'The connection goes on: the peer sent data, or ended its side too.',
  close_wait: () => 'The connection was in use after all: its other half still works.',
  unread: (span) => `The application read on after ${span}; nothing was lost.`,
  zombie: () => 'The application knows now that the connection is gone.',
};

function recoveredEffect(record: StuckRecord, endUs: number): string {
  const span = durationWords(endUs - record.sinceUs);
  return record.kind === 'stale_reuse' ? 'The request got through.' : RECOVERED[record.kind](span);
}

function failedEffect(record: StuckRecord, error: string): string {
  if (isOrphan(record)) {
    return 'No application is told: the socket belonged to nobody any more. Whether the last data arrived is not known.';
  }
  if (isListener(record)) {
    return 'accept() fails, and clients are refused unless another process listens.';
  }
  if (record.ownerType === 'kernel') {
    return `What uses it in the kernel gets ${error}.${lossWords(record)}`;
  }
  if (record.ownerType === 'unaccepted') {
    return 'No process had accepted it: whoever does so finds a dead connection.';
  }
  return `The application ${howItFails(record, error)}.${lossWords(record)}`;
}

/** tcp_recvmsg() looks for data first, then for the peer's FIN, then for an error. */
function howItFails({ kind, state }: StuckRecord, error: string): string {
  if (kind === 'connecting') {
    return `gets ${error} from connect()`;
  }
  if (kind === 'unread') {
    return `can still read what had come, and then gets ${error}`;
  }
  if (kind === 'closing' && state !== 'FIN_WAIT1') {
    return 'finds the end of the stream when it reads, and no error';
  }
  if (kind === 'closing' || kind === 'fin_wait') {
    return `gets ${error} on its next read`;
  }
  return state === 'CLOSE_WAIT'
    ? `gets ${error} on its next write; a read finds the end of the stream`
    : `gets ${error} on its next read or write`;
}

/** After the peer's FIN a reset reads as a broken pipe. */
function resetError(record: StuckRecord): string {
  return record.state === 'CLOSE_WAIT' ? 'EPIPE' : 'ECONNRESET';
}

function lossWords({ kind, unackedBytes, unsentBytes }: StuckRecord): string {
  if (kind === 'closing') {
    return ' Whether its last data arrived is not known.';
  }
  if (kind === 'zero_window') {
    return unsentBytes > 0 ? ' What was still to be sent is lost.' : '';
  }
  return kind === 'retransmitting' && unackedBytes > 0 ? ' Whether the unacknowledged data arrived is not known.' : '';
}
