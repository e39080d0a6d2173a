/**
 * Alertmanager, API v2: an alert is its labels. They hold what stays the same when a process is started again, and never
 * a pid; so several alerts of ours may be one alert there. Who is firing is told again and again; see
 * `alertmanager-groups.ts`.
 */
import { basename } from 'node:path';
import { peerText, plainText, RESOLVED, shortName, type AlertMessage } from './alert-message.js';
import type { ReceiverConfig } from './receiver-config.js';
import { JSON_HEADERS, type PreparedRequest, type ReceiverFormat } from './receiver.js';
import { readSecretFile } from './secret-file.js';

export const RESEND_INTERVAL_MS = 60_000;

/** Alertmanager takes an alert for resolved that it has not heard of for this long. */
export const FIRING_FOR_MS = 4 * RESEND_INTERVAL_MS;

/** A test alert shall not stand there for long. */
const TEST_FOR_MS = RESEND_INTERVAL_MS;

const PARALLEL = 4;
const LABEL_MAX = 200;
const ANNOTATION_MAX = 1000;

export type Labels = Readonly<Record<string, string>>;

/** As POST /api/v2/alerts takes it. */
export interface PostableAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt: string;
  readonly endsAt: string;
}

/** Those that are not empty: to Alertmanager an empty label is none. */
function labelsOf(values: Readonly<Record<string, string>>): Labels {
  const entries = Object.entries(values).map(([name, value]) => [name, plainText(value, LABEL_MAX)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}

/** @param node name of this machine */
export function alertLabels(alert: AlertMessage, node: string): Labels {
  const { process } = alert;
  const program = process ?? alert.program;
  return labelsOf({
    alertname: 'StuckConnections',
    node,
    kind: shortName(alert.kind, 'STUCK_KIND_'),
    severity: shortName(alert.severity, 'SEVERITY_'),
    executable: basename(program?.executable ?? '') || (process?.comm ?? ''),
    unit: program?.unit ?? '',
    namespace: program?.podNamespace ?? '',
    pod: program?.pod ?? '',
    container: program?.container ?? '',
    peer: peerText(alert),
    local_port: alert.localPort === 0 ? '' : alert.localPort.toString(),
  });
}

/** The same for the same labels. */
export function labelsKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @param others further alerts with the same labels */
function annotationsOf(alert: AlertMessage, others: number): Labels {
  const of = alert.totalCount === 0 ? '' : ` of ${alert.totalCount}`;
  const values = {
    summary: others === 0 ? alert.summary : `${alert.summary} (and ${others} more such alerts)`,
    connections: `${alert.stuckCount}${of} stuck`,
    processes: alert.processCount === 0 ? '' : alert.processCount.toString(),
    stuck_since: alert.startTime,
    earliest_give_up: alert.earliestGiveUp,
    alert_id: alert.id,
  };
  const entries = Object.entries(values).map(([name, value]) => [name, plainText(value, ANNOTATION_MAX)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}

/** @param others further alerts with the same labels. @param node name of this machine */
export function postableAlert(alert: AlertMessage, nowMs: number, node: string, others = 0): PostableAlert {
  const until = new Date(nowMs + FIRING_FOR_MS).toISOString();
  return {
    labels: alertLabels(alert, node),
    annotations: annotationsOf(alert, others),
    startsAt: alert.fireTime || alert.startTime,
    endsAt: alert.status === RESOLVED && alert.endTime !== '' ? alert.endTime : until,
  };
}

function testAlert(alert: AlertMessage, nowMs: number, node: string): PostableAlert {
  const postable = postableAlert(alert, nowMs, node);
  return {
    ...postable,
    labels: { ...postable.labels, alertname: 'StuckdTest', test: 'true' },
    endsAt: new Date(nowMs + TEST_FOR_MS).toISOString(),
  };
}

/** What the resending needs beside what every receiver has. */
export interface AlertmanagerFormat extends ReceiverFormat {
  readonly node: string;
  /** @param replica from 1 */
  request(alerts: readonly PostableAlert[], replica: number): Promise<PreparedRequest>;
}

/** @param node name of this machine */
export function alertmanagerFormat(
  config: Extract<ReceiverConfig, { type: 'alertmanager' }>,
  node: string,
): AlertmanagerFormat {
  const { urls, secretFile } = config;
  const request = async (alerts: readonly PostableAlert[], replica: number): Promise<PreparedRequest> => {
    const base = urls[replica - 1] ?? '';
    return {
      url: new URL(`${base.replace(/\/+$/, '')}/api/v2/alerts`),
      headers: {
        ...JSON_HEADERS,
        ...(secretFile === undefined ? {} : { authorization: `Bearer ${await readSecretFile(secretFile)}` }),
      },
      body: JSON.stringify(alerts),
    };
  };
  return {
    node,
    replicas: urls.length,
    parallel: PARALLEL,
    orderKey: (alert) => labelsKey(alertLabels(alert, node)),
    prepare: ({ alert, event }, replica, nowMs) =>
      request([event === 'test' ? testAlert(alert, nowMs, node) : postableAlert(alert, nowMs, node)], replica),
    request,
  };
}
