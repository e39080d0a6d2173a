/** Alerts as proto messages. */
import type { Alert, AlertChange, AlertProcess } from '../core/alert.js';
import { alertSummary } from '../core/alerts/alert-summary.js';
import type { WallClock, WorkloadSource } from '../core/ports.js';
import { severityToProto } from './alert-names.js';
import { kindToProto } from './enum-mapping.js';
import { stuckd } from './gen/stuckd.js';
import { recordToProto, uint32, wallTimeText } from './proto-mapping.js';
import { timestampFromUs } from './proto-time.js';
import type { WatchKind } from './followed-items.js';
import { CHANGE_FIELDS } from './stored-alert.js';

const US_PER_MS = 1000;

function processToProto(process: AlertProcess, clock: WallClock): stuckd.v1.AlertProcess.$Properties {
  const { pid, startBootUs, comm, executable, workload } = process;
  return {
    pid: uint32(pid),
    startTime: timestampFromUs(clock.bootToRealUs(startBootUs)),
    comm,
    executable,
    containerId: workload?.containerId ?? '',
    pod: workload?.pod ?? '',
    podNamespace: workload?.podNamespace ?? '',
    container: workload?.container ?? '',
    unit: workload?.unit ?? '',
  };
}

/**
 * @param nowUs CLOCK_MONOTONIC at which the summary is made.
 */
export function alertToProto(
  alert: Alert,
  nowUs: number,
  clock: WallClock,
  workloads: WorkloadSource,
): stuckd.v1.Alert.$Properties {
  const time = (monoUs: number | null): ReturnType<typeof timestampFromUs> | null =>
    monoUs === null ? null : timestampFromUs(clock.monoToRealUs(monoUs));
  const { AlertStatus } = stuckd.v1;
  return {
    id: alert.id,
    status: alert.status === 'firing' ? AlertStatus.ALERT_STATUS_FIRING : AlertStatus.ALERT_STATUS_RESOLVED,
    severity: severityToProto(alert.severity),
    kind: kindToProto(alert.kind),
    process: alert.process === null ? null : processToProto(alert.process, clock),
    processCount: uint32(alert.processCount),
    peer: alert.peer,
    localPort: uint32(alert.localPort),
    stuckCount: uint32(alert.stuckCount),
    totalCount: uint32(alert.totalCount ?? 0),
    startTime: time(alert.startUs),
    updateTime: time(alert.updateUs),
    endTime: time(alert.endUs),
    earliestGiveUp: time(alert.earliestGiveUpUs),
    summary: alertSummary(alert, nowUs, { wallTime: wallTimeText(clock, nowUs) }),
    connections: alert.connections.map((record) => recordToProto(record, nowUs, clock, workloads)),
    fireTime: time(alert.fireUs),
    silencedUntil: alert.silencedUntilMs === null ? null : timestampFromUs(alert.silencedUntilMs * US_PER_MS),
    receivers: [...alert.receivers],
    fingerprint: alert.fingerprint,
  };
}

/** @param kind what happened, as this subscriber sees it. */
export function alertChangeToProto(
  { timeUs, alert }: AlertChange,
  kind: WatchKind,
  clock: WallClock,
  workloads: WorkloadSource,
): stuckd.v1.AlertChange.$Properties {
  const time = timestampFromUs(clock.monoToRealUs(timeUs));
  const message = alertToProto(alert, timeUs, clock, workloads);
  return { time, [CHANGE_FIELDS[kind]]: message };
}
