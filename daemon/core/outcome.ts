/**
 * How a stuck connection ended, from the snapshot that shows its end and the one before. At a timeout, a RST and an
 * abort the kernel sets sk_err before the state changes, so the error is readable in the very report of the change.
 */
import { hasEnded, isAcceptQueueFull, isClosing, isZombie, unansweredHandshakes } from './conditions.js';
import { ECONNABORTED, ECONNREFUSED, ECONNRESET, EPIPE, ETIMEDOUT } from './errno-name.js';
import { hasNothingToSend } from './keepalive-probes.js';
import type { Outcome, StuckKind } from './kinds.js';
import { seqAfter } from './sequence.js';
import { PENDING, TCP_STATE, type SocketSnapshot } from './snapshot.js';

/** @returns how it ended with this snapshot, or null if it is still stuck. */
export function outcomeOf(kind: StuckKind, before: SocketSnapshot, now: SocketSnapshot): Outcome | null {
  if (kind === 'zombie') {
    return now.cause === 'destroy' || !hasEnded(now) ? closedByApplication(now) : outcomeOfDead(now);
  }
  if (now.state === TCP_STATE.CLOSE || now.cause === 'destroy') {
    return outcomeOfClosed(kind, before, now);
  }
  if (wasAnsweredAfterClose(now)) {
    return 'recovered';
  }
  if (APPLICATIONS_TURN.has(kind) && (now.dead || isClosing(now.state))) {
    return closedByApplication(now);
  }
  return hasRecovered(kind, before, now) ? 'recovered' : null;
}

/** What is dead does not come to life; but an application that has fetched the error knows. */
function outcomeOfDead(now: SocketSnapshot): Outcome | null {
  return isZombie(now) ? null : 'recovered';
}

/** Kinds that wait for the application: that it closes is the end of them, whatever becomes of its FIN. */
const APPLICATIONS_TURN: ReadonlySet<StuckKind> = new Set<StuckKind>(['fin_wait', 'close_wait', 'unread']);

/** @returns how a socket ended whose end nobody reported, as far as its last snapshot tells. */
export function outcomeOfVanished(last: SocketSnapshot): Outcome {
  return last.resetReceived ? 'reset_by_peer' : 'lost_track';
}

/**
 * An orphan that gets data is reset by its own kernel, through the function that takes a RST from the peer
 * (tcp_rcv_state_process(), TCPABORTONDATA). The ACK of such a segment was counted before; of a RST none is.
 */
function wasAnsweredAfterClose(now: SocketSnapshot): boolean {
  const jiffiesSinceAck = (now.jiffies - now.rcvTstampJiffies32) >>> 0;
  return now.cause === 'reset_received' && now.dead && jiffiesSinceAck <= 1;
}

const TWO_TO_32 = 2 ** 32;

/** A duplicate ACK is a sign of life, but only `snd_una` proves that data gets through. */
function hasRecovered(kind: StuckKind, before: SocketSnapshot, now: SocketSnapshot): boolean {
  switch (kind) {
    case 'connecting':
      return now.state !== TCP_STATE.SYN_SENT;
    case 'closing':
      // snd_una cannot tell: as the state changes to FIN_WAIT1 or LAST_ACK the FIN is not in write_seq yet.
      return !isClosing(now.state);
    case 'retransmitting':
      return seqAfter(now.sndUna, before.sndUna) || isQuietAgain(before, now);
    case 'keepalive_unanswered':
      return wasHeardBetween(before, now) || (now.probesOut === 0 && now.retransmits === 0 && !isClosing(now.state));
    case 'zero_window':
      // Until then the window may have opened, but nothing has got through it.
      return seqAfter(now.sndUna, before.sndUna) || hasNothingToSend(now) || now.cleared;
    case 'close_wait':
      return now.state !== TCP_STATE.CLOSE_WAIT || seqAfter(now.sndUna, before.sndUna);
    case 'fin_wait':
      return now.state !== TCP_STATE.FIN_WAIT2 || now.bytesReceived > before.bytesReceived;
    case 'unread':
      return now.copiedSeq !== before.copiedSeq;
    case 'accept_queue_full':
      return !isAcceptQueueFull(now);
    case 'accepting':
      // Half a crowd is still one: the sensor lets go of the listener when it is less than its threshold.
      return now.cleared || unansweredHandshakes(now) === 0;
    case 'zombie':
    case 'stale_reuse':
      return false;
  }
}

/**
 * Nothing is retransmitted or probed any more. `icsk_retransmits` has 8 bits and passes 0 when the neighbour is
 * unreachable and retransmissions follow every few seconds: while data is in flight only an ACK makes a 0 believable.
 */
function isQuietAgain(before: SocketSnapshot, now: SocketSnapshot): boolean {
  const quiet = now.retransmits === 0 && now.probesOut === 0 && !isClosing(now.state);
  return quiet && (now.packetsOut === 0 || wasHeardBetween(before, now));
}

/**
 * Only a later stamp is another ACK. That of a polled socket is late by as much as its answer waited to be read, which on a busy
 * machine is anybody's guess: so there it has to be later than the look before.
 */
function wasHeardBetween(before: SocketSnapshot, now: SocketSnapshot): boolean {
  const last32 = before.polled || now.polled ? before.jiffies % TWO_TO_32 : before.rcvTstampJiffies32;
  return (
    seqAfter(now.rcvTstampJiffies32, last32) ||
    seqAfter(now.sndUna, before.sndUna) ||
    now.bytesReceived > before.bytesReceived
  );
}

function outcomeOfClosed(kind: StuckKind, before: SocketSnapshot, now: SocketSnapshot): Outcome {
  if (now.skErr !== 0) {
    return outcomeOfErrno(now);
  }
  if (now.resetReceived) {
    return 'reset_by_peer';
  }
  if (endedInsideTimer(kind, now)) {
    return now.skErrSoft === 0 ? 'timed_out' : 'unreachable';
  }
  // Of a socket that was closing already the closer is known too, but its FIN went on without it.
  if (now.closerTgid !== 0 && kind !== 'closing' && !isClosing(stateBefore(before, now))) {
    return closedByApplication(now);
  }
  return outcomeWithoutError(kind, before, now);
}

/**
 * An application that polls may fetch the error on another processor before the state changes (tcp_write_err() sets it
 * first, and then frees the queue). The timers betray themselves: with data unacknowledged a timer is always set, except
 * inside the write timer; and the keepalive timer sends its RST before it ends the socket, a close after that.
 */
function endedInsideTimer(kind: StuckKind, now: SocketSnapshot): boolean {
  if (now.cause !== 'state') {
    return false;
  }
  const isInsideWriteTimer = seqAfter(now.writeSeq, now.sndUna) && now.pending === PENDING.NONE;
  return isInsideWriteTimer || (kind === 'keepalive_unanswered' && now.resetSent);
}

function outcomeOfErrno(now: SocketSnapshot): Outcome {
  switch (now.skErr) {
    case ETIMEDOUT:
      return 'timed_out';
    case ECONNABORTED:
      return 'destroyed';
    case EPIPE:
      return 'reset_by_peer';
    case ECONNRESET:
      // disconnect() and a close with SO_LINGER 0 raise this error too, after the peer's port was cleared.
      return now.remote.port === 0 && !now.resetReceived ? closedByApplication(now) : 'reset_by_peer';
    case ECONNREFUSED:
      // An ICMP port unreachable has the same errno. A sweep after a restart cannot know whether there was a RST.
      return now.resetReceived || isVisit(now) ? 'reset_by_peer' : 'unreachable';
    default:
      // EHOSTUNREACH, ENETUNREACH and the rarer ones: all of them are what an ICMP error turns into.
      return 'unreachable';
  }
}

function closedByApplication(now: SocketSnapshot): Outcome {
  return now.closerExiting ? 'owner_exited' : 'closed_by_application';
}

function outcomeWithoutError(kind: StuckKind, before: SocketSnapshot, now: SocketSnapshot): Outcome {
  const left = stateBefore(before, now);
  if (left === TCP_STATE.FIN_WAIT2 || left === TCP_STATE.TIME_WAIT) {
    // The socket is handed over to a TIME_WAIT mini-socket. That happens in close() too, when nobody holds it any more.
    const isClosed = kind === 'keepalive_unanswered' || (kind === 'fin_wait' && now.dead);
    return isClosed ? closedByApplication(now) : 'recovered';
  }
  if (isClosing(left)) {
    if (now.sndUna === now.writeSeq) {
      return 'recovered';
    }
    // The kernel kills orphans without an error when they use up its resources, and close() aborts a half-closed socket
    // that has unread data, before it is an orphan.
    return now.dead ? 'timed_out' : endedUnseen(now);
  }
  return endedUnseen(now);
}

/**
 * An event without an error is a disconnect() or an abortive close. A visit finds only what is left: the application may
 * have read the error since.
 */
function endedUnseen(now: SocketSnapshot): Outcome {
  return isVisit(now) || now.cause === 'destroy' ? 'lost_track' : closedByApplication(now);
}

/** The state that the end put an end to. */
function stateBefore(before: SocketSnapshot, now: SocketSnapshot): number {
  return now.cause === 'state' ? now.oldState : before.state;
}

function isVisit(now: SocketSnapshot): boolean {
  return now.cause === 'sweep' || now.cause === 'refresh';
}
