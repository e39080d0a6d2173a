/**
 * Proves which records are taken for the two ends of one connection: by their addresses, and only where there is no doubt.
 * Cannot prove it for translated addresses, which do not match by nature.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Counterparts } from '../../../daemon/core/counterparts.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { createRecord } from '../rpc/sample-records.js';

const NEAR = { address: '10.0.0.1', port: 41000 };
const FAR = { address: '10.0.0.2', port: 8000 };

function end(id: string, netns: number, changes: Partial<StuckRecord> = {}): StuckRecord {
  return createRecord({ id, netns, local: NEAR, remote: FAR, ...changes });
}

function otherEnd(id: string, netns: number, changes: Partial<StuckRecord> = {}): StuckRecord {
  return createRecord({ id, netns, local: FAR, remote: NEAR, direction: 'inbound', ...changes });
}

describe('counterparts', () => {
  test('two ends learn of each other as the second one opens, once', () => {
    const counterparts = new Counterparts();
    const a = end('a', 1);
    const b = otherEnd('b', 2);
    assert.equal(counterparts.add(a), null);
    assert.equal(counterparts.of('a'), null);
    assert.equal(counterparts.add(b), 'a');
    assert.equal(counterparts.of('a'), 'b');
    assert.equal(counterparts.of('b'), 'a');
    assert.equal(counterparts.add({ ...b, retransmits: 9 }), null, 'an update is no new link');
    assert.equal(counterparts.of('b'), 'a');
  });

  const strangers: readonly (readonly [what: string, records: readonly StuckRecord[]])[] = [
    ['another port', [end('a', 1), otherEnd('b', 2, { remote: { ...NEAR, port: 41001 } })]],
    ['the same end twice', [end('a', 1), end('b', 2)]],
    ['two that could be the other end', [otherEnd('b', 2), otherEnd('c', 3), end('a', 1)]],
    [
      'listeners, which have no other end',
      [end('a', 1, { remote: { address: '', port: 0 }, local: { address: '', port: 0 } })],
    ],
  ];
  for (const [what, records] of strangers) {
    test(`not linked: ${what}`, () => {
      const counterparts = new Counterparts();
      assert.deepEqual(
        records.map((record) => counterparts.add(record)),
        records.map(() => null),
      );
      assert.deepEqual(
        records.map(({ id }) => counterparts.of(id)),
        records.map(() => null),
      );
    });
  }

  test('of several, the one in the same namespace', () => {
    const counterparts = new Counterparts();
    counterparts.add(otherEnd('elsewhere', 2));
    counterparts.add(otherEnd('here', 1));
    assert.equal(counterparts.add(end('a', 1)), 'here');
  });

  test('loopback does not leave its namespace', () => {
    const ends = { local: { address: '127.0.0.1', port: 41000 }, remote: { address: '127.0.0.1', port: 8000 } };
    const counterparts = new Counterparts();
    counterparts.add(createRecord({ id: 'a', netns: 1, ...ends }));
    assert.equal(counterparts.add(createRecord({ id: 'b', netns: 2, local: ends.remote, remote: ends.local })), null);
    assert.equal(counterparts.add(createRecord({ id: 'c', netns: 1, local: ends.remote, remote: ends.local })), 'a');
  });

  test('an end that is over leaves its name with the other, and nothing to link to', () => {
    const counterparts = new Counterparts();
    counterparts.add(end('a', 1));
    counterparts.add(otherEnd('b', 2));
    counterparts.remove('a');
    assert.equal(counterparts.of('b'), 'a');
    assert.equal(counterparts.of('a'), null);
    counterparts.remove('b');
    counterparts.remove('b');
    assert.equal(counterparts.add(end('c', 1)), null);
  });
});
