/**
 * Builds the reports of a sensor from facts in seconds, as if a kernel of known tick and clocks had made them. Second 0
 * is the beginning of a test's story; times before it are negative.
 */
import {
  CA_STATE,
  PENDING,
  TCP_STATE,
  type ClockReport,
  type KernelFacts,
  type KernelTimer,
  type PassReport,
  type SocketSnapshot,
} from '../../daemon/core/snapshot.js';

/** What a whole pass has to say that visits nothing, takes no time and meets no error. */
export const EMPTY_PASS: Omit<PassReport, 'edge' | 'kind' | 'passId' | 'monoUs'> = {
  durationUs: 0,
  sockets: 0,
  connections: 0,
  reported: 0,
  processes: 0,
  marked: 0,
  cpuUs: 0,
  budgetIntervalMs: 0,
  error: 0,
};

/** The kernel of a test: where its clocks stand at second 0. A jiffy begins exactly there. */
export interface TestKernel extends KernelFacts {
  readonly monoUs: number;
  readonly realUs: number;
  readonly bootUs: number;
  readonly jiffies: number;
}

export const TEST_KERNEL: TestKernel = {
  hz: 250,
  bootId: '11111111-2222-3333-4444-555555555555',
  release: '6.12.0-test',
  monoUs: 1_000_000_000,
  realUs: 1_800_000_000_000_000,
  bootUs: 1_000_500_000,
  // The kernel starts its counter five minutes before the lower half wraps.
  jiffies: 2 ** 32 - 300 * 250 + 1000 * 250,
};

/** @returns CLOCK_MONOTONIC microseconds at a second of the story. */
export function monoUsAt(kernel: TestKernel, second: number): number {
  return kernel.monoUs + Math.round(second * 1_000_000);
}

/** @returns the jiffy that runs at a second of the story. */
function jiffiesAt(kernel: TestKernel, second: number): number {
  return kernel.jiffies + Math.floor((Math.round(second * 1_000_000) * kernel.hz) / 1_000_000);
}

export function clockAt(kernel: TestKernel, second: number): ClockReport {
  const jiffies = jiffiesAt(kernel, second);
  return {
    monoUs: monoUsAt(kernel, second),
    realUs: kernel.realUs + Math.round(second * 1_000_000),
    bootUs: kernel.bootUs + Math.round(second * 1_000_000),
    jiffies,
    jiffyEdgeUs: kernel.monoUs + ((jiffies - kernel.jiffies) * 1_000_000) / kernel.hz,
  };
}

/** Times of a socket, in seconds of the story; the builder turns them into the kernel's stamps. */
export interface SocketTimes {
  /** Last ACK. */
  readonly ackedAt?: number;
  /** Last data received. */
  readonly dataAt?: number;
  /** Last data sent. */
  readonly sentAt?: number;
  /** `icsk_probes_tstamp`, of the first window probe; null: none yet. */
  readonly firstProbeAt?: number | null;
  /** `retrans_stamp`; null: no episode. */
  readonly retransAt?: number | null;
  /** `rto_stamp`, which kernels before 6.7 lack; null: this one has it, and it is 0. */
  readonly firstRtoAt?: number | null;
  readonly rtoSeconds?: number;
  /** Expiry of the write timer; null: not armed. */
  readonly writeTimerAt?: number | null;
  readonly keepaliveTimerAt?: number | null;
}

export type SnapshotFacts = Partial<SocketSnapshot> & SocketTimes;

/** SO_KEEPALIVE of a socket of TEST_KERNEL, with its numbers in seconds. */
export function keepaliveFacts(idle: number, interval: number, probes: number): SnapshotFacts {
  return {
    keepalive: true,
    keepaliveTimeJiffies: idle * TEST_KERNEL.hz,
    keepaliveIntvlJiffies: interval * TEST_KERNEL.hz,
    keepaliveProbes: probes,
  };
}

/** An idle, healthy, outbound connection that a process holds. */
export const HEALTHY: Omit<SocketSnapshot, 'monoUs' | 'jiffies'> = {
  cause: 'sweep',
  cookie: 1n,
  netns: 4026531840,
  passId: 0,
  cgroupId: 1n,
  local: { address: '10.0.0.1', port: 40000 },
  remote: { address: '10.0.0.2', port: 8000 },
  state: TCP_STATE.ESTABLISHED,
  oldState: 0,
  caState: CA_STATE.OPEN,
  pending: PENDING.NONE,
  retransmits: 0,
  backoff: 0,
  probesOut: 0,
  synRetries: 0,
  dead: false,
  keepalive: false,
  hasSocket: true,
  hasFile: true,
  inbound: false,
  cleared: false,
  resetReceived: false,
  resetSent: false,
  closerExiting: false,
  thinLto: false,
  tlpRetrans: false,
  hasRtoStamp: false,
  untrusted: false,
  usecStamps: false,
  skErr: 0,
  skErrSoft: 0,
  sndUna: 1000,
  sndNxt: 1000,
  writeSeq: 1000,
  rcvNxt: 5000,
  copiedSeq: 5000,
  packetsOut: 0,
  sndWnd: 65_535,
  rcvWnd: 65_535,
  rtoJiffies: 51,
  rtoMinJiffies: 50,
  rtoMaxJiffies: 0,
  srttUs: 1000,
  rttvarUs: 200_000,
  userTimeoutMs: 0,
  retransStamp: 0,
  rtoStampMs: 0,
  totalRto: 0,
  totalRetrans: 0,
  segsOut: 40,
  dataSegsOut: 20,
  dataSegsIn: 20,
  bytesSent: 1000,
  bytesAcked: 1000,
  bytesReceived: 5000,
  rcvTstampJiffies32: 0,
  lrcvtimeJiffies32: 0,
  lsndtimeJiffies32: 0,
  probesTstampJiffies32: 0,
  writeTimer: { pending: false, expiresJiffies32: 0, flags: 0 },
  keepaliveTimer: { pending: false, expiresJiffies32: 0, flags: 0 },
  keepaliveTimeJiffies: 0,
  keepaliveIntvlJiffies: 0,
  keepaliveProbes: 0,
  linger2Jiffies: 0,
  sndSsthresh: 10,
  uid: 1000,
  sackedOut: 0,
  mss: 1448,
  retransmitError: 0,
  receiveQueueBytes: 0,
  receiveBufferBytes: 131_072,
  ackBacklog: 0,
  maxAckBacklog: 0,
  synQueue: 0,
  synQueueYoung: 0,
  shutdown: 0,
  closerTgid: 0,
  sysctls: {
    retries1: 3,
    retries2: 15,
    orphanRetries: 0,
    synRetries: 6,
    synLinearTimeouts: 4,
    earlyRetrans: 3,
    thinLinearTimeouts: false,
    keepaliveProbes: 9,
    keepaliveTimeJiffies: 7200 * 250,
    keepaliveIntvlJiffies: 75 * 250,
    finTimeoutJiffies: 60 * 250,
  },
  polled: false,
  unknown: [],
};

const TIME_KEYS = [
  'ackedAt',
  'dataAt',
  'sentAt',
  'firstProbeAt',
  'retransAt',
  'firstRtoAt',
  'rtoSeconds',
  'writeTimerAt',
  'keepaliveTimerAt',
] as const satisfies readonly (keyof SocketTimes)[];

/** @returns the snapshot that this kernel would take of such a socket at that second. */
export function snapshotAt(kernel: TestKernel, second: number, facts: SnapshotFacts): SocketSnapshot {
  const plain: Partial<SocketSnapshot> = { ...facts };
  for (const key of TIME_KEYS) {
    Reflect.deleteProperty(plain, key);
  }
  const usecStamps = facts.usecStamps ?? false;
  const jiffies32 = (at: number): number => jiffiesAt(kernel, at) >>> 0;
  const ackedAt = facts.ackedAt ?? -1;
  return {
    ...HEALTHY,
    rcvTstampJiffies32: jiffies32(ackedAt),
    lrcvtimeJiffies32: jiffies32(facts.dataAt ?? ackedAt),
    lsndtimeJiffies32: jiffies32(facts.sentAt ?? ackedAt),
    probesTstampJiffies32: typeof facts.firstProbeAt === 'number' ? jiffies32(facts.firstProbeAt) : 0,
    retransStamp: stamp32(kernel, facts.retransAt, usecStamps),
    rtoStampMs: stamp32(kernel, facts.firstRtoAt, false),
    hasRtoStamp: facts.firstRtoAt !== undefined,
    rtoJiffies: Math.round((facts.rtoSeconds ?? 0.204) * kernel.hz),
    writeTimer: timerAt(kernel, second, facts.writeTimerAt),
    keepaliveTimer: timerAt(kernel, second, facts.keepaliveTimerAt),
    ...plain,
    monoUs: monoUsAt(kernel, second),
    jiffies: jiffiesAt(kernel, second),
  };
}

function stamp32(kernel: TestKernel, at: number | null | undefined, inMicroseconds: boolean): number {
  if (at === null || at === undefined) {
    return 0;
  }
  const monoUs = monoUsAt(kernel, at);
  return (inMicroseconds ? monoUs : Math.floor(monoUs / 1000)) >>> 0;
}

/** A timer of the level that its distance asks for. */
function timerAt(kernel: TestKernel, second: number, at: number | null | undefined): KernelTimer {
  if (at === null || at === undefined) {
    return { pending: false, expiresJiffies32: 0, flags: 0 };
  }
  const expires = jiffiesAt(kernel, at);
  const distance = Math.max(1, expires - jiffiesAt(kernel, second));
  let level = 0;
  while (distance > 63 * 8 ** level) {
    level++;
  }
  const flags = ((level * 64) << 22) >>> 0;
  return { pending: true, expiresJiffies32: expires >>> 0, flags };
}
