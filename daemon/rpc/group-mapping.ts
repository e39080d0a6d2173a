/** Groups of stuck connections as proto messages. */
import type { DestinationCount, PeerGroup, ProcessGroup } from '../core/grouping.js';
import type { StuckKind } from '../core/kinds.js';
import type { WallClock } from '../core/ports.js';
import type { NewConnections } from '../core/totals.js';
import type { Workload } from '../core/workload.js';
import { kindToProto, verdictToProto } from './enum-mapping.js';
import type { stuckd } from './gen/stuckd.js';
import { ownerToProto, uint32, uint64, workloadToProto } from './proto-mapping.js';
import { timestampFromUs } from './proto-time.js';

type Timestamp = ReturnType<typeof timestampFromUs>;

function time(monoUs: number | null, clock: WallClock): Timestamp | null {
  return monoUs === null ? null : timestampFromUs(clock.monoToRealUs(monoUs));
}

/** 0 stands for a total that is not known. */
function total(count: number | null): number {
  return uint32(count ?? 0);
}

function kindsToProto(byKind: ReadonlyMap<StuckKind, number>): stuckd.v1.KindCount.$Properties[] {
  return [...byKind].map(([kind, count]) => ({ kind: kindToProto(kind), count: uint32(count) }));
}

function destinationToProto(destination: DestinationCount): stuckd.v1.Destination.$Properties {
  const { peer, localPort, stuckCount, totalCount } = destination;
  return { peer, localPort, stuckCount: uint32(stuckCount), totalCount: total(totalCount) };
}

export function processGroupToProto(
  group: ProcessGroup,
  workload: Workload | null,
  clock: WallClock,
): stuckd.v1.ProcessSummary.$Properties {
  return {
    // Of the holders those of one socket are known; which of them all, nobody would look for here.
    process: group.process === null ? null : { ...ownerToProto(group.process, workload, clock), holders: [] },
    workload: workload === null || group.process === null ? null : workloadToProto(workload),
    stuckCount: uint32(group.stuckCount),
    totalCount: total(group.totalCount),
    byKind: kindsToProto(group.byKind),
    destinations: group.destinations.map(destinationToProto),
    oldestSince: time(group.oldestSinceUs, clock),
    earliestGiveUp: time(group.earliestGiveUpUs, clock),
    unackedBytes: uint64(group.unackedBytes),
  };
}

function newConnectionsToProto(connections: NewConnections, clock: WallClock): stuckd.v1.NewConnections.$Properties {
  return {
    succeeded: uint64(connections.succeeded),
    failed: uint64(connections.failed),
    lastSuccess: time(connections.lastSuccessUs, clock),
    lastFailure: time(connections.lastFailureUs, clock),
  };
}

export function peerGroupToProto(group: PeerGroup, clock: WallClock): stuckd.v1.PeerSummary.$Properties {
  return {
    peer: group.peer,
    netns: uint32(group.peer.netns),
    stuckCount: uint32(group.stuckCount),
    totalCount: total(group.totalCount),
    processCount: uint32(group.processCount),
    byKind: kindsToProto(group.byKind),
    newConnections: group.newConnections === null ? null : newConnectionsToProto(group.newConnections, clock),
    verdict: group.verdict === null ? null : verdictToProto(group.verdict),
    summary: group.summary,
    oldestSince: time(group.oldestSinceUs, clock),
    earliestGiveUp: time(group.earliestGiveUpUs, clock),
    unackedBytes: uint64(group.unackedBytes),
  };
}
