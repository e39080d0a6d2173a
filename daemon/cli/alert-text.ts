/** The parts of an alert as short escaped text, shared by table and following. */
import { escapeForTerminal } from '../lib/terminal.js';
import { severityName } from '../rpc/alert-names.js';
import { kindName } from '../rpc/enum-mapping.js';
import { stuckd } from '../rpc/gen/stuckd.js';
import { endText, holderText, timeMs } from './connection-text.js';
import { durationText } from './quantity-text.js';

export type Alert = stuckd.v1.Alert.$Properties;

const CONTAINER_ID_LENGTH = 12;

export function isResolved({ status }: Alert): boolean {
  return status === stuckd.v1.AlertStatus.ALERT_STATUS_RESOLVED;
}

export function severityText({ severity }: Alert): string {
  return severityName(severity);
}

export function alertKindText({ kind }: Alert): string {
  return kindName(kind);
}

function processesText(count: number): string {
  return count === 1 ? '1 process' : `${count} processes`;
}

/** `node[12900] web-7f6c9d-abcde/app`, `6 processes`; of orphans, who left the first of them. */
export function whoText({ process, processCount, connections }: Alert): string {
  if (process === null || process === undefined) {
    const [first] = connections ?? [];
    return (processCount ?? 0) > 0 || first === undefined ? processesText(processCount ?? 0) : holderText(first);
  }
  const { comm, pid, pod, container, containerId, unit } = process;
  const named = (pod ?? '') === '' ? '' : [pod, container].filter((part) => (part ?? '') !== '').join('/');
  const where = named || (containerId ?? '').slice(0, CONTAINER_ID_LENGTH) || (unit ?? '');
  return escapeForTerminal(`${comm ?? ''}[${pid ?? 0}]${where === '' ? '' : ` ${where}`}`);
}

/** `to 10.0.0.2:8000`, `to 40 peers`, `on port 443`, or a dash for what goes wherever it goes. */
export function targetText({ peer, peerCount, localPort }: Alert): string {
  if (peer !== null && peer !== undefined) {
    return `to ${endText(peer)}`;
  }
  if ((peerCount ?? 0) > 0) {
    return `to ${peerCount ?? 0} peers`;
  }
  return (localPort ?? 0) === 0 ? '-' : `on port ${localPort ?? 0}`;
}

/** `3 of 10`; without the total where that is not known. */
export function stuckCountText({ stuckCount, totalCount }: Alert): string {
  const total = totalCount ?? 0;
  return total === 0 ? (stuckCount ?? 0).toString() : `${stuckCount ?? 0} of ${total}`;
}

/** How long it lasts, or lasted, from the first connection on. */
export function lastingText(alert: Alert, nowMs: number): string {
  const startMs = timeMs(alert.startTime) ?? nowMs;
  return durationText((timeMs(alert.endTime) ?? nowMs) - startMs);
}

/** When the kernel ends the first of the connections. */
export function firstEndText(alert: Alert, nowMs: number): string {
  const atMs = isResolved(alert) ? null : timeMs(alert.earliestGiveUp);
  if (atMs === null) {
    return '-';
  }
  return atMs > nowMs ? `in ${durationText(atMs - nowMs)}` : 'now';
}

/** `firing`, `silenced for 20m 3s`, `resolved 42s ago`. */
export function statusText(alert: Alert, nowMs: number): string {
  if (isResolved(alert)) {
    return `resolved ${durationText(nowMs - (timeMs(alert.endTime) ?? nowMs))} ago`;
  }
  const untilMs = timeMs(alert.silencedUntil);
  return untilMs === null ? 'firing' : `silenced for ${durationText(untilMs - nowMs)}`;
}
