/**
 * Changes of records as messages; shared by all watches and by the history, so that a change is mapped and encoded once.
 * What is kept of one until all have it are its bytes.
 */
import Long from 'long';
import type { RecordChange, WallClock, WorkloadSource } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import type { stuckd } from './gen/stuckd.js';
import { changeToProto, recordToProto } from './proto-mapping.js';
import { timestampFromUs } from './proto-time.js';
import { bytesOnly } from './shared-change.js';
import type { WatchMapper } from './watch-session.js';

type Change = stuckd.v1.Change.$Properties;
export type RecordMapper = WatchMapper<StuckRecord, RecordChange, Change>;

export function createChangeMapper(clock: WallClock, workloads: WorkloadSource): RecordMapper {
  const mapped = new WeakMap<RecordChange, Partial<Record<RecordChange['kind'], Change>>>();
  const nowTime = (): NonNullable<Change['time']> => timestampFromUs(clock.monoToRealUs(clock.nowUs()));
  return {
    snapshotItem: (record) => ({
      time: nowTime(),
      snapshotItem: recordToProto(record, clock.nowUs(), clock, workloads),
    }),
    snapshotEnd: (count) => ({ time: nowTime(), snapshotEnd: { count } }),
    change: (change, kind) => {
      const known = mapped.get(change);
      let message = known?.[kind];
      if (message === undefined) {
        message = bytesOnly(changeToProto(change, kind, clock, workloads));
        mapped.set(change, { ...known, [kind]: message });
      }
      return message;
    },
    lost: (count) => ({ time: nowTime(), lost: { count: Long.fromNumber(count, true) } }),
  };
}
