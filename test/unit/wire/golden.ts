/**
 * The bytes that bpf/write_golden.c wrote, and the record that each file must decode to. The values are those in
 * write_golden.c, in its order: a new field of the wire is one line there and one line here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SensorRecord } from '../../../daemon/core/sensor-records.js';
import { SENSOR_LAYOUT_HASH, SENSOR_MAGIC } from '../../../daemon/wire/layout.generated.js';
import { packageRoot } from '../../support/package-root.js';

const DIRECTORY = join(packageRoot(), 'test', 'golden');

/** @returns the bytes of `test/golden/NAME.hex`. */
export function goldenBytes(name: string): Uint8Array {
  const text = readFileSync(join(DIRECTORY, `${name}.hex`), 'utf8').trim();
  return Uint8Array.from(text.split(/\s+/), (byte) => Number.parseInt(byte, 16));
}

/** @returns the names of all golden files, without `.hex`. */
export function goldenNames(): string[] {
  const files = readdirSync(DIRECTORY).filter((file) => file.endsWith('.hex'));
  return files.map((file) => file.slice(0, -'.hex'.length));
}

const hello: SensorRecord = {
  type: 'hello',
  hello: {
    magic: SENSOR_MAGIC,
    layoutHash: SENSOR_LAYOUT_HASH,
    hz: 0xa0b0c001,
    pid: 0xa0b0c002,
    capabilities: 0xa0b0c004a0b0c003n,
    version: '1.2.3-golden',
    kernelRelease: '6.18.0-golden',
    machine: 'x86_64',
    bootId: '01234567-89ab-cdef-0123-456789abcdef',
  },
};

const program: SensorRecord = {
  type: 'program',
  program: {
    attached: false,
    error: 0xa0b0c001,
    required: true,
    name: 'tcp_retransmit_skb',
    how: 'this kernel has no such tracepoint',
    loss: 'retransmissions are seen by sweeps only',
  },
};

const mode: SensorRecord = {
  type: 'mode',
  mode: { mode: 'polling', code: 'load', reason: 'this kernel has no BTF' },
};

const reach: SensorRecord = {
  type: 'reach',
  reach: { namespaces: 0xa0b0c001, closedNamespaces: 0xa0b0c002, closedProcesses: 0xa0b0c003, passId: 0xa0b0c004 },
};

const polled: SensorRecord = {
  type: 'polled',
  polled: {
    cause: 'sweep',
    monoUs: 0x0011223344556601,
    cookie: 0xfedcba9876543201n,
    cgroupId: 0xfedcba9876543202n,
    bytesSent: 0x0011223344556602,
    bytesAcked: 0x0011223344556603,
    bytesReceived: 0x0011223344556604,
    netns: 0xa0b0c001,
    passId: 0xa0b0c002,
    local: { address: '192.0.2.33', port: 0xc001 },
    remote: { address: '2001:db8:0:1::abcd', port: 0xc002 },
    inbound: true,
    cleared: true,
    inode: 0xa0b0c003,
    infoSize: 0xa0b0c004,
    state: 0x81,
    timer: 0x82,
    retrans: 0x83,
    caState: 0x84,
    retransmits: 0x85,
    probes: 0x86,
    backoff: 0x87,
    shutdown: 0x88,
    expiresMs: 0xa0b0c005,
    receiveQueue: 0xa0b0c006,
    sendQueue: 0xa0b0c007,
    notsentBytes: 0xa0b0c008,
    unacked: 0xa0b0c009,
    sacked: 0xa0b0c00a,
    sndMss: 0xa0b0c00b,
    sndWnd: 0xa0b0c00c,
    rcvWnd: 0xa0b0c00d,
    sndSsthresh: 0xa0b0c00e,
    rtoUs: 0xa0b0c00f,
    srttUs: 0xa0b0c010,
    rttvarUs: 0xa0b0c011,
    lastDataSentMs: 0xa0b0c012,
    lastDataRecvMs: 0xa0b0c013,
    lastAckRecvMs: 0xa0b0c014,
    totalRetrans: 0xa0b0c015,
    segsOut: 0xa0b0c016,
    dataSegsOut: 0xa0b0c017,
    dataSegsIn: 0xa0b0c018,
    totalRto: 0xa0b0c019,
    totalRtoRecoveries: 0xa0b0c01a,
    totalRtoTimeMs: 0xa0b0c01b,
    receiveMemoryBytes: 0xa0b0c01c,
    receiveBufferBytes: 0xa0b0c01d,
    synQueue: 0xa0b0c01e,
    synQueueYoung: 0xa0b0c01f,
    uid: 0xa0b0c020,
    sysctlKeepaliveTimeS: 0xa0b0c021,
    sysctlKeepaliveIntvlS: 0xa0b0c022,
    sysctlFinTimeoutS: 0xa0b0c023,
    sysctlKeepaliveProbes: 0x89,
    sysctlRetries1: 0x8a,
    sysctlRetries2: 0x8b,
    sysctlOrphanRetries: 0x8c,
    sysctlSynRetries: 0x8d,
    sysctlSynLinearTimeouts: 0x8e,
    sysctlEarlyRetrans: 0x8f,
    sysctlThinLinearTimeouts: 0x90,
    hasSysctls: true,
  },
};

const ready: SensorRecord = {
  type: 'ready',
  ready: { monoUs: 0x0011223344556601, attached: 0xa0b0c001, missed: 0xa0b0c002 },
};

const failure: SensorRecord = {
  type: 'failure',
  failure: { code: 'attach', error: 0xa0b0c001, message: 'cannot attach anything' },
};

const clock: SensorRecord = {
  type: 'clock',
  clock: {
    monoUs: 0x0011223344556601,
    realUs: 0x0011223344556602,
    bootUs: 0x0011223344556603,
    jiffies: 0x0011223344556604,
    jiffyEdgeUs: 0x0011223344556605,
  },
};

const pass: SensorRecord = {
  type: 'pass',
  pass: {
    edge: 'end',
    monoUs: 0x0011223344556601,
    durationUs: 0x0011223344556602,
    passId: 0xa0b0c001,
    kind: 'sweep',
    sockets: 0xa0b0c002,
    connections: 0xa0b0c003,
    reported: 0xa0b0c004,
    processes: 0xa0b0c005,
    error: 0xa0b0c006,
    marked: 0xa0b0c007,
    cpuUs: 0x0011223344556603,
    budgetIntervalMs: 0xa0b0c008,
  },
};

const socket: SensorRecord = {
  type: 'socket',
  socket: {
    cause: 'state',
    monoUs: 0x0011223344556601,
    jiffies: 0x0011223344556602,
    cookie: 0xfedcba9876543201n,
    cgroupId: 0xfedcba9876543202n,
    bytesSent: 0x0011223344556603,
    bytesAcked: 0x0011223344556604,
    bytesReceived: 0x0011223344556605,
    netns: 0xa0b0c001,
    passId: 0xa0b0c002,
    local: { address: '192.0.2.33', port: 0xc001 },
    remote: { address: '2001:db8:0:1::abcd', port: 0xc002 },
    dead: false,
    keepalive: true,
    hasSocket: false,
    hasFile: true,
    inbound: false,
    usecStamps: false,
    cleared: false,
    resetReceived: false,
    closerExiting: false,
    thinLto: false,
    tlpRetrans: false,
    hasRtoStamp: false,
    untrusted: false,
    resetSent: true,
    state: 0x81,
    oldState: 0x82,
    caState: 0x83,
    pending: 0x84,
    retransmits: 0x85,
    backoff: 0x86,
    probesOut: 0x87,
    synRetries: 0x88,
    skErr: 0xa0b0c003,
    skErrSoft: 0xa0b0c004,
    sndUna: 0xa0b0c005,
    sndNxt: 0xa0b0c006,
    writeSeq: 0xa0b0c007,
    rcvNxt: 0xa0b0c008,
    copiedSeq: 0xa0b0c009,
    packetsOut: 0xa0b0c00a,
    sndWnd: 0xa0b0c00b,
    rcvWnd: 0xa0b0c00c,
    rtoJiffies: 0xa0b0c00d,
    rtoMinJiffies: 0xa0b0c00e,
    rtoMaxJiffies: 0xa0b0c00f,
    srttUs: 0xa0b0c010,
    rttvarUs: 0xa0b0c011,
    userTimeoutMs: 0xa0b0c012,
    retransStamp: 0xa0b0c013,
    rtoStampMs: 0xa0b0c014,
    totalRto: 0xa0b0c015,
    totalRetrans: 0xa0b0c016,
    segsOut: 0xa0b0c017,
    dataSegsOut: 0xa0b0c018,
    dataSegsIn: 0xa0b0c019,
    rcvTstampJiffies32: 0xa0b0c01a,
    lrcvtimeJiffies32: 0xa0b0c01b,
    lsndtimeJiffies32: 0xa0b0c01c,
    probesTstampJiffies32: 0xa0b0c01d,
    writeTimer: { pending: true, expiresJiffies32: 0xa0b0c01e, flags: 0xa0b0c01f },
    keepaliveTimer: { pending: false, expiresJiffies32: 0xa0b0c020, flags: 0xa0b0c021 },
    keepaliveTimeJiffies: 0xa0b0c022,
    keepaliveIntvlJiffies: 0xa0b0c023,
    linger2Jiffies: -0x01020304,
    sndSsthresh: 0xa0b0c024,
    uid: 0xa0b0c025,
    sackedOut: 0xa0b0c02a,
    mss: 0xa0b0c02b,
    retransmitError: -113,
    receiveQueueBytes: 0xa0b0c02c,
    receiveBufferBytes: 0xa0b0c02d,
    ackBacklog: 0xa0b0c02e,
    maxAckBacklog: 0xa0b0c02f,
    synQueue: 0xa0b0c030,
    synQueueYoung: 0xa0b0c031,
    shutdown: 0x92,
    closerTgid: 0xa0b0c026,
    keepaliveProbes: 0x89,
    sysctls: {
      keepaliveTimeJiffies: 0xa0b0c027,
      keepaliveIntvlJiffies: 0xa0b0c028,
      finTimeoutJiffies: 0xa0b0c029,
      keepaliveProbes: 0x8a,
      retries1: 0x8b,
      retries2: 0x8c,
      orphanRetries: 0x8d,
      synRetries: 0x8e,
      synLinearTimeouts: 0x8f,
      earlyRetrans: 0x90,
      thinLinearTimeouts: true,
    },
    polled: false,
    unknown: [],
  },
};

const process: SensorRecord = {
  type: 'process',
  process: {
    startBootUs: 0x0011223344556601,
    cgroupId: 0xfedcba9876543201n,
    pid: 0xa0b0c001,
    parentPid: 0xa0b0c002,
    uid: 0xa0b0c003,
    passId: 0xa0b0c004,
    comm: 'golden-process!',
    executable: '/opt/café/bin/node',
  },
};

const holder: SensorRecord = {
  type: 'holder',
  holder: {
    cookie: 0xfedcba9876543201n,
    startBootUs: 0x0011223344556601,
    netns: 0xa0b0c001,
    pid: 0xa0b0c002,
    fd: 0xa0b0c003,
    passId: 0xa0b0c004,
  },
};

const counters: SensorRecord = {
  type: 'counters',
  counters: {
    ringDropped: 0x0011223344556601,
    events: 0x0011223344556602,
    markFailed: 0x0011223344556603,
    retransmitsSeen: 0x0011223344556604,
    keepaliveSeen: 0x0011223344556605,
    watchRejected: 0x0011223344556606,
    countRejected: 0x0011223344556607,
    holdingsDropped: 0x0011223344556608,
  },
};

const feature: SensorRecord = {
  type: 'feature',
  feature: {
    available: true,
    name: 'RTO limit',
    how: 'icsk_rto_max',
    loss: 'the limit is taken to be 120 s',
  },
};

const interest: SensorRecord = {
  type: 'interest',
  interest: {
    succeeded: 0x0011223344556601,
    failed: 0x0011223344556602,
    lastSuccessUs: 0x0011223344556603,
    lastFailureUs: 0x0011223344556604,
    interestId: 0xa0b0c001,
    connections: 0xa0b0c002,
    connecting: 0xa0b0c003,
    heardAgeJiffies: 0xa0b0c004,
    passId: 0xa0b0c005,
  },
};

const holding: SensorRecord = {
  type: 'holding',
  holding: {
    startBootUs: 0x0011223344556601,
    pid: 0xa0b0c001,
    interestId: 0xa0b0c002,
    connections: 0xa0b0c003,
    passId: 0xa0b0c004,
  },
};

type RecordType = SensorRecord['type'];

/** What `test/golden/TYPE.hex` must decode to; a new type of record does not compile until it has a line here. */
export const GOLDEN_RECORDS: { readonly [Type in RecordType]: Extract<SensorRecord, { type: Type }> } = {
  hello,
  program,
  ready,
  failure,
  clock,
  pass,
  socket,
  process,
  holder,
  counters,
  feature,
  interest,
  holding,
  mode,
  reach,
  polled,
};

export const RECORD_TYPES = Object.keys(GOLDEN_RECORDS) as RecordType[];

/** @returns `parts` one after the other. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
