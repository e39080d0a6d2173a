/** Changes of alerts as messages; shared by all watches and by the history, so that a change is mapped once. */
import Long from 'long';
import type { Alert, AlertChange, AlertSource } from '../core/alert.js';
import type { WallClock, WorkloadSource } from '../core/ports.js';
import { alertChangeToProto, alertToProto } from './alert-mapping.js';
import type { WatchKind } from './followed-items.js';
import type { stuckd } from './gen/stuckd.js';
import { timestampFromUs } from './proto-time.js';
import type { WatchFeed, WatchMapper } from './watch-session.js';

type Change = stuckd.v1.AlertChange.$Properties;
export type AlertMapper = WatchMapper<Alert, AlertChange, Change>;

export const ALERT_WATCH_KINDS: Readonly<Record<AlertChange['kind'], WatchKind>> = {
  fired: 'opened',
  updated: 'updated',
  resolved: 'ended',
};

/** Alerts as watches follow them. */
export function alertFeed(alerts: AlertSource): WatchFeed<Alert, AlertChange> {
  return {
    current: () => alerts.firing(),
    kindOf: ({ kind }) => ALERT_WATCH_KINDS[kind],
    itemOf: ({ alert }) => alert,
    subscribe: (listener) => alerts.subscribe(listener),
  };
}

export function createAlertChangeMapper(clock: WallClock, workloads: WorkloadSource): AlertMapper {
  const mapped = new WeakMap<AlertChange, Partial<Record<WatchKind, Change>>>();
  const nowTime = (): NonNullable<Change['time']> => timestampFromUs(clock.monoToRealUs(clock.nowUs()));
  return {
    snapshotItem: (alert) => ({
      time: nowTime(),
      snapshotItem: alertToProto(alert, clock.nowUs(), clock, workloads),
    }),
    snapshotEnd: (count) => ({ time: nowTime(), snapshotEnd: { count } }),
    change: (change, kind) => {
      const known = mapped.get(change);
      const message = known?.[kind] ?? alertChangeToProto(change, kind, clock, workloads);
      mapped.set(change, { ...known, [kind]: message });
      return message;
    },
    lost: (count) => ({ time: nowTime(), lost: { count: Long.fromNumber(count, true) } }),
  };
}
