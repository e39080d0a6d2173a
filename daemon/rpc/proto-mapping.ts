/** Records as proto messages. */
import Long from 'long';
import { diagnose } from '../core/diagnosis/diagnosis.js';
import type { RecordChange, WallClock, WorkloadSource } from '../core/ports.js';
import type { GiveUp, KnownOptions, Owner, SocketOptions, StuckRecord } from '../core/record.js';
import { unknownNames } from '../core/suppositions.js';
import type { Workload } from '../core/workload.js';
import type { stuckd } from './gen/stuckd.js';
import {
  causeToProto,
  directionToProto,
  giveUpReasonToProto,
  kindToProto,
  outcomeToProto,
  ownerTypeToProto,
  reuseToProto,
} from './enum-mapping.js';
import { clampRealUs, durationFromUs, timestampFromUs } from './proto-time.js';

type Connection = stuckd.v1.StuckConnection.$Properties;
type Change = stuckd.v1.Change.$Properties;

const UINT32_MAX = 0xffff_ffff;
const US_PER_DAY = 86_400_000_000;

/** Counters from the kernel side never exceed it; should one do so, a wrong small number would be worse. */
export function uint32(value: number): number {
  return Math.min(Math.max(Math.trunc(value), 0), UINT32_MAX);
}

export function uint64(value: number): Long {
  return Long.fromNumber(Math.max(value, 0), true);
}

export function workloadToProto(workload: Workload): stuckd.v1.Workload.$Properties {
  return { ...workload, podLabels: Object.fromEntries(workload.podLabels) };
}

export function ownerToProto(owner: Owner, workload: Workload | null, clock: WallClock): stuckd.v1.Owner.$Properties {
  const { cgroup, containerId, pod, podNamespace, container } = workload ?? {};
  return {
    pid: uint32(owner.pid),
    comm: owner.comm,
    startTime: timestampFromUs(clock.bootToRealUs(owner.startBootUs)),
    executable: owner.executable,
    user: owner.uid.toString(),
    cgroup: cgroup ?? '',
    containerId: containerId ?? '',
    pod: pod ?? '',
    podNamespace: podNamespace ?? '',
    container: container ?? '',
    holders: owner.holders.map(({ pid, comm, fd }) => ({ pid: uint32(pid), comm, fd: uint32(fd) })),
  };
}

export function optionsToProto(options: SocketOptions): stuckd.v1.SocketOptions.$Properties {
  return {
    keepalive: options.keepalive,
    keepaliveIdle: durationFromUs(options.keepaliveIdleMs * 1000),
    keepaliveInterval: durationFromUs(options.keepaliveIntervalMs * 1000),
    keepaliveProbes: uint32(options.keepaliveProbes),
    userTimeout: options.userTimeoutMs === 0 ? null : durationFromUs(options.userTimeoutMs * 1000),
  };
}

/** @returns null if nothing is known of them. */
function knownOptionsToProto(options: KnownOptions): stuckd.v1.SocketOptions.$Properties | null {
  const { keepalive, keepaliveIdleMs, keepaliveIntervalMs, keepaliveProbes, userTimeoutMs } = options;
  const known: stuckd.v1.SocketOptions.$Properties = {
    ...(keepalive === null ? {} : { keepalive }),
    ...(keepaliveIdleMs === null ? {} : { keepaliveIdle: durationFromUs(keepaliveIdleMs * 1000) }),
    ...(keepaliveIntervalMs === null ? {} : { keepaliveInterval: durationFromUs(keepaliveIntervalMs * 1000) }),
    ...(keepaliveProbes === null ? {} : { keepaliveProbes: uint32(keepaliveProbes) }),
    userTimeout: userTimeoutMs === null || userTimeoutMs === 0 ? null : durationFromUs(userTimeoutMs * 1000),
  };
  return Object.values(options).every((option) => option === null) ? null : known;
}

export function giveUpToProto(giveUp: GiveUp, clock: WallClock): stuckd.v1.GiveUp.$Properties {
  const supposes = [...unknownNames(giveUp.supposes ?? [])];
  if (giveUp.never) {
    return { never: true, supposes };
  }
  return {
    supposes,
    time: timestampFromUs(clock.monoToRealUs(giveUp.timeUs)),
    latestTime: giveUp.latestTimeUs === null ? null : timestampFromUs(clock.monoToRealUs(giveUp.latestTimeUs)),
    reason: giveUpReasonToProto(giveUp.reason),
    retransmitsLeft: uint32(giveUp.retransmitsLeft),
    expectedError: giveUp.expectedError,
  };
}

/** Wall time as diagnoses write it: the zone is named, since the daemon's zone need not be the reader's. */
export function wallTimeText(clock: WallClock, nowUs: number): (monoUs: number) => string {
  const realUs = (monoUs: number): number => clampRealUs(clock.monoToRealUs(monoUs));
  const dayOf = (us: number): number => Math.floor(us / US_PER_DAY);
  const today = dayOf(realUs(nowUs));
  return (monoUs) => {
    const us = realUs(monoUs);
    // Arithmetic, since Date takes longer than all the rest of a record.
    const seconds = Math.floor((us % US_PER_DAY) / 1_000_000);
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const time = `${parts.map((part) => part.toString().padStart(2, '0')).join(':')} UTC`;
    return dayOf(us) === today ? time : `${new Date(us / 1000).toISOString().slice(0, 10)} ${time}`;
  };
}

/**
 * @param nowUs CLOCK_MONOTONIC at which the diagnosis is made.
 */
export function recordToProto(
  record: StuckRecord,
  nowUs: number,
  clock: WallClock,
  workloads: WorkloadSource,
): Connection {
  const workload = workloads.workloadOf(record);
  const time = (monoUs: number | null): ReturnType<typeof timestampFromUs> | null =>
    monoUs === null ? null : timestampFromUs(clock.monoToRealUs(monoUs));
  const diagnosis = diagnose(record, nowUs, { wallTime: wallTimeText(clock, nowUs) });
  return {
    id: record.id,
    previousId: record.previousId,
    counterpartId: record.counterpartId,
    kind: kindToProto(record.kind),
    state: record.state,
    direction: directionToProto(record.direction),
    local: record.local,
    remote: record.remote,
    netns: uint32(record.netns),
    cookie: Long.fromBigInt(record.cookie, true),
    ownerType: ownerTypeToProto(record.ownerType),
    owner: record.owner === null ? null : ownerToProto(record.owner, workload, clock),
    // Of two owners the workload is that of the one that holds the socket now.
    lastOwner:
      record.lastOwner === null ? null : ownerToProto(record.lastOwner, record.owner === null ? workload : null, clock),
    since: time(record.sinceUs),
    sinceAtLeast: record.sinceAtLeast,
    detectedTime: time(record.detectedUs),
    lastProgressTime: time(record.lastProgressUs),
    unackedBytes: uint64(record.unackedBytes),
    unsentBytes: uint64(record.unsentBytes),
    unreadBytes: uint64(record.unreadBytes),
    retransmits: uint32(record.retransmits),
    probes: uint32(record.probes),
    rto: durationFromUs(record.rtoMs * 1000),
    options: knownOptionsToProto(record.options),
    informational: record.informational,
    cause: record.cause === null ? null : causeToProto(record.cause),
    idleBefore: record.idleBeforeUs === null ? null : durationFromUs(record.idleBeforeUs),
    peerIdleLimit: record.peerIdleLimitUs === null ? null : durationFromUs(record.peerIdleLimitUs),
    reuse: record.reuse === null ? null : reuseToProto(record.reuse),
    acceptQueue: record.acceptQueue,
    receiveBufferBytes: uint64(record.receiveBufferBytes),
    giveUp: record.giveUp === null ? null : giveUpToProto(record.giveUp, clock),
    detectedGiveUp: record.detectedGiveUp === null ? null : giveUpToProto(record.detectedGiveUp, clock),
    forecastError: record.forecastErrorUs === null ? null : durationFromUs(record.forecastErrorUs),
    outcome: record.outcome === null ? null : outcomeToProto(record.outcome),
    endTime: time(record.endUs),
    diagnosis: {
      summary: diagnosis.summary,
      effect: diagnosis.effect,
      advice: diagnosis.advice.map(({ layer, text }) => ({ layer, text })),
    },
    timeline: record.timeline.map((entry) => ({ time: time(entry.timeUs), text: entry.text })),
    workload: workload === null ? null : workloadToProto(workload),
    polled: record.polled,
    unknown: [...unknownNames(record.unknown)],
  };
}

/** @param kind what happened, as this subscriber sees it. */
export function changeToProto(
  change: RecordChange,
  kind: RecordChange['kind'],
  clock: WallClock,
  workloads: WorkloadSource,
): Change {
  const time = timestampFromUs(clock.monoToRealUs(change.timeUs));
  const connection = recordToProto(change.record, change.timeUs, clock, workloads);
  switch (kind) {
    case 'opened':
      return { time, opened: connection };
    case 'updated':
      return { time, updated: connection };
    case 'ended':
      return { time, ended: connection };
  }
}
