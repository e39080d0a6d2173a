/** A state with open records, as the tracker saves it. */
import type { SavedEntry, SavedState } from '../../../daemon/core/tracker-messages.js';
import { RecordStream } from '../../../daemon/wire/record-stream.js';
import { createRecord } from '../rpc/sample-records.js';
import { goldenBytes } from '../wire/golden.js';

/** A snapshot with another value in every field. */
function goldenSocket(): SavedEntry['socket'] {
  const [record] = new RecordStream().push(goldenBytes('socket')).records;
  if (record?.type !== 'socket') {
    throw new Error('test/golden/socket.hex holds no socket');
  }
  return record.socket;
}

/** @param comm of the owner; it is chosen by others */
export function createSavedState(count = 1, comm = 'node'): SavedState {
  const socket = goldenSocket();
  const entries = Array.from({ length: count }, (_, index) => {
    const record = createRecord({ id: `c${index}`, cookie: 2n ** 64n - 1n - BigInt(index) });
    const owner = record.owner && { ...record.owner, comm };
    return { record: { ...record, owner, detectedGiveUp: record.giveUp, forecastErrorUs: -5 }, socket };
  });
  const clock = { monoUs: 1, realUs: 2, bootUs: 3, jiffies: 4, jiffyEdgeUs: 5 };
  return { bootId: '01234567-89ab-cdef-0123-456789abcdef', clock, entries };
}
