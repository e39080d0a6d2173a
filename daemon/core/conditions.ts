/** What a snapshot shows that no counter of retransmissions or probes tells. Each is a predicate of the kernel's fields. */
import { isProbingWindow } from './give-up-window-probe.js';
import type { TickClock } from './jiffies.js';
import { doublings } from './rto-ladder.js';
import { PENDING, TCP_STATE, type SocketSnapshot } from './snapshot.js';

/** `SHUTDOWN_MASK`. */
const SHUTDOWN_BOTH = 3;

/** Window probes in a row without an answer that make a peer silent; one is always on its way. */
const SILENT_PROBES = 2;

/** See `isSilentBehindShrunkWindow`. */
const SILENT_SHARE = 0.8;

/** Our FIN is on its way: it was sent, or waits behind data, and is not acknowledged. */
export function isClosing(state: number): boolean {
  return state === TCP_STATE.FIN_WAIT1 || state === TCP_STATE.CLOSING || state === TCP_STATE.LAST_ACK;
}

/** We may still send: neither connecting nor closed on this side. */
function canSend(state: number): boolean {
  return state === TCP_STATE.ESTABLISHED || state === TCP_STATE.CLOSE_WAIT;
}

/** Data is in flight, or should be, the window is open, and at least one timeout has passed. */
export function isRetransmitting(socket: SocketSnapshot): boolean {
  const isUnanswered = socket.packetsOut > 0 && socket.retransmits > 0 && socket.sndWnd > 0;
  return canSend(socket.state) && (isUnanswered || isRefusedLocally(socket));
}

/**
 * The peer would take what is queued, but this host does not let it out: a firewall's output rule (EPERM), no route. A
 * segment that fails at its first transmission never counts as sent (tcp_write_xmit()): it stays in the queue, and the
 * persist timer tries again with tcp_write_wakeup(). Any ACK, and any attempt that succeeds, zeroes icsk_probes_out.
 */
export function isRefusedLocally(socket: SocketSnapshot): boolean {
  return socket.pending === PENDING.PROBE0 && isProbingWindow(socket) && socket.probesOut > 0 && socket.sndWnd > 0;
}

/** RTOs that left this host may be missing in `icsk_backoff`: thin streams back off late, ICMP errors take back steps. */
export function mayLackBackoff(socket: SocketSnapshot): boolean {
  return socket.thinLto || socket.sysctls.thinLinearTimeouts || socket.skErrSoft !== 0;
}

/**
 * The peer takes no more data: it is asked by window probes, or by retransmissions if the window shrank to zero with data
 * in flight. The probe timer alone proves nothing, as it serves corked data too.
 */
export function isWindowClosed(socket: SocketSnapshot): boolean {
  if (!canSend(socket.state)) {
    return false;
  }
  if (socket.packetsOut > 0) {
    return hasShrunkWindow(socket);
  }
  return socket.pending === PENDING.PROBE0 && isProbingWindow(socket) && !isRefusedLocally(socket);
}

/** The window shrank to zero with data in flight, which was retransmitted since (`tcp_retransmit_timer()`). */
export function hasShrunkWindow(socket: SocketSnapshot): boolean {
  return socket.packetsOut > 0 && socket.sndWnd === 0 && socket.retransStamp !== 0;
}

/** Window probes go unanswered. */
export function isSilentBehindWindow(socket: SocketSnapshot, ticks: TickClock): boolean {
  return hasShrunkWindow(socket) ? isSilentBehindShrunkWindow(socket, ticks) : socket.probesOut >= SILENT_PROBES;
}

/**
 * Behind a shrunk window no counter tells: the RTO backs off although the peer answers. What is retransmitted goes out at
 * half the present RTO after the one before, with what the timer wheel adds. So an answer to that one is younger than
 * three quarters of the RTO, seen from the last retransmission; what is older than that answered none of the last two.
 */
function isSilentBehindShrunkWindow(socket: SocketSnapshot, ticks: TickClock): boolean {
  const unansweredJiffies = (socket.lsndtimeJiffies32 - socket.rcvTstampJiffies32) | 0;
  return doublings(socket, ticks) > SILENT_PROBES && unansweredJiffies > socket.rtoJiffies * SILENT_SHARE;
}

/** Received data that the application has not read. */
export function hasUnreadData(socket: SocketSnapshot): boolean {
  return socket.state === TCP_STATE.ESTABLISHED && socket.rcvNxt !== socket.copiedSeq;
}

/** Unread data is a problem of the peer as well once it fills half of the buffer, or has closed the window. */
export function isUnreadHarmless(socket: SocketSnapshot): boolean {
  return socket.receiveQueueBytes * 2 < socket.receiveBufferBytes && socket.rcvWnd > 0;
}

/** Ended by the kernel, with an error that the application has not fetched. */
export function isZombie(socket: SocketSnapshot): boolean {
  return hasEnded(socket) && socket.skErr !== 0;
}

/**
 * Closed for good, but a descriptor is left. A socket that was never connected has no peer. The kernel shuts it down just
 * after it has told of the change of its state.
 */
export function hasEnded(socket: SocketSnapshot): boolean {
  return (
    socket.state === TCP_STATE.CLOSE &&
    socket.hasFile &&
    !socket.dead &&
    socket.remote.port !== 0 &&
    (socket.cause === 'state' || socket.shutdown === SHUTDOWN_BOTH)
  );
}

/** As many connections wait for accept() as listen() allowed. */
export function isAcceptQueueFull(socket: SocketSnapshot): boolean {
  return socket.state === TCP_STATE.LISTEN && socket.ackBacklog > 0 && socket.ackBacklog >= socket.maxAckBacklog;
}

/** @returns handshakes of a listener whose SYN-ACK had to be sent again; 0 for other sockets. */
export function unansweredHandshakes(socket: SocketSnapshot): number {
  return socket.state === TCP_STATE.LISTEN ? Math.max(0, socket.synQueue - socket.synQueueYoung) : 0;
}
