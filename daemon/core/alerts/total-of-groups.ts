/** Of how many connections those of an alert are a part. */
import { totalOf } from '../counted-connections.js';
import type { StuckRecord } from '../record.js';
import type { ConnectionTotals } from '../totals.js';
import type { Group } from './alert-state.js';
import type { Target } from './place.js';

/** @returns stuck ones included; null: not known. */
export function totalOfGroups(totals: ConnectionTotals, target: Target, groups: readonly Group[]): number | null {
  const counted = countedOf(totals, target, groups);
  const stuck = groups.reduce((sum, { members }) => sum + members.size, 0);
  const total = totalOf(openRecords(groups), counted);
  return total === null ? null : Math.max(total, stuck);
}

/** Of events the connection is over: it is part of what is counted now as little as any other that has ended. */
function* openRecords(groups: readonly Group[]): Iterable<StuckRecord> {
  for (const { members } of groups) {
    for (const { record } of members.values()) {
      if (record.endUs === null) {
        yield record;
      }
    }
  }
}

function countedOf(totals: ConnectionTotals, target: Target, groups: readonly Group[]): number | null {
  const { side, peer, localPort } = target;
  const [first, ...others] = groups;
  if (side === 'listener' || first === undefined) {
    return null;
  }
  if (others.length > 0 && peer !== null) {
    return totals.ofPeer(peer);
  }
  // Whoever left orphans behind may be gone, or be several: they are a part of all that came in.
  if (side === 'inbound' && groups.some(({ process }) => process === null)) {
    return totals.ofPort(localPort);
  }
  let sum = 0;
  for (const { process } of groups) {
    const total = process === null ? null : countedOfProcess(totals, target, process);
    if (total === null) {
      return null;
    }
    sum += total;
  }
  return sum;
}

function countedOfProcess(
  totals: ConnectionTotals,
  { side, peer, localPort }: Target,
  process: NonNullable<Group['process']>,
): number | null {
  if (side === 'inbound') {
    return totals.ofListener(process, localPort);
  }
  return peer === null ? totals.ofProcess(process) : totals.ofDestination(process, peer);
}
