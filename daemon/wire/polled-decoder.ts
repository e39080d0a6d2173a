/** The records of a polling sensor. */
import type { PolledCause, PolledSocket } from '../core/polled-socket.js';
import type { ReachReport } from '../core/sensor-records.js';
import { readCount, readEndpoint, readId, readTime, readU32, readU8 } from './fields.js';
import type { Frame } from './frame.js';
import { POLLED_RECORD as AT, REACH_RECORD, RECORD_HEADER, SOCKET_CAUSE, SOCKET_FLAG } from './layout.generated.js';
import { WireError } from './wire-error.js';

const CAUSES: ReadonlyMap<number, PolledCause> = new Map([
  [SOCKET_CAUSE.CAUSE_REFRESH, 'refresh'],
  [SOCKET_CAUSE.CAUSE_SWEEP, 'sweep'],
  [SOCKET_CAUSE.CAUSE_DESTROY, 'destroy'],
]);

function causeOf(frame: Frame): PolledCause {
  const cause = CAUSES.get(frame.cause);
  if (cause === undefined) {
    const offset = frame.offset + RECORD_HEADER.cause;
    throw new WireError('unknown_cause', offset, `the cause of a polled socket is ${frame.cause}`);
  }
  return cause;
}

/** Decodes a frame of kind RECORD_REACH. */
export function decodeReach(frame: Frame): ReachReport {
  return {
    namespaces: readU32(frame, REACH_RECORD.namespaces),
    closedNamespaces: readU32(frame, REACH_RECORD.closedNamespaces),
    closedProcesses: readU32(frame, REACH_RECORD.closedProcesses),
    passId: readU32(frame, REACH_RECORD.passId),
  };
}

/**
 * Decodes a frame of kind RECORD_POLLED. Bits of `flags` without a name are ignored.
 * @throws WireError for an unknown cause or a time out of range.
 */
export function decodePolled(frame: Frame): PolledSocket {
  const flags = readU32(frame, AT.flags);
  return {
    cause: causeOf(frame),
    monoUs: readTime(frame, AT.monoUs),
    cookie: readId(frame, AT.cookie),
    cgroupId: readId(frame, AT.cgroupId),
    bytesSent: readCount(frame, AT.bytesSent),
    bytesAcked: readCount(frame, AT.bytesAcked),
    bytesReceived: readCount(frame, AT.bytesReceived),
    netns: readU32(frame, AT.netns),
    passId: readU32(frame, AT.passId),
    local: readEndpoint(frame, AT.localAddress, AT.localPort),
    remote: readEndpoint(frame, AT.remoteAddress, AT.remotePort),
    inbound: (flags & SOCKET_FLAG.SOCKET_INBOUND) !== 0,
    cleared: (flags & SOCKET_FLAG.SOCKET_CLEARED) !== 0,
    inode: readU32(frame, AT.inode),
    infoSize: readU32(frame, AT.infoSize),
    state: readU8(frame, AT.state),
    timer: readU8(frame, AT.timer),
    retrans: readU8(frame, AT.retrans),
    caState: readU8(frame, AT.caState),
    retransmits: readU8(frame, AT.retransmits),
    probes: readU8(frame, AT.probes),
    backoff: readU8(frame, AT.backoff),
    shutdown: readU8(frame, AT.shutdown),
    expiresMs: readU32(frame, AT.expiresMs),
    receiveQueue: readU32(frame, AT.receiveQueue),
    sendQueue: readU32(frame, AT.sendQueue),
    notsentBytes: readU32(frame, AT.notsentBytes),
    unacked: readU32(frame, AT.unacked),
    sacked: readU32(frame, AT.sacked),
    sndMss: readU32(frame, AT.sndMss),
    sndWnd: readU32(frame, AT.sndWnd),
    rcvWnd: readU32(frame, AT.rcvWnd),
    sndSsthresh: readU32(frame, AT.sndSsthresh),
    rtoUs: readU32(frame, AT.rtoUs),
    srttUs: readU32(frame, AT.srttUs),
    rttvarUs: readU32(frame, AT.rttvarUs),
    lastDataSentMs: readU32(frame, AT.lastDataSentMs),
    lastDataRecvMs: readU32(frame, AT.lastDataRecvMs),
    lastAckRecvMs: readU32(frame, AT.lastAckRecvMs),
    totalRetrans: readU32(frame, AT.totalRetrans),
    segsOut: readU32(frame, AT.segsOut),
    dataSegsOut: readU32(frame, AT.dataSegsOut),
    dataSegsIn: readU32(frame, AT.dataSegsIn),
    totalRto: readU32(frame, AT.totalRto),
    totalRtoRecoveries: readU32(frame, AT.totalRtoRecoveries),
    totalRtoTimeMs: readU32(frame, AT.totalRtoTimeMs),
    receiveMemoryBytes: readU32(frame, AT.receiveMemoryBytes),
    receiveBufferBytes: readU32(frame, AT.receiveBufferBytes),
    synQueue: readU32(frame, AT.synQueue),
    synQueueYoung: readU32(frame, AT.synQueueYoung),
    uid: readU32(frame, AT.uid),
    sysctlKeepaliveTimeS: readU32(frame, AT.sysctlKeepaliveTimeS),
    sysctlKeepaliveIntvlS: readU32(frame, AT.sysctlKeepaliveIntvlS),
    sysctlFinTimeoutS: readU32(frame, AT.sysctlFinTimeoutS),
    sysctlKeepaliveProbes: readU8(frame, AT.sysctlKeepaliveProbes),
    sysctlRetries1: readU8(frame, AT.sysctlRetries1),
    sysctlRetries2: readU8(frame, AT.sysctlRetries2),
    sysctlOrphanRetries: readU8(frame, AT.sysctlOrphanRetries),
    sysctlSynRetries: readU8(frame, AT.sysctlSynRetries),
    sysctlSynLinearTimeouts: readU8(frame, AT.sysctlSynLinearTimeouts),
    sysctlEarlyRetrans: readU8(frame, AT.sysctlEarlyRetrans),
    sysctlThinLinearTimeouts: readU8(frame, AT.sysctlThinLinearTimeouts),
    hasSysctls: readU8(frame, AT.hasSysctls) !== 0,
  };
}
