/** The agent's own state, put into words: what works, what does not, and what follows from it. */
import type { AlertingReport, NodeFacts, StatusReport } from './core/ports.js';
import type { PassReport } from './core/snapshot.js';
import type { CountersReport, ReachReport } from './core/sensor-records.js';
import { isConcluding } from './core/tracker.js';
import type { TrackerState } from './core/tracker-state.js';
import { degradationsOf, degradedProblems } from './degradation.js';
import { VERSION } from './lib/version.js';
import { pidNamespaceProblems } from './pid-namespace.js';
import { capabilityNames } from './sensor/capabilities.js';
import type { SupervisorStatus } from './sensor/sensor-supervisor.js';

export interface StatusParts {
  readonly startRealUs: number;
  /** As the daemon knows itself. */
  readonly daemonPid: number;
  readonly supervisor: SupervisorStatus;
  readonly counters: CountersReport | null;
  /** What the last sweep of a polling sensor could not look into; null without one. */
  readonly reach: ReachReport | null;
  /** When sensor or tracker last lost something, CLOCK_MONOTONIC microseconds; null if it never did. */
  readonly lastLossUs: number | null;
  readonly tracker: TrackerState;
  /** Peers, listeners and processes that the sensor has no room to count for. */
  readonly uncounted: number;
  readonly lastSweep: PassReport | null;
  /** As configured, both. */
  readonly sweepIntervalMs: number;
  readonly sweepCpuPercentMax: number;
  readonly nowUs: number;
  /** The daemon is about to end. */
  readonly isStopping: boolean;
  /** What the last attempt could not save, for example `open records`. */
  readonly unsaved: readonly string[];
  /** What is wrong with the history on disk, a sentence each. */
  readonly historyProblems: readonly string[];
  /** What keeps the names of pods from being known. */
  readonly workloadProblems: readonly string[];
  readonly alerting: AlertingReport;
  /** What receivers could not be told. */
  readonly deliveryProblems: readonly string[];
  /** What is wrong with the gRPC server, in words. */
  readonly grpcProblems: readonly string[];
  readonly node: NodeFacts;
}

/** Sweeps are late when the next one was due so many of the configured intervals ago. */
const LATE_INTERVALS = 4;

const IDLE_LIMITS_MAX = 100;

/** A loss is repaired by the next passes; it is a problem for as long as somebody may wonder about it. */
const LOSS_NOTICE_US = 60_000_000;

function losses({ counters, tracker, lastLossUs, nowUs }: StatusParts): readonly string[] {
  if (lastLossUs === null || nowUs - lastLossUs > LOSS_NOTICE_US) {
    return [];
  }
  const found: string[] = [];
  if (counters !== null && counters.ringDropped > 0) {
    found.push(`the kernel dropped ${counters.ringDropped} events; the next pass repaired what they would have said`);
  }
  if (counters !== null && counters.markFailed > 0) {
    found.push(`${counters.markFailed} sockets could not be marked for lack of kernel memory`);
  }
  if (counters !== null && counters.countRejected + counters.holdingsDropped > 0) {
    found.push('the tables of totals were full: not all connections of the peers and processes concerned were counted');
  }
  const untracked = untrackedCount(tracker);
  if (untracked > 0) {
    found.push(`the table of observed connections was full: ${untracked} reports of others were passed over`);
  }
  return found;
}

/** The sensor waits longer where sweeps would take more CPU time than they may. */
function intervalInForceMs({ budgetIntervalMs }: PassReport, sweepIntervalMs: number): number {
  return Math.max(sweepIntervalMs, budgetIntervalMs);
}

/** Why it cannot tell yet, or any more, what is stuck. */
function notReady({
  supervisor,
  lastSweep,
  tracker,
  nowUs,
  sweepIntervalMs,
  isStopping,
}: StatusParts): readonly string[] {
  if (isStopping) {
    return ['stuckd is stopping'];
  }
  if (supervisor.state !== 'running') {
    const why = supervisor.lastError === '' ? '' : `: ${supervisor.lastError}`;
    return [`the sensor is not running (${supervisor.state})${why}; nothing new is detected`];
  }
  // What a sensor before this one has swept says nothing about this one.
  if (lastSweep === null || lastSweep.monoUs < tracker.sensorUpUs) {
    return ['the first sweep is not complete yet; owners are not known'];
  }
  const patienceMs = intervalInForceMs(lastSweep, sweepIntervalMs) + LATE_INTERVALS * sweepIntervalMs;
  // A sweep whose end is being worked out has come; in a storm that takes seconds.
  return !isConcluding(tracker) && nowUs - lastSweep.monoUs > patienceMs * 1000
    ? ['sweeps are late: owners and idle connections are known as of the last one']
    : [];
}

/** What does not work besides what keeps it from being ready. */
function otherProblems(parts: StatusParts): readonly string[] {
  const { supervisor } = parts;
  const found = [...degradedProblems(supervisor.introduction, parts.reach)];
  for (const { name, attached, how, loss } of supervisor.introduction?.programs ?? []) {
    if (!attached) {
      found.push(`probe ${name} is missing: ${how}; ${loss}`);
    }
  }
  found.push(...pidNamespaceProblems(parts.daemonPid));
  found.push(...losses(parts));
  found.push(...parts.grpcProblems);
  if (parts.uncounted > 0) {
    found.push(`of ${parts.uncounted} peers and processes the totals are not known: more than the sensor can count`);
  }
  for (const what of parts.unsaved) {
    found.push(`${what} cannot be saved; their ids will not survive a restart`);
  }
  found.push(...parts.historyProblems);
  found.push(...parts.workloadProblems);
  found.push(...parts.deliveryProblems);
  return found;
}

/** Reports of sockets that found no room in the tracker, since the daemon started. */
export function untrackedCount({ counters }: TrackerState): number {
  return counters.evicted + counters.refused;
}

/** How the sensor observes, and what it therefore misses. */
function modeOf({ supervisor, reach }: StatusParts): Pick<StatusReport['sensor'], ModeKey> {
  const { introduction } = supervisor;
  if (introduction === null) {
    return { mode: null, modeReason: '', reach: null, degradations: [] };
  }
  const { mode, reason } = introduction.mode;
  const polls = mode === 'polling';
  return { mode, modeReason: reason, reach: polls ? reach : null, degradations: degradationsOf(introduction) };
}

type ModeKey = 'mode' | 'modeReason' | 'reach' | 'degradations';

export function buildStatus(parts: StatusParts): StatusReport {
  const { supervisor, lastSweep, tracker } = parts;
  const hello = supervisor.introduction?.hello;
  const reasons = notReady(parts);
  const problems = [...reasons, ...otherProblems(parts)];
  return {
    version: VERSION,
    startRealUs: parts.startRealUs,
    pid: parts.daemonPid,
    healthy: problems.length === 0,
    notReady: reasons,
    problems,
    sensor: {
      state: supervisor.state,
      pid: hello?.pid ?? 0,
      version: hello?.version ?? '',
      capabilities: capabilityNames(hello?.capabilities ?? 0n),
      restarts: supervisor.restarts,
      lastError: supervisor.lastError,
      programs: (supervisor.introduction?.programs ?? []).map(({ name, attached, how, loss }) => ({
        name,
        attached,
        message: attached ? how : `${how}; ${loss}`,
      })),
      ringBufferDrops: parts.counters?.ringDropped ?? 0,
      ...modeOf(parts),
    },
    sweep:
      lastSweep === null
        ? null
        : {
            endUs: lastSweep.monoUs,
            durationUs: lastSweep.durationUs,
            sockets: lastSweep.sockets,
            connections: lastSweep.connections,
            processes: lastSweep.processes,
            cpuUs: lastSweep.cpuUs,
            intervalMs: intervalInForceMs(lastSweep, parts.sweepIntervalMs),
            configuredIntervalMs: parts.sweepIntervalMs,
            cpuPercentMax: parts.sweepCpuPercentMax,
          },
    tracker: {
      suspects: tracker.suspects.size,
      stuckByKind: new Map(tracker.stuckByKind),
      opened: tracker.counters.opened,
      endedByOutcome: tracker.counters.endedByOutcome,
      evicted: untrackedCount(tracker),
    },
    idleLimits: tracker.idleLimits.all().slice(0, IDLE_LIMITS_MAX),
    alerting: parts.alerting,
    node: parts.node,
  };
}
