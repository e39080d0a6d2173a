/** The one sentence of a diagnosis: who, to whom, since when, what, and until when or how it ended. */
import { bytesWords, countWords, durationWords } from './format-words.js';
import {
  endDelayWords,
  endTimeWords,
  expectedError,
  holderWords,
  isOrphan,
  peerWords,
  unreachableError,
  type WallTimes,
} from './diagnosis-words.js';
import type { Outcome } from './kinds.js';
import type { StuckRecord } from './record.js';

/** @returns one sentence, in the present tense while the connection is stuck and in the past tense afterwards. */
export function summaryOf(record: StuckRecord, nowUs: number, names: WallTimes): string {
  if (record.outcome !== null) {
    const endUs = record.endUs ?? nowUs;
    return `${pastWords(record)} ${spanWords(record, endUs, names)} until ${endWords(record, record.outcome)}.`;
  }
  const atLeast = record.sinceAtLeast ? 'at least ' : '';
  const since = `since ${atLeast}${names.wallTime(record.sinceUs)} (${durationWords(nowUs - record.sinceUs)})`;
  return `${presentWords(record)} ${since}: ${evidenceWords(record)}; ${forecastWords(record, nowUs, names)}.`;
}

function presentWords(record: StuckRecord): string {
  const holder = holderWords(record);
  const peer = peerWords(record);
  switch (record.kind) {
    case 'retransmitting':
      return `${holder} has had no answer from ${peer}`;
    case 'keepalive_unanswered':
      return `${holder} holds an idle connection to ${peer}, which has been silent`;
    case 'connecting':
      return `${holder} has been trying to connect to ${peer}`;
    case 'closing':
      return `${holder} has been closing the connection to ${peer}`;
    case 'zero_window':
      return `${holder} has waited for ${peer} to open its window`;
    case 'accepting':
      return `${holder} has had clients that do not complete the handshake`;
    case 'accept_queue_full':
      return `${holder} has not accepted connections fast enough`;
    case 'fin_wait':
      return `${holder} has waited for ${peer} to close`;
    case 'close_wait':
      return `${holder} has not closed a connection that ${peer} closed`;
    case 'unread':
      return `${holder} has not read what ${peer} sent`;
    case 'zombie':
      return `${holder} has held a dead connection to ${peer}`;
    case 'stale_reuse':
      return `${holder} has used a stale connection to ${peer}`;
  }
}

function pastWords(record: StuckRecord): string {
  const holder = holderWords(record);
  const peer = peerWords(record);
  switch (record.kind) {
    case 'retransmitting':
      return `${holder} had no answer from ${peer}`;
    case 'keepalive_unanswered':
      return `${holder} held an idle connection to ${peer}, which was silent`;
    case 'connecting':
      return `${holder} tried to connect to ${peer}`;
    case 'closing':
      return `${holder} was closing the connection to ${peer}`;
    case 'zero_window':
      return `${holder} waited for ${peer} to open its window`;
    case 'accepting':
      return `${holder} had clients that did not complete the handshake`;
    case 'accept_queue_full':
      return `${holder} did not accept connections fast enough`;
    case 'fin_wait':
      return `${holder} waited for ${peer} to close`;
    case 'close_wait':
      return `${holder} did not close a connection that ${peer} had closed`;
    case 'unread':
      return `${holder} did not read what ${peer} sent`;
    case 'zombie':
      return `${holder} held a dead connection to ${peer}`;
    case 'stale_reuse':
      return `${holder} used a stale connection to ${peer}`;
  }
}

function spanWords(record: StuckRecord, endUs: number, names: WallTimes): string {
  const span = durationWords(endUs - record.sinceUs);
  const [atLeast, orEarlier] = record.sinceAtLeast ? ['at least ', ' or earlier'] : ['', ''];
  return `for ${atLeast}${span}, from ${names.wallTime(record.sinceUs)}${orEarlier} to ${names.wallTime(endUs)},`;
}

/** What shows that it is stuck. */
function evidenceWords(record: StuckRecord): string {
  const retransmissions = `${countWords(record.retransmits, 'retransmission', 'retransmissions')} unanswered`;
  switch (record.kind) {
    case 'retransmitting':
      return [record.retransmits > 0 ? retransmissions : 'nothing acknowledged', ...bytesInLimbo(record)].join(', ');
    case 'keepalive_unanswered':
      return `${countWords(record.probes, 'keepalive probe', 'keepalive probes')} unanswered`;
    case 'connecting':
      return `${countWords(record.retransmits + 1, 'SYN', 'SYNs')} unanswered`;
    case 'closing':
      // Without numbers of bytes: the FIN takes a sequence number of its own and would be counted as data.
      return record.retransmits > 0 ? `its FIN is not acknowledged, ${retransmissions}` : 'its FIN is not acknowledged';
    case 'zero_window':
      return record.informational ? 'the window probes are answered' : 'the window probes are not answered';
    case 'accepting':
      return `${record.acceptQueue?.unanswered ?? 0} incomplete`;
    case 'accept_queue_full':
      return `${record.acceptQueue?.waiting ?? 0} of ${record.acceptQueue?.limit ?? 0} wait`;
    case 'fin_wait':
      return 'the peer has not closed its side';
    case 'close_wait':
      return 'the application has not closed its side';
    case 'unread':
      return `${bytesWords(record.unreadBytes)} unread`;
    case 'zombie':
      return 'the application has not fetched the error';
    case 'stale_reuse':
      return 'the peer answered with RST';
  }
}

function bytesInLimbo(record: StuckRecord): string[] {
  const sent = record.unackedBytes > 0 ? [`${bytesWords(record.unackedBytes)} in limbo`] : [];
  const queued = record.unsentBytes > 0 ? [`${bytesWords(record.unsentBytes)} queued behind`] : [];
  return [...sent, ...queued];
}

function forecastWords(record: StuckRecord, nowUs: number, names: WallTimes): string {
  const { giveUp } = record;
  if (giveUp?.never === true) {
    return 'the kernel never gives up';
  }
  const time = endTimeWords(giveUp, nowUs, names);
  if (time === null) {
    return "the kernel's deadline is not known";
  }
  const end = [`the kernel ${isOrphan(record) ? 'frees it' : 'gives up'} ${time}`];
  const delay = endDelayWords(giveUp, nowUs);
  if (delay !== null) {
    end.push(delay);
  }
  if (!isOrphan(record)) {
    end.push(`with ${expectedError(giveUp)}`);
  }
  return end.join(', ');
}

function endWords(record: StuckRecord, outcome: Outcome): string {
  switch (outcome) {
    case 'recovered':
      return recoveryWords(record);
    case 'reset_by_peer':
      return record.kind === 'connecting' ? 'the peer refused the connection' : 'the peer reset the connection';
    case 'timed_out':
      return isOrphan(record) ? 'the kernel freed it' : 'the kernel gave up with ETIMEDOUT';
    case 'unreachable':
      return isOrphan(record) ? 'the kernel freed it' : `the kernel gave up with ${unreachableError(record.giveUp)}`;
    case 'closed_by_application':
      return 'the application closed it';
    case 'owner_exited':
      return 'the process exited';
    case 'destroyed':
      return 'an administrator destroyed it';
    case 'lost_track':
      return 'stuckd lost sight of it';
  }
}

function recoveryWords(record: StuckRecord): string {
  switch (record.kind) {
    case 'retransmitting':
    case 'keepalive_unanswered':
      return 'the peer answered again';
    case 'connecting':
      return 'the connection was established';
    case 'closing':
    case 'fin_wait':
      return 'the peer answered after all';
    case 'zero_window':
      return 'the peer took data again';
    case 'accepting':
    case 'accept_queue_full':
      return 'the queue had room again';
    case 'close_wait':
      return 'data was sent on it again';
    case 'unread':
      return 'the application read it';
    case 'zombie':
    case 'stale_reuse':
      return 'it was over';
  }
}
