/** Which changes of a record are worth telling: the kernel moves clocks and timers all the time. */
import type { AcceptQueue, GiveUp, KnownOptions, StuckRecord } from './record.js';

/** Times wander by a few ticks as timers run late; more than this is another time. */
const TIME_TOLERANCE_US = 100_000;

const COMPARED = [
  'kind',
  'state',
  'direction',
  'ownerType',
  'owner',
  'lastOwner',
  'sinceUs',
  'unackedBytes',
  'unsentBytes',
  'unreadBytes',
  'retransmits',
  'probes',
  'informational',
  'cause',
  'polled',
] as const satisfies readonly (keyof StuckRecord)[];

/** @returns true if a client should get the new version of the record. */
export function isMaterialChange(before: StuckRecord, now: StuckRecord): boolean {
  return (
    COMPARED.some((field) => before[field] !== now[field]) ||
    !isSameTime(before.lastProgressUs, now.lastProgressUs) ||
    before.timeline.length !== now.timeline.length ||
    !isSameForecast(before.giveUp, now.giveUp) ||
    !areSameOptions(before.options, now.options) ||
    !areSameQueues(before.acceptQueue, now.acceptQueue)
  );
}

export function areSameOptions(a: KnownOptions, b: KnownOptions): boolean {
  return (
    a.keepalive === b.keepalive &&
    a.keepaliveIdleMs === b.keepaliveIdleMs &&
    a.keepaliveIntervalMs === b.keepaliveIntervalMs &&
    a.keepaliveProbes === b.keepaliveProbes &&
    a.userTimeoutMs === b.userTimeoutMs
  );
}

function areSameQueues(a: AcceptQueue | null, b: AcceptQueue | null): boolean {
  return (
    a?.waiting === b?.waiting &&
    a?.limit === b?.limit &&
    a?.handshakes === b?.handshakes &&
    a?.unanswered === b?.unanswered
  );
}

function isSameForecast(a: GiveUp | null, b: GiveUp | null): boolean {
  if (a === null || b === null || a.never || b.never) {
    return a === b || (a?.never === true && b?.never === true);
  }
  return (
    a.reason === b.reason &&
    a.expectedError === b.expectedError &&
    a.retransmitsLeft === b.retransmitsLeft &&
    a.supposes?.join() === b.supposes?.join() &&
    isSameTime(a.timeUs, b.timeUs) &&
    isSameTime(a.latestTimeUs, b.latestTimeUs)
  );
}

function isSameTime(a: number | null, b: number | null): boolean {
  return a === null || b === null ? a === b : Math.abs(a - b) <= TIME_TOLERANCE_US;
}
