/**
 * Proves: the sentences of a diagnosis, whole, for each kind, each owner and each outcome. Does not prove that a reader
 * understands them, nor that the facts in the record are right.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OUTCOMES, STUCK_KINDS, type OwnerType } from '../../../daemon/core/kinds.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import {
  CLOSING,
  CONNECTING,
  INBOUND,
  JAVA,
  KEEPALIVE,
  NODE,
  NOW,
  ORPHAN,
  S,
  SINCE,
  STUCK,
  givesUp,
  of,
} from './diagnosis-records.js';

const SUMMARIES: readonly (readonly [Partial<StuckRecord>, string])[] = [
  [
    {},
    'node[12900] has had no answer from 10.0.0.2:8000 since 14:02:58 (14 s): 3 retransmissions unanswered, 512 bytes in limbo; the kernel gives up at 14:18:14, in 15 min 2 s, with ETIMEDOUT.',
  ],
  [
    { sinceAtLeast: true, retransmits: 1, unackedBytes: 1, unsentBytes: 65_536, giveUp: null },
    "node[12900] has had no answer from 10.0.0.2:8000 since at least 14:02:58 (14 s): 1 retransmission unanswered, 1 byte in limbo, 64 KiB queued behind; the kernel's deadline is not known.",
  ],
  [
    { ...INBOUND, giveUp: givesUp(3, { latestTimeUs: NOW + 7 * S, expectedError: 'EHOSTUNREACH' }) },
    'node[12900] has had no answer from the client [fd00::9]:51234 on port 443 since 14:02:58 (14 s): 3 retransmissions unanswered, 512 bytes in limbo; the kernel gives up between 14:03:15 and 14:03:19, in 3 s to 7 s, with EHOSTUNREACH.',
  ],
  [
    { giveUp: givesUp(-1, { latestTimeUs: NOW + 7 * S }), retransmits: 0 },
    'node[12900] has had no answer from 10.0.0.2:8000 since 14:02:58 (14 s): nothing acknowledged, 512 bytes in limbo; the kernel gives up by 14:03:19, within 7 s, with ETIMEDOUT.',
  ],
  [
    KEEPALIVE,
    'node[12900] holds an idle connection to 10.0.0.2:8000, which has been silent since 14:02:58 (14 s): 3 keepalive probes unanswered; the kernel gives up at 14:10:42, in 7 min 30 s, with ETIMEDOUT.',
  ],
  [
    CONNECTING,
    'node[12900] has been trying to connect to 10.0.0.2:8000 since 14:02:58 (14 s): 4 SYNs unanswered; the kernel gives up at 14:05:11, in 1 min 59 s, with ETIMEDOUT.',
  ],
  [
    ORPHAN,
    'A socket nobody holds any more (left by node[123]) has been closing the connection to 10.0.0.2:8000 since 14:02:58 (14 s): its FIN is not acknowledged, 3 retransmissions unanswered; the kernel frees it at 14:04:44, in 1 min 32 s.',
  ],
  [
    { ...CLOSING, retransmits: 0, giveUp: { never: true } },
    'node[12900] has been closing the connection to 10.0.0.2:8000 since 14:02:58 (14 s): its FIN is not acknowledged; the kernel never gives up.',
  ],
  [
    { giveUp: givesUp(-1) },
    'node[12900] has had no answer from 10.0.0.2:8000 since 14:02:58 (14 s): 3 retransmissions unanswered, 512 bytes in limbo; the kernel gives up any moment now, with ETIMEDOUT.',
  ],
  [
    { outcome: 'recovered', endUs: SINCE + 31 * S },
    'node[12900] had no answer from 10.0.0.2:8000 for 31 s, from 14:02:58 to 14:03:29, until the peer answered again.',
  ],
  [
    { ...KEEPALIVE, sinceAtLeast: true, outcome: 'reset_by_peer', endUs: SINCE + 31 * S },
    'node[12900] held an idle connection to 10.0.0.2:8000, which was silent for at least 31 s, from 14:02:58 or earlier to 14:03:29, until the peer reset the connection.',
  ],
  [
    { ...CONNECTING, outcome: 'timed_out', endUs: SINCE + 133 * S },
    'node[12900] tried to connect to 10.0.0.2:8000 for 2 min 13 s, from 14:02:58 to 14:05:11, until the kernel gave up with ETIMEDOUT.',
  ],
  [
    { ...ORPHAN, outcome: 'timed_out', endUs: SINCE + 106 * S },
    'A socket nobody holds any more (left by node[123]) was closing the connection to 10.0.0.2:8000 for 1 min 46 s, from 14:02:58 to 14:04:44, until the kernel freed it.',
  ],
];

for (const [changes, summary] of SUMMARIES) {
  test(`summary: ${summary}`, () => {
    assert.equal(of(changes).summary, summary);
  });
}

const HOLDERS: readonly (readonly [OwnerType, Partial<StuckRecord>, string])[] = [
  ['pending', { owner: null }, 'A process that is still being looked up'],
  ['orphan', { owner: null }, 'A socket nobody holds any more'],
  ['kernel', { owner: null }, 'The kernel itself'],
  ['unaccepted', { owner: null }, 'The accept queue of port 40000'],
  ['unknown', { owner: null }, 'A process that cannot be seen'],
  ['process', { owner: null }, 'A process that has exited'],
  ['process', { owner: null, lastOwner: JAVA }, 'java[77]'],
  ['process', { owner: { ...NODE, comm: '' } }, 'process[12900]'],
  [
    'process',
    { owner: { ...NODE, holders: [...NODE.holders, { pid: 5, comm: 'a', fd: 3 }, { pid: 5, comm: 'a', fd: 4 }] } },
    'node[12900] (together with 1 other process)',
  ],
];

for (const [ownerType, changes, holder] of HOLDERS) {
  test(`${ownerType} reads "${holder}"`, () => {
    assert.ok(of({ ownerType, ...changes }).summary.startsWith(`${holder} has had no answer from `));
  });
}

test('a name of any length leaves the sentence whole, and no character is cut in two', () => {
  const summary = of({ owner: { ...NODE, comm: '\u{1F4A3}'.repeat(5000) } }).summary;
  assert.ok(summary.startsWith(`${'\u{1F4A3}'.repeat(64)}[12900] has had no answer`));
});

const EFFECTS: readonly (readonly [Partial<StuckRecord>, string])[] = [
  [
    {},
    'Requests on this connection hang until 14:18:14 and then fail with ETIMEDOUT, unless the application has a timeout of its own. A pool that hands this connection out again makes the next request hang too.',
  ],
  [
    { ...INBOUND, options: { ...STUCK.options, keepalive: true } },
    'The client does not get what was sent to it; the connection keeps its memory and its descriptor until 14:18:14 and then fails with ETIMEDOUT. Keepalive is on and does not help: the kernel sends no probes while data is unacknowledged.',
  ],
  [
    { ownerType: 'kernel', owner: null, giveUp: null },
    'What uses it in the kernel, for example a network mount, hangs until the kernel gives up and then fails with ETIMEDOUT.',
  ],
  [
    KEEPALIVE,
    'Nothing waits on it yet, but the next request that is sent on it hangs. If it stays idle, it lasts until 14:10:42 and then fails with ETIMEDOUT.',
  ],
  [
    { ...KEEPALIVE, ...INBOUND },
    'Nothing waits on it: the client is gone. The connection keeps its memory and its descriptor until 14:10:42 and then fails with ETIMEDOUT.',
  ],
  [
    CONNECTING,
    'Whoever needs this connection hangs until 14:05:11 and then fails with ETIMEDOUT, unless the application has a connect timeout of its own.',
  ],
  [
    ORPHAN,
    'No application waits for it: only kernel memory and local port 40000 stay in use until 14:04:44. Whether the last data arrived is not known.',
  ],
  [
    { ...CLOSING, giveUp: { never: true } },
    'The application has ended its side; whether its last data arrived is not known. A read on the connection hangs for ever.',
  ],
  [
    { ...CLOSING, state: 'LAST_ACK' },
    'The application has ended its side; whether its last data arrived is not known.',
  ],
  [
    { outcome: 'recovered', endUs: SINCE + 31 * S },
    'The data got through after 31 s: the application saw a delay and no error.',
  ],
  [{ ...KEEPALIVE, outcome: 'recovered', endUs: NOW }, 'The connection works again; the application noticed nothing.'],
  [{ ...CONNECTING, outcome: 'recovered', endUs: NOW }, 'The connection was established 14 s after the first attempt.'],
  [
    { ...CLOSING, outcome: 'recovered', endUs: NOW },
    'The peer has received everything, the end of the connection included.',
  ],
  [
    { outcome: 'reset_by_peer', endUs: NOW },
    'The application gets ECONNRESET on its next read or write. Whether the unacknowledged data arrived is not known.',
  ],
  [
    { ...KEEPALIVE, state: 'CLOSE_WAIT', outcome: 'reset_by_peer', endUs: NOW },
    'The application gets EPIPE on its next read or write.',
  ],
  [{ ...CONNECTING, outcome: 'reset_by_peer', endUs: NOW }, 'The application gets ECONNREFUSED from connect().'],
  [{ ...KEEPALIVE, outcome: 'timed_out', endUs: NOW }, 'The application gets ETIMEDOUT on its next read or write.'],
  [{ ...CONNECTING, outcome: 'unreachable', endUs: NOW }, 'The application gets EHOSTUNREACH from connect().'],
  [
    { ...KEEPALIVE, outcome: 'unreachable', endUs: NOW, giveUp: givesUp(0, { expectedError: 'ENETUNREACH' }) },
    'The application gets ENETUNREACH on its next read or write.',
  ],
  [
    { ...ORPHAN, outcome: 'timed_out', endUs: NOW },
    'No application is told: the socket belonged to nobody any more. Whether the last data arrived is not known.',
  ],
  [{ ...KEEPALIVE, outcome: 'destroyed', endUs: NOW }, 'The application gets ECONNABORTED on its next read or write.'],
  [{ ...CONNECTING, outcome: 'closed_by_application', endUs: NOW }, 'The application stopped waiting by itself.'],
  [
    { outcome: 'closed_by_application', endUs: NOW },
    'The application gave the connection up by itself. Whether the unacknowledged data arrived is not known.',
  ],
  [{ ...KEEPALIVE, outcome: 'owner_exited', endUs: NOW }, 'The process is gone, and the connection with it.'],
  [{ outcome: 'lost_track', endUs: NOW }, 'How it ended is not known: the sensor was down, or a record was lost.'],
];

for (const [changes, effect] of EFFECTS) {
  test(`effect: ${effect}`, () => {
    assert.equal(of(changes).effect, effect);
  });
}

test('every kind with every owner and every outcome reads as one sentence, with at most five pieces of advice', () => {
  const owners: readonly OwnerType[] = ['pending', 'process', 'orphan', 'kernel', 'unaccepted', 'unknown'];
  for (const kind of STUCK_KINDS) {
    for (const ownerType of owners) {
      for (const outcome of [null, ...OUTCOMES]) {
        const endUs = outcome === null ? null : NOW;
        const { summary, effect, advice } = of({
          kind,
          ownerType,
          outcome,
          endUs,
          owner: ownerType === 'process' ? NODE : null,
        });
        assert.match(summary, /^\S(?:(?!\. ).)*\.$/u);
        assert.match(effect, /^[A-Z].*\.$/u);
        assert.ok(advice.length <= 5, `${kind} ${ownerType}: ${advice.length} pieces of advice`);
        assert.ok(
          [summary, effect, ...advice.map(({ text }) => text)].every((text) => !/undefined|NaN|null/u.test(text)),
        );
      }
    }
  }
});
