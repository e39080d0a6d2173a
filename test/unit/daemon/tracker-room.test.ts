// Proves how many connections are tracked in which heap. That a daemon with a small heap outlives an outage of more
// connections than that is a matter of `test/load`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trackerRoom } from '../../../daemon/tracker-room.js';

const MIB = 1024 * 1024;

for (const [name, heapMib, room] of [
  ['a container with 160 MiB of heap', 160, 4096],
  ['one with 512 MiB', 512, 26_624],
  ['a machine with 8 GiB of memory or more', 4096, 200_000],
  ['a heap that is hardly enough for nothing', 32, 1000],
] as const) {
  test(name, () => {
    assert.equal(trackerRoom(heapMib * MIB), room);
  });
}

test('the heap of this process', () => {
  assert.ok(trackerRoom() >= 1000 && trackerRoom() <= 200_000);
});
