// Proves that the demo tells changes of stuck connections once each, in order, with the right subject, and that untrusted
// names cannot reach the terminal. It cannot prove that stuckd's changes are true; the kernel tests do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionNarrator } from '../../../daemon/demo/connection-narrator.js';
import type { WatchedChange, WatchedRecord } from '../../../daemon/demo/watched-change.js';

const record: WatchedRecord = {
  id: 'a',
  kind: 'retransmitting',
  state: 'ESTABLISHED',
  ownerPending: false,
  owner: { pid: 42, comm: 'node' },
  lastOwner: null,
  peer: '10.77.0.2:8080',
  sinceMs: 5000,
  retransmits: 3,
  giveUp: { never: false, timeMs: 937_000, expectedError: 'ETIMEDOUT' },
  outcome: null,
};
const orphan: Partial<WatchedRecord> = {
  kind: 'closing',
  state: 'FIN_WAIT1',
  owner: null,
  lastOwner: record.owner,
  giveUp: { never: false, timeMs: 110_000, expectedError: 'ETIMEDOUT' },
};
const connecting: Partial<WatchedRecord> = { kind: 'connecting', state: 'SYN_SENT', giveUp: null };

/** Seconds, kind of change, what differs from `record`, and the sentences that are expected. */
type Step = readonly [number, WatchedChange['kind'], Partial<WatchedRecord>, readonly RegExp[]];

function play(steps: readonly Step[]): ConnectionNarrator {
  const narrator = new ConnectionNarrator((timeMs) => `T${timeMs / 1000}`);
  for (const [index, [seconds, kind, fields, expected]] of steps.entries()) {
    const told = narrator.tell({ kind, timeMs: seconds * 1000, record: { ...record, ...fields } });
    assert.equal(told.length, expected.length, `step ${index}: ${told.join(' | ')}`);
    for (const [line, pattern] of expected.entries()) {
      assert.match(told[line] ?? '', pattern, `step ${index}`);
    }
  }
  return narrator;
}

const HANGS =
  /^node\[42\] hangs\. What it sent to 10\.77\.0\.2:8080 at T5 was not acknowledged, nor were 3 retransmissions\. If nothing changes, the kernel gives up in 15m 30s, and the application gets ETIMEDOUT\.$/;

const STORIES: Readonly<Record<string, readonly Step[]>> = {
  'hangs and recovers; growing counters are no news': [
    [7, 'opened', {}, [HANGS]],
    [8, 'updated', { retransmits: 4 }, []],
    [31, 'ended', { outcome: 'recovered' }, [/^The connection of node\[42\] has recovered, after 26s: it is the same/]],
  ],
  'hangs and is reset': [
    [7, 'opened', {}, [HANGS]],
    [18, 'ended', { outcome: 'reset_by_peer' }, [/ended with a reset, after 13s: the server no longer knew/]],
  ],
  'the owner is found later': [
    [7, 'opened', { ownerPending: true, owner: null }, []],
    [7, 'updated', {}, [HANGS]],
    [8, 'ended', { outcome: 'timed_out' }, [/node\[42\] was ended by the kernel, which gave up after 3\.0s\.$/]],
  ],
  'the owner is never found': [
    [7, 'opened', { ownerPending: true, owner: null }, []],
    [8, 'ended', { owner: null, outcome: 'recovered' }, [/^a socket without a process hangs/, /has recovered/]],
  ],
  'frees itself and leaves an orphan': [
    [7, 'opened', {}, [HANGS]],
    [10, 'updated', { kind: 'closing', state: 'FIN_WAIT1' }, []],
    [
      10,
      'updated',
      orphan,
      [
        /^node\[42\] has freed itself: it closed the connection that hung, after 5\.0s\. An orphan stays behind \(FIN_WAIT1\).* gives up in 1m 40s\.$/,
      ],
    ],
    [11, 'updated', { ...orphan, retransmits: 7 }, []],
    [31, 'ended', { ...orphan, outcome: 'recovered' }, [/^The orphan of node\[42\] is gone: .*, after 26s\.$/]],
  ],
  'an orphan from before': [
    [30, 'opened', orphan, [/^The orphan of node\[42\] is still there: its FIN .* not been acknowledged since T5/]],
    [31, 'ended', { ...orphan, outcome: 'reset_by_peer' }, [/^The orphan of node\[42\] is gone: it was reset/]],
  ],
  'connects again and again: told once, also its end': [
    [8, 'opened', connecting, [/^node\[42\] cannot connect to .*: since T5 its SYN and 3 retransmissions/]],
    [10, 'ended', { ...connecting, outcome: 'closed_by_application' }, [/stopped trying to connect, after 5\.0s/]],
    [13, 'opened', { ...connecting, id: 'b' }, []],
    [15, 'ended', { ...connecting, id: 'b', outcome: 'closed_by_application' }, []],
    [18, 'opened', { ...connecting, id: 'c', ownerPending: true, owner: null }, []],
    [19, 'ended', { ...connecting, id: 'c', ownerPending: true, owner: null, outcome: 'recovered' }, []],
    [19, 'opened', { ...connecting, id: 'd', owner: { pid: 43, comm: 'other' } }, [/^other\[43\] cannot connect/]],
  ],
  'what never opened does not end': [[8, 'ended', { outcome: 'recovered' }, []]],
  'the kernel never gives up, and names and words from outside are escaped': [
    [
      7,
      'opened',
      { owner: { pid: 1, comm: '\u001b[2Jx\n' }, giveUp: { never: true } },
      [/^\\x1b\[2Jx\\n\[1\] hangs.* The kernel will never end this by itself\.$/],
    ],
    [8, 'ended', { outcome: '\u0007new' }, [/: \\x07new\.$/]],
  ],
  'a kind that the demo does not know': [
    [7, 'opened', { kind: 'zero_window' }, [/^A connection of node\[42\] to .* is stuck since T5: zero_window\./]],
  ],
};

for (const [name, steps] of Object.entries(STORIES)) {
  test(name, () => {
    play(steps);
  });
}

test('a new cut makes a failing connect news again, and open records are counted', () => {
  const narrator = play([[8, 'opened', connecting, [/cannot connect/]]]);
  assert.equal(narrator.openCount, 1);
  narrator.newCut();
  const again: WatchedRecord = { ...record, ...connecting, id: 'b' };
  assert.equal(narrator.tell({ kind: 'opened', timeMs: 9000, record: again }).length, 1);
  narrator.tell({ kind: 'ended', timeMs: 9000, record: { ...again, outcome: 'recovered' } });
  assert.equal(narrator.openCount, 1);
});
