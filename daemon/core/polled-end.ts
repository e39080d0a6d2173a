/**
 * How a polled connection ended. Polling sees that it is gone, and not why: what can be concluded is concluded from the
 * forecast, from who held it and from what is left of it, and said to be a conclusion; the rest is `lost_track`, with words
 * for what it may have been.
 */
import { hasEnded, isClosing } from './conditions.js';
import { durationWords } from './format-words.js';
import type { Outcome, StuckKind } from './kinds.js';
import type { GiveUp } from './record.js';
import { seqAfter } from './sequence.js';
import { TCP_STATE, type SocketSnapshot } from './snapshot.js';
import { unknownNames } from './suppositions.js';

/** An end this much before its forecast still is that end: stamps of a poll are exact to milliseconds only. */
const EARLY_US = 500_000;

/** Kinds that wait for the application: its descriptor is gone, so it has closed it. */
const APPLICATIONS_TURN: ReadonlySet<StuckKind> = new Set<StuckKind>([
  'close_wait',
  'unread',
  'accept_queue_full',
  'accepting',
]);

/** Whoever did not look for longer than this cannot say which of several ends it was. */
const LOOK_MAX_US = 150_000_000;

/** What is known of a connection that is gone. */
export interface PolledBefore {
  /** The last snapshot in which it was stuck. */
  readonly socket: SocketSnapshot;
  /** Until when it is known to have been there, CLOCK_MONOTONIC microseconds. */
  readonly knownUs: number;
  /** Its holder was known, so that it is also known that he holds it no more. */
  readonly isHeld: boolean;
}

export interface PolledEnd {
  readonly outcome: Outcome;
  /** The step of the timeline: what was seen, and what was concluded. */
  readonly text: string;
}

/** @returns true if this look shows that the kernel has ended the socket; `destroy`: that nobody holds it any more either. */
export function showsPolledEnd(now: SocketSnapshot): boolean {
  return now.polled && (now.state === TCP_STATE.CLOSE || now.cause === 'destroy');
}

/**
 * @param last the look that shows its end; null: it is not found any more.
 * @param giveUp the forecast that held then.
 * @param nowUs when it was found to be gone, CLOCK_MONOTONIC microseconds.
 */
export function polledEnd(
  kind: StuckKind,
  { socket: before, knownUs, isHeld }: PolledBefore,
  last: SocketSnapshot | null,
  giveUp: GiveUp | null,
  nowUs: number,
): PolledEnd {
  const look = `between two looks ${durationWords(Math.max(0, nowUs - knownUs))} apart`;
  if (last !== null && wasAnswered(before, last)) {
    return { outcome: 'recovered', text: `the peer acknowledged what was sent, and it was closed, ${look}` };
  }
  if (nowUs - knownUs > LOOK_MAX_US) {
    return { outcome: 'lost_track', text: `it is gone, and nobody looked meanwhile (${look})` };
  }
  if (giveUp !== null && !giveUp.never && giveUp.timeUs - EARLY_US <= nowUs) {
    return { outcome: 'timed_out', text: `the kernel gave up as forecast (concluded: it was gone, ${look})` };
  }
  const early = giveUp === null || giveUp.never ? 'it was gone' : 'it was gone before its forecast';
  if (last !== null && last.cause !== 'destroy' && hasEnded(last)) {
    const limits = ['an error from the network', ...unknownNames(giveUp?.supposes ?? [])].join(', ');
    return unknown(`${early}, with its descriptor still open: a RST from the peer, ${limits}`, look);
  }
  if (APPLICATIONS_TURN.has(kind) && !isHeld) {
    return unknown(`${early}: the application closed it, or the peer reset it`, look);
  }
  if (APPLICATIONS_TURN.has(kind)) {
    const text = `its descriptor was closed, by the application or as its process exited, ${look}`;
    return { outcome: 'closed_by_application', text };
  }
  if (before.dead) {
    return unknown(`${early}: the peer answered after all, or reset it`, look);
  }
  if (kind === 'fin_wait') {
    return unknown(`${early}: the peer ended its side too, or the application closed it`, look);
  }
  return unknown(`${early}: the peer reset it, or the application closed it`, look);
}

function unknown(text: string, look: string): PolledEnd {
  return { outcome: 'lost_track', text: `${text}; polling cannot tell which (${look})` };
}

/** What a socket says as it is destroyed: whether its data, or its FIN, was acknowledged before. */
function wasAnswered(before: SocketSnapshot, last: SocketSnapshot): boolean {
  if (last.bytesAcked === before.bytesAcked) {
    return false;
  }
  return isClosing(before.state) ? last.sndUna === last.writeSeq : seqAfter(last.sndUna, before.sndUna);
}
