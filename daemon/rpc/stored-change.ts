/** Changes and connections as bytes on disk: the messages of the contract, which have wall time and outlive a reboot. */
import type { RecordChange } from '../core/ports.js';
import { stuckd } from './gen/stuckd.js';
import { timestampFromUs } from './proto-time.js';
import { encodeChange, type EncodedChange } from './shared-change.js';

type Change = stuckd.v1.Change.$Properties;
type Connection = stuckd.v1.StuckConnection.$Properties;

function connectionOf({ opened, updated, ended }: Change): Connection {
  return opened ?? updated ?? ended ?? {};
}

/** @param kind what happened, as the subscriber sees it */
export function storedChange(payload: Uint8Array, kind: RecordChange['kind']): EncodedChange {
  const change = stuckd.v1.Change.decode(payload);
  return encodeChange({ time: change.time ?? null, [kind]: connectionOf(change) });
}

export function decodeConnection(payload: Uint8Array): stuckd.v1.StuckConnection {
  return stuckd.v1.StuckConnection.decode(payload);
}

/** The end of a record that a daemon which was killed had told, and not saved: what became of it was not seen. */
export function lostTrack(payload: Uint8Array, endUs: number): EncodedChange {
  const connection = connectionOf(stuckd.v1.Change.decode(payload));
  const time = timestampFromUs(endUs);
  const text = 'stuckd ended before it had saved this record; if the connection is still stuck, another record follows';
  return encodeChange({
    time,
    ended: {
      ...connection,
      outcome: stuckd.v1.Outcome.OUTCOME_LOST_TRACK,
      endTime: time,
      // Both speak of a connection that is stuck.
      giveUp: null,
      diagnosis: null,
      timeline: [...(connection.timeline ?? []), { time, text }],
    },
  });
}
