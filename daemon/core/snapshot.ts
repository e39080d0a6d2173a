/**
 * What the sensor reports, decoded: raw kernel facts with their units in their names. Meaning is given to them
 * elsewhere (`classify.ts`, `give-up.ts`). Field by field the mirror of `bpf/sensor_wire.h`, where the kernel's names
 * for them are explained.
 */

import type { UnknownFact } from './unknown-facts.js';

/** Why a socket was reported (`enum socket_cause`). */
export type SnapshotCause =
  | 'retransmit'
  | 'keepalive'
  | 'state'
  | 'error'
  | 'reset_received'
  | 'reset_sent'
  | 'congestion'
  | 'destroy'
  | 'refresh'
  | 'sweep'
  | 'idle_close'
  | 'audit';

/** TCP states by their kernel numbers (include/net/tcp_states.h). */
export const TCP_STATE = {
  ESTABLISHED: 1,
  SYN_SENT: 2,
  SYN_RECV: 3,
  FIN_WAIT1: 4,
  FIN_WAIT2: 5,
  TIME_WAIT: 6,
  CLOSE: 7,
  CLOSE_WAIT: 8,
  LAST_ACK: 9,
  LISTEN: 10,
  CLOSING: 11,
  NEW_SYN_RECV: 12,
} as const;

/** `icsk_pending`: which timer the write timer stands for. */
export const PENDING = { NONE: 0, RETRANS: 1, DACK: 2, PROBE0: 3, LOSS_PROBE: 5, REO_TIMEOUT: 6 } as const;

/** `icsk_ca_state`. */
export const CA_STATE = { OPEN: 0, DISORDER: 1, CWR: 2, RECOVERY: 3, LOSS: 4 } as const;

/** One end of a connection. `address` is text; IPv4-mapped addresses are IPv4. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Timer of the kernel as it stands in the wheel; fields as in `struct timer_list`. */
export interface KernelTimer {
  readonly pending: boolean;
  /** Low 32 bits of jiffies. */
  readonly expiresJiffies32: number;
  /** Bits 22-31 hold the wheel slot, of which /64 is the level. */
  readonly flags: number;
}

/** Sysctls of the socket's own network namespace, live. */
export interface TcpSysctls {
  readonly retries1: number;
  readonly retries2: number;
  readonly orphanRetries: number;
  readonly synRetries: number;
  readonly synLinearTimeouts: number;
  readonly earlyRetrans: number;
  readonly thinLinearTimeouts: boolean;
  readonly keepaliveProbes: number;
  readonly keepaliveTimeJiffies: number;
  readonly keepaliveIntvlJiffies: number;
  readonly finTimeoutJiffies: number;
}

/** One socket at one instant. Sequence numbers are u32 and wrap. */
export interface SocketSnapshot {
  readonly cause: SnapshotCause;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly monoUs: number;
  /** Kernel jiffies (64 bits) at `monoUs`. */
  readonly jiffies: number;
  /** Socket cookie; 0n if the kernel has not given it one. */
  readonly cookie: bigint;
  /** Inode of the network namespace. */
  readonly netns: number;
  /** The pass that visited it, 0 for an event. */
  readonly passId: number;
  readonly cgroupId: bigint;
  readonly local: Endpoint;
  readonly remote: Endpoint;

  readonly state: number;
  /** For cause `state`: the state that is being left. */
  readonly oldState: number;
  readonly caState: number;
  readonly pending: number;
  readonly retransmits: number;
  readonly backoff: number;
  readonly probesOut: number;
  /** TCP_SYNCNT; 0 means the sysctl. */
  readonly synRetries: number;

  /** SOCK_DEAD. */
  readonly dead: boolean;
  /** SO_KEEPALIVE. */
  readonly keepalive: boolean;
  readonly hasSocket: boolean;
  readonly hasFile: boolean;
  readonly inbound: boolean;
  /** The kernel side stopped observing this socket with this report. */
  readonly cleared: boolean;
  readonly resetReceived: boolean;
  readonly resetSent: boolean;
  /** The process that closed the socket was exiting. */
  readonly closerExiting: boolean;
  readonly thinLto: boolean;
  readonly tlpRetrans: boolean;
  readonly hasRtoStamp: boolean;
  readonly untrusted: boolean;
  /** `retransStamp` is in microseconds, else in milliseconds. */
  readonly usecStamps: boolean;

  /** errno numbers. */
  readonly skErr: number;
  readonly skErrSoft: number;

  readonly sndUna: number;
  readonly sndNxt: number;
  readonly writeSeq: number;
  readonly rcvNxt: number;
  readonly copiedSeq: number;
  readonly packetsOut: number;
  readonly sndWnd: number;
  readonly rcvWnd: number;

  readonly rtoJiffies: number;
  readonly rtoMinJiffies: number;
  /** 0: this kernel has the constant 120 s. */
  readonly rtoMaxJiffies: number;
  readonly srttUs: number;
  readonly rttvarUs: number;
  /** TCP_USER_TIMEOUT, milliseconds; 0 if not set. */
  readonly userTimeoutMs: number;
  /** Low 32 bits of CLOCK_MONOTONIC in ms or us (`usecStamps`); 0 if there is no episode. */
  readonly retransStamp: number;
  /** Low 32 bits of CLOCK_MONOTONIC in ms: first RTO of the episode. Only with `hasRtoStamp`. */
  readonly rtoStampMs: number;
  readonly totalRto: number;
  readonly totalRetrans: number;
  readonly segsOut: number;
  readonly dataSegsOut: number;
  readonly dataSegsIn: number;
  readonly bytesSent: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly rcvTstampJiffies32: number;
  readonly lrcvtimeJiffies32: number;
  readonly lsndtimeJiffies32: number;
  readonly probesTstampJiffies32: number;
  readonly writeTimer: KernelTimer;
  readonly keepaliveTimer: KernelTimer;
  /** Per socket; 0 means the sysctl. */
  readonly keepaliveTimeJiffies: number;
  readonly keepaliveIntvlJiffies: number;
  readonly keepaliveProbes: number;
  readonly linger2Jiffies: number;
  readonly sndSsthresh: number;
  readonly uid: number;
  /** Segments in flight that the peer holds already (SACK). */
  readonly sackedOut: number;
  /** Bytes of data in a full segment. */
  readonly mss: number;
  /** Of the last retransmission that was seen: 0 sent, negative errno or positive: dropped on this host. Linux 6.17. */
  readonly retransmitError: number;
  /** Memory of what was received and not read, bytes, and its limit. */
  readonly receiveQueueBytes: number;
  readonly receiveBufferBytes: number;
  /** Of a listener: connections that wait for accept(), and as many as listen() allowed. */
  readonly ackBacklog: number;
  readonly maxAckBacklog: number;
  /** Of a listener: handshakes that are not complete; of these, those whose SYN-ACK was not sent again yet. */
  readonly synQueue: number;
  readonly synQueueYoung: number;
  /** `sk_shutdown`: bit 0 no more reads, bit 1 no more writes. */
  readonly shutdown: number;
  /** Who closed it, where that is certain; else 0. */
  readonly closerTgid: number;
  readonly sysctls: TcpSysctls;
  /** Reconstructed from what sock_diag tells (`polled-snapshot.ts`), and not read field by field by BPF. */
  readonly polled: boolean;
  /** Settings of which the fields hold what is supposed; empty unless `polled`. */
  readonly unknown: readonly UnknownFact[];
}

/** A process that holds a reported socket. */
export interface ProcessReport {
  readonly pid: number;
  /** CLOCK_BOOTTIME, microseconds; with `pid` the identity of the process. */
  readonly startBootUs: number;
  readonly parentPid: number;
  readonly uid: number;
  readonly cgroupId: bigint;
  readonly comm: string;
  readonly executable: string;
  readonly passId: number;
}

/** One descriptor of a reported socket. */
export interface HolderReport {
  readonly cookie: bigint;
  readonly netns: number;
  readonly pid: number;
  readonly startBootUs: number;
  readonly fd: number;
  readonly passId: number;
}

export type PassKind = 'refresh' | 'sweep' | 'refresh_full' | 'audit';

/** Begin or end of a pass over many sockets. */
export interface PassReport {
  readonly edge: 'begin' | 'end';
  readonly kind: PassKind;
  readonly passId: number;
  readonly monoUs: number;
  readonly durationUs: number;
  readonly sockets: number;
  readonly connections: number;
  readonly reported: number;
  readonly processes: number;
  readonly marked: number;
  /** errno that cut the pass short, 0 if it is complete. */
  readonly error: number;
  /** CPU time of the sensor; 0 for an audit. */
  readonly cpuUs: number;
  /** Of a sweep: how long its budget of CPU time wants the sensor to wait for the next one; it may be less than configured. */
  readonly budgetIntervalMs: number;
}

/** Every descriptor of every process has been looked at. */
export function isCompleteSweep({ kind, edge, error }: PassReport): boolean {
  return kind === 'sweep' && edge === 'end' && error === 0;
}

/** One instant on all clocks, and the phase of the tick. */
export interface ClockReport {
  readonly monoUs: number;
  readonly realUs: number;
  readonly bootUs: number;
  readonly jiffies: number;
  /** CLOCK_MONOTONIC at which `jiffies` began. */
  readonly jiffyEdgeUs: number;
}

/** Facts about the running kernel that do not change while it runs. */
export interface KernelFacts {
  readonly hz: number;
  readonly bootId: string;
  readonly release: string;
}
