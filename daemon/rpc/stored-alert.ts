/** Alerts and their changes as bytes on disk: the messages of the contract, which have wall time and outlive a reboot. */
import type { WatchKind } from './followed-items.js';
import { stuckd } from './gen/stuckd.js';
import { timestampFromUs } from './proto-time.js';

type Change = stuckd.v1.AlertChange.$Properties;
type Alert = stuckd.v1.Alert.$Properties;

/** What happened to an alert, in the words of its message. */
export const CHANGE_FIELDS = {
  opened: 'fired',
  updated: 'updated',
  ended: 'resolved',
} as const satisfies Readonly<Record<WatchKind, keyof Change>>;

function alertOf({ fired, updated, resolved }: Change): Alert {
  return fired ?? updated ?? resolved ?? {};
}

export function encodeAlertChange(change: Change): Uint8Array {
  return stuckd.v1.AlertChange.encode(change).finish();
}

/** @param kind what happened, as the subscriber sees it */
export function decodeAlertChange(payload: Uint8Array, kind: WatchKind): Change {
  const change = stuckd.v1.AlertChange.decode(payload);
  return { time: change.time ?? null, [CHANGE_FIELDS[kind]]: alertOf(change) };
}

export function encodeAlertOf(change: Change): Uint8Array {
  return stuckd.v1.Alert.encode(alertOf(change)).finish();
}

export function decodeAlert(payload: Uint8Array): stuckd.v1.Alert {
  return stuckd.v1.Alert.decode(payload);
}

/** The end of an alert that a daemon which was killed had told, and not saved: whether it goes on is told by another one. */
export function lostAlert(payload: Uint8Array, endUs: number): Change {
  const alert = alertOf(stuckd.v1.AlertChange.decode(payload));
  const time = timestampFromUs(endUs);
  const note = 'stuckd ended before it had saved this alert; if its connections are still stuck, another one follows';
  return {
    time,
    resolved: {
      ...alert,
      status: stuckd.v1.AlertStatus.ALERT_STATUS_RESOLVED,
      updateTime: time,
      endTime: time,
      summary: `${alert.summary ?? ''} (${note})`,
    },
  };
}
