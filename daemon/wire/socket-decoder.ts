/** `struct socket_record` to `SocketSnapshot`. */
import { remember } from '../core/remember.js';
import type { SnapshotCause, SocketSnapshot, TcpSysctls } from '../core/snapshot.js';
import { areSameSysctls } from '../core/unchanged-socket.js';
import { NOTHING_UNKNOWN } from '../core/unknown-facts.js';
import { readCount, readEndpoint, readId, readS32, readTime, readU32, readU8 } from './fields.js';
import type { Frame } from './frame.js';
import { RECORD_HEADER, SOCKET_CAUSE, SOCKET_FLAG, SOCKET_RECORD as AT } from './layout.generated.js';
import { nameOf, nameTable } from './names.js';

const CAUSE_NAMES = nameTable<keyof typeof SOCKET_CAUSE, SnapshotCause>(SOCKET_CAUSE, {
  CAUSE_RETRANSMIT: 'retransmit',
  CAUSE_KEEPALIVE: 'keepalive',
  CAUSE_STATE: 'state',
  CAUSE_ERROR: 'error',
  CAUSE_RESET_RECEIVED: 'reset_received',
  CAUSE_RESET_SENT: 'reset_sent',
  CAUSE_CONGESTION: 'congestion',
  CAUSE_DESTROY: 'destroy',
  CAUSE_REFRESH: 'refresh',
  CAUSE_SWEEP: 'sweep',
  CAUSE_IDLE_CLOSE: 'idle_close',
  CAUSE_AUDIT: 'audit',
});

/** Network namespaces whose sysctls are remembered. */
const REMEMBERED_MAX = 1024;

/** Of each network namespace, as the last snapshot had them. */
const lastSysctls = new Map<number, TcpSysctls>();

/** @returns the sysctls of the snapshot before, if they are still the same: one object for thousands of snapshots, not one each. */
function sharedSysctls(netns: number, now: TcpSysctls): TcpSysctls {
  const last = lastSysctls.get(netns);
  return last !== undefined && areSameSysctls(last, now) ? last : remember(lastSysctls, REMEMBERED_MAX, netns, now);
}

let lastCgroupId = 0n;

/** The sockets of a process are reported one after the other: one bigint for all of them. */
function sharedCgroupId(frame: Frame): bigint {
  const id = readId(frame, AT.cgroupId);
  if (id !== lastCgroupId) {
    lastCgroupId = id;
  }
  return lastCgroupId;
}

/**
 * Decodes a frame of kind RECORD_SOCKET. Numbers of TCP states, timers and errors go through as the kernel gave them;
 * bits of `flags` without a name are ignored.
 * @throws WireError for an unknown cause or a time out of range.
 */
// One literal, however long: all snapshots share one hidden class, and nothing is copied.
// eslint-disable-next-line max-lines-per-function -- a field a line
export function decodeSocket(frame: Frame): SocketSnapshot {
  const flags = readU32(frame, AT.flags);
  return {
    cause: nameOf(
      CAUSE_NAMES,
      frame.cause,
      'unknown_cause',
      frame.offset + RECORD_HEADER.cause,
      'the cause of a socket record',
    ),
    monoUs: readTime(frame, AT.monoUs),
    jiffies: readTime(frame, AT.jiffies),
    cookie: readId(frame, AT.cookie),
    netns: readU32(frame, AT.netns),
    passId: readU32(frame, AT.passId),
    cgroupId: sharedCgroupId(frame),
    local: readEndpoint(frame, AT.localAddress, AT.localPort),
    remote: readEndpoint(frame, AT.remoteAddress, AT.remotePort),

    state: readU8(frame, AT.state),
    oldState: readU8(frame, AT.oldState),
    caState: readU8(frame, AT.caState),
    pending: readU8(frame, AT.pending),
    retransmits: readU8(frame, AT.retransmits),
    backoff: readU8(frame, AT.backoff),
    probesOut: readU8(frame, AT.probesOut),
    synRetries: readU8(frame, AT.synRetries),

    dead: (flags & SOCKET_FLAG.SOCKET_DEAD) !== 0,
    keepalive: (flags & SOCKET_FLAG.SOCKET_KEEPALIVE) !== 0,
    hasSocket: (flags & SOCKET_FLAG.SOCKET_HAS_SOCKET) !== 0,
    hasFile: (flags & SOCKET_FLAG.SOCKET_HAS_FILE) !== 0,
    inbound: (flags & SOCKET_FLAG.SOCKET_INBOUND) !== 0,
    cleared: (flags & SOCKET_FLAG.SOCKET_CLEARED) !== 0,
    resetReceived: (flags & SOCKET_FLAG.SOCKET_RESET_RECEIVED) !== 0,
    resetSent: (flags & SOCKET_FLAG.SOCKET_RESET_SENT) !== 0,
    closerExiting: (flags & SOCKET_FLAG.SOCKET_CLOSER_EXITING) !== 0,
    thinLto: (flags & SOCKET_FLAG.SOCKET_THIN_LTO) !== 0,
    tlpRetrans: (flags & SOCKET_FLAG.SOCKET_TLP_RETRANS) !== 0,
    hasRtoStamp: (flags & SOCKET_FLAG.SOCKET_HAS_RTO_STAMP) !== 0,
    untrusted: (flags & SOCKET_FLAG.SOCKET_UNTRUSTED) !== 0,
    usecStamps: (flags & SOCKET_FLAG.SOCKET_USEC_STAMPS) !== 0,

    skErr: readU32(frame, AT.skErr),
    skErrSoft: readU32(frame, AT.skErrSoft),

    sndUna: readU32(frame, AT.sndUna),
    sndNxt: readU32(frame, AT.sndNxt),
    writeSeq: readU32(frame, AT.writeSeq),
    rcvNxt: readU32(frame, AT.rcvNxt),
    copiedSeq: readU32(frame, AT.copiedSeq),
    packetsOut: readU32(frame, AT.packetsOut),
    sndWnd: readU32(frame, AT.sndWnd),
    rcvWnd: readU32(frame, AT.rcvWnd),

    rtoJiffies: readU32(frame, AT.rtoJiffies),
    rtoMinJiffies: readU32(frame, AT.rtoMinJiffies),
    rtoMaxJiffies: readU32(frame, AT.rtoMaxJiffies),
    srttUs: readU32(frame, AT.srttUs),
    rttvarUs: readU32(frame, AT.rttvarUs),
    userTimeoutMs: readU32(frame, AT.userTimeoutMs),
    retransStamp: readU32(frame, AT.retransStamp),
    rtoStampMs: readU32(frame, AT.rtoStampMs),
    totalRto: readU32(frame, AT.totalRto),
    totalRetrans: readU32(frame, AT.totalRetrans),
    segsOut: readU32(frame, AT.segsOut),
    dataSegsOut: readU32(frame, AT.dataSegsOut),
    dataSegsIn: readU32(frame, AT.dataSegsIn),
    bytesSent: readCount(frame, AT.bytesSent),
    bytesAcked: readCount(frame, AT.bytesAcked),
    bytesReceived: readCount(frame, AT.bytesReceived),
    rcvTstampJiffies32: readU32(frame, AT.rcvTstampJiffies32),
    lrcvtimeJiffies32: readU32(frame, AT.lrcvtimeJiffies32),
    lsndtimeJiffies32: readU32(frame, AT.lsndtimeJiffies32),
    probesTstampJiffies32: readU32(frame, AT.probesTstampJiffies32),
    writeTimer: {
      pending: (flags & SOCKET_FLAG.SOCKET_WRITE_TIMER_PENDING) !== 0,
      expiresJiffies32: readU32(frame, AT.writeTimerExpiresJiffies32),
      flags: readU32(frame, AT.writeTimerFlags),
    },
    keepaliveTimer: {
      pending: (flags & SOCKET_FLAG.SOCKET_KEEPALIVE_TIMER_PENDING) !== 0,
      expiresJiffies32: readU32(frame, AT.keepaliveTimerExpiresJiffies32),
      flags: readU32(frame, AT.keepaliveTimerFlags),
    },
    keepaliveTimeJiffies: readU32(frame, AT.keepaliveTimeJiffies),
    keepaliveIntvlJiffies: readU32(frame, AT.keepaliveIntvlJiffies),
    keepaliveProbes: readU8(frame, AT.keepaliveProbes),
    linger2Jiffies: readS32(frame, AT.linger2Jiffies),
    sndSsthresh: readU32(frame, AT.sndSsthresh),
    uid: readU32(frame, AT.uid),
    sackedOut: readU32(frame, AT.sackedOut),
    mss: readU32(frame, AT.mss),
    retransmitError: readS32(frame, AT.retransmitError),
    receiveQueueBytes: readU32(frame, AT.receiveQueueBytes),
    receiveBufferBytes: readU32(frame, AT.receiveBufferBytes),
    ackBacklog: readU32(frame, AT.ackBacklog),
    maxAckBacklog: readU32(frame, AT.maxAckBacklog),
    synQueue: readU32(frame, AT.synQueue),
    synQueueYoung: readU32(frame, AT.synQueueYoung),
    shutdown: readU8(frame, AT.shutdown),
    closerTgid: readU32(frame, AT.closerTgid),
    sysctls: sharedSysctls(readU32(frame, AT.netns), {
      retries1: readU8(frame, AT.sysctlRetries1),
      retries2: readU8(frame, AT.sysctlRetries2),
      orphanRetries: readU8(frame, AT.sysctlOrphanRetries),
      synRetries: readU8(frame, AT.sysctlSynRetries),
      synLinearTimeouts: readU8(frame, AT.sysctlSynLinearTimeouts),
      earlyRetrans: readU8(frame, AT.sysctlEarlyRetrans),
      thinLinearTimeouts: readU8(frame, AT.sysctlThinLinearTimeouts) !== 0,
      keepaliveProbes: readU8(frame, AT.sysctlKeepaliveProbes),
      keepaliveTimeJiffies: readU32(frame, AT.sysctlKeepaliveTimeJiffies),
      keepaliveIntvlJiffies: readU32(frame, AT.sysctlKeepaliveIntvlJiffies),
      finTimeoutJiffies: readU32(frame, AT.sysctlFinTimeoutJiffies),
    }),
    polled: false,
    unknown: NOTHING_UNKNOWN,
  };
}
