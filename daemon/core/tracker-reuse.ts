/**
 * Requests on connections that were no more: each is a record that opens and ends at once. It waits until the process is
 * known: whoever holds the socket in the next sweep, or closed it before.
 */
import { pastJiffies32Us } from './kernel-time.js';
import { heldOwnership, OWNER_PENDING, type Ownership } from './ownership.js';
import { buildRecord } from './record-builder.js';
import type { HolderReport, ProcessReport, SocketSnapshot } from './snapshot.js';
import { staleReuseOf } from './stale-reuse.js';
import type { Standing } from './standing.js';
import { newIdentity } from './tracker-lifecycle.js';
import {
  countEnd,
  remember,
  requestPass,
  socketKey,
  type KernelContext,
  type PendingReuse,
  type RunningPass,
  type Step,
} from './tracker-state.js';
import { reuseTimeline } from './timeline.js';

/** Sweeps that are run for a reuse at once, without waiting for the regular ones. */
const SWEEPS_ASKED = 2;

/** Whoever has neither held nor closed the socket for so long will not be found: it takes a process time to close it. */
const PATIENCE_US = 3_000_000;

const NOBODY: Ownership = { type: 'unknown', owner: null, lastOwner: null };

/** The peer closed an idle connection, just now. */
export function learnIdleClose(step: Step, context: KernelContext, socket: SocketSnapshot): void {
  learn(step, context, socket, socket.monoUs);
}

/** A sweep meets a connection that its peer closed while no sensor saw it, at a time that the socket still tells. */
export function learnOldClose(step: Step, context: KernelContext, socket: SocketSnapshot, standing: Standing): void {
  const { timeUs: finUs, atLeast } = standing.since;
  const isOld = socket.cause === 'sweep' && finUs < step.state.sensorUpUs;
  if (standing.kind === 'close_wait' && isOld && !atLeast && !socket.inbound) {
    learn(step, context, socket, finUs);
  }
}

function learn({ state }: Step, { ticks }: KernelContext, socket: SocketSnapshot, finUs: number): void {
  const sentUs = pastJiffies32Us(socket.lsndtimeJiffies32, socket, ticks);
  const heardUs = pastJiffies32Us(socket.lrcvtimeJiffies32, socket, ticks);
  const idleUs = finUs - Math.max(sentUs, heardUs);
  if (idleUs >= state.config.kinds.stale_reuse.open.idleMs * 1000) {
    state.idleLimits.learn(socket.netns, socket.remote, idleUs, finUs);
  }
}

/** Looks whether this event is one, or tells more of one. */
export function noteReuse(step: Step, context: KernelContext, socket: SocketSnapshot): void {
  const { state } = step;
  const { stale_reuse: rule } = state.config.kinds;
  const key = socketKey(socket.netns, socket.cookie);
  const known = state.reuses.get(key);
  if (known !== undefined) {
    if (known.closerTgid === 0 && socket.closerTgid !== 0) {
      Object.assign(known, { closerTgid: socket.closerTgid, lookUs: socket.monoUs, sweeps: 0 });
      requestPass(step, 'sweep');
    }
    known.outcome = socket.resetReceived ? 'reset_by_peer' : known.outcome;
    return;
  }
  const limitUs = state.idleLimits.limitUs(socket.netns, socket.remote);
  const reuse = rule.enabled ? staleReuseOf(socket, limitUs, rule.open.idleMs, context.ticks) : null;
  if (reuse === null) {
    return;
  }
  if (state.reuses.size >= state.config.maxReuses) {
    state.counters.reusesDropped++;
    return;
  }
  const outcome = socket.cause === 'reset_received' ? 'reset_by_peer' : 'closed_by_application';
  const { monoUs: endUs, closerTgid } = socket;
  state.reuses.set(key, { key, socket, reuse, endUs, outcome, closerTgid, lookUs: endUs, sweeps: 0 });
  state.deadlines.set(deadlineKey(key), endUs + PATIENCE_US);
  requestPass(step, 'sweep');
}

/**
 * Tells of those whose process is known now, and of those for whom there is no hope. A sweep that began before may have
 * met the process as well.
 */
export function concludeReuses(step: Step, context: KernelContext, sweep: RunningPass): void {
  const { reuses } = step.state;
  for (const pending of [...reuses.values()]) {
    const ownership = ownershipIn(pending, sweep, step.state.sweptProcesses, context);
    if (pending.lookUs <= sweep.beginUs) {
      pending.sweeps++;
    }
    if (ownership !== null || isHopeless(pending, sweep)) {
      reuses.delete(pending.key);
      step.state.deadlines.delete(deadlineKey(pending.key));
      tell(step, context, pending, ownership ?? NOBODY);
    } else if (pending.sweeps > 0 && pending.sweeps < SWEEPS_ASKED) {
      requestPass(step, 'sweep');
    }
  }
}

const DEADLINE = 'reuse ';

/** A suspect of the same socket may have a deadline too. */
function deadlineKey(key: string): string {
  return DEADLINE + key;
}

/** @returns true if the patience with a reuse is at its end, so that one more sweep decides. */
export function isReuseDeadline(key: string): boolean {
  return key.startsWith(DEADLINE);
}

/** Who closed it is gone, or nobody did for a long time. */
function isHopeless({ sweeps, endUs, closerTgid }: PendingReuse, sweep: RunningPass): boolean {
  return sweeps >= SWEEPS_ASKED && (closerTgid !== 0 || sweep.beginUs - endUs >= PATIENCE_US);
}

/** @param before whom the sweep before told of: it may have overtaken the event that says who closed it */
function ownershipIn(
  pending: PendingReuse,
  sweep: RunningPass,
  before: ReadonlyMap<string, ProcessReport>,
  context: KernelContext,
): Ownership | null {
  const holders = sweep.holders.get(pending.key);
  if (holders !== undefined) {
    return heldOwnership(OWNER_PENDING, holders, sweep.processes);
  }
  for (const processes of [sweep.processes, before]) {
    const closer = closerIn(pending, processes, context);
    if (closer !== null) {
      return heldOwnership(OWNER_PENDING, [heldOnce(closer, pending.socket)], processes);
    }
  }
  return null;
}

/** A pid may be another process's by now: that one is younger. */
function closerIn(
  { closerTgid, endUs }: PendingReuse,
  processes: ReadonlyMap<string, ProcessReport>,
  { clock }: KernelContext,
): ProcessReport | null {
  const endBootUs = endUs + (clock.bootUs - clock.monoUs);
  for (const process of processes.values()) {
    if (process.pid === closerTgid && process.startBootUs <= endBootUs) {
      return process;
    }
  }
  return null;
}

/** The descriptor is gone, and its number with it. */
function heldOnce({ pid, startBootUs }: ProcessReport, { cookie, netns }: SocketSnapshot): HolderReport {
  return { cookie, netns, pid, startBootUs, fd: 0, passId: 0 };
}

function tell(step: Step, context: KernelContext, pending: PendingReuse, found: Ownership): void {
  const { state, effects } = step;
  const { key, socket, reuse, endUs, outcome } = pending;
  const ownership: Ownership = pending.closerTgid === 0 ? found : withoutHolders(found);
  const identity = newIdentity(state, context, pending, endUs, null);
  const findings = {
    kind: 'stale_reuse' as const,
    since: { timeUs: reuse.sentUs, atLeast: false },
    ownership,
    giveUp: null,
    timeline: reuseTimeline(reuse, endUs, outcome),
    peerIdleLimitUs: state.idleLimits.limitUs(socket.netns, socket.remote),
    idleBeforeUs: reuse.idleUs,
    reuse: reuse.how,
  };
  const opened = buildRecord(identity, findings, socket, context.ticks);
  const ended = { ...opened, outcome, endUs };
  remember(state.lastIds, key, opened.id, state.config.maxRecentlyEnded);
  state.counters.opened++;
  countEnd(state.counters, outcome);
  effects.push({ type: 'opened', record: opened, timeUs: endUs });
  effects.push({ type: 'ended', record: ended, timeUs: endUs, observation: { socket, closedUs: null } });
}

function withoutHolders(ownership: Ownership): Ownership {
  return ownership.owner === null ? ownership : { ...ownership, owner: { ...ownership.owner, holders: [] } };
}
