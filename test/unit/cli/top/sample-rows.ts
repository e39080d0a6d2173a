/** What `stuckctl top` is tested with: connections as the daemon sends them, and the data of a screen. */
import type { StuckRecord } from '../../../../daemon/core/record.js';
import type { Connection } from '../../../../daemon/cli/connection-text.js';
import { topConnection, type TopConnection } from '../../../../daemon/cli/top/top-connection.js';
import { groupRows, type TopTotals } from '../../../../daemon/cli/top/top-rows.js';
import type { TopData } from '../../../../daemon/cli/top/top-view.js';
import { stuckd } from '../../../../daemon/rpc/gen/stuckd.js';
import { recordToProto } from '../../../../daemon/rpc/proto-mapping.js';
import {
  createClock,
  createRecord,
  createWorkloads,
  EPOCH_MONO_US,
  EPOCH_REAL_US,
  OWNER,
} from '../../rpc/sample-records.js';

export const NOW_MS = EPOCH_REAL_US / 1000;

/** As it comes over the wire. */
export function connection(changes: Partial<StuckRecord> = {}): Connection {
  const { StuckConnection } = stuckd.v1;
  const message = recordToProto(createRecord(changes), EPOCH_MONO_US, createClock(), createWorkloads());
  return StuckConnection.decode(StuckConnection.encode(message).finish());
}

/** As the lists keep it. */
export function listed(changes: Partial<StuckRecord> = {}): TopConnection {
  return topConnection(connection(changes));
}

const CURL = { ...OWNER, pid: 7, comm: 'curl', holders: [] };
const WIDE = { ...OWNER, pid: 1_234_567, comm: '\u65e5\u672c\u8a9e\x1b[31m', holders: [] };

/** Five connections of three processes; the ages differ. */
export const SAMPLE: readonly TopConnection[] = [
  listed({ id: 'c1' }),
  listed({ id: 'c2', kind: 'closing', local: { address: '10.0.0.1', port: 41001 }, unackedBytes: 5000 }),
  listed({
    ...{ id: 'c3', owner: CURL, remote: { address: '2001:db8:1234:5678:9abc:def0:1234:5678', port: 443 } },
    ...{ sinceUs: EPOCH_MONO_US - 5_000_000, giveUp: null, kind: 'keepalive_unanswered' },
  }),
  listed({
    ...{ id: 'c4', owner: WIDE, direction: 'inbound', local: { address: '10.0.0.1', port: 8080 }, kind: 'close_wait' },
    ...{ sinceUs: EPOCH_MONO_US - 90_000_000_000, giveUp: null, unackedBytes: 0, informational: true },
  }),
  listed({ id: 'c5', owner: null, lastOwner: CURL, ownerType: 'orphan', sinceUs: EPOCH_MONO_US - 6_000_000 }),
];

export function topData(
  changes: Partial<TopData> = {},
  connections: readonly TopConnection[] = SAMPLE,
  totals: TopTotals = new Map(),
): TopData {
  return {
    nowMs: NOW_MS,
    headMs: NOW_MS,
    address: 'unix:/run/stuckd/stuckd.sock',
    link: { isLive: true, reason: '', sinceMs: 0 },
    rows: groupRows(connections, totals),
    leftOut: 0,
    problems: [],
    page: null,
    ...changes,
  };
}
