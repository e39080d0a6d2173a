/**
 * One socket as sock_diag tells of it: `struct inet_diag_msg` and `struct tcp_info`, in their units. Field by field the mirror
 * of `struct polled_record` (`bpf/sensor_wire.h`), where they are explained.
 */
import type { Endpoint } from './snapshot.js';

/** Why a polled socket was reported; `destroy`: the kernel told that it is gone. */
export type PolledCause = 'refresh' | 'sweep' | 'destroy';

export interface PolledSocket {
  readonly cause: PolledCause;
  readonly monoUs: number;
  readonly cookie: bigint;
  readonly cgroupId: bigint;
  readonly bytesSent: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly netns: number;
  readonly passId: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly inbound: boolean;
  readonly cleared: boolean;
  readonly inode: number;
  readonly infoSize: number;
  readonly state: number;
  readonly timer: number;
  readonly retrans: number;
  readonly caState: number;
  readonly retransmits: number;
  readonly probes: number;
  readonly backoff: number;
  readonly shutdown: number;
  readonly expiresMs: number;
  readonly receiveQueue: number;
  readonly sendQueue: number;
  readonly notsentBytes: number;
  readonly unacked: number;
  readonly sacked: number;
  readonly sndMss: number;
  readonly sndWnd: number;
  readonly rcvWnd: number;
  readonly sndSsthresh: number;
  readonly rtoUs: number;
  readonly srttUs: number;
  readonly rttvarUs: number;
  readonly lastDataSentMs: number;
  readonly lastDataRecvMs: number;
  readonly lastAckRecvMs: number;
  readonly totalRetrans: number;
  readonly segsOut: number;
  readonly dataSegsOut: number;
  readonly dataSegsIn: number;
  readonly totalRto: number;
  readonly totalRtoRecoveries: number;
  readonly totalRtoTimeMs: number;
  readonly receiveMemoryBytes: number;
  readonly receiveBufferBytes: number;
  readonly synQueue: number;
  readonly synQueueYoung: number;
  readonly uid: number;
  readonly sysctlKeepaliveTimeS: number;
  readonly sysctlKeepaliveIntvlS: number;
  readonly sysctlFinTimeoutS: number;
  readonly sysctlKeepaliveProbes: number;
  readonly sysctlRetries1: number;
  readonly sysctlRetries2: number;
  readonly sysctlOrphanRetries: number;
  readonly sysctlSynRetries: number;
  readonly sysctlSynLinearTimeouts: number;
  readonly sysctlEarlyRetrans: number;
  readonly sysctlThinLinearTimeouts: number;
  readonly hasSysctls: boolean;
}
