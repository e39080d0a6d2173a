/** Changes of records as messages; shared by all watches and by the history, so that a change is mapped once. */
import type { RecordChange, WallClock } from '../core/ports.js';
import type { stuckd } from './gen/stuckd.js';
import { changeToProto, recordToProto } from './proto-mapping.js';
import { timestampFromUs } from './proto-time.js';
import type { WatchMapper } from './watch-session.js';

type Change = stuckd.v1.Change.$Properties;

export function createChangeMapper(clock: WallClock): WatchMapper {
  const mapped = new WeakMap<RecordChange, Partial<Record<RecordChange['kind'], Change>>>();
  return {
    nowTime: () => timestampFromUs(clock.monoToRealUs(clock.nowUs())),
    snapshotItem: (record) => {
      const nowUs = clock.nowUs();
      const time = timestampFromUs(clock.monoToRealUs(nowUs));
      return { time, snapshotItem: recordToProto(record, nowUs, clock) };
    },
    change: (change, kind) => {
      const known = mapped.get(change);
      const message = known?.[kind] ?? changeToProto(change, kind, clock);
      mapped.set(change, { ...known, [kind]: message });
      return message;
    },
  };
}
