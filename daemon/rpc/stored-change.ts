/** Changes and connections as bytes on disk: the messages of the contract, which have wall time and outlive a reboot. */
import protobuf from 'protobufjs/minimal.js';
import type { RecordChange } from '../core/ports.js';
import { stuckd } from './gen/stuckd.js';
import { timestampFromUs } from './proto-time.js';

type Change = stuckd.v1.Change.$Properties;
type Connection = stuckd.v1.StuckConnection.$Properties;

function connectionOf({ opened, updated, ended }: Change): Connection {
  return opened ?? updated ?? ended ?? {};
}

/** @param kind what happened, as the subscriber sees it */
export function decodeChange(payload: Uint8Array, kind: RecordChange['kind']): Change {
  const change = stuckd.v1.Change.decode(payload);
  return { time: change.time ?? null, [kind]: connectionOf(change) };
}

const LENGTH_DELIMITED = 2;
const WIRE_TYPE_MASK = 7;

/** Tags of the fields `opened`, `updated` and `ended`, which all hold a connection. */
const CONNECTION_TAGS: ReadonlySet<number> = new Set([4, 5, 6].map((field) => (field << 3) | LENGTH_DELIMITED));

/** @returns the encoded connection inside an encoded change: what has ended need not be encoded twice. Shares its memory. */
export function connectionIn(change: Uint8Array): Uint8Array {
  const reader = protobuf.Reader.create(change);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (CONNECTION_TAGS.has(tag)) {
      return reader.bytes();
    }
    reader.skipType(tag & WIRE_TYPE_MASK);
  }
  return new Uint8Array(0);
}

export function decodeConnection(payload: Uint8Array): stuckd.v1.StuckConnection {
  return stuckd.v1.StuckConnection.decode(payload);
}

/** The end of a record that a daemon which was killed had told, and not saved: what became of it was not seen. */
export function lostTrack(payload: Uint8Array, endUs: number): Change {
  const connection = connectionOf(stuckd.v1.Change.decode(payload));
  const time = timestampFromUs(endUs);
  const text = 'stuckd ended before it had saved this record; if the connection is still stuck, another record follows';
  return {
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
  };
}
