/**
 * Changes of records as messages; shared by all watches and by the history, so that a change is mapped and encoded once.
 * What is kept of one until all have it are its bytes.
 */
import Long from 'long';
import type { RecordChange, WallClock, WorkloadSource } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import { changeToProto, recordToProto } from './proto-mapping.js';
import { timestampFromUs } from './proto-time.js';
import { encodeChange, type EncodedChange } from './shared-change.js';
import type { WatchMapper } from './watch-session.js';

export type RecordMapper = WatchMapper<StuckRecord, RecordChange, EncodedChange>;

export function createChangeMapper(clock: WallClock, workloads: WorkloadSource): RecordMapper {
  const mapped = new WeakMap<RecordChange, Partial<Record<RecordChange['kind'], EncodedChange>>>();
  const nowTime = (): ReturnType<typeof timestampFromUs> => timestampFromUs(clock.monoToRealUs(clock.nowUs()));
  return {
    snapshotItem: (record) =>
      encodeChange({ time: nowTime(), snapshotItem: recordToProto(record, clock.nowUs(), clock, workloads) }),
    snapshotEnd: (count) => encodeChange({ time: nowTime(), snapshotEnd: { count } }),
    change: (change, kind) => {
      const known = mapped.get(change);
      let message = known?.[kind];
      if (message === undefined) {
        message = encodeChange(changeToProto(change, kind, clock, workloads));
        mapped.set(change, { ...known, [kind]: message });
      }
      return message;
    },
    lost: (count) => encodeChange({ time: nowTime(), lost: { count: Long.fromNumber(count, true) } }),
  };
}
