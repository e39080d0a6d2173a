/** Proves that a change is encoded once for all who get it, and that what they get is what the generated code would send. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createChangeMapper } from '../../../daemon/rpc/change-mapper.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { encodeChange, encodeWatchResponse } from '../../../daemon/rpc/shared-change.js';
import { createClock, createRecord, createWorkloads, WORKLOAD } from './sample-records.js';

type WatchResponse = stuckd.v1.WatchStuckConnectionsResponse.$Properties;

const MAPPER = createChangeMapper(createClock(), createWorkloads(WORKLOAD));

function opened(id: string): stuckd.v1.Change.$Properties {
  return MAPPER.change({ kind: 'opened', timeUs: createClock().nowUs(), record: createRecord({ id }) }, 'opened');
}

const RESPONSES: Readonly<Record<string, WatchResponse>> = {
  'a heartbeat': { changes: [], resumeToken: 'place' },
  'without a place': { changes: [opened('a')], resumeToken: '' },
  'of every sort': {
    changes: [MAPPER.snapshotItem(createRecord()), MAPPER.snapshotEnd(1), opened('b'), MAPPER.lost(7)],
    resumeToken: 'ä place',
  },
  'of many': { changes: Array.from({ length: 300 }, (_, index) => opened(String(index))), resumeToken: 'place' },
};

for (const [what, response] of Object.entries(RESPONSES)) {
  test(`a response ${what} reads as if the generated code had written it`, () => {
    const generated = stuckd.v1.WatchStuckConnectionsResponse.encode(response).finish();
    const read = (bytes: Uint8Array): unknown => stuckd.v1.WatchStuckConnectionsResponse.decode(bytes).toJSON();
    assert.deepEqual(read(encodeWatchResponse(response)), read(generated));
  });
}

test('the bytes of a change are made once', () => {
  const change = opened('c');
  const first = encodeChange(change);
  encodeWatchResponse({ changes: [change], resumeToken: 'x' });
  assert.equal(encodeChange(change), first);
  assert.notEqual(encodeChange(opened('c')), first);
});
