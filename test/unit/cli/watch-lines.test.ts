// Proves which changes of a watch are worth a line: what opened waits a moment for its owner, retransmissions are silent,
// and a new snapshot after a restart or a loss prints only what is new in it. Time is simulated.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { WatchLines } from '../../../daemon/cli/watch-lines.js';
import { createStyle } from '../../../daemon/lib/terminal.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import type { WatchChange } from '../../../daemon/rpc/grpc-client.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { recordToProto } from '../../../daemon/rpc/proto-mapping.js';
import { createClock, createRecord, createWorkloads, EPOCH_MONO_US, OWNER } from '../rpc/sample-records.js';

const v1 = stuckd.v1;
const PENDING = { ownerType: 'pending', owner: null } as const;
const OWNER_WAIT_MS = 300;

type Kind = 'snapshotItem' | 'opened' | 'updated' | 'ended';

function change(kind: Kind, changes: Partial<StuckRecord> = {}): WatchChange {
  const connection = recordToProto(createRecord(changes), EPOCH_MONO_US, createClock(), createWorkloads());
  return v1.Change.decode(v1.Change.encode({ [kind]: connection }).finish());
}

const snapshotEnd = (): WatchChange => v1.Change.decode(v1.Change.encode({ snapshotEnd: { count: 1 } }).finish());
const lost = (): WatchChange => v1.Change.decode(v1.Change.encode({ lost: {} }).finish());

describe('watch lines', () => {
  let printed: string[] = [];
  let notes: string[] = [];
  let lines = new WatchLines({ line: () => undefined, note: () => undefined }, createStyle(false), () => 0);

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    printed = [];
    notes = [];
    lines = new WatchLines(
      {
        // Sign and connection are enough here; format.test.ts has whole lines.
        line: (text) =>
          printed.push(
            text
              .slice(10)
              .replace(/ {2,}/g, ' ')
              .replace(/ (stuck for|the end).*/s, '')
              .trim(),
          ),
        note: (text) => notes.push(text.trim()),
      },
      createStyle(false),
      () => 0,
    );
  });

  afterEach(() => {
    lines.close();
    mock.timers.reset();
  });

  const stuck = 'STUCK retransmitting node[12900] -> 10.0.0.2:8000';
  const ended = 'END retransmitting node[12900] -> 10.0.0.2:8000 recovered after 1m 20s';
  const recovered = { outcome: 'recovered', endUs: EPOCH_MONO_US } as const;

  test('a connection with its owner is printed at once, retransmissions are not, the end is', () => {
    lines.accept(change('opened'));
    lines.accept(change('updated', { retransmits: 8, rtoMs: 51_200 }));
    lines.accept(change('ended', recovered));
    assert.deepEqual(printed, [stuck, ended]);
  });

  test('kind, state and owner are worth a line', () => {
    lines.accept(change('opened'));
    lines.accept(change('updated', { state: 'FIN_WAIT1' }));
    lines.accept(change('updated', { state: 'FIN_WAIT1', kind: 'closing' }));
    lines.accept(
      change('updated', { state: 'FIN_WAIT1', kind: 'closing', ownerType: 'orphan', owner: null, lastOwner: OWNER }),
    );
    assert.deepEqual(printed.slice(1), [
      'UPDATE retransmitting node[12900] -> 10.0.0.2:8000',
      'UPDATE closing node[12900] -> 10.0.0.2:8000',
      'UPDATE closing orphan (node[12900]) -> 10.0.0.2:8000',
    ]);
  });

  test('one without an owner waits for the update that brings it', () => {
    lines.accept(change('opened', PENDING));
    mock.timers.tick(OWNER_WAIT_MS - 1);
    assert.deepEqual(printed, []);
    lines.accept(change('updated'));
    assert.deepEqual(printed, [stuck]);
    mock.timers.tick(OWNER_WAIT_MS);
    assert.deepEqual(printed, [stuck]);
  });

  test('but not for ever', () => {
    lines.accept(change('opened', PENDING));
    lines.accept(change('updated', { ...PENDING, retransmits: 8 }));
    mock.timers.tick(OWNER_WAIT_MS);
    assert.deepEqual(printed, ['STUCK retransmitting unknown yet -> 10.0.0.2:8000']);
    lines.accept(change('updated'));
    assert.deepEqual(printed.slice(1), ['UPDATE retransmitting node[12900] -> 10.0.0.2:8000']);
  });

  test('an end does not overtake its beginning', () => {
    lines.accept(change('opened', PENDING));
    lines.accept(change('ended', recovered));
    assert.deepEqual(printed, ['STUCK retransmitting unknown yet -> 10.0.0.2:8000', ended]);
  });

  test('what waits is printed at the end', () => {
    lines.accept(change('opened', PENDING));
    lines.close();
    assert.deepEqual(printed, ['STUCK retransmitting unknown yet -> 10.0.0.2:8000']);
  });

  test('a second snapshot prints what is new, what changed, and what is gone', () => {
    lines.accept(change('snapshotItem', { id: 'c1' }));
    lines.accept(change('snapshotItem', { id: 'c2' }));
    lines.accept(snapshotEnd());
    lines.restart();
    lines.accept(change('snapshotItem', { id: 'c2', retransmits: 9 }));
    lines.accept(change('snapshotItem', { id: 'c3', kind: 'closing' }));
    lines.accept(snapshotEnd());
    assert.deepEqual(printed, [
      stuck,
      stuck,
      'STUCK closing node[12900] -> 10.0.0.2:8000',
      'END retransmitting node[12900] -> 10.0.0.2:8000',
    ]);
    assert.deepEqual(notes, [
      '2 stuck connections now; following changes, Ctrl-C ends',
      '2 stuck connections now; following changes, Ctrl-C ends',
    ]);
  });

  test('a loss is said, and half a snapshot before it counts for nothing', () => {
    lines.accept(change('snapshotItem', { id: 'c1' }));
    lines.accept(lost());
    lines.accept(snapshotEnd());
    assert.deepEqual(printed, [stuck, 'END retransmitting node[12900] -> 10.0.0.2:8000']);
    assert.deepEqual(notes, [
      '0 changes were missed; taking a new snapshot',
      '0 stuck connections now; following changes, Ctrl-C ends',
    ]);
  });
});
