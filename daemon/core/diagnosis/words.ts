/** The parts of speech that summary, effect and advice share. */
import { countWords, durationWords, endpointWords, processWords } from '../format-words.js';
import type { GiveUp, StuckRecord } from '../record.js';

/** Says CLOCK_MONOTONIC microseconds as wall time, for example `14:03:12`. */
export interface WallTimes {
  wallTime(us: number): string;
}

/** Who has the connection, as the subject of a sentence. */
export function holderWords(record: StuckRecord): string {
  switch (record.ownerType) {
    case 'process': {
      const owner = record.owner ?? record.lastOwner;
      if (owner === null) {
        return 'A process that has exited';
      }
      const others = new Set(owner.holders.map((holder) => holder.pid).filter((pid) => pid !== owner.pid)).size;
      return others === 0
        ? processWords(owner)
        : `${processWords(owner)} (together with ${countWords(others, 'other process', 'other processes')})`;
    }
    case 'pending':
      return 'A process that is still being looked up';
    case 'orphan':
      return record.lastOwner === null
        ? 'A socket nobody holds any more'
        : `A socket nobody holds any more (left by ${processWords(record.lastOwner)})`;
    case 'kernel':
      return 'The kernel itself';
    case 'unaccepted':
      return `The listener on port ${record.local.port} (connection not accepted yet)`;
    case 'unknown':
      return 'A process that cannot be seen';
  }
}

/** The other end; of a connection that was accepted here, the client and the port it came to. */
export function peerWords(record: StuckRecord): string {
  const peer = endpointWords(record.remote);
  return record.direction === 'inbound' ? `the client ${peer} on port ${record.local.port}` : peer;
}

/** True if no application can be told anything about this socket any more. */
export function isOrphan(record: StuckRecord): boolean {
  return record.ownerType === 'orphan';
}

/** A listener has no peer. */
export function isListener(record: StuckRecord): boolean {
  return record.kind === 'accepting' || record.kind === 'accept_queue_full';
}

/** A window that is closed by a peer that answers: it is alive, and does not read. */
export function isBusyPeer(record: StuckRecord): boolean {
  return record.kind === 'zero_window' && record.informational;
}

/** The peer lives as far as anybody knows, so that a forecast, which supposes that nothing comes from it, says little. */
export function isPeerAlive(record: StuckRecord): boolean {
  return record.kind === 'fin_wait' || record.kind === 'close_wait' || record.kind === 'unread';
}

/** The error of the forecast; ETIMEDOUT where there is none. */
export function expectedError(giveUp: GiveUp | null): string {
  return giveUp === null || giveUp.never ? 'ETIMEDOUT' : giveUp.expectedError;
}

/** The error of a record that ended `unreachable`: the forecast knows which if the report came before the end. */
export function unreachableError(giveUp: GiveUp | null): string {
  const error = expectedError(giveUp);
  return error === 'ETIMEDOUT' ? 'EHOSTUNREACH' : error;
}

/** `at 14:03:12`, `between 14:03:12 and 14:03:16`, `by 14:03:16`; null where no time is known. */
export function endTimeWords(giveUp: GiveUp | null, nowUs: number, names: WallTimes): string | null {
  if (giveUp === null || giveUp.never) {
    return null;
  }
  if ((giveUp.latestTimeUs ?? giveUp.timeUs) <= nowUs) {
    return 'any moment now';
  }
  const earliest = names.wallTime(Math.max(giveUp.timeUs, nowUs));
  const latest = names.wallTime(giveUp.latestTimeUs ?? giveUp.timeUs);
  if (earliest === latest) {
    return `at ${latest}`;
  }
  return giveUp.timeUs <= nowUs ? `by ${latest}` : `between ${earliest} and ${latest}`;
}

/** `in 15 min 2 s`, `in 3 s to 7 s`, `within 4 s`; null where no time is known or it is over. */
export function endDelayWords(giveUp: GiveUp | null, nowUs: number): string | null {
  if (giveUp === null || giveUp.never) {
    return null;
  }
  const latestUs = giveUp.latestTimeUs ?? giveUp.timeUs;
  if (latestUs <= nowUs) {
    return null;
  }
  const latest = durationWords(latestUs - nowUs);
  if (giveUp.timeUs <= nowUs) {
    return `within ${latest}`;
  }
  const earliest = durationWords(giveUp.timeUs - nowUs);
  return earliest === latest ? `in ${earliest}` : `in ${earliest} to ${latest}`;
}

/** What becomes of something that waits: `until 14:03:12 and then fails with ETIMEDOUT`, `for ever`. */
export function waitWords(record: StuckRecord, fail: 'fail' | 'fails', nowUs: number, names: WallTimes): string {
  const { giveUp } = record;
  if (giveUp?.never === true) {
    return 'for ever';
  }
  const time = latestEndWords(giveUp, nowUs, names) ?? 'the kernel gives up';
  return `until ${time} and then ${fail} with ${expectedError(giveUp)}`;
}

/** The time after which it is over for certain, `14:03:12`; null where no time is known. */
export function latestEndWords(giveUp: GiveUp | null, nowUs: number, names: WallTimes): string | null {
  if (giveUp === null || giveUp.never) {
    return null;
  }
  const latestUs = giveUp.latestTimeUs ?? giveUp.timeUs;
  return latestUs <= nowUs ? null : names.wallTime(latestUs);
}
