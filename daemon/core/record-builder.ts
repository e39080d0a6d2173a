/** Builds what clients see from what the kernel says. */
import { causeOf, idleBeforeUs, isInformational } from './circumstances.js';
import { isClosing, unansweredHandshakes } from './conditions.js';
import { jiffiesToMs, type TickClock } from './jiffies.js';
import { keepaliveIdleJiffies, keepaliveIntervalJiffies } from './keepalive-probes.js';
import { lastHeardUs } from './kernel-time.js';
import type { Direction, StaleReuse, StuckKind } from './kinds.js';
import type { Ownership } from './ownership.js';
import { areSameOptions } from './material-change.js';
import type { AcceptQueue, GiveUp, KnownOptions, SocketOptions, StuckRecord, TimelineEntry } from './record.js';
import { runningRtoJiffies } from './rto-ladder.js';
import { seqDistance } from './sequence.js';
import { inOnePiece } from './shared-text.js';
import type { Since } from './since.js';
import { TCP_STATE, type Endpoint, type SocketSnapshot } from './snapshot.js';
import { relevantUnknowns } from './suppositions.js';

const STATE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TCP_STATE).map(([name, number]) => [number, name]),
);

/** A listener has none. */
const NO_PEER: Endpoint = { address: '', port: 0 };

/** What stays the same for the whole life of a record. */
export interface RecordIdentity {
  readonly id: string;
  readonly previousId: string | null;
  readonly direction: Direction;
  readonly detectedUs: number;
  readonly detectedGiveUp: GiveUp | null;
}

/** What the tracker has concluded about a socket so far. */
export interface Findings {
  readonly kind: StuckKind;
  readonly since: Since;
  readonly ownership: Ownership;
  readonly giveUp: GiveUp | null;
  readonly timeline: readonly TimelineEntry[];
  readonly peerIdleLimitUs?: number | null;
  readonly idleBeforeUs?: number | null;
  readonly reuse?: StaleReuse | null;
}

/** @returns the record of a connection that is stuck. */
export function buildRecord(
  identity: RecordIdentity,
  findings: Findings,
  socket: SocketSnapshot,
  ticks: TickClock,
): StuckRecord {
  const { kind, since, ownership, giveUp, timeline } = findings;
  // All fields by name, in one literal: in a storm this is the hottest allocation, and a spread is ten times slower.
  return {
    id: identity.id,
    previousId: identity.previousId,
    counterpartId: null,
    kind,
    state: STATE_NAMES.get(socket.state) ?? `state ${socket.state}`,
    direction: identity.direction,
    local: socket.local,
    remote: socket.state === TCP_STATE.LISTEN ? NO_PEER : socket.remote,
    netns: socket.netns,
    cookie: socket.cookie,
    ownerType: ownership.type,
    owner: ownership.owner,
    lastOwner: ownership.lastOwner,
    creatorCgroupId: socket.cgroupId,
    sinceUs: since.timeUs,
    sinceAtLeast: since.atLeast,
    detectedUs: identity.detectedUs,
    lastProgressUs: lastSignOfPeerUs(socket, ticks),
    unackedBytes: unackedBytes(socket),
    unsentBytes: unsentBytes(socket),
    unreadBytes: unreadBytes(socket),
    retransmits: socket.retransmits,
    probes: socket.probesOut,
    rtoMs: jiffiesToMs(runningRtoJiffies(socket, ticks.hz), ticks.hz),
    options: knownOptions(socket, ticks.hz),
    giveUp,
    informational: isInformational(kind, socket, ticks),
    cause: causeOf(kind, socket),
    idleBeforeUs: findings.idleBeforeUs ?? idleBeforeUs(kind, since, socket, ticks),
    peerIdleLimitUs: findings.peerIdleLimitUs ?? null,
    reuse: findings.reuse ?? null,
    acceptQueue: acceptQueueOf(socket),
    receiveBufferBytes: socket.receiveBufferBytes,
    detectedGiveUp: identity.detectedGiveUp,
    forecastErrorUs: null,
    outcome: null,
    endUs: null,
    timeline,
    polled: socket.polled,
    unknown: relevantUnknowns(socket),
  };
}

/** A time of detection in milliseconds since 1970, then the cookie: sorts by time, and is unique on this node. */
export function recordId(detectedRealMs: number, cookie: bigint): string {
  return inOnePiece([detectedRealMs.toString(36), cookie.toString(36)], '-');
}

/** The sensor knows the ports on which somebody listens; what does not come from there was opened here. */
export function directionOf(socket: SocketSnapshot): Direction {
  return socket.inbound && socket.state !== TCP_STATE.SYN_SENT ? 'inbound' : 'outbound';
}

/** @returns when the peer last acknowledged or sent anything, CLOCK_MONOTONIC microseconds; null if it never did. */
function lastSignOfPeerUs(socket: SocketSnapshot, ticks: TickClock): number | null {
  // Nothing has stamped it: a connection that was never made has no state of its own any more once the kernel has given up.
  const isUnheard = socket.rcvTstampJiffies32 === 0 && socket.lrcvtimeJiffies32 === 0;
  if (isUnheard || socket.state === TCP_STATE.SYN_SENT || socket.state === TCP_STATE.LISTEN) {
    return null;
  }
  return lastHeardUs(socket, ticks);
}

function acceptQueueOf(socket: SocketSnapshot): AcceptQueue | null {
  if (socket.state !== TCP_STATE.LISTEN) {
    return null;
  }
  const { ackBacklog: waiting, maxAckBacklog: limit, synQueue: handshakes } = socket;
  return { waiting, limit, handshakes, unanswered: unansweredHandshakes(socket) };
}

/** SYN and FIN take a sequence number, but are no bytes of anybody's. */
function unackedBytes(socket: SocketSnapshot): number {
  const inFlight = seqDistance(socket.sndUna, socket.sndNxt);
  const finInFlight = hasFinInQueue(socket) && socket.sndNxt === socket.writeSeq;
  const controlSeqs = socket.state === TCP_STATE.SYN_SENT || finInFlight ? 1 : 0;
  return Math.max(0, inFlight - controlSeqs);
}

function unsentBytes(socket: SocketSnapshot): number {
  const queued = seqDistance(socket.sndNxt, socket.writeSeq);
  return Math.max(0, queued - (hasFinInQueue(socket) ? 1 : 0));
}

/** tcp_close_state() changes the state before tcp_send_fin() queues the FIN. */
function hasFinInQueue(socket: SocketSnapshot): boolean {
  return isClosing(socket.state) && (socket.cause !== 'state' || isClosing(socket.oldState));
}

function unreadBytes(socket: SocketSnapshot): number {
  const peerClosed = [TCP_STATE.CLOSE_WAIT, TCP_STATE.LAST_ACK, TCP_STATE.CLOSING].some((s) => s === socket.state);
  return Math.max(0, seqDistance(socket.copiedSeq, socket.rcvNxt) - (peerClosed ? 1 : 0));
}

let lastOptions: SocketOptions | null = null;

/** Connections of one program have the same options as a rule: then they share them. */
export function socketOptions(socket: SocketSnapshot, hz: number): SocketOptions {
  const { sysctls } = socket;
  const options = {
    keepalive: socket.keepalive,
    keepaliveIdleMs: jiffiesToMs(keepaliveIdleJiffies(socket), hz),
    keepaliveIntervalMs: jiffiesToMs(keepaliveIntervalJiffies(socket), hz),
    keepaliveProbes: socket.keepaliveProbes || sysctls.keepaliveProbes,
    userTimeoutMs: socket.userTimeoutMs,
  };
  if (lastOptions === null || !areSameOptions(lastOptions, options)) {
    lastOptions = options;
  }
  return lastOptions;
}

/** The options of a connection, without those of which nothing is known. */
function knownOptions(socket: SocketSnapshot, hz: number): KnownOptions {
  const options = socketOptions(socket, hz);
  const { unknown } = socket;
  if (unknown.length === 0) {
    return options;
  }
  return {
    keepalive: unknown.includes('keepalive') ? null : options.keepalive,
    keepaliveIdleMs: unknown.includes('keepalive_idle') ? null : options.keepaliveIdleMs,
    keepaliveIntervalMs: unknown.includes('keepalive_interval') ? null : options.keepaliveIntervalMs,
    keepaliveProbes: unknown.includes('keepalive_probes') ? null : options.keepaliveProbes,
    userTimeoutMs: unknown.includes('user_timeout') ? null : options.userTimeoutMs,
  };
}
