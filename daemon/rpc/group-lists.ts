/** ListProcesses and ListPeers: the stuck connections, grouped. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { groupByPeer, groupByProcess } from '../core/grouping.js';
import type { RecordSource, WallClock, WorkloadSource } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import type { PeerTotals } from '../core/sweep-totals.js';
import { parseConnectionFilter } from './connection-filter.js';
import { pageSizeOf } from './fill-page.js';
import type { stuckd } from './gen/stuckd.js';
import { peerGroupToProto, processGroupToProto } from './group-mapping.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import { type RpcLog, unary } from './status.js';

type Request = stuckd.v1.ListProcessesRequest.$Properties;
type ProcessesResponse = stuckd.v1.ListProcessesResponse.$Properties;
type PeersResponse = stuckd.v1.ListPeersResponse.$Properties;

const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 500;

export interface GroupListOptions {
  readonly records: RecordSource;
  readonly clock: WallClock;
  readonly log: RpcLog;
  readonly totals: PeerTotals;
  readonly workloads: WorkloadSource;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken: string;
}

/**
 * Where a group stands in the list, as text that sorts the same way: most stuck connections first, then by key. So the
 * next page begins at the right place even if the last group of this one has gone meanwhile.
 */
function position({ stuckCount, key }: { readonly stuckCount: number; readonly key: string }): string {
  return `${(Number.MAX_SAFE_INTEGER - stuckCount).toString().padStart(16, '0')} ${key}`;
}

function cutPage<Item extends { readonly stuckCount: number; readonly key: string }>(
  groups: readonly Item[],
  request: Request,
  query: string,
): Page<Item> {
  const after = decodePageToken(request.pageToken ?? '', query);
  const pageSize = pageSizeOf(request.pageSize, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);
  const rest = groups.filter((group) => position(group) > after);
  const items = rest.slice(0, pageSize);
  const last = items.at(-1);
  const more = last !== undefined && rest.length > items.length;
  return { items, nextPageToken: more ? encodePageToken(query, position(last)) : '' };
}

/** @returns the handlers of both calls. */
export function groupLists(options: GroupListOptions): UntypedServiceImplementation {
  const { records, clock, log, workloads, totals } = options;

  /** The connections that are counted as stuck, and a name for what is listed. */
  const select = (list: string, { filter }: Request): { selected: readonly StuckRecord[]; query: string } => {
    const { matches, fingerprint } = parseConnectionFilter(filter, clock, workloads);
    return { selected: records.open().filter(matches), query: `${list} ${fingerprint}` };
  };

  return {
    listProcesses: unary(log, (request: Request): ProcessesResponse => {
      const { selected, query } = select('processes', request);
      const { items, nextPageToken } = cutPage(groupByProcess(selected, totals), request, query);
      const processes = items.map((group) => processGroupToProto(group, workloads.workloadOf(group.sample), clock));
      return { processes, nextPageToken };
    }),
    listPeers: unary(log, (request: Request): PeersResponse => {
      const { selected, query } = select('peers', request);
      const { items, nextPageToken } = cutPage(groupByPeer(selected, totals, clock.nowUs()), request, query);
      return { peers: items.map((group) => peerGroupToProto(group, clock)), nextPageToken };
    }),
  };
}
