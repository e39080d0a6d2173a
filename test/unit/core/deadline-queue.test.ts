/** Proves that the queue of deadlines behaves like a plain map that is searched for its minimum. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DeadlineQueue } from '../../../daemon/core/deadline-queue.js';

const operations = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('set' as const), key: fc.nat(20), timeUs: fc.nat(50) }),
    fc.record({ type: fc.constant('delete' as const), key: fc.nat(20), timeUs: fc.constant(0) }),
    fc.record({ type: fc.constant('pop' as const), key: fc.constant(0), timeUs: fc.nat(50) }),
  ),
  { maxLength: 400, size: 'max' },
);

void test('deadlines come out in order, moved and deleted ones not at all', () => {
  fc.assert(
    fc.property(operations, (list) => {
      const queue = new DeadlineQueue();
      const model = new Map<string, number>();
      for (const { type, key, timeUs } of list) {
        if (type === 'set') {
          queue.set(String(key), timeUs);
          model.set(String(key), timeUs);
        } else if (type === 'delete') {
          queue.delete(String(key));
          model.delete(String(key));
        } else {
          const earliestUs = Math.min(...model.values());
          const popped = queue.popDue(timeUs);
          assert.equal(popped !== null, earliestUs <= timeUs);
          if (popped !== null) {
            assert.equal(model.get(popped), earliestUs);
            model.delete(popped);
          }
        }
        assert.equal(queue.earliestUs(), model.size === 0 ? null : Math.min(...model.values()));
      }
    }),
  );
});
