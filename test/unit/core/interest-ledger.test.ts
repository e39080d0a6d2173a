/**
 * Proves that the sensor is told of every peer, listener and process once, however many records are part of it; that what
 * nobody needs any more is taken back after a while; and that more than the sensor has room for waits for its turn.
 * Cannot prove what the sensor makes of it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { interestKey } from '../../../daemon/core/interest.js';
import { type InterestChange, InterestLedger } from '../../../daemon/core/interest-ledger.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { createRecord, OWNER } from '../rpc/sample-records.js';

const PEER = 'peer 10.0.0.2 8000';
const PROCESS = 'process 12900';
const MINUTE_US = 60_000_000;

function text({ type, interest }: InterestChange): string {
  return `${type} ${interestKey(interest)}`;
}

function changes(ledger: InterestLedger, nowUs: number): string[] {
  return ledger.takeChanges(nowUs).map(text);
}

describe('what a record is part of', () => {
  const listener: Partial<StuckRecord> = {
    direction: 'unknown',
    local: { address: '0.0.0.0', port: 80 },
    remote: { address: '', port: 0 },
    acceptQueue: { waiting: 5, limit: 5, handshakes: 0, unanswered: 0 },
  };
  const cases: readonly (readonly [what: string, record: Partial<StuckRecord>, expected: readonly string[]])[] = [
    ['outbound: its peer and its process', {}, [PEER, PROCESS]],
    ['inbound: its local port', { direction: 'inbound' }, ['listener 41000', PROCESS]],
    ['a listener: its own port', listener, ['listener 80', PROCESS]],
    ['an orphan: the process that left it', { owner: null, lastOwner: OWNER }, [PEER, PROCESS]],
    ['nobody is known to hold it', { owner: null }, [PEER]],
    ['a socket that lost its peer', { remote: { address: '0.0.0.0', port: 0 } }, [PROCESS]],
  ];
  for (const [what, record, expected] of cases) {
    test(what, () => {
      const ledger = new InterestLedger();
      ledger.update(createRecord(record), 0);
      assert.deepEqual(
        changes(ledger, 0),
        expected.map((key) => `count ${key}`),
      );
    });
  }
});

describe('the ledger', () => {
  test('a thousand records of one process and peer make two commands', () => {
    const ledger = new InterestLedger();
    for (let index = 0; index < 1000; index += 1) {
      ledger.update(createRecord({ id: `r${index}` }), 0);
    }
    assert.deepEqual(changes(ledger, 0), [`count ${PEER}`, `count ${PROCESS}`]);
    assert.deepEqual(changes(ledger, 0), [], 'what was told is not told again');
  });

  test('an owner that becomes known is added, one that changed is dropped later', () => {
    const ledger = new InterestLedger();
    ledger.update(createRecord({ owner: null }), 0);
    assert.deepEqual(changes(ledger, 0), [`count ${PEER}`]);
    ledger.update(createRecord(), 0);
    assert.deepEqual(changes(ledger, 0), [`count ${PROCESS}`]);
    ledger.update(createRecord({ owner: { ...OWNER, pid: 7 } }), 0);
    assert.deepEqual(changes(ledger, 0), ['count process 7']);
    assert.deepEqual(changes(ledger, MINUTE_US), [`uncount ${PROCESS}`]);
  });

  test('what ended is taken back after a minute, under the id that it had, unless it gets stuck again', () => {
    const ledger = new InterestLedger();
    const record = createRecord({ owner: null });
    ledger.update(record, 0);
    const [told] = ledger.takeChanges(0);
    ledger.remove(record.id, 1000);
    assert.deepEqual(changes(ledger, MINUTE_US), []);
    ledger.update(createRecord({ id: 'again', owner: null }), MINUTE_US);
    assert.deepEqual(changes(ledger, 2 * MINUTE_US), []);
    ledger.remove('again', 2 * MINUTE_US);
    assert.deepEqual(ledger.takeChanges(3 * MINUTE_US), [{ ...told, type: 'uncount' }]);
    assert.equal(ledger.idOfPeer({ ...record.remote, netns: 0 }), null);
  });

  test('an event that is over before the sensor could be told needs no command', () => {
    const ledger = new InterestLedger();
    ledger.update(createRecord(), 0);
    ledger.remove(createRecord().id, 0);
    assert.deepEqual(changes(ledger, 0), []);
    assert.equal(ledger.waiting, 0);
  });

  test('a record that nobody knows is no reason to forget anything', () => {
    const ledger = new InterestLedger();
    ledger.update(createRecord(), 0);
    ledger.takeChanges(0);
    ledger.remove('another', 0);
    assert.deepEqual(changes(ledger, MINUTE_US), []);
  });

  test('a new sensor is told all that counts, by the same ids', () => {
    const ledger = new InterestLedger();
    ledger.update(createRecord(), 0);
    const told = ledger.takeChanges(0);
    assert.deepEqual(ledger.told(), told);
    assert.equal(ledger.idOfPeer({ address: '10.0.0.2', port: 8000, netns: 0 }), told[0]?.id);
    assert.equal(ledger.idOfListener(8000), null);
  });

  test('what the sensor has no room for waits until something goes', () => {
    const ledger = new InterestLedger();
    for (let port = 1; port <= 4097; port += 1) {
      ledger.update(createRecord({ id: `r${port}`, owner: null, remote: { address: '10.0.0.2', port } }), 0);
    }
    assert.equal(ledger.takeChanges(0).length, 4096);
    assert.equal(ledger.waiting, 1);
    assert.equal(ledger.idOfPeer({ address: '10.0.0.2', port: 4097, netns: 0 }), null);
    ledger.remove('r17', 0);
    assert.deepEqual(changes(ledger, MINUTE_US), ['uncount peer 10.0.0.2 17', 'count peer 10.0.0.2 4097']);
    assert.equal(ledger.waiting, 0);
  });
});
