/**
 * Sweeps report every held socket that is stuck, over and over. Most of them have not changed: to see that costs a
 * fraction of a new forecast and a new record.
 */
import type { KernelTimer, SocketSnapshot, TcpSysctls } from './snapshot.js';
import type { UnknownFact } from './unknown-facts.js';

/** @returns true if both are visits of one socket, by a sweep or a refresh, and it stayed the same in between. */
export function isUnchanged(before: SocketSnapshot, now: SocketSnapshot): boolean {
  return isVisit(before) && isVisit(now) && hasSameFields(before, now);
}

function isVisit(socket: SocketSnapshot): boolean {
  return socket.cause === 'sweep' || socket.cause === 'refresh';
}

/**
 * Everything but its two ends, which never change, and what differs from visit to visit though nothing has happened: cause,
 * times, pass and `segsOut`. Field by field, as to look each up by its name took 5 us of every visit instead of
 * 1.5; the test knows a field that is missing here.
 */
function hasSameFields(before: SocketSnapshot, now: SocketSnapshot): boolean {
  return (
    isSameState(before, now) &&
    areSameCounts(before, now) &&
    isSameTimer(before.writeTimer, now.writeTimer) &&
    isSameTimer(before.keepaliveTimer, now.keepaliveTimer) &&
    areSameSysctls(before.sysctls, now.sysctls) &&
    areSameFacts(before.unknown, now.unknown)
  );
}

/** What the socket is, and where its sequence numbers are. */
function isSameState(before: SocketSnapshot, now: SocketSnapshot): boolean {
  return (
    before.cookie === now.cookie &&
    before.netns === now.netns &&
    before.cgroupId === now.cgroupId &&
    before.state === now.state &&
    before.oldState === now.oldState &&
    before.caState === now.caState &&
    before.pending === now.pending &&
    before.retransmits === now.retransmits &&
    before.backoff === now.backoff &&
    before.probesOut === now.probesOut &&
    before.synRetries === now.synRetries &&
    before.dead === now.dead &&
    before.keepalive === now.keepalive &&
    before.hasSocket === now.hasSocket &&
    before.hasFile === now.hasFile &&
    before.inbound === now.inbound &&
    before.cleared === now.cleared &&
    before.resetReceived === now.resetReceived &&
    before.resetSent === now.resetSent &&
    before.closerExiting === now.closerExiting &&
    before.thinLto === now.thinLto &&
    before.tlpRetrans === now.tlpRetrans &&
    before.hasRtoStamp === now.hasRtoStamp &&
    before.untrusted === now.untrusted &&
    before.usecStamps === now.usecStamps &&
    before.skErr === now.skErr &&
    before.skErrSoft === now.skErrSoft &&
    before.sndUna === now.sndUna &&
    before.sndNxt === now.sndNxt &&
    before.writeSeq === now.writeSeq &&
    before.rcvNxt === now.rcvNxt &&
    before.copiedSeq === now.copiedSeq &&
    before.packetsOut === now.packetsOut &&
    before.sndWnd === now.sndWnd &&
    before.rcvWnd === now.rcvWnd
  );
}

/** Timers, counters, queues and settings. */
function areSameCounts(before: SocketSnapshot, now: SocketSnapshot): boolean {
  return (
    before.rtoJiffies === now.rtoJiffies &&
    before.rtoMinJiffies === now.rtoMinJiffies &&
    before.rtoMaxJiffies === now.rtoMaxJiffies &&
    before.srttUs === now.srttUs &&
    before.rttvarUs === now.rttvarUs &&
    before.userTimeoutMs === now.userTimeoutMs &&
    before.retransStamp === now.retransStamp &&
    before.rtoStampMs === now.rtoStampMs &&
    before.totalRto === now.totalRto &&
    before.totalRetrans === now.totalRetrans &&
    before.dataSegsOut === now.dataSegsOut &&
    before.dataSegsIn === now.dataSegsIn &&
    before.bytesSent === now.bytesSent &&
    before.bytesAcked === now.bytesAcked &&
    before.bytesReceived === now.bytesReceived &&
    before.rcvTstampJiffies32 === now.rcvTstampJiffies32 &&
    before.lrcvtimeJiffies32 === now.lrcvtimeJiffies32 &&
    before.lsndtimeJiffies32 === now.lsndtimeJiffies32 &&
    before.probesTstampJiffies32 === now.probesTstampJiffies32 &&
    before.keepaliveTimeJiffies === now.keepaliveTimeJiffies &&
    before.keepaliveIntvlJiffies === now.keepaliveIntvlJiffies &&
    before.keepaliveProbes === now.keepaliveProbes &&
    before.linger2Jiffies === now.linger2Jiffies &&
    before.sndSsthresh === now.sndSsthresh &&
    before.uid === now.uid &&
    before.sackedOut === now.sackedOut &&
    before.mss === now.mss &&
    before.retransmitError === now.retransmitError &&
    before.receiveQueueBytes === now.receiveQueueBytes &&
    before.receiveBufferBytes === now.receiveBufferBytes &&
    before.ackBacklog === now.ackBacklog &&
    before.maxAckBacklog === now.maxAckBacklog &&
    before.synQueue === now.synQueue &&
    before.synQueueYoung === now.synQueueYoung &&
    before.shutdown === now.shutdown &&
    before.closerTgid === now.closerTgid &&
    before.polled === now.polled
  );
}

function isSameTimer(a: KernelTimer, b: KernelTimer): boolean {
  return a.pending === b.pending && a.expiresJiffies32 === b.expiresJiffies32 && a.flags === b.flags;
}

/** Snapshots share these where they can. */
export function areSameSysctls(a: TcpSysctls, b: TcpSysctls): boolean {
  return (
    a === b ||
    (a.retries1 === b.retries1 &&
      a.retries2 === b.retries2 &&
      a.orphanRetries === b.orphanRetries &&
      a.synRetries === b.synRetries &&
      a.synLinearTimeouts === b.synLinearTimeouts &&
      a.earlyRetrans === b.earlyRetrans &&
      a.thinLinearTimeouts === b.thinLinearTimeouts &&
      a.keepaliveProbes === b.keepaliveProbes &&
      a.keepaliveTimeJiffies === b.keepaliveTimeJiffies &&
      a.keepaliveIntvlJiffies === b.keepaliveIntvlJiffies &&
      a.finTimeoutJiffies === b.finTimeoutJiffies)
  );
}

/** Those of one run of the daemon are the same array; those that were saved are not. */
function areSameFacts(a: readonly UnknownFact[], b: readonly UnknownFact[]): boolean {
  return a === b || (a.length === b.length && a.every((fact, index) => fact === b[index]));
}
