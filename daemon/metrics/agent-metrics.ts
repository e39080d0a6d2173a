/** The agent's own health as metrics, set anew at every scrape. */
import type { Alert } from '../core/alert.js';
import { AGENT_TABLES, type AgentFacts, DROP_STAGES, WATCHED_STREAMS } from '../core/agent-facts.js';
import type { ReceiverReport } from '../core/delivery.js';
import type { StatusReport, WallClock } from '../core/ports.js';
import type { MetricSet } from './metric-set.js';

const US_PER_SECOND = 1_000_000;

/** Where nothing is polled there are no such numbers, rather than those of an earlier sensor. */
function setReach(metrics: MetricSet, reach: StatusReport['sensor']['reach']): void {
  for (const key of ['reachedNamespaces', 'closedProcesses'] as const) {
    metrics.clear(key);
  }
  if (reach !== null) {
    metrics.set('reachedNamespaces', { reach: 'polled' }, reach.namespaces);
    metrics.set('reachedNamespaces', { reach: 'closed' }, reach.closedNamespaces);
    metrics.set('closedProcesses', {}, reach.closedProcesses);
  }
}

function setSensor(metrics: MetricSet, { sensor }: StatusReport, { counters }: AgentFacts): void {
  metrics.set('sensorUp', {}, sensor.state === 'running' ? 1 : 0);
  metrics.set('sensorPolling', {}, sensor.mode === 'polling' ? 1 : 0);
  setReach(metrics, sensor.reach);
  metrics.total('sensorRestarts', {}, sensor.restarts);
  metrics.clear('probeAttached');
  for (const { name, attached } of sensor.programs) {
    metrics.set('probeAttached', { probe: name }, attached ? 1 : 0);
  }
  metrics.total('sensorEvents', {}, counters.events);
  metrics.total('retransmitsSeen', {}, counters.retransmitsSeen);
  metrics.total('keepaliveSeen', {}, counters.keepaliveSeen);
}

function setSweep(metrics: MetricSet, { sweep }: StatusReport, clock: WallClock): void {
  if (sweep === null) {
    return;
  }
  metrics.set('connections', {}, sweep.connections);
  metrics.set('processes', {}, sweep.processes);
  metrics.set('sweepInterval', {}, sweep.intervalMs / 1000);
  metrics.set('lastSweep', {}, clock.monoToRealUs(sweep.endUs) / US_PER_SECOND);
}

function setReceivers(metrics: MetricSet, receivers: readonly ReceiverReport[]): void {
  for (const key of ['receiverPending', 'receiverOldest', 'receiverFailing', 'receiverDead'] as const) {
    metrics.clear(key);
  }
  for (const key of ['receiverDelivered', 'receiverFailedAttempts', 'receiverDropped'] as const) {
    metrics.clearTotals(key);
  }
  for (const { name, pending, oldestAgeMs, delivered, dead, dropped, failedAttempts, lastError } of receivers) {
    const labels = { receiver: name };
    metrics.set('receiverPending', labels, pending);
    metrics.set('receiverOldest', labels, oldestAgeMs / 1000);
    metrics.set('receiverFailing', labels, lastError === '' ? 0 : 1);
    metrics.set('receiverDead', labels, dead);
    metrics.total('receiverDelivered', labels, delivered);
    metrics.total('receiverFailedAttempts', labels, failedAttempts);
    metrics.total('receiverDropped', labels, dropped);
  }
}

function setAlerts(metrics: MetricSet, firing: readonly Alert[], { fired, resolved }: StatusReport['alerting']): void {
  metrics.clear('alertsFiring');
  for (const { kind, severity } of firing) {
    metrics.raise('alertsFiring', { kind, severity });
  }
  metrics.total('alertsFired', {}, fired);
  metrics.total('alertsResolved', {}, resolved);
}

function setTables(metrics: MetricSet, { tables, dropped, subscribers }: AgentFacts): void {
  for (const table of AGENT_TABLES) {
    metrics.set('tableEntries', { table }, tables[table].entries);
    metrics.set('tableCapacity', { table }, tables[table].capacity);
  }
  for (const stage of DROP_STAGES) {
    metrics.total('dropped', { stage }, dropped[stage]);
  }
  for (const stream of WATCHED_STREAMS) {
    metrics.set('subscribers', { stream }, subscribers[stream]);
  }
}

export function setAgentMetrics(
  metrics: MetricSet,
  status: StatusReport,
  facts: AgentFacts,
  firing: readonly Alert[],
  clock: WallClock,
): void {
  metrics.set('ready', {}, status.notReady.length === 0 ? 1 : 0);
  metrics.set('problems', {}, status.problems.length);
  metrics.set('suspects', {}, status.tracker.suspects);
  setSensor(metrics, status, facts);
  setSweep(metrics, status, clock);
  setReceivers(metrics, status.alerting.receivers);
  setAlerts(metrics, firing, status.alerting);
  setTables(metrics, facts);
  metrics.set('configReloadSuccessful', {}, facts.reload.isSuccessful ? 1 : 0);
  metrics.set('configReloadTime', {}, facts.reload.lastSuccessRealUs / US_PER_SECOND);
  metrics.clear('buildInfo');
  metrics.set(
    'buildInfo',
    {
      version: status.version,
      sensor_version: status.sensor.version,
      node_version: process.version,
      kernel: status.node.kernel,
    },
    1,
  );
}
