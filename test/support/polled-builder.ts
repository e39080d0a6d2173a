/** Builds what a polling sensor reports of a socket, from the snapshot that BPF would have taken of it in the same jiffy. */
import type { PolledCause, PolledSocket } from '../../daemon/core/polled-socket.js';
import { PENDING, TCP_STATE, type SocketSnapshot } from '../../daemon/core/snapshot.js';

/** `sizeof(struct tcp_info)` of Linux 6.7, which tells the time in RTOs, and of 6.6. */
export const INFO_SIZE = { LINUX_6_7: 248, LINUX_6_6: 240 } as const;

/**
 * @param hz of the kernel that fills in ages and what is left of timers, in milliseconds.
 * @returns the record. A snapshot in CLOSE becomes one without `tcp_info`, as of a socket of which only a descriptor is left.
 */
export function polledOf(socket: SocketSnapshot, hz: number, changes: Partial<PolledSocket> = {}): PolledSocket {
  const ms = (jiffies: number): number => Math.round((jiffies * 1000) / hz);
  const age = (stamp32: number): number => ms((socket.jiffies - stamp32) >>> 0);
  const isListener = socket.state === TCP_STATE.LISTEN;
  const { timer, expires } = timerOf(socket);
  const hasRtoTime = socket.hasRtoStamp;
  const isEnded = socket.state === TCP_STATE.CLOSE && socket.cause !== 'destroy';
  return {
    cause: socket.cause as PolledCause,
    monoUs: socket.monoUs,
    cookie: socket.cookie,
    cgroupId: socket.cgroupId,
    bytesSent: socket.bytesSent,
    bytesAcked: socket.bytesAcked,
    bytesReceived: socket.bytesReceived,
    netns: socket.netns,
    passId: socket.passId,
    local: socket.local,
    remote: socket.remote,
    inbound: socket.inbound,
    cleared: socket.cleared,
    inode: socket.hasFile ? 777 : 0,
    infoSize: isEnded ? 0 : hasRtoTime ? INFO_SIZE.LINUX_6_7 : INFO_SIZE.LINUX_6_6,
    state: socket.state,
    timer,
    retrans: timer === 1 ? socket.retransmits : socket.probesOut,
    caState: socket.caState,
    retransmits: socket.retransmits,
    probes: socket.probesOut,
    backoff: socket.backoff,
    shutdown: socket.shutdown,
    expiresMs: ms(Math.max(0, (expires - socket.jiffies) | 0)),
    receiveQueue: isListener ? socket.ackBacklog : (socket.rcvNxt - socket.copiedSeq) >>> 0,
    sendQueue: isListener ? socket.maxAckBacklog : (socket.writeSeq - socket.sndUna) >>> 0,
    notsentBytes: (socket.writeSeq - socket.sndNxt) >>> 0,
    unacked: socket.packetsOut,
    sacked: socket.sackedOut,
    sndMss: socket.mss,
    sndWnd: socket.sndWnd,
    rcvWnd: socket.rcvWnd,
    sndSsthresh: socket.sndSsthresh,
    rtoUs: Math.round((socket.rtoJiffies * 1_000_000) / hz),
    srttUs: socket.srttUs,
    rttvarUs: 250, // mdev, which is not what the RTO is made of
    lastDataSentMs: age(socket.lsndtimeJiffies32),
    lastDataRecvMs: age(socket.lrcvtimeJiffies32),
    lastAckRecvMs: age(socket.rcvTstampJiffies32),
    totalRetrans: socket.totalRetrans,
    segsOut: socket.segsOut,
    dataSegsOut: socket.dataSegsOut,
    dataSegsIn: socket.dataSegsIn,
    totalRto: hasRtoTime ? socket.retransmits : 0,
    totalRtoRecoveries: hasRtoTime ? 1 : 0,
    totalRtoTimeMs: hasRtoTime ? (Math.floor(socket.monoUs / 1000) - socket.rtoStampMs) >>> 0 : 0,
    receiveMemoryBytes: socket.receiveQueueBytes,
    receiveBufferBytes: socket.receiveBufferBytes,
    synQueue: socket.synQueue,
    synQueueYoung: socket.synQueueYoung,
    uid: socket.uid,
    sysctlKeepaliveTimeS: socket.sysctls.keepaliveTimeJiffies / hz,
    sysctlKeepaliveIntvlS: socket.sysctls.keepaliveIntvlJiffies / hz,
    sysctlFinTimeoutS: socket.sysctls.finTimeoutJiffies / hz,
    sysctlKeepaliveProbes: socket.sysctls.keepaliveProbes,
    sysctlRetries1: socket.sysctls.retries1,
    sysctlRetries2: socket.sysctls.retries2,
    sysctlOrphanRetries: socket.sysctls.orphanRetries,
    sysctlSynRetries: socket.sysctls.synRetries,
    sysctlSynLinearTimeouts: socket.sysctls.synLinearTimeouts,
    sysctlEarlyRetrans: socket.sysctls.earlyRetrans,
    sysctlThinLinearTimeouts: socket.sysctls.thinLinearTimeouts ? 1 : 0,
    hasSysctls: true,
    ...changes,
  };
}

/** `inet_sk_diag_fill()`: the write timer goes before the keepalive timer. */
function timerOf(socket: SocketSnapshot): { readonly timer: number; readonly expires: number } {
  if (socket.pending !== PENDING.NONE) {
    return { timer: socket.pending === PENDING.PROBE0 ? 4 : 1, expires: socket.writeTimer.expiresJiffies32 };
  }
  return socket.keepaliveTimer.pending
    ? { timer: 2, expires: socket.keepaliveTimer.expiresJiffies32 }
    : { timer: 0, expires: socket.jiffies };
}
