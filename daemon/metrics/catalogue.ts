/**
 * Every metric of stuckd: name, help, unit, labels and their values. What is exported, the table in
 * deploy/prometheus/METRICS.md and the tests all come from here, so a metric that is not in this file does not exist.
 *
 * Names are public. Labels have few values, known in advance or taken from the configuration: no pid, no port, no address
 * of a peer. Who needs to know which connection it is asks stuckctl.
 */
import { AUDIT_RULES } from '../core/audit/rules.js';
import { SEVERITIES } from '../core/alert.js';
import { AGENT_TABLE_MEANINGS, DROP_STAGE_MEANINGS, WATCHED_STREAMS } from '../core/agent-facts.js';
import { type Direction, OUTCOMES, STUCK_KINDS } from '../core/kinds.js';
import { GIVE_UP_REASONS } from '../core/record.js';
import { POLLING_METRICS } from './catalogue-polling.js';
import type { MetricTable } from './metric-spec.js';

/** Seconds; from what nobody notices to the two hours of the default keepalive. */
const STUCK_BUCKETS = [1, 5, 15, 30, 60, 120, 300, 900, 1800, 3600, 7200];

/** Seconds; the target is 10 ms, and a wrong model of a timer is off by a whole backoff. */
const FORECAST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10, 60];

/** Seconds; 0.5 microseconds a socket, so from an idle machine to a million sockets. */
const SWEEP_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Not `unknown`: the tracker always tells one of these two. */
const OPENERS: readonly Direction[] = ['outbound', 'inbound'];

/** The kernel's limits, and the two ends that come from elsewhere. */
const GIVE_UP_CAUSES = [...GIVE_UP_REASONS, 'unreachable', 'unknown'] as const;

export type GiveUpCause = (typeof GIVE_UP_CAUSES)[number];

export const METRICS = {
  stuckConnections: {
    name: 'stuckd_stuck_connections',
    type: 'gauge',
    unit: 'connections',
    help: 'Connections that are stuck now.',
    labels: { kind: STUCK_KINDS, direction: OPENERS },
    workloadLabels: 'optional',
  },
  oldestStuck: {
    name: 'stuckd_oldest_stuck_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since 1970',
    help: 'Since when the connection of this kind that is stuck longest has been stuck; no series where none is.',
    labels: { kind: STUCK_KINDS },
    isSparse: true,
  },
  recordsOpened: {
    name: 'stuckd_records_opened_total',
    type: 'counter',
    unit: 'records',
    help: 'Connections that got stuck, by the kind that they were detected as.',
    labels: { kind: STUCK_KINDS },
  },
  workloadRecordsOpened: {
    name: 'stuckd_workload_records_opened_total',
    type: 'counter',
    unit: 'records',
    help: 'The same by workload. A series begins with its first record, which increase() does not see.',
    labels: { kind: STUCK_KINDS },
    workloadLabels: 'required',
    isSparse: true,
  },
  recordsEnded: {
    name: 'stuckd_records_ended_total',
    type: 'counter',
    unit: 'records',
    help: 'Connections that ceased to be stuck, by the kind that they had last and by how they ended.',
    labels: { kind: STUCK_KINDS, outcome: OUTCOMES },
  },
  stuckDuration: {
    name: 'stuckd_stuck_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'For how long connections were stuck that have ended, from the last progress on.',
    labels: { kind: STUCK_KINDS },
    buckets: STUCK_BUCKETS,
  },
  limbo: {
    name: 'stuckd_limbo_seconds_total',
    type: 'counter',
    unit: 'seconds',
    help: 'Time in limbo: the time that connections have spent stuck, all of them together; it grows while they are.',
    labels: { kind: STUCK_KINDS },
  },
  kernelGiveUps: {
    name: 'stuckd_kernel_give_ups_total',
    type: 'counter',
    unit: 'connections',
    help: 'Stuck connections that the kernel ended itself, by the limit that made it do so.',
    labels: { cause: GIVE_UP_CAUSES },
  },
  forecastError: {
    name: 'stuckd_forecast_error_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'How far the forecast made at detection was from the time at which the kernel gave up.',
    labels: {},
    buckets: FORECAST_BUCKETS,
  },
  connections: {
    name: 'stuckd_connections',
    type: 'gauge',
    unit: 'connections',
    help: 'TCP connections that the last sweep saw, in all network namespaces.',
    labels: {},
    isSparse: true,
  },
  suspects: {
    name: 'stuckd_suspects',
    type: 'gauge',
    unit: 'connections',
    help: 'Connections under observation that are not stuck, or not yet.',
    labels: {},
  },
  processes: {
    name: 'stuckd_processes',
    type: 'gauge',
    unit: 'processes',
    help: 'Processes that hold a TCP socket, as of the last sweep.',
    labels: {},
    isSparse: true,
  },
  alertsFiring: {
    name: 'stuckd_alerts_firing',
    type: 'gauge',
    unit: 'alerts',
    help: 'Alerts of stuckd that are firing now.',
    labels: { kind: STUCK_KINDS, severity: SEVERITIES },
  },
  alertsFired: {
    name: 'stuckd_alerts_fired_total',
    type: 'counter',
    unit: 'alerts',
    help: 'Alerts that began to fire.',
    labels: {},
  },
  alertsResolved: {
    name: 'stuckd_alerts_resolved_total',
    type: 'counter',
    unit: 'alerts',
    help: 'Alerts that were resolved.',
    labels: {},
  },
  ready: {
    name: 'stuckd_ready',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether the sensor is attached and completes its sweeps, as /readyz says.',
    labels: {},
  },
  problems: {
    name: 'stuckd_problems',
    type: 'gauge',
    unit: 'problems',
    help: 'Things that do not work, as "stuckctl status" lists them; 0 on a healthy agent.',
    labels: {},
  },
  sensorUp: {
    name: 'stuckd_sensor_up',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether there is a sensor. One that hangs is seen by stuckd_ready.',
    labels: {},
  },
  ...POLLING_METRICS,
  sensorRestarts: {
    name: 'stuckd_sensor_restarts_total',
    type: 'counter',
    unit: 'restarts',
    help: 'How often the sensor ended and was started or connected to again.',
    labels: {},
  },
  probeAttached: {
    name: 'stuckd_probe_attached',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether a BPF program of the sensor is attached; no series while no sensor has told.',
    labels: { probe: 'programs of the sensor, some ten' },
  },
  sensorEvents: {
    name: 'stuckd_sensor_events_total',
    type: 'counter',
    unit: 'records',
    help: 'Records that events in the kernel wrote to the ring buffer.',
    labels: {},
  },
  retransmitsSeen: {
    name: 'stuckd_retransmit_timeouts_seen_total',
    type: 'counter',
    unit: 'retransmissions',
    help: 'Retransmission timeouts of connections that had as many in a row as kinds.retransmitting.open.retransmits.',
    labels: {},
  },
  keepaliveSeen: {
    name: 'stuckd_keepalive_timeouts_seen_total',
    type: 'counter',
    unit: 'timeouts',
    help: 'Expiries of keepalive timers of connections whose probes are not answered.',
    labels: {},
  },
  sweepsFailed: {
    name: 'stuckd_sweeps_failed_total',
    type: 'counter',
    unit: 'sweeps',
    help: 'Sweeps that the kernel cut short; the next one makes up for it.',
    labels: {},
  },
  dropped: {
    name: 'stuckd_dropped_total',
    type: 'counter',
    unit: 'items',
    help: 'What found no room, by the stage that was full.',
    labels: { stage: DROP_STAGE_MEANINGS },
  },
  sweepDuration: {
    name: 'stuckd_sweep_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'How long a sweep over every descriptor of every process took.',
    labels: {},
    buckets: SWEEP_BUCKETS,
  },
  sweepCpu: {
    name: 'stuckd_sweep_cpu_seconds_total',
    type: 'counter',
    unit: 'seconds',
    help: 'CPU time that sweeps over every descriptor of every process took.',
    labels: {},
  },
  sweepInterval: {
    name: 'stuckd_sweep_interval_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'How long the sensor waits from one sweep to the next: sensor.sweepInterval, or longer to keep within sensor.sweepCpuPercentMax.',
    labels: {},
    isSparse: true,
  },
  lastSweep: {
    name: 'stuckd_last_sweep_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since 1970',
    help: 'When the last complete sweep ended; no series before the first.',
    labels: {},
    isSparse: true,
  },
  tableEntries: {
    name: 'stuckd_table_entries',
    type: 'gauge',
    unit: 'entries',
    help: 'Entries of the bounded tables.',
    labels: { table: AGENT_TABLE_MEANINGS },
  },
  tableCapacity: {
    name: 'stuckd_table_capacity',
    type: 'gauge',
    unit: 'entries',
    help: 'How many entries the bounded tables hold at most.',
    labels: { table: AGENT_TABLE_MEANINGS },
  },
  subscribers: {
    name: 'stuckd_subscribers',
    type: 'gauge',
    unit: 'watches',
    help: 'Watches that are open over gRPC.',
    labels: { stream: WATCHED_STREAMS },
  },
  receiverPending: {
    name: 'stuckd_receiver_pending_messages',
    type: 'gauge',
    unit: 'messages',
    help: 'Depth of the outbox: messages that wait for their first or next attempt.',
    labels: { receiver: 'receivers of the configuration' },
  },
  receiverOldest: {
    name: 'stuckd_receiver_oldest_pending_age_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Age of the oldest message that waits; 0 if none does.',
    labels: { receiver: 'receivers of the configuration' },
  },
  receiverFailing: {
    name: 'stuckd_receiver_failing',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether the last attempt to tell the receiver something failed.',
    labels: { receiver: 'receivers of the configuration' },
  },
  receiverFailedAttempts: {
    name: 'stuckd_receiver_failed_attempts_total',
    type: 'counter',
    unit: 'attempts',
    help: 'Attempts to tell the receiver something that failed.',
    labels: { receiver: 'receivers of the configuration' },
  },
  receiverDelivered: {
    name: 'stuckd_receiver_delivered_total',
    type: 'counter',
    unit: 'messages',
    help: 'Messages that the receiver took.',
    labels: { receiver: 'receivers of the configuration' },
  },
  receiverDropped: {
    name: 'stuckd_receiver_dropped_total',
    type: 'counter',
    unit: 'messages',
    help: 'Messages that were dropped because too many waited.',
    labels: { receiver: 'receivers of the configuration' },
  },
  receiverDead: {
    name: 'stuckd_receiver_dead_messages',
    type: 'gauge',
    unit: 'messages',
    help: 'Messages that were given up and are kept for "stuckctl deliveries --retry ID".',
    labels: { receiver: 'receivers of the configuration' },
  },
  exposedConnections: {
    name: 'stuckd_exposed_connections',
    type: 'gauge',
    unit: 'connections',
    help: 'By how long the application would not learn of it if the peer vanished, as of the last audit: for ever, more than 15 minutes, or not longer. Without those with both ends on this host.',
    labels: { exposure: ['never', 'over_15m', 'bounded'], direction: ['outbound', 'inbound'] },
    isSparse: true,
  },
  auditRuleConnections: {
    name: 'stuckd_audit_rule_connections',
    type: 'gauge',
    unit: 'connections',
    help: 'Connections that break a rule of the audit, as of the last one.',
    labels: { rule: AUDIT_RULES },
    isSparse: true,
  },
  lastAudit: {
    name: 'stuckd_last_audit_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since 1970',
    help: 'When all connections were audited last.',
    labels: {},
    isSparse: true,
  },
  auditsFailed: {
    name: 'stuckd_audits_failed_total',
    type: 'counter',
    unit: 'audits',
    help: 'Audits that came to nothing, asked for by somebody or made for these metrics, which are then those of an earlier one.',
    labels: {},
  },
  configReloadSuccessful: {
    name: 'stuckd_config_last_reload_successful',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether the configuration was valid when it was read last.',
    labels: {},
  },
  configReloadTime: {
    name: 'stuckd_config_last_reload_success_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since 1970',
    help: 'When a valid configuration was read last.',
    labels: {},
  },
  workloadsFolded: {
    name: 'stuckd_workloads_folded',
    type: 'gauge',
    unit: 'workloads',
    help: 'Workloads with stuck connections that are counted under "other", as http.metrics.maxWorkloads has no room.',
    labels: {},
  },
  eventLoopLag: {
    name: 'stuckd_event_loop_lag_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'The longest that the daemon kept its event loop from turning since the scrape before.',
    labels: {},
  },
  buildInfo: {
    name: 'stuckd_build_info',
    type: 'gauge',
    unit: 'always 1',
    help: 'Version of the daemon, of its sensor and of Node.js, and the kernel that it runs on.',
    labels: {
      version: 'of the daemon',
      sensor_version: 'of the sensor, empty before it has told',
      node_version: 'of Node.js',
      kernel: 'release of the kernel',
    },
  },
} as const satisfies MetricTable;

export type MetricKey = keyof typeof METRICS;
