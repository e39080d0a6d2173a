/** Proves that a change is encoded once for all who get it, and that what they get is what the generated code would send. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordChange } from '../../../daemon/core/ports.js';
import { createChangeMapper } from '../../../daemon/rpc/change-mapper.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { changeToProto, recordToProto } from '../../../daemon/rpc/proto-mapping.js';
import { connectionIn, encodeChange, encodeWatchResponse } from '../../../daemon/rpc/shared-change.js';
import { createClock, createRecord, createWorkloads, WORKLOAD } from './sample-records.js';

type Change = stuckd.v1.Change.$Properties;

const CLOCK = createClock();
const WORKLOADS = createWorkloads(WORKLOAD);
const MAPPER = createChangeMapper(CLOCK, WORKLOADS);
/** The fields of a change without a connection. */
const SNAPSHOT_END: Change = { snapshotEnd: { count: 300 } };
const SNAPSHOT_ITEM: Change = { snapshotItem: recordToProto(createRecord(), CLOCK.nowUs(), CLOCK, WORKLOADS) };

function opening(id: string): RecordChange {
  return { kind: 'opened', timeUs: CLOCK.nowUs(), record: createRecord({ id }) };
}

function opened(id: string): Change {
  return changeToProto(opening(id), 'opened', CLOCK, WORKLOADS);
}

function many(count: number): Change[] {
  return Array.from({ length: count }, (_, index) => opened(String(index)));
}

const RESPONSES: Readonly<Record<string, { readonly changes: Change[]; readonly resumeToken: string }>> = {
  'a heartbeat': { changes: [], resumeToken: 'place' },
  'without a place': { changes: [opened('a')], resumeToken: '' },
  'of every sort': { changes: [SNAPSHOT_ITEM, SNAPSHOT_END, opened('b'), {}], resumeToken: 'ä place' },
  'of more than there is memory for at all times': { changes: many(1000), resumeToken: 'place' },
  'of many': { changes: many(300), resumeToken: 'place' },
};

for (const [what, response] of Object.entries(RESPONSES)) {
  test(`a response ${what} reads as if the generated code had written it`, () => {
    const generated = stuckd.v1.WatchStuckConnectionsResponse.encode(response).finish();
    const shared = encodeWatchResponse({ ...response, changes: response.changes.map(encodeChange) });
    const read = (bytes: Uint8Array): unknown => stuckd.v1.WatchStuckConnectionsResponse.decode(bytes).toJSON();
    assert.deepEqual(read(shared), read(generated));
  });
}

test('a change is encoded once for all who ask, with all of its fields, and nothing but its bytes is kept', () => {
  const change = opening('d');
  const message = MAPPER.change(change, 'opened');
  assert.equal(MAPPER.change(change, 'opened'), message);
  assert.notEqual(MAPPER.change(change, 'updated'), message);
  assert.deepEqual(message, encodeChange(opened('d')));
  assert.deepEqual(Object.keys(message), ['bytes']);
});

for (const kind of ['opened', 'updated', 'ended'] as const) {
  test(`the connection that ${kind} is found in the bytes of its change`, () => {
    const change = changeToProto({ ...opening('e'), kind }, kind, CLOCK, WORKLOADS);
    const alone = stuckd.v1.StuckConnection.encode(change[kind] ?? {}).finish();
    assert.deepEqual(Buffer.from(connectionIn(encodeChange(change))), alone);
  });
}

test('a change without a connection that opens, updates or ends is not taken for an empty one', () => {
  for (const change of [{}, SNAPSHOT_END, SNAPSHOT_ITEM]) {
    assert.throws(() => connectionIn(encodeChange(change)), /was to be kept/);
  }
});
