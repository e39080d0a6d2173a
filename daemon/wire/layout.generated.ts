// DO NOT EDIT: written by bpf/gen_layout.mjs from the BTF of bpf/sensor_wire.h.
import type { Offset } from './offset.js';

export const SENSOR_MAGIC = 0x31646b6375747321n;
export const SENSOR_LAYOUT_HASH = 0x3f20858b7a998325n;
export const SENSOR_RECORD_MAX = 1024;

/** `enum command_kind` */
export const COMMAND_KIND = {
  COMMAND_CONFIGURE: 101,
  COMMAND_PASS: 102,
  COMMAND_WATCH: 103,
  COMMAND_UNWATCH: 104,
  COMMAND_COUNT: 105,
  COMMAND_UNCOUNT: 106,
} as const;

/** `enum condition` */
export const CONDITION = {
  CONDITION_WINDOW_CLOSED: 1,
  CONDITION_CLOSE_WAIT: 2,
  CONDITION_FIN_WAIT2: 4,
  CONDITION_UNREAD: 8,
  CONDITION_ZOMBIE: 16,
  CONDITION_ACCEPT_QUEUE: 32,
  CONDITION_HANDSHAKES: 64,
  CONDITION_STALE_REUSE: 128,
} as const;

/** `enum failure_code` */
export const FAILURE_CODE = {
  FAILURE_PRIVILEGE: 1,
  FAILURE_BTF: 2,
  FAILURE_LOAD: 3,
  FAILURE_ATTACH: 4,
  FAILURE_PROTOCOL: 5,
  FAILURE_INTERNAL: 6,
} as const;

/** `enum interest_kind` */
export const INTEREST_KIND = {
  INTEREST_PEER: 1,
  INTEREST_LISTENER: 2,
  INTEREST_PROCESS: 3,
} as const;

/** `enum pass_edge` */
export const PASS_EDGE = {
  PASS_BEGIN: 1,
  PASS_END: 2,
} as const;

/** `enum pass_kind` */
export const PASS_KIND = {
  PASS_REFRESH: 1,
  PASS_SWEEP: 2,
  PASS_REFRESH_FULL: 3,
  PASS_AUDIT: 4,
} as const;

/** `enum program_status` */
export const PROGRAM_STATUS = {
  PROGRAM_ATTACHED: 1,
  PROGRAM_MISSED: 2,
} as const;

/** `enum record_kind` */
export const RECORD_KIND = {
  RECORD_HELLO: 1,
  RECORD_PROGRAM: 2,
  RECORD_READY: 3,
  RECORD_FAILURE: 4,
  RECORD_CLOCK: 5,
  RECORD_PASS: 6,
  RECORD_SOCKET: 7,
  RECORD_PROCESS: 8,
  RECORD_HOLDER: 9,
  RECORD_COUNTERS: 10,
  RECORD_FEATURE: 11,
  RECORD_INTEREST: 12,
  RECORD_HOLDING: 13,
  RECORD_MODE: 14,
  RECORD_REACH: 15,
  RECORD_POLLED: 16,
} as const;

/** `enum sensor_mode` */
export const SENSOR_MODE = {
  MODE_EBPF: 1,
  MODE_POLLING: 2,
} as const;

/** `enum socket_cause` */
export const SOCKET_CAUSE = {
  CAUSE_RETRANSMIT: 1,
  CAUSE_KEEPALIVE: 2,
  CAUSE_STATE: 3,
  CAUSE_ERROR: 4,
  CAUSE_RESET_RECEIVED: 5,
  CAUSE_RESET_SENT: 6,
  CAUSE_CONGESTION: 7,
  CAUSE_DESTROY: 8,
  CAUSE_REFRESH: 9,
  CAUSE_SWEEP: 10,
  CAUSE_IDLE_CLOSE: 11,
  CAUSE_AUDIT: 12,
} as const;

/** `enum socket_flag` */
export const SOCKET_FLAG = {
  SOCKET_DEAD: 1,
  SOCKET_KEEPALIVE: 2,
  SOCKET_HAS_SOCKET: 4,
  SOCKET_HAS_FILE: 8,
  SOCKET_INBOUND: 16,
  SOCKET_USEC_STAMPS: 32,
  SOCKET_CLEARED: 64,
  SOCKET_WRITE_TIMER_PENDING: 128,
  SOCKET_KEEPALIVE_TIMER_PENDING: 256,
  SOCKET_RESET_RECEIVED: 512,
  SOCKET_CLOSER_EXITING: 1024,
  SOCKET_THIN_LTO: 2048,
  SOCKET_TLP_RETRANS: 4096,
  SOCKET_HAS_RTO_STAMP: 8192,
  SOCKET_UNTRUSTED: 16384,
  SOCKET_RESET_SENT: 32768,
} as const;

/** Where the fields of `struct clock_record` are. */
export const CLOCK_RECORD = {
  monoUs: 8 as Offset<'mono_us_t'>,
  realUs: 16 as Offset<'real_us_t'>,
  bootUs: 24 as Offset<'boot_us_t'>,
  jiffies: 32 as Offset<'jiffies64_t'>,
  jiffyEdgeUs: 40 as Offset<'mono_us_t'>,
} as const;

export const CLOCK_RECORD_SIZE = 48;

/** Where the fields of `struct configure_command` are. */
export const CONFIGURE_COMMAND = {
  layoutHash: 8 as Offset<'opaque64_t'>,
  rtoThreshold: 16 as Offset<'__u32'>,
  synThreshold: 20 as Offset<'__u32'>,
  probeThreshold: 24 as Offset<'__u32'>,
  refreshIntervalMs: 28 as Offset<'__u32'>,
  sweepIntervalMs: 32 as Offset<'__u32'>,
  fullRefreshIntervalMs: 36 as Offset<'__u32'>,
  conditions: 40 as Offset<'__u32'>,
  windowProbeThreshold: 44 as Offset<'__u32'>,
  handshakeThreshold: 48 as Offset<'__u32'>,
  unreadAgeMs: 52 as Offset<'__u32'>,
  idleGapMs: 56 as Offset<'__u32'>,
  sweepCpuMaxPpm: 60 as Offset<'__u32'>,
} as const;

export const CONFIGURE_COMMAND_SIZE = 64;

/** Where the fields of `struct counters_record` are. */
export const COUNTERS_RECORD = {
  ringDropped: 8 as Offset<'__u64'>,
  events: 16 as Offset<'__u64'>,
  markFailed: 24 as Offset<'__u64'>,
  retransmitsSeen: 32 as Offset<'__u64'>,
  keepaliveSeen: 40 as Offset<'__u64'>,
  watchRejected: 48 as Offset<'__u64'>,
  countRejected: 56 as Offset<'__u64'>,
  holdingsDropped: 64 as Offset<'__u64'>,
} as const;

export const COUNTERS_RECORD_SIZE = 72;

/** Where the fields of `struct failure_record` are. */
export const FAILURE_RECORD = {
  code: 8 as Offset<'__u32'>,
  error: 12 as Offset<'__u32'>,
  message: { offset: 16, length: 432 },
} as const;

export const FAILURE_RECORD_SIZE = 448;

/** Where the fields of `struct feature_record` are. */
export const FEATURE_RECORD = {
  available: 8 as Offset<'__u32'>,
  name: { offset: 16, length: 48 },
  how: { offset: 64, length: 208 },
  loss: { offset: 272, length: 104 },
} as const;

export const FEATURE_RECORD_SIZE = 376;

/** Where the fields of `struct hello_record` are. */
export const HELLO_RECORD = {
  magic: 8 as Offset<'opaque64_t'>,
  layoutHash: 16 as Offset<'opaque64_t'>,
  hz: 24 as Offset<'__u32'>,
  pid: 28 as Offset<'__u32'>,
  capabilitiesLow: 32 as Offset<'__u32'>,
  capabilitiesHigh: 36 as Offset<'__u32'>,
  version: { offset: 40, length: 32 },
  kernelRelease: { offset: 72, length: 64 },
  machine: { offset: 136, length: 16 },
  bootId: { offset: 152, length: 40 },
} as const;

export const HELLO_RECORD_SIZE = 192;

/** Where the fields of `struct holder_record` are. */
export const HOLDER_RECORD = {
  cookie: 8 as Offset<'opaque64_t'>,
  startBootUs: 16 as Offset<'boot_us_t'>,
  netns: 24 as Offset<'__u32'>,
  tgid: 28 as Offset<'__u32'>,
  fd: 32 as Offset<'__u32'>,
  passId: 36 as Offset<'__u32'>,
} as const;

export const HOLDER_RECORD_SIZE = 40;

/** Where the fields of `struct holding_record` are. */
export const HOLDING_RECORD = {
  startBootUs: 8 as Offset<'boot_us_t'>,
  tgid: 16 as Offset<'__u32'>,
  interestId: 20 as Offset<'__u32'>,
  connections: 24 as Offset<'__u32'>,
  passId: 28 as Offset<'__u32'>,
} as const;

export const HOLDING_RECORD_SIZE = 32;

/** Where the fields of `struct interest_command` are. */
export const INTEREST_COMMAND = {
  address: 8 as Offset<'__u8[16]'>,
  interestKind: 24 as Offset<'__u32'>,
  number: 28 as Offset<'__u32'>,
  interestId: 32 as Offset<'__u32'>,
  netns: 36 as Offset<'__u32'>,
} as const;

export const INTEREST_COMMAND_SIZE = 40;

/** Where the fields of `struct interest_record` are. */
export const INTEREST_RECORD = {
  succeeded: 8 as Offset<'__u64'>,
  failed: 16 as Offset<'__u64'>,
  lastSuccessUs: 24 as Offset<'mono_us_t'>,
  lastFailureUs: 32 as Offset<'mono_us_t'>,
  interestId: 40 as Offset<'__u32'>,
  connections: 44 as Offset<'__u32'>,
  connecting: 48 as Offset<'__u32'>,
  heardAgeJiffies: 52 as Offset<'__u32'>,
  passId: 56 as Offset<'__u32'>,
} as const;

export const INTEREST_RECORD_SIZE = 64;

/** Where the fields of `struct mode_record` are. */
export const MODE_RECORD = {
  mode: 8 as Offset<'__u32'>,
  code: 12 as Offset<'__u32'>,
  reason: { offset: 16, length: 432 },
} as const;

export const MODE_RECORD_SIZE = 448;

/** Where the fields of `struct pass_command` are. */
export const PASS_COMMAND = {
  passKind: 8 as Offset<'__u32'>,
  reportMax: 12 as Offset<'__u32'>,
} as const;

export const PASS_COMMAND_SIZE = 16;

/** Where the fields of `struct pass_record` are. */
export const PASS_RECORD = {
  monoUs: 8 as Offset<'mono_us_t'>,
  durationUs: 16 as Offset<'__u64'>,
  passId: 24 as Offset<'__u32'>,
  passKind: 28 as Offset<'__u32'>,
  sockets: 32 as Offset<'__u32'>,
  connections: 36 as Offset<'__u32'>,
  reported: 40 as Offset<'__u32'>,
  processes: 44 as Offset<'__u32'>,
  error: 48 as Offset<'__u32'>,
  marked: 52 as Offset<'__u32'>,
  cpuUs: 56 as Offset<'__u64'>,
  budgetIntervalMs: 64 as Offset<'__u32'>,
} as const;

export const PASS_RECORD_SIZE = 72;

/** Where the fields of `struct polled_record` are. */
export const POLLED_RECORD = {
  monoUs: 8 as Offset<'mono_us_t'>,
  cookie: 16 as Offset<'opaque64_t'>,
  cgroupId: 24 as Offset<'__u64'>,
  bytesSent: 32 as Offset<'__u64'>,
  bytesAcked: 40 as Offset<'__u64'>,
  bytesReceived: 48 as Offset<'__u64'>,
  netns: 56 as Offset<'__u32'>,
  passId: 60 as Offset<'__u32'>,
  localAddress: 64 as Offset<'__u8[16]'>,
  remoteAddress: 80 as Offset<'__u8[16]'>,
  localPort: 96 as Offset<'__u16'>,
  remotePort: 98 as Offset<'__u16'>,
  flags: 100 as Offset<'__u32'>,
  inode: 104 as Offset<'__u32'>,
  infoSize: 108 as Offset<'__u32'>,
  state: 112 as Offset<'__u8'>,
  timer: 113 as Offset<'__u8'>,
  retrans: 114 as Offset<'__u8'>,
  caState: 115 as Offset<'__u8'>,
  retransmits: 116 as Offset<'__u8'>,
  probes: 117 as Offset<'__u8'>,
  backoff: 118 as Offset<'__u8'>,
  shutdown: 119 as Offset<'__u8'>,
  expiresMs: 120 as Offset<'__u32'>,
  receiveQueue: 124 as Offset<'__u32'>,
  sendQueue: 128 as Offset<'__u32'>,
  notsentBytes: 132 as Offset<'__u32'>,
  unacked: 136 as Offset<'__u32'>,
  sacked: 140 as Offset<'__u32'>,
  sndMss: 144 as Offset<'__u32'>,
  sndWnd: 148 as Offset<'__u32'>,
  rcvWnd: 152 as Offset<'__u32'>,
  sndSsthresh: 156 as Offset<'__u32'>,
  rtoUs: 160 as Offset<'__u32'>,
  srttUs: 164 as Offset<'__u32'>,
  rttvarUs: 168 as Offset<'__u32'>,
  lastDataSentMs: 172 as Offset<'__u32'>,
  lastDataRecvMs: 176 as Offset<'__u32'>,
  lastAckRecvMs: 180 as Offset<'__u32'>,
  totalRetrans: 184 as Offset<'__u32'>,
  segsOut: 188 as Offset<'__u32'>,
  dataSegsOut: 192 as Offset<'__u32'>,
  dataSegsIn: 196 as Offset<'__u32'>,
  totalRto: 200 as Offset<'__u32'>,
  totalRtoRecoveries: 204 as Offset<'__u32'>,
  totalRtoTimeMs: 208 as Offset<'__u32'>,
  receiveMemoryBytes: 212 as Offset<'__u32'>,
  receiveBufferBytes: 216 as Offset<'__u32'>,
  synQueue: 220 as Offset<'__u32'>,
  synQueueYoung: 224 as Offset<'__u32'>,
  uid: 228 as Offset<'__u32'>,
  sysctlKeepaliveTimeS: 232 as Offset<'__u32'>,
  sysctlKeepaliveIntvlS: 236 as Offset<'__u32'>,
  sysctlFinTimeoutS: 240 as Offset<'__u32'>,
  sysctlKeepaliveProbes: 244 as Offset<'__u8'>,
  sysctlRetries1: 245 as Offset<'__u8'>,
  sysctlRetries2: 246 as Offset<'__u8'>,
  sysctlOrphanRetries: 247 as Offset<'__u8'>,
  sysctlSynRetries: 248 as Offset<'__u8'>,
  sysctlSynLinearTimeouts: 249 as Offset<'__u8'>,
  sysctlEarlyRetrans: 250 as Offset<'__u8'>,
  sysctlThinLinearTimeouts: 251 as Offset<'__u8'>,
  hasSysctls: 252 as Offset<'__u8'>,
} as const;

export const POLLED_RECORD_SIZE = 256;

/** Where the fields of `struct process_record` are. */
export const PROCESS_RECORD = {
  startBootUs: 8 as Offset<'boot_us_t'>,
  cgroupId: 16 as Offset<'__u64'>,
  tgid: 24 as Offset<'__u32'>,
  parentTgid: 28 as Offset<'__u32'>,
  uid: 32 as Offset<'__u32'>,
  passId: 36 as Offset<'__u32'>,
  comm: { offset: 40, length: 16 },
  executable: { offset: 56, length: 256 },
} as const;

export const PROCESS_RECORD_SIZE = 312;

/** Where the fields of `struct program_record` are. */
export const PROGRAM_RECORD = {
  status: 8 as Offset<'__u32'>,
  error: 12 as Offset<'__u32'>,
  required: 16 as Offset<'__u32'>,
  name: { offset: 24, length: 48 },
  how: { offset: 72, length: 208 },
  loss: { offset: 280, length: 104 },
} as const;

export const PROGRAM_RECORD_SIZE = 384;

/** Where the fields of `struct reach_record` are. */
export const REACH_RECORD = {
  namespaces: 8 as Offset<'__u32'>,
  closedNamespaces: 12 as Offset<'__u32'>,
  closedProcesses: 16 as Offset<'__u32'>,
  passId: 20 as Offset<'__u32'>,
} as const;

export const REACH_RECORD_SIZE = 24;

/** Where the fields of `struct ready_record` are. */
export const READY_RECORD = {
  monoUs: 8 as Offset<'mono_us_t'>,
  attached: 16 as Offset<'__u32'>,
  missed: 20 as Offset<'__u32'>,
} as const;

export const READY_RECORD_SIZE = 24;

/** Where the fields of `struct record_header` are. */
export const RECORD_HEADER = {
  size: 0 as Offset<'__u32'>,
  kind: 4 as Offset<'__u16'>,
  cause: 6 as Offset<'__u16'>,
} as const;

export const RECORD_HEADER_SIZE = 8;

/** Where the fields of `struct socket_record` are. */
export const SOCKET_RECORD = {
  monoUs: 8 as Offset<'mono_us_t'>,
  jiffies: 16 as Offset<'jiffies64_t'>,
  cookie: 24 as Offset<'opaque64_t'>,
  cgroupId: 32 as Offset<'__u64'>,
  bytesSent: 40 as Offset<'__u64'>,
  bytesAcked: 48 as Offset<'__u64'>,
  bytesReceived: 56 as Offset<'__u64'>,
  netns: 64 as Offset<'__u32'>,
  passId: 68 as Offset<'__u32'>,
  localAddress: 72 as Offset<'__u8[16]'>,
  remoteAddress: 88 as Offset<'__u8[16]'>,
  localPort: 104 as Offset<'__u16'>,
  remotePort: 106 as Offset<'__u16'>,
  flags: 108 as Offset<'__u32'>,
  state: 112 as Offset<'__u8'>,
  oldState: 113 as Offset<'__u8'>,
  caState: 114 as Offset<'__u8'>,
  pending: 115 as Offset<'__u8'>,
  retransmits: 116 as Offset<'__u8'>,
  backoff: 117 as Offset<'__u8'>,
  probesOut: 118 as Offset<'__u8'>,
  synRetries: 119 as Offset<'__u8'>,
  skErr: 120 as Offset<'__u32'>,
  skErrSoft: 124 as Offset<'__u32'>,
  sndUna: 128 as Offset<'__u32'>,
  sndNxt: 132 as Offset<'__u32'>,
  writeSeq: 136 as Offset<'__u32'>,
  rcvNxt: 140 as Offset<'__u32'>,
  copiedSeq: 144 as Offset<'__u32'>,
  packetsOut: 148 as Offset<'__u32'>,
  sndWnd: 152 as Offset<'__u32'>,
  rcvWnd: 156 as Offset<'__u32'>,
  rtoJiffies: 160 as Offset<'__u32'>,
  rtoMinJiffies: 164 as Offset<'__u32'>,
  rtoMaxJiffies: 168 as Offset<'__u32'>,
  srttUs: 172 as Offset<'__u32'>,
  rttvarUs: 176 as Offset<'__u32'>,
  userTimeoutMs: 180 as Offset<'__u32'>,
  retransStamp: 184 as Offset<'__u32'>,
  rtoStampMs: 188 as Offset<'__u32'>,
  totalRto: 192 as Offset<'__u32'>,
  totalRetrans: 196 as Offset<'__u32'>,
  segsOut: 200 as Offset<'__u32'>,
  dataSegsOut: 204 as Offset<'__u32'>,
  dataSegsIn: 208 as Offset<'__u32'>,
  rcvTstampJiffies32: 212 as Offset<'__u32'>,
  lrcvtimeJiffies32: 216 as Offset<'__u32'>,
  lsndtimeJiffies32: 220 as Offset<'__u32'>,
  probesTstampJiffies32: 224 as Offset<'__u32'>,
  writeTimerExpiresJiffies32: 228 as Offset<'__u32'>,
  writeTimerFlags: 232 as Offset<'__u32'>,
  keepaliveTimerExpiresJiffies32: 236 as Offset<'__u32'>,
  keepaliveTimerFlags: 240 as Offset<'__u32'>,
  keepaliveTimeJiffies: 244 as Offset<'__u32'>,
  keepaliveIntvlJiffies: 248 as Offset<'__u32'>,
  linger2Jiffies: 252 as Offset<'__s32'>,
  sndSsthresh: 256 as Offset<'__u32'>,
  uid: 260 as Offset<'__u32'>,
  sackedOut: 264 as Offset<'__u32'>,
  mss: 268 as Offset<'__u32'>,
  retransmitError: 272 as Offset<'__s32'>,
  receiveQueueBytes: 276 as Offset<'__u32'>,
  receiveBufferBytes: 280 as Offset<'__u32'>,
  ackBacklog: 284 as Offset<'__u32'>,
  maxAckBacklog: 288 as Offset<'__u32'>,
  synQueue: 292 as Offset<'__u32'>,
  synQueueYoung: 296 as Offset<'__u32'>,
  closerTgid: 300 as Offset<'__u32'>,
  sysctlKeepaliveTimeJiffies: 304 as Offset<'__u32'>,
  sysctlKeepaliveIntvlJiffies: 308 as Offset<'__u32'>,
  sysctlFinTimeoutJiffies: 312 as Offset<'__u32'>,
  keepaliveProbes: 316 as Offset<'__u8'>,
  sysctlKeepaliveProbes: 317 as Offset<'__u8'>,
  sysctlRetries1: 318 as Offset<'__u8'>,
  sysctlRetries2: 319 as Offset<'__u8'>,
  sysctlOrphanRetries: 320 as Offset<'__u8'>,
  sysctlSynRetries: 321 as Offset<'__u8'>,
  sysctlSynLinearTimeouts: 322 as Offset<'__u8'>,
  sysctlEarlyRetrans: 323 as Offset<'__u8'>,
  sysctlThinLinearTimeouts: 324 as Offset<'__u8'>,
  shutdown: 325 as Offset<'__u8'>,
} as const;

export const SOCKET_RECORD_SIZE = 328;

/** Where the fields of `struct watch_command` are. */
export const WATCH_COMMAND = {
  cookie: 8 as Offset<'opaque64_t'>,
} as const;

export const WATCH_COMMAND_SIZE = 16;

/** The size of every record by its kind; nothing at the numbers that are no kind. */
export const RECORD_SIZE_BY_KIND: readonly (number | undefined)[] = [
  undefined,
  HELLO_RECORD_SIZE,
  PROGRAM_RECORD_SIZE,
  READY_RECORD_SIZE,
  FAILURE_RECORD_SIZE,
  CLOCK_RECORD_SIZE,
  PASS_RECORD_SIZE,
  SOCKET_RECORD_SIZE,
  PROCESS_RECORD_SIZE,
  HOLDER_RECORD_SIZE,
  COUNTERS_RECORD_SIZE,
  FEATURE_RECORD_SIZE,
  INTEREST_RECORD_SIZE,
  HOLDING_RECORD_SIZE,
  MODE_RECORD_SIZE,
  REACH_RECORD_SIZE,
  POLLED_RECORD_SIZE,
];
