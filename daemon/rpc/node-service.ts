/** NodeService: the agent's own state. */
import Long from 'long';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { ReceiverReport } from '../core/delivery.js';
import type { IdleLimit } from '../core/idle-limits.js';
import type { AlertingReport, SensorReach, StatusReport, StatusSource, WallClock } from '../core/ports.js';
import { kindToProto, outcomeToProto, sensorModeToProto, sensorStateToProto } from './enum-mapping.js';
import type { stuckd } from './gen/stuckd.js';
import { durationFromUs, timestampFromUs } from './proto-time.js';
import { unary } from './status.js';
import type { RpcLog } from './status.js';

type StatusResponse = stuckd.v1.GetStatusResponse.$Properties;

function trackerToProto(tracker: StatusReport['tracker']): stuckd.v1.TrackerStatus.$Properties {
  const stuckByKind = [...tracker.stuckByKind].map(([kind, count]) => ({ kind: kindToProto(kind), count }));
  return {
    suspects: tracker.suspects,
    stuck: stuckByKind.reduce((sum, { count }) => sum + count, 0),
    stuckByKind,
    opened: Long.fromNumber(tracker.opened, true),
    ended: [...tracker.endedByOutcome].map(([outcome, count]) => ({
      outcome: outcomeToProto(outcome),
      count: Long.fromNumber(count, true),
    })),
    evicted: Long.fromNumber(tracker.evicted, true),
  };
}

function sweepToProto(sweep: NonNullable<StatusReport['sweep']>, clock: WallClock): stuckd.v1.SweepStatus.$Properties {
  return {
    endTime: timestampFromUs(clock.monoToRealUs(sweep.endUs)),
    duration: durationFromUs(sweep.durationUs),
    sockets: sweep.sockets,
    connections: sweep.connections,
    processes: sweep.processes,
    cpuTime: durationFromUs(sweep.cpuUs),
    interval: durationFromUs(sweep.intervalMs * 1000),
    configuredInterval: durationFromUs(sweep.configuredIntervalMs * 1000),
    cpuPercentMax: sweep.cpuPercentMax,
    slowed: sweep.intervalMs > sweep.configuredIntervalMs,
  };
}

function idleLimitToProto(
  { peer, netns, limitUs, seen, lastUs }: IdleLimit,
  clock: WallClock,
): stuckd.v1.IdleLimit.$Properties {
  return {
    peer,
    netns,
    limit: durationFromUs(limitUs),
    seen: Long.fromNumber(seen, true),
    lastTime: timestampFromUs(clock.monoToRealUs(lastUs)),
  };
}

function receiverToProto(receiver: ReceiverReport): stuckd.v1.ReceiverStatus.$Properties {
  const { name, pending, oldestAgeMs, delivered, dead, dropped, lastError } = receiver;
  return {
    name,
    pending,
    oldestPendingAge: pending === 0 ? null : durationFromUs(oldestAgeMs * 1000),
    delivered: Long.fromNumber(delivered, true),
    dead,
    dropped: Long.fromNumber(dropped, true),
    lastError,
  };
}

function alertingToProto(alerting: AlertingReport): stuckd.v1.AlertingStatus.$Properties {
  return {
    firing: alerting.firing,
    fired: Long.fromNumber(alerting.fired, true),
    resolved: Long.fromNumber(alerting.resolved, true),
    alertsDropped: Long.fromNumber(alerting.alertsDropped, true),
    connectionsDropped: Long.fromNumber(alerting.connectionsDropped, true),
    receivers: alerting.receivers.map(receiverToProto),
  };
}

function reachToProto(reach: SensorReach): stuckd.v1.SensorReach.$Properties {
  const { namespaces, closedNamespaces, closedProcesses } = reach;
  return { namespaces, closedNamespaces, closedProcesses };
}

/** @param subscribers watches that are open. */
export function statusToProto(report: StatusReport, subscribers: number, clock: WallClock): StatusResponse {
  const { sensor } = report;
  return {
    version: report.version,
    startTime: timestampFromUs(report.startRealUs),
    pid: report.pid,
    healthy: report.healthy,
    problems: [...report.problems],
    sensor: {
      state: sensorStateToProto(sensor.state),
      pid: sensor.pid,
      version: sensor.version,
      capabilities: [...sensor.capabilities],
      restarts: sensor.restarts,
      lastError: sensor.lastError,
      programs: sensor.programs.map(({ name, attached, message }) => ({ name, attached, message })),
      ringBufferDrops: Long.fromNumber(sensor.ringBufferDrops, true),
      mode: sensorModeToProto(sensor.mode),
      modeReason: sensor.modeReason,
      reach: sensor.reach === null ? null : reachToProto(sensor.reach),
      degradations: sensor.degradations.map(({ name, loss }) => ({ name, loss })),
    },
    sweep: report.sweep === null ? null : sweepToProto(report.sweep, clock),
    tracker: trackerToProto(report.tracker),
    subscribers,
    idleLimits: report.idleLimits.map((limit) => idleLimitToProto(limit, clock)),
    alerting: alertingToProto(report.alerting),
    node: { ...report.node, memoryBytes: Long.fromNumber(report.node.memoryBytes, true) },
  };
}

export function nodeServiceImplementation(
  status: StatusSource,
  subscribers: () => number,
  clock: WallClock,
  log: RpcLog,
): UntypedServiceImplementation {
  return { getStatus: unary(log, () => statusToProto(status.status(), subscribers(), clock)) };
}
