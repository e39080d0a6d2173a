/** Proves that a change is encoded once for all who get it, and that what they get is what the generated code would send. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordChange } from '../../../daemon/core/ports.js';
import { createChangeMapper } from '../../../daemon/rpc/change-mapper.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { changeToProto } from '../../../daemon/rpc/proto-mapping.js';
import { connectionIn, encodeChange, encodeWatchResponse } from '../../../daemon/rpc/shared-change.js';
import { createClock, createRecord, createWorkloads, WORKLOAD } from './sample-records.js';

type WatchResponse = stuckd.v1.WatchStuckConnectionsResponse.$Properties;

const MAPPER = createChangeMapper(createClock(), createWorkloads(WORKLOAD));

type Change = stuckd.v1.Change.$Properties;

function opening(id: string): RecordChange {
  return { kind: 'opened', timeUs: createClock().nowUs(), record: createRecord({ id }) };
}

/** As subscribers get it. */
function opened(id: string): Change {
  return MAPPER.change(opening(id), 'opened');
}

/** With all of its fields. */
function wholeOpened(id: string): Change {
  return changeToProto(opening(id), 'opened', createClock(), createWorkloads(WORKLOAD));
}

const RESPONSES: Readonly<Record<string, (opened: (id: string) => Change) => WatchResponse>> = {
  'a heartbeat': () => ({ changes: [], resumeToken: 'place' }),
  'without a place': (change) => ({ changes: [change('a')], resumeToken: '' }),
  'of every sort': (change) => ({
    changes: [MAPPER.snapshotItem(createRecord()), MAPPER.snapshotEnd(1), change('b'), MAPPER.lost(7)],
    resumeToken: 'ä place',
  }),
  'of more than there is memory for at all times': (change) => ({
    changes: Array.from({ length: 1000 }, (_, index) => change(String(index))),
    resumeToken: 'place',
  }),
  'of many': (change) => ({
    changes: Array.from({ length: 300 }, (_, index) => change(String(index))),
    resumeToken: 'place',
  }),
};

for (const [what, response] of Object.entries(RESPONSES)) {
  test(`a response ${what} reads as if the generated code had written it`, () => {
    const generated = stuckd.v1.WatchStuckConnectionsResponse.encode(response(wholeOpened)).finish();
    const read = (bytes: Uint8Array): unknown => stuckd.v1.WatchStuckConnectionsResponse.decode(bytes).toJSON();
    assert.deepEqual(read(encodeWatchResponse(response(opened))), read(generated));
  });
}

test('the bytes of a change are made once', () => {
  const change = opened('c');
  const first = encodeChange(change);
  encodeWatchResponse({ changes: [change], resumeToken: 'x' });
  assert.equal(encodeChange(change), first);
  assert.notEqual(encodeChange(opened('c')), first);
});

test('a change that waits keeps nothing but its bytes, the same for all who ask', () => {
  const change = opening('d');
  const message = MAPPER.change(change, 'opened');
  assert.deepEqual(message, {});
  assert.equal(MAPPER.change(change, 'opened'), message);
  assert.deepEqual(encodeChange(message), encodeChange(wholeOpened('d')));
});

for (const kind of ['opened', 'updated', 'ended'] as const) {
  test(`the connection that ${kind} is found in the bytes of its change`, () => {
    const change = changeToProto({ ...opening('e'), kind }, kind, createClock(), createWorkloads(WORKLOAD));
    const alone = stuckd.v1.StuckConnection.encode(change[kind] ?? {}).finish();
    assert.deepEqual(Buffer.from(connectionIn(encodeChange(change))), alone);
  });
}
