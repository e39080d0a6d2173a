/** The steps in the life of a record, in plain words. Nothing in them comes from a process or a peer. */
import { hasShrunkWindow, isRefusedLocally, isSilentBehindWindow, unansweredHandshakes } from './conditions.js';
import { durationWords, idleWords } from './format-words.js';
import type { TickClock } from './jiffies.js';
import type { Outcome, OwnerType, StaleReuse, StuckKind } from './kinds.js';
import type { StuckRecord, TimelineEntry } from './record.js';
import { doublings } from './rto-ladder.js';
import type { Since } from './since.js';
import type { Reuse } from './stale-reuse.js';
import type { SocketSnapshot } from './snapshot.js';

/** @returns `timeline` with one more step; beyond `max` the step after the first half goes. */
export function withStep(
  timeline: readonly TimelineEntry[],
  step: TimelineEntry,
  max: number,
): readonly TimelineEntry[] {
  // With no more room than it needs: what is spread into an array has some to spare, in each record.
  const longer = timeline.concat(step);
  return longer.length > max ? longer.toSpliced(Math.floor(max / 2), longer.length - max) : longer;
}

const BEGINNINGS: Readonly<Record<StuckKind, string>> = {
  retransmitting: 'first retransmission; no answer since',
  keepalive_unanswered: 'first keepalive probe without an answer',
  connecting: 'connect',
  zero_window: 'first probe of the closed window',
  accepting: 'handshakes stay incomplete',
  accept_queue_full: 'accept queue full',
  closing: 'FIN sent; not acknowledged since',
  fin_wait: 'the peer acknowledged our FIN',
  close_wait: 'the peer closed the connection',
  unread: 'data received; not read since',
  zombie: 'the kernel ended the connection',
  stale_reuse: 'used again after it had been idle',
};

/** The step with which it began, where that is known exactly. */
export function beginning(kind: StuckKind, since: Since): readonly TimelineEntry[] {
  return since.atLeast ? [] : [{ timeUs: since.timeUs, text: BEGINNINGS[kind] }];
}

const REUSE_TEXTS: Readonly<Record<StaleReuse, string>> = {
  closed_before: 'although the peer had closed it before',
  closed_during: 'as the peer closed it',
  forgotten: 'but the peer, or something on the path, had forgotten it',
};

/** The steps of a request on a connection that was no more. */
export function reuseTimeline(
  { how, idleUs, sentUs }: Reuse,
  endUs: number,
  outcome: Outcome,
): readonly TimelineEntry[] {
  return [
    { timeUs: sentUs - idleUs, text: 'the last data before it was idle' },
    { timeUs: sentUs, text: `used again after ${idleWords(idleUs)}, ${REUSE_TEXTS[how]}` },
    { timeUs: endUs, text: OUTCOME_TEXTS[outcome] },
  ];
}

/** @param stuckUs how long it has been stuck already. */
export function detectionText(kind: StuckKind, socket: SocketSnapshot, stuckUs: number, ticks: TickClock): string {
  const stuckFor = `${Math.round(stuckUs / 1_000_000)} s`;
  switch (kind) {
    case 'retransmitting':
      return isRefusedLocally(socket)
        ? `detected: this host has refused to send it ${socket.probesOut} times in a row`
        : `detected: ${socket.retransmits} retransmission timeouts in a row without any answer`;
    case 'keepalive_unanswered':
      return `detected: ${socket.probesOut} keepalive probes without an answer`;
    case 'connecting':
      return `detected: the SYN was retransmitted ${socket.retransmits} times without an answer`;
    case 'closing':
      return `detected: the FIN has not been acknowledged for ${stuckFor}`;
    case 'zero_window':
      return isSilentBehindWindow(socket, ticks)
        ? `detected: ${hasShrunkWindow(socket) ? doublings(socket, ticks) : socket.probesOut} probes of the closed window without an answer`
        : `detected: the peer has kept its window closed for ${stuckFor}`;
    case 'accepting':
      return `detected: ${unansweredHandshakes(socket)} handshakes have been incomplete for ${stuckFor}`;
    case 'accept_queue_full':
      return `detected: ${socket.ackBacklog} connections wait for accept(), and have for ${stuckFor}`;
    case 'fin_wait':
      return `detected: nothing has come from the peer for ${stuckFor}`;
    case 'close_wait':
      return `detected: the application has not closed its side for ${stuckFor}`;
    case 'unread':
      return `detected: the application has not read for ${stuckFor}`;
    case 'zombie':
      return `detected: the application has not fetched the error for ${stuckFor}`;
    case 'stale_reuse':
      return 'detected: the peer answered the request with RST';
  }
}

const KIND_CHANGES: Readonly<Partial<Record<StuckKind, string>>> = {
  retransmitting: 'data was sent into it; it is retransmitted',
  keepalive_unanswered: 'keepalive probes are not answered any more',
};

export function kindChangeText(before: StuckKind, kind: StuckKind, socket: SocketSnapshot): string {
  if (kind === 'zero_window') {
    return 'the peer closed its window; data waits behind it';
  }
  if (kind === 'retransmitting' && before === 'zero_window') {
    return 'the window opened, but what was sent is not acknowledged';
  }
  if (kind !== 'closing') {
    return KIND_CHANGES[kind] ?? BEGINNINGS[kind];
  }
  if (socket.closerTgid === 0) {
    return 'closed on this side; data and FIN are not acknowledged';
  }
  return socket.closerExiting
    ? `process ${socket.closerTgid} exited; data and FIN are not acknowledged`
    : `process ${socket.closerTgid} closed it; data and FIN are not acknowledged`;
}

/** @returns null if the change is no step of its own: a first look-up of the holders. */
export function ownershipChangeText(before: OwnerType, now: OwnerType): string | null {
  if (before === now || before === 'pending') {
    return null;
  }
  switch (now) {
    case 'orphan':
      return 'no process holds it any more; the kernel goes on trying';
    case 'process':
      return 'a process holds it now';
    case 'unknown':
      return 'no descriptor of it is left, but somebody holds it';
    case 'kernel':
    case 'unaccepted':
    case 'pending':
      return null;
  }
}

/** @returns null unless a peer that keeps its window closed has fallen silent, or answers again. */
export function silenceChangeText(before: StuckRecord, kind: StuckKind, isAnswered: boolean): string | null {
  if (before.kind !== 'zero_window' || kind !== 'zero_window' || before.informational === isAnswered) {
    return null;
  }
  return isAnswered ? 'the peer answers again, and keeps its window closed' : 'the peer has stopped answering';
}

const WAITS: Readonly<Partial<Record<StuckKind, string>>> = {
  close_wait: 'the application has still not closed its side',
  fin_wait: 'the peer has still not closed its side',
  unread: 'what was received is still not read',
  accepting: 'handshakes are still incomplete',
  accept_queue_full: 'the accept queue is full',
};

/** As one kind recovers, and what it had been before that stays. */
export function leftOverText(before: StuckKind, kind: StuckKind): string {
  return `${recoveryText(before)}; ${WAITS[kind] ?? BEGINNINGS[kind]}`;
}

/** What has ended, where it is not the silence of the peer. */
const RECOVERIES: Readonly<Partial<Record<StuckKind, string>>> = {
  zero_window: 'the peer takes data again',
  accepting: 'handshakes are completed again',
  accept_queue_full: 'the process accepts again',
  fin_wait: 'the peer goes on',
  close_wait: 'the application goes on',
  unread: 'the application reads again',
  zombie: 'the application has fetched the error',
};

const OUTCOME_TEXTS: Readonly<Record<Outcome, string>> = {
  recovered: 'the peer answers again',
  reset_by_peer: 'the peer answered with RST',
  timed_out: 'the kernel gave up',
  unreachable: 'the network reported the peer as unreachable',
  closed_by_application: 'closed by the application; nothing of it remains',
  owner_exited: 'the process exited; nothing of it remains',
  destroyed: 'destroyed by an administrator',
  lost_track: 'it ended unseen',
};

function recoveryText(kind: StuckKind): string {
  return RECOVERIES[kind] ?? OUTCOME_TEXTS.recovered;
}

/** @param forecastErrorUs see `StuckRecord`; null adds nothing. */
export function endText(kind: StuckKind, outcome: Outcome, forecastErrorUs: number | null): string {
  const text = outcome === 'recovered' ? recoveryText(kind) : OUTCOME_TEXTS[outcome];
  return forecastErrorUs === null ? text : `${text}, ${forecastErrorWords(forecastErrorUs)}`;
}

/** @returns `4 ms later than forecast at detection`. */
function forecastErrorWords(errorUs: number): string {
  if (Math.round(errorUs / 1000) === 0) {
    return 'just as forecast at detection';
  }
  return `${durationWords(Math.abs(errorUs))} ${errorUs > 0 ? 'later' : 'earlier'} than forecast at detection`;
}
