/** The one sentence of a diagnosis: who, to whom, since when, what, and until when or how it ended. */
import { durationWords } from '../format-words.js';
import { evidenceWords, staleReuseWords } from './evidence.js';
import { pastWords, presentWords, recoveryWords, type LastingKind } from './phrases.js';
import {
  endDelayWords,
  endTimeWords,
  expectedError,
  holderWords,
  isBusyPeer,
  isListener,
  isOrphan,
  isPeerAlive,
  peerWords,
  unreachableError,
  type WallTimes,
} from './words.js';
import type { Outcome } from '../kinds.js';
import type { GiveUp, StuckRecord } from '../record.js';
import { suppositionWords } from '../suppositions.js';

/** @returns one sentence, in the present tense while the connection is stuck and in the past tense afterwards. */
export function summaryOf(record: StuckRecord, nowUs: number, names: WallTimes): string {
  const holder = holderWords(record);
  const { kind } = record;
  if (kind === 'stale_reuse') {
    return staleReuseWords(record, holder, peerWords(record), names.wallTime(record.sinceUs));
  }
  if (record.outcome !== null) {
    const span = spanWords(record, record.endUs ?? nowUs, names);
    return `${holder} ${pastWords(kind, record)} ${span} until ${endWords(kind, record, record.outcome)}.`;
  }
  const atLeast = record.sinceAtLeast ? 'at least ' : '';
  const sinceUs = silentSinceUs(record);
  const since = `since ${atLeast}${names.wallTime(sinceUs)} (${durationWords(nowUs - sinceUs)})`;
  const forecast = forecastWords(kind, record, nowUs, names);
  const end = forecast === null ? '' : `; ${forecast}`;
  return `${holder} ${presentWords(kind, record)} ${since}: ${evidenceWords(kind, record)}${end}.`;
}

/** A record that began as something else, half-closed or unread, may be older than the silence that it has become. */
function silentSinceUs({ kind, sinceUs, lastProgressUs }: StuckRecord): number {
  return kind === 'retransmitting' ? Math.max(sinceUs, lastProgressUs ?? sinceUs) : sinceUs;
}

function spanWords(record: StuckRecord, endUs: number, names: WallTimes): string {
  const span = durationWords(endUs - record.sinceUs);
  const [atLeast, orEarlier] = record.sinceAtLeast ? ['at least ', ' or earlier'] : ['', ''];
  return `for ${atLeast}${span}, from ${names.wallTime(record.sinceUs)}${orEarlier} to ${names.wallTime(endUs)},`;
}

/** What the kernel will do by itself; null where that is no question. */
function forecastWords(kind: LastingKind, record: StuckRecord, nowUs: number, names: WallTimes): string | null {
  const { giveUp } = record;
  if (isListener(record) || kind === 'zombie') {
    return null;
  }
  if (giveUp?.never === true) {
    const never = isPeerAlive(record) ? 'the kernel never ends it' : 'the kernel never gives up';
    return [never, ...supposedWords(giveUp)].join(', ');
  }
  if (isPeerAlive(record)) {
    return giveUp === null ? null : 'the kernel ends it only if the peer falls silent';
  }
  if (isBusyPeer(record) && giveUp?.reason !== 'user_timeout') {
    return ['the kernel waits as long as they are answered', ...supposedWords(giveUp)].join(', ');
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
  return [...end, ...supposedWords(giveUp)].join(', ');
}

/** Polling sees that it is gone when the kernel was to give up, and no error. */
function gaveUpWords(record: StuckRecord): string {
  return record.polled ? 'the kernel gave up as forecast' : 'the kernel gave up with ETIMEDOUT';
}

/** The condition of a forecast that polling has made. */
function supposedWords(giveUp: GiveUp | null): readonly string[] {
  const words = suppositionWords(giveUp?.supposes ?? []);
  return words === null ? [] : [words];
}

function endWords(kind: LastingKind, record: StuckRecord, outcome: Outcome): string {
  const it = isListener(record) ? 'the listener' : 'it';
  switch (outcome) {
    case 'recovered':
      return recoveryWords(kind);
    case 'reset_by_peer':
      return kind === 'connecting' ? 'the peer refused the connection' : 'the peer reset the connection';
    case 'timed_out':
      return isOrphan(record) ? 'the kernel freed it' : gaveUpWords(record);
    case 'unreachable':
      return isOrphan(record) ? 'the kernel freed it' : `the kernel gave up with ${unreachableError(record.giveUp)}`;
    case 'closed_by_application':
      return `the application closed ${it}`;
    case 'owner_exited':
      return 'the process exited';
    case 'destroyed':
      return `an administrator destroyed ${it}`;
    case 'lost_track':
      return `stuckd lost sight of ${it}`;
  }
}
