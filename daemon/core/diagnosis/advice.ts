/** What to do about a stuck connection: first what helps now, then what keeps it from happening again, layer by layer. */
import { endpointWords } from '../format-words.js';
import { reuseAdvice } from './advice-reuse.js';
import { item, type Advice } from './item.js';
import { causeAdvice, pathAdvice } from './network.js';
import { nowAdvice } from './now.js';
import { optionAdvice } from './options.js';
import { programOf } from './program.js';
import { socketAdvice, systemAdvice } from './socket.js';
import { isListener, isOrphan, isPeerAlive, type WallTimes } from './words.js';
import type { StuckRecord } from '../record.js';

export type { Advice, AdviceLayer } from './item.js';

/** More is not read. */
const ADVICE_MAX = 6;

/** @returns at most six items, the most useful first. */
export function adviceFor(record: StuckRecord, nowUs: number, names: WallTimes): readonly Advice[] {
  const all =
    record.outcome === null || record.kind === 'stale_reuse'
      ? [...nowAdvice(record, nowUs, names), ...prevention(record)]
      : endedAdvice(record);
  return all.slice(0, ADVICE_MAX);
}

function endedAdvice(record: StuckRecord): readonly Advice[] {
  switch (record.outcome) {
    case 'recovered':
      // Half-close is legal, and the connection was in use.
      return record.kind === 'fin_wait' || record.kind === 'close_wait' ? [] : prevention(record);
    case 'timed_out':
    case 'unreachable':
    case 'destroyed':
      return prevention(record);
    case 'reset_by_peer':
      return record.kind === 'connecting' ? refused(record) : isOrphan(record) ? [] : prevention(record);
    case 'closed_by_application':
      return isPeerAlive(record) || record.kind === 'zombie' ? prevention(record) : network(record);
    case 'owner_exited':
    case 'lost_track':
    case null:
      return [];
  }
}

/** The cause, then application, library, socket, system, network: what keeps it from happening again. */
function prevention(record: StuckRecord): readonly Advice[] {
  const program = programOf(record);
  if (record.kind === 'stale_reuse') {
    return reuseAdvice(record, program);
  }
  if (isOrphan(record)) {
    const pile =
      'Only if thousands of them pile up: sysctl -w net.ipv4.tcp_orphan_retries=4 in its network namespace frees them after about 15 s.';
    return [
      ...causeAdvice(record),
      ...(record.outcome === null ? [item('system', pile)] : []),
      ...pathAdvice(record, program),
    ];
  }
  if (record.ownerType === 'kernel') {
    return [...causeAdvice(record), ...systemAdvice(record), ...pathAdvice(record, program)];
  }
  if (record.ownerType === 'unaccepted') {
    return isListener(record) ? [] : causeAdvice(record);
  }
  return [
    ...causeAdvice(record),
    ...optionAdvice(record, program),
    ...socketAdvice(record, program),
    ...systemAdvice(record),
    ...pathAdvice(record, program),
  ];
}

/** Where to look when the application itself has coped. */
function network(record: StuckRecord): readonly Advice[] {
  return [...causeAdvice(record), ...pathAdvice(record, programOf(record))];
}

function refused(record: StuckRecord): readonly Advice[] {
  return [
    item('network', `The host answers, but nothing listens: start the service at ${endpointWords(record.remote)}.`),
  ];
}
