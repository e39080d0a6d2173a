/** `stuckctl status`: the agent's own health, what is wrong first. */
import { countWords } from '../core/format-words.js';
import { kindName, outcomeName, sensorModeName, sensorStateName } from '../rpc/enum-mapping.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { durationToMs } from '../rpc/proto-time.js';
import { escapeForTerminal } from '../lib/terminal.js';
import type { Style } from '../lib/terminal.js';
import { formatFacts } from './connection-page.js';
import type { Fact } from './connection-page.js';
import { endText, timeMs } from './connection-text.js';
import { countText, durationText, sizeText } from './quantity-text.js';

type Status = stuckd.v1.GetStatusResponse.$Properties;

function count(value: { toString(): string } | null | undefined): string {
  return (value ?? 0).toString();
}

function healthText(status: Status, style: Style): string {
  const problems = (status.problems ?? []).map((problem) => `  - ${escapeForTerminal(problem)}\n`).join('');
  if (status.healthy === true) {
    return `${style.green('stuckd is healthy.')}\n${problems}`;
  }
  return `${style.red('stuckd does not see everything:')}\n${problems}`;
}

/** What a polling sensor reaches, and what is not known that way; nothing of one that uses BPF. */
function pollingFacts({ mode, degradations, reach }: NonNullable<Status['sensor']>): Fact[] {
  if (sensorModeName(mode) !== 'polling') {
    return [];
  }
  const closed = [
    ...((reach?.closedNamespaces ?? 0) === 0 ? [] : [`${count(reach?.closedNamespaces)} closed to it`]),
    ...((reach?.closedProcesses ?? 0) === 0
      ? []
      : [`descriptors of ${countWords(reach?.closedProcesses ?? 0, 'process', 'processes')} cannot be read`]),
  ];
  const polled = countText(reach?.namespaces ?? 0, 'network namespace');
  return [
    ['mode', 'polling (degraded): sock_diag and /proc instead of BPF'],
    ...(reach === null || reach === undefined ? [] : [['polled', [polled, ...closed].join('; ')] as const]),
    ...(degradations ?? []).map(({ name, loss }): Fact => {
      return ['not known', `${escapeForTerminal(name ?? '')}: ${escapeForTerminal(loss ?? '')}`];
    }),
  ];
}

function sensorFacts(sensor: NonNullable<Status['sensor']>): Fact[] {
  const programs = sensor.programs ?? [];
  const attached = programs.filter((program) => program.attached === true);
  const missed = programs.filter((program) => program.attached !== true);
  const capabilities = (sensor.capabilities ?? []).map(escapeForTerminal).join(', ');
  const process =
    sensor.pid === 0 ? '' : `, pid ${count(sensor.pid)}, version ${escapeForTerminal(sensor.version ?? '')}`;
  const lastError = sensor.lastError ?? '';
  return [
    ['sensor', `${sensorStateName(sensor.state)}${process}`],
    ['capabilities', capabilities === '' ? 'none' : capabilities],
    ...pollingFacts(sensor),
    ...(sensorModeName(sensor.mode) === 'polling'
      ? []
      : [['programs', `${attached.length} of ${programs.length} attached`] as const]),
    ...missed.map(({ name, message }): Fact => {
      return ['not attached', `${escapeForTerminal(name ?? '')}: ${escapeForTerminal(message ?? '')}`];
    }),
    [
      'restarts',
      `${count(sensor.restarts)}${lastError === '' ? '' : `, the last because: ${escapeForTerminal(lastError)}`}`,
    ],
    ['dropped', `${count(sensor.ringBufferDrops)} events (ring buffer full)`],
  ];
}

function sweepText(sweep: Status['sweep'], nowMs: number): string {
  if (sweep === null || sweep === undefined) {
    return 'none is complete yet';
  }
  const age = durationText(nowMs - (timeMs(sweep.endTime) ?? nowMs));
  const duration = durationToMs(sweep.duration ?? {}).toFixed(1);
  const seen = `${countText(sweep.sockets ?? 0, 'socket')}, ${countText(sweep.connections ?? 0, 'connection')}`;
  return `${age} ago in ${duration} ms: ${seen}, ${count(sweep.processes)} processes with TCP sockets`;
}

/** Whole seconds without a fraction: `11.4 s`, `2 s`. */
function secondsText(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`;
}

/** Why sweeps are further apart than configured; nothing if they are not. */
function slowedFacts(sweep: Status['sweep']): Fact[] {
  if (sweep?.slowed !== true) {
    return [];
  }
  const [cpuMs, everyMs] = [durationToMs(sweep.cpuTime ?? {}), durationToMs(sweep.interval ?? {})];
  const percent = Number((sweep.cpuPercentMax ?? 0).toPrecision(2));
  const configuredMs = durationToMs(sweep.configuredInterval ?? {});
  const why = `a sweep takes ${Number(cpuMs.toFixed(cpuMs < 10 ? 1 : 0))} ms of CPU and may take ${percent} % of a core`;
  // By a tenth, since the interval is in whole milliseconds.
  const isLongest = cpuMs * 100 > everyMs * percent * 1.1;
  const every = `${secondsText(everyMs)}${isLongest ? ' (the longest)' : ''}`;
  return [['sweeps', `every ${every} instead of ${secondsText(configuredMs)}: ${why}`]];
}

function trackerFacts(tracker: NonNullable<Status['tracker']>): Fact[] {
  const byKind = (tracker.stuckByKind ?? [])
    .filter((entry) => (entry.count ?? 0) > 0)
    .map((entry) => `${kindName(entry.kind)} ${count(entry.count)}`);
  const ended = (tracker.ended ?? [])
    .filter((entry) => count(entry.count) !== '0')
    .map((entry) => `${outcomeName(entry.outcome).replaceAll('_', ' ')} ${count(entry.count)}`);
  return [
    ['stuck now', `${count(tracker.stuck)}${byKind.length === 0 ? '' : ` (${byKind.join(', ')})`}`],
    ['suspected', count(tracker.suspects)],
    ['since start', `${count(tracker.opened)} opened${ended.length === 0 ? '' : `; ended: ${ended.join(', ')}`}`],
    ...(count(tracker.evicted) === '0'
      ? []
      : [['not tracked', `${count(tracker.evicted)} reports, the table was full`] as const]),
  ];
}

/** Receivers that are shown, those with trouble first; the rest is in -o json. */
const RECEIVERS_SHOWN = 5;

type Receiver = stuckd.v1.ReceiverStatus.$Properties;

function hasTrouble({ pending, dead, dropped, lastError }: Receiver): boolean {
  return (pending ?? 0) + (dead ?? 0) > 0 || count(dropped) !== '0' || (lastError ?? '') !== '';
}

function receiverText({ name, pending, oldestPendingAge, delivered, dead, dropped, lastError }: Receiver): string {
  const parts = [
    `${count(delivered)} delivered`,
    ...((pending ?? 0) === 0
      ? []
      : [`${count(pending)} waiting (oldest ${durationText(durationToMs(oldestPendingAge ?? {}))})`]),
    ...((dead ?? 0) === 0 ? [] : [`${count(dead)} given up`]),
    ...(count(dropped) === '0' ? [] : [`${count(dropped)} dropped`]),
  ];
  const error = (lastError ?? '') === '' ? '' : `; last error: ${escapeForTerminal(lastError ?? '')}`;
  return `${escapeForTerminal(name ?? '')}: ${parts.join(', ')}${error}`;
}

function alertingFacts(alerting: NonNullable<Status['alerting']>): Fact[] {
  const { firing, fired, resolved, alertsDropped, connectionsDropped, receivers = [] } = alerting;
  const dropped = [count(alertsDropped), count(connectionsDropped)];
  const sorted = (receivers ?? []).toSorted((a, b) => Number(hasTrouble(b)) - Number(hasTrouble(a)));
  const more = sorted.length - RECEIVERS_SHOWN;
  return [
    ['alerts', `${count(firing)} firing; since start ${count(fired)} fired, ${count(resolved)} resolved`],
    ...(dropped.every((text) => text === '0')
      ? []
      : [['not alerted', `${dropped[0]} conditions, ${dropped[1]} connections: too many at a time`] as const]),
    ...sorted.slice(0, RECEIVERS_SHOWN).map((receiver): Fact => ['receiver', receiverText(receiver)]),
    ...(more > 0 ? [['receivers', `${more} more, see -o json`] as const] : []),
  ];
}

function nodeFacts(node: NonNullable<Status['node']>): Fact[] {
  const known = (text: string | null | undefined): string => escapeForTerminal(text ?? '') || 'unknown';
  const memory = sizeText(node.memoryBytes?.toNumber() ?? 0);
  return [
    ['node', `${known(node.hostname)}, ${known(node.model)}`],
    ['system', `${known(node.operatingSystem)}, Linux ${known(node.kernel)}, ${known(node.architecture)}`],
    ['resources', `${countText(node.cpus ?? 0, 'processor')}, ${memory}`],
  ];
}

/** Limits that are shown; the rest is in -o json. */
const LIMITS_SHOWN = 5;

function idleLimitFacts(limits: NonNullable<Status['idleLimits']>, nowMs: number): Fact[] {
  return limits.slice(0, LIMITS_SHOWN).map(({ peer, limit, seen, lastTime }): Fact => {
    const age = durationText(nowMs - (timeMs(lastTime) ?? nowMs));
    const after = durationText(durationToMs(limit ?? {}));
    return [
      'idle limit',
      `${endText(peer)} closes idle connections after ${after} (${count(seen)} x, last ${age} ago)`,
    ];
  });
}

/** @param width columns of the terminal; Infinity for no limit. */
export function formatStatusPage(status: Status, nowMs: number, width: number, style: Style): string {
  const started = timeMs(status.startTime);
  const age = started === null ? '' : `, running for ${durationText(nowMs - started)}`;
  const { sensor, tracker, alerting, node } = status;
  const facts: Fact[] = [
    ['daemon', `version ${escapeForTerminal(status.version ?? '')}, pid ${count(status.pid)}${age}`],
    ...(sensor === null || sensor === undefined ? [] : sensorFacts(sensor)),
    ['last sweep', sweepText(status.sweep, nowMs)],
    ...slowedFacts(status.sweep),
    ...(tracker === null || tracker === undefined ? [] : trackerFacts(tracker)),
    ...(alerting === null || alerting === undefined ? [] : alertingFacts(alerting)),
    ...idleLimitFacts(status.idleLimits ?? [], nowMs),
    ['subscribers', count(status.subscribers)],
    ...(node === null || node === undefined ? [] : nodeFacts(node)),
  ];
  return `${healthText(status, style)}\n${formatFacts(facts, width)}`;
}
