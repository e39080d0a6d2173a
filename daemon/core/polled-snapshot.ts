/**
 * A socket that was polled, as the snapshot that BPF would have taken of it: what sock_diag tells is turned into the kernel's
 * own fields, so that tracker, evidence, forecast and diagnosis work on it as they are. What it does not tell is reconstructed
 * where it can be (`polled-episode.ts`), and named where it cannot (`polled-settings.ts`).
 *
 * Sequence numbers have an origin of their own: what was acknowledged and received so far. Of one socket these differ from
 * the kernel's by constants, which `inSequenceSpaceOf` takes out when a socket is seen by both.
 */
import { isClosing } from './conditions.js';
import { windowProbeDelayJiffies } from './give-up-window-probe.js';
import { usToJiffies, type TickClock } from './jiffies.js';
import { polledEpisode } from './polled-episode.js';
import { polledSettings, POLLED_TIMER, withClampedTimeout } from './polled-settings.js';
import type { PolledSocket } from './polled-socket.js';
import { polledSysctls } from './polled-sysctls.js';
import { jiffyAt, polledExpiry, polledStamps } from './polled-times.js';
import { keepaliveIdleJiffies, keepaliveIntervalJiffies } from './keepalive-probes.js';
import { modelBaseJiffies, rtoMaxJiffies } from './kernel-limits.js';
import { CA_STATE, PENDING, TCP_STATE, type KernelTimer, type SocketSnapshot } from './snapshot.js';
import { queuedTimer } from './timer-wheel.js';
import { NOTHING_UNKNOWN } from './unknown-facts.js';

/** Ends of `tcpi_snd_wnd` and `tcpi_rcv_wnd` in `struct tcp_info`: Linux 5.4 and 6.2. */
const INFO_SIZE_WITH_SND_WND = 232;
const INFO_SIZE_WITH_RCV_WND = 236;

/** Where a window is not told: open. */
const SOME_WINDOW = 65_535;

/** Both halves shut down. */
const SHUTDOWN_BOTH = 3;

const NO_TIMER: KernelTimer = { pending: false, expiresJiffies32: 0, flags: 0 };

/**
 * @param previous the newest snapshot of the same socket, by polling or by BPF; null if there is none.
 * @returns the snapshot, with `polled` set.
 */
export function snapshotOfPolled(
  polled: PolledSocket,
  previous: SocketSnapshot | null,
  ticks: TickClock,
): SocketSnapshot {
  const jiffies = jiffyAt(polled.monoUs, ticks);
  if (polled.infoSize === 0 && polled.state === TCP_STATE.CLOSE && previous !== null) {
    return ended(polled, previous, jiffies);
  }
  const plain = plainSnapshot(polled, previous, jiffies, ticks);
  const before = previous === null ? null : inSequenceSpaceOf(previous, plain);
  const expiring = { ...plain, ...timersOf(plain, polled, before, ticks) };
  const set = { ...expiring, ...polledSettings(expiring, polled, before, ticks) };
  const queued = { ...set, ...bucketsOf(set, before, ticks) };
  return withClampedTimeout({ ...queued, ...polledEpisode(queued, polled, before, ticks) }, polled, ticks);
}

/** The kernel has ended it, and nothing is told of it any more but that a descriptor is left, or none. */
function ended(polled: PolledSocket, previous: SocketSnapshot, jiffies: number): SocketSnapshot {
  const { cause, monoUs, passId, inode } = polled;
  return {
    ...previous,
    ...{ cause, monoUs, jiffies, passId },
    state: TCP_STATE.CLOSE,
    pending: PENDING.NONE,
    writeTimer: NO_TIMER,
    keepaliveTimer: NO_TIMER,
    shutdown: SHUTDOWN_BOTH,
    dead: inode === 0,
    hasSocket: inode !== 0,
    hasFile: inode !== 0,
    cleared: false,
    polled: true,
  };
}

/** All that needs no other look and no reckoning. */
// eslint-disable-next-line max-lines-per-function -- a field a line
function plainSnapshot(
  polled: PolledSocket,
  previous: SocketSnapshot | null,
  jiffies: number,
  ticks: TickClock,
): SocketSnapshot {
  const { hz } = ticks;
  const isListener = polled.state === TCP_STATE.LISTEN;
  const hasFile = polled.inode !== 0;
  return {
    cause: polled.cause,
    monoUs: polled.monoUs,
    jiffies,
    cookie: polled.cookie,
    netns: polled.netns,
    passId: polled.passId,
    cgroupId: previous?.cgroupId === polled.cgroupId ? previous.cgroupId : polled.cgroupId,
    local: previous?.local ?? polled.local,
    remote: previous?.remote ?? polled.remote,
    state: polled.state,
    oldState: 0,
    caState: polled.caState,
    pending: pendingOf(polled),
    retransmits: polled.retransmits,
    backoff: polled.backoff,
    probesOut: polled.probes,
    synRetries: 0,
    dead: !hasFile && isOrphanState(polled.state),
    keepalive: false,
    hasSocket: hasFile,
    hasFile: hasFile && (previous === null || previous.hasFile || !previous.hasSocket),
    inbound: polled.inbound,
    cleared: polled.cleared,
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
    ...sequenceNumbers(polled),
    packetsOut: isListener ? 0 : polled.unacked,
    sndWnd: sndWndOf(polled),
    rcvWnd: polled.infoSize >= INFO_SIZE_WITH_RCV_WND ? polled.rcvWnd : SOME_WINDOW,
    rtoJiffies: usToJiffies(polled.rtoUs, hz),
    rtoMinJiffies: previous?.polled === false ? previous.rtoMinJiffies : modelBaseJiffies(hz),
    rtoMaxJiffies: rtoMaxOf(polled, previous, hz),
    srttUs: polled.srttUs,
    rttvarUs: rttvarOf(polled, previous, hz),
    userTimeoutMs: 0,
    retransStamp: 0,
    rtoStampMs: 0,
    totalRto: polled.totalRto,
    totalRetrans: polled.totalRetrans,
    segsOut: polled.segsOut,
    dataSegsOut: polled.dataSegsOut,
    dataSegsIn: polled.dataSegsIn,
    bytesSent: polled.bytesSent,
    bytesAcked: polled.bytesAcked,
    bytesReceived: polled.bytesReceived,
    ...polledStamps(polled, previous, jiffies, hz),
    probesTstampJiffies32: 0,
    writeTimer: NO_TIMER,
    keepaliveTimer: NO_TIMER,
    keepaliveTimeJiffies: 0,
    keepaliveIntvlJiffies: 0,
    keepaliveProbes: 0,
    linger2Jiffies: 0,
    sndSsthresh: polled.sndSsthresh,
    uid: polled.uid,
    sackedOut: isListener ? 0 : polled.sacked,
    mss: polled.sndMss,
    retransmitError: 0,
    receiveQueueBytes: polled.receiveMemoryBytes,
    receiveBufferBytes: polled.receiveBufferBytes,
    ackBacklog: isListener ? polled.receiveQueue : 0,
    maxAckBacklog: isListener ? polled.sendQueue : 0,
    synQueue: polled.synQueue,
    synQueueYoung: polled.synQueueYoung,
    shutdown: polled.shutdown,
    closerTgid: 0,
    sysctls: polledSysctls(polled, hz),
    polled: true,
    unknown: NOTHING_UNKNOWN,
  };
}

/** Which timer of three the write timer stands for is not told. A socket that has timed out is in RTO. */
function pendingOf({ timer }: PolledSocket): number {
  switch (timer) {
    case POLLED_TIMER.RETRANS:
      return PENDING.RETRANS;
    case POLLED_TIMER.PROBE0:
      return PENDING.PROBE0;
    default:
      return PENDING.NONE;
  }
}

/** Of sockets without a file those that a process has closed; the others wait to be accepted. */
function isOrphanState(state: number): boolean {
  return isClosing(state) || state === TCP_STATE.FIN_WAIT2 || state === TCP_STATE.CLOSE;
}

/** A listener's queues are counted in connections, and it has no sequence numbers. SYN and FIN take one each, as there. */
function sequenceNumbers(
  polled: PolledSocket,
): Pick<SocketSnapshot, 'sndUna' | 'sndNxt' | 'writeSeq' | 'rcvNxt' | 'copiedSeq'> {
  const [sent, received] = polled.state === TCP_STATE.LISTEN ? [0, 0] : [polled.sendQueue, polled.receiveQueue];
  const sndUna = low32(polled.bytesAcked);
  const rcvNxt = low32(polled.bytesReceived);
  const writeSeq = (sndUna + sent) >>> 0;
  return {
    sndUna,
    writeSeq,
    sndNxt: (writeSeq - Math.min(sent, polled.notsentBytes)) >>> 0,
    rcvNxt,
    copiedSeq: (rcvNxt - received) >>> 0,
  };
}

function low32(count: number): number {
  return count % 2 ** 32;
}

function sndWndOf(polled: PolledSocket): number {
  if (polled.infoSize >= INFO_SIZE_WITH_SND_WND) {
    return polled.sndWnd;
  }
  return polled.timer === POLLED_TIMER.PROBE0 && polled.probes === 0 ? 0 : SOME_WINDOW;
}

/** An RTO that has doubled less often than it backed off has met its maximum (TCP_RTO_MAX_MS, Linux 6.15). */
function rtoMaxOf(polled: PolledSocket, previous: SocketSnapshot | null, hz: number): number {
  const rtoJiffies = usToJiffies(polled.rtoUs, hz);
  const isCut =
    hasTimedOut(polled) && rtoJiffies < 120 * hz && rtoJiffies / 2 ** polled.backoff < modelBaseJiffies(hz) / 2;
  return isCut ? rtoJiffies : (previous?.rtoMaxJiffies ?? 0);
}

function hasTimedOut({ timer, backoff, caState, state }: PolledSocket): boolean {
  return timer === POLLED_TIMER.RETRANS && backoff > 0 && (caState === CA_STATE.LOSS || state === TCP_STATE.SYN_SENT);
}

/**
 * `tcpi_rttvar` is not the variance that the RTO is made of, which is its maximum and never less than the minimum of the
 * RTO. The RTO itself tells it, as long as it has not met its maximum.
 */
function rttvarOf(polled: PolledSocket, previous: SocketSnapshot | null, hz: number): number {
  if (polled.srttUs === 0) {
    return polled.rttvarUs;
  }
  const least = Math.max(polled.rttvarUs, (modelBaseJiffies(hz) * 1_000_000) / hz);
  const limits = { rtoMaxJiffies: rtoMaxOf(polled, previous, hz) };
  const doublings = hasTimedOut(polled) ? polled.backoff : 0;
  const isWhole = usToJiffies(polled.rtoUs, hz) < rtoMaxJiffies(limits, hz);
  if (!isWhole && previous !== null && previous.rttvarUs > 0) {
    return previous.rttvarUs;
  }
  return isWhole ? Math.max(least, Math.round(polled.rtoUs / 2 ** doublings) - polled.srttUs) : least;
}

/** The timer that runs; the bucket of the wheel that it is in follows from settings. */
function timersOf(
  { pending, jiffies }: SocketSnapshot,
  polled: PolledSocket,
  previous: SocketSnapshot | null,
  { hz }: TickClock,
): Pick<SocketSnapshot, 'writeTimer' | 'keepaliveTimer'> {
  const timer = (before: KernelTimer | undefined): KernelTimer => {
    const expiresBefore = before?.pending === true ? before.expiresJiffies32 : undefined;
    return { pending: true, expiresJiffies32: polledExpiry(polled, expiresBefore, jiffies, hz), flags: 0 };
  };
  if (pending !== PENDING.NONE) {
    const before = previous?.pending === pending ? previous.writeTimer : undefined;
    return { writeTimer: timer(before), keepaliveTimer: NO_TIMER };
  }
  const isKeepalive = polled.timer === POLLED_TIMER.KEEPALIVE;
  return { writeTimer: NO_TIMER, keepaliveTimer: isKeepalive ? timer(previous?.keepaliveTimer) : NO_TIMER };
}

/** A timer is as long as its handler asks for; the level of its bucket in the wheel follows from that. */
function bucketsOf(
  socket: SocketSnapshot,
  previous: SocketSnapshot | null,
  { hz }: TickClock,
): Pick<SocketSnapshot, 'writeTimer' | 'keepaliveTimer'> {
  const { writeTimer, keepaliveTimer } = socket;
  const isProbe = socket.pending === PENDING.PROBE0;
  const delay = isProbe ? windowProbeDelayJiffies(socket, socket.backoff, hz) : socket.rtoJiffies;
  const keepaliveDelay = socket.probesOut > 0 ? keepaliveIntervalJiffies(socket) : keepaliveIdleJiffies(socket);
  return {
    writeTimer: inBucket(writeTimer, delay, previous?.writeTimer),
    keepaliveTimer: inBucket(keepaliveTimer, keepaliveDelay, previous?.keepaliveTimer),
  };
}

function inBucket(timer: KernelTimer, delay: number, before: KernelTimer | undefined): KernelTimer {
  if (!timer.pending) {
    return timer;
  }
  // The wheel's own note of the bucket, where BPF read it and the timer is the same.
  const isSame = before?.pending === true && before.expiresJiffies32 === timer.expiresJiffies32;
  return { ...timer, flags: isSame ? before.flags : queuedTimer(0, Math.max(1, delay)).flags };
}

/**
 * @returns `before` with its sequence numbers in the space of `now`, where one of the two was polled and the other was not:
 * what was acknowledged and received is counted by both, from the same beginning.
 */
export function inSequenceSpaceOf(before: SocketSnapshot, now: SocketSnapshot): SocketSnapshot {
  if (before.polled === now.polled || now.state === TCP_STATE.LISTEN) {
    return before;
  }
  const sndUna = (now.sndUna - low32(Math.max(0, now.bytesAcked - before.bytesAcked))) >>> 0;
  const rcvNxt = (now.rcvNxt - low32(Math.max(0, now.bytesReceived - before.bytesReceived))) >>> 0;
  const sent = (seq: number): number => (sndUna + (seq - before.sndUna)) >>> 0;
  return {
    ...before,
    sndUna,
    sndNxt: sent(before.sndNxt),
    writeSeq: sent(before.writeSeq),
    rcvNxt,
    copiedSeq: (rcvNxt + (before.copiedSeq - before.rcvNxt)) >>> 0,
  };
}
