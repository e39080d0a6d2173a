/**
 * What a file of open records must look like. A file can be half written, old, or touched by somebody: nothing of it
 * reaches the tracker unchecked. A field, or a word of a closed vocabulary, that the tracker's types gain does not compile
 * until it is here: otherwise the daemon would refuse a file that it has written itself.
 */
import * as z from 'zod';
import {
  type Direction,
  OUTCOMES,
  type OwnerType,
  type StaleReuse,
  STUCK_KINDS,
  type StuckCause,
} from '../core/kinds.js';
import type { GiveUpReason, Owner, StuckRecord } from '../core/record.js';
import type {
  ClockReport,
  Endpoint,
  KernelTimer,
  SnapshotCause,
  SocketSnapshot,
  TcpSysctls,
} from '../core/snapshot.js';
import type { SavedEntry } from '../core/tracker-messages.js';
import { UNKNOWN_FACTS } from '../core/unknown-facts.js';

/** JSON has no bigint: a cookie stands there as a string of digits. */
const u64 = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);
const number = z.number();
const boolean = z.boolean();
const text = z.string();
/** A field that older files of this version do not have; the next report of the socket brings it. */
const added = number.default(0);

/** One of the words of a closed vocabulary, all of which must be named. */
function wordOf<Word extends string>(words: Readonly<Record<Word, true>>): z.ZodType<Word> {
  return z.enum(Object.keys(words) as Word[]);
}

const direction = wordOf<Direction>({ outbound: true, inbound: true, unknown: true });
const ownerType = wordOf<OwnerType>({
  pending: true,
  process: true,
  orphan: true,
  kernel: true,
  unaccepted: true,
  unknown: true,
});
const giveUpReason = wordOf<GiveUpReason>({
  tcp_retries2: true,
  user_timeout: true,
  keepalive: true,
  syn_retries: true,
  orphan_retries: true,
  shrunk_window: true,
});
const stuckCause = wordOf<StuckCause>({ not_sent: true, neighbour_unreachable: true, path_mtu: true });
const staleReuse = wordOf<StaleReuse>({ closed_before: true, closed_during: true, forgotten: true });
const cause = wordOf<SnapshotCause>({
  retransmit: true,
  keepalive: true,
  state: true,
  error: true,
  reset_received: true,
  reset_sent: true,
  congestion: true,
  destroy: true,
  refresh: true,
  sweep: true,
  idle_close: true,
  audit: true,
});

const endpoint: z.ZodType<Endpoint> = z.object({ address: text, port: number });
const timer: z.ZodType<KernelTimer> = z.object({ pending: boolean, expiresJiffies32: number, flags: number });

const owner: z.ZodType<Owner> = z.object({
  pid: number,
  startBootUs: number,
  comm: text,
  executable: text,
  uid: number,
  cgroupId: u64,
  holders: z.array(z.object({ pid: number, comm: text, fd: number })),
});

const unknown = z.array(z.enum(UNKNOWN_FACTS));
const supposes = unknown.exactOptional();

const giveUp = z.union([
  z.object({ never: z.literal(true), supposes }),
  z.object({
    never: z.literal(false),
    timeUs: number,
    latestTimeUs: number.nullable(),
    reason: giveUpReason,
    retransmitsLeft: number,
    expectedError: text,
    supposes,
  }),
]);

const record: z.ZodType<StuckRecord> = z.object({
  id: text,
  previousId: text.nullable(),
  kind: z.enum(STUCK_KINDS),
  state: text,
  direction,
  local: endpoint,
  remote: endpoint,
  netns: number,
  cookie: u64,
  ownerType,
  owner: owner.nullable(),
  lastOwner: owner.nullable(),
  creatorCgroupId: u64.default(0n),
  sinceUs: number,
  sinceAtLeast: boolean,
  detectedUs: number,
  lastProgressUs: number.nullable(),
  unackedBytes: number,
  unsentBytes: number,
  unreadBytes: number,
  retransmits: number,
  probes: number,
  rtoMs: number,
  options: z.object({
    keepalive: boolean.nullable(),
    keepaliveIdleMs: number.nullable(),
    keepaliveIntervalMs: number.nullable(),
    keepaliveProbes: number.nullable(),
    userTimeoutMs: number.nullable(),
  }),
  giveUp: giveUp.nullable(),
  // Older files have none of the following, and are of the same version: nothing in them is misread for it.
  counterpartId: text.nullable().default(null),
  informational: boolean.default(false),
  cause: stuckCause.nullable().default(null),
  idleBeforeUs: number.nullable().default(null),
  peerIdleLimitUs: number.nullable().default(null),
  reuse: staleReuse.nullable().default(null),
  acceptQueue: z
    .object({ waiting: number, limit: number, handshakes: number, unanswered: number })
    .nullable()
    .default(null),
  receiveBufferBytes: number.default(0),
  detectedGiveUp: giveUp.nullable().default(null),
  forecastErrorUs: number.nullable().default(null),
  outcome: z.enum(OUTCOMES).nullable(),
  endUs: number.nullable(),
  timeline: z.array(z.object({ timeUs: number, text })),
  polled: boolean.default(false),
  unknown: unknown.default([]),
});

const sysctls: z.ZodType<TcpSysctls> = z.object({
  retries1: number,
  retries2: number,
  orphanRetries: number,
  synRetries: number,
  synLinearTimeouts: number,
  earlyRetrans: number,
  thinLinearTimeouts: boolean,
  keepaliveProbes: number,
  keepaliveTimeJiffies: number,
  keepaliveIntvlJiffies: number,
  finTimeoutJiffies: number,
});

const socket: z.ZodType<SocketSnapshot> = z.object({
  cause,
  monoUs: number,
  jiffies: number,
  cookie: u64,
  netns: number,
  passId: number,
  cgroupId: u64,
  local: endpoint,
  remote: endpoint,
  state: number,
  oldState: number,
  caState: number,
  pending: number,
  retransmits: number,
  backoff: number,
  probesOut: number,
  synRetries: number,
  dead: boolean,
  keepalive: boolean,
  hasSocket: boolean,
  hasFile: boolean,
  inbound: boolean,
  cleared: boolean,
  resetReceived: boolean,
  resetSent: boolean,
  closerExiting: boolean,
  thinLto: boolean,
  tlpRetrans: boolean,
  hasRtoStamp: boolean,
  untrusted: boolean,
  usecStamps: boolean,
  skErr: number,
  skErrSoft: number,
  sndUna: number,
  sndNxt: number,
  writeSeq: number,
  rcvNxt: number,
  copiedSeq: number,
  packetsOut: number,
  sndWnd: number,
  rcvWnd: number,
  rtoJiffies: number,
  rtoMinJiffies: number,
  rtoMaxJiffies: number,
  srttUs: number,
  rttvarUs: number,
  userTimeoutMs: number,
  retransStamp: number,
  rtoStampMs: number,
  totalRto: number,
  totalRetrans: number,
  segsOut: number,
  dataSegsOut: number,
  dataSegsIn: number,
  bytesSent: number,
  bytesAcked: number,
  bytesReceived: number,
  rcvTstampJiffies32: number,
  lrcvtimeJiffies32: number,
  lsndtimeJiffies32: number,
  probesTstampJiffies32: number,
  writeTimer: timer,
  keepaliveTimer: timer,
  keepaliveTimeJiffies: number,
  keepaliveIntvlJiffies: number,
  keepaliveProbes: number,
  linger2Jiffies: number,
  sndSsthresh: number,
  uid: number,
  sackedOut: added,
  mss: added,
  retransmitError: added,
  receiveQueueBytes: added,
  receiveBufferBytes: added,
  ackBacklog: added,
  maxAckBacklog: added,
  synQueue: added,
  synQueueYoung: added,
  shutdown: added,
  closerTgid: number,
  sysctls,
  polled: boolean.default(false),
  unknown: unknown.default([]),
});

const clock: z.ZodType<ClockReport> = z.object({
  monoUs: number,
  realUs: number,
  bootUs: number,
  jiffies: number,
  jiffyEdgeUs: number,
});

/** Raised when a file of the format before could be misread. */
export const FORMAT_VERSION = 1;

/** The first line of the file. `entries`: how many lines follow. */
export const headerSchema = z.object({
  version: z.literal(FORMAT_VERSION),
  bootId: text,
  clock,
  entries: z.number().int().min(0),
});

/** Every other line. */
export const entrySchema: z.ZodType<SavedEntry> = z.object({ record, socket });
