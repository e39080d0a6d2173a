/**
 * Proves: the sentences of a diagnosis, whole, for each owner and each state of the facts; those of ended
 * records are in diagnosis-outcomes.test.ts. Does not prove that a reader
 * understands them, nor that the facts in the record are right.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OUTCOMES, STUCK_KINDS, type Direction, type OwnerType } from '../../../daemon/core/kinds.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import {
  ACCEPTING,
  BUSY_WINDOW,
  BY_KIND,
  CLOSE_WAIT,
  CLOSING,
  CONNECTING,
  FIN_WAIT,
  INBOUND,
  JAVA,
  KEEPALIVE,
  NEVER,
  NODE,
  NOW,
  ORPHAN,
  QUEUE_FULL,
  S,
  SINCE,
  STUCK,
  UNREAD,
  ZERO_WINDOW,
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
    { cause: 'not_sent', idleBeforeUs: 59 * S },
    'node[12900] has had no answer from 10.0.0.2:8000 since 14:02:58 (14 s): 3 retransmissions not sent, 512 bytes in limbo, this host itself does not let them out; the kernel gives up at 14:18:14, in 15 min 2 s, with ETIMEDOUT.',
  ],
  [
    { cause: 'neighbour_unreachable', idleBeforeUs: 350 * S },
    'node[12900] has had no answer from 10.0.0.2:8000 since 14:02:58 (14 s): 3 retransmissions unanswered, 512 bytes in limbo, after 5 min 50 s idle, nobody answers for the next hop; the kernel gives up at 14:18:14, in 15 min 2 s, with ETIMEDOUT.',
  ],
  [
    { cause: 'path_mtu' },
    'node[12900] has had no answer from 10.0.0.2:8000 since 14:02:58 (14 s): 3 retransmissions unanswered, 512 bytes in limbo, full-size segments are lost while smaller ones get through; the kernel gives up at 14:18:14, in 15 min 2 s, with ETIMEDOUT.',
  ],
  [
    { ...ZERO_WINDOW, probes: 0, unackedBytes: 1 },
    'node[12900] has waited for 10.0.0.2:8000 to open its receive window since 14:02:58 (14 s): the window probes are unanswered, 64 KiB to be sent; the kernel gives up at 14:18:14, in 15 min 2 s, with ETIMEDOUT.',
  ],
  [
    { ...BUSY_WINDOW, giveUp: givesUp(900) },
    'node[12900] has waited for the client [fd00::9]:51234 on port 443 to open its receive window since 14:02:58 (14 s): it answers every probe and does not read, 64 KiB to be sent; the kernel waits as long as they are answered.',
  ],
  [
    { ...BUSY_WINDOW, giveUp: givesUp(30, { reason: 'user_timeout' }) },
    'node[12900] has waited for the client [fd00::9]:51234 on port 443 to open its receive window since 14:02:58 (14 s): it answers every probe and does not read, 64 KiB to be sent; the kernel gives up at 14:03:42, in 30 s, with ETIMEDOUT.',
  ],
  [
    { ...FIN_WAIT, giveUp: givesUp(7200, { reason: 'keepalive' }) },
    'node[12900] has ended its side and waited for 10.0.0.2:8000 to end the other since 14:02:58 (14 s): its FIN is acknowledged, and nothing comes from the peer; the kernel ends it only if the peer falls silent.',
  ],
  [
    { ...UNREAD, ...INBOUND, informational: true, ownerType: 'unaccepted', owner: null, giveUp: null },
    'The listener on port 443 (connection not accepted yet) has not read what the client [fd00::9]:51234 on port 443 sent since 14:02:58 (14 s): 68 KiB unread, buffer of 128 KiB.',
  ],
  [
    { ...CLOSE_WAIT, sinceAtLeast: true, giveUp: null },
    'node[12900] has not closed its side of the connection to 10.0.0.2:8000 since at least 14:02:58 (14 s): the peer has closed.',
  ],
  [
    { ...ACCEPTING, acceptQueue: null },
    'node[12900] has had clients on port 8080 that do not complete the handshake since at least 14:02:58 (14 s): their SYN was answered.',
  ],
  [
    { ...QUEUE_FULL, acceptQueue: null },
    'node[12900] has not accepted connections on port 8080 fast enough since at least 14:02:58 (14 s): its queue is full.',
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
  ['unaccepted', { owner: null }, 'The listener on port 40000 (connection not accepted yet)'],
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
    { ...BUSY_WINDOW, giveUp: givesUp(30, { reason: 'user_timeout' }) },
    'What was written waits until 14:03:42 and then fails with ETIMEDOUT; once the send buffer is full, a write blocks or says EAGAIN. The other side is alive and only slow to read: this may be meant.',
  ],
  [
    { ...BUSY_WINDOW, direction: 'outbound', giveUp: givesUp(900) },
    'What was written waits until the peer reads; once the send buffer is full, a write blocks or says EAGAIN. The other side is alive and only slow to read: this may be meant.',
  ],
  [
    { ...ZERO_WINDOW, options: { ...STUCK.options, keepalive: true } },
    'What was written waits until 14:18:14 and then fails with ETIMEDOUT; once the send buffer is full, a write blocks or says EAGAIN. Keepalive is on and does not help: the kernel sends no keepalive probes while data is queued.',
  ],
  [{ ...CLOSE_WAIT, ...INBOUND }, 'Its descriptor and its memory stay in use until the application closes it.'],
  [
    { ...UNREAD, informational: true },
    'Nothing is blocked yet, as there is room for more; but what the peer sent has not been noticed here.',
  ],
  [
    { ...CLOSE_WAIT, ...INBOUND, ownerType: 'unaccepted', owner: null },
    'No process has accepted it yet: nobody waits for it here, but the other side may, and it takes a place in the accept queue of port 443.',
  ],
];

for (const [changes, effect] of EFFECTS) {
  test(`effect: ${effect}`, () => {
    assert.equal(of(changes).effect, effect);
  });
}

test('every kind, owner, direction, cause and outcome reads as one sentence, with at most six pieces of advice', () => {
  const owners: readonly OwnerType[] = ['pending', 'process', 'orphan', 'kernel', 'unaccepted', 'unknown'];
  const directions: readonly Direction[] = ['outbound', 'inbound', 'unknown'];
  for (const kind of STUCK_KINDS) {
    for (const ownerType of owners) {
      for (const direction of directions) {
        for (const cause of [null, 'not_sent', 'neighbour_unreachable', 'path_mtu'] as const) {
          for (const outcome of [null, ...OUTCOMES]) {
            const owner = ownerType === 'process' ? NODE : null;
            assertReads({ ...BY_KIND[kind], kind, ownerType, owner, direction, cause, outcome, endUs: outcome && NOW });
          }
        }
      }
    }
  }
});

test('facts that are missing leave no hole in a sentence', () => {
  const nothing = { idleBeforeUs: null, peerIdleLimitUs: null, reuse: null, acceptQueue: null, receiveBufferBytes: 0 };
  const zero = { unackedBytes: 0, unsentBytes: 0, unreadBytes: 0, retransmits: 0, probes: 0 };
  for (const kind of STUCK_KINDS) {
    for (const giveUp of [null, NEVER, givesUp(-1), givesUp(5, { latestTimeUs: NOW + 9 * S })]) {
      assertReads({ ...BY_KIND[kind], ...nothing, ...zero, giveUp });
    }
  }
});

function assertReads(changes: Partial<StuckRecord>): void {
  const { summary, effect, advice } = of(changes);
  const texts = [summary, effect, ...advice.map(({ text }) => text)];
  assert.match(summary, /^\S(?:(?!\. ).)*\.$/u);
  assert.match(effect, /^[A-Z].*\.$|^accept\(\) fails/u);
  assert.ok(advice.length <= 6, `${advice.length} pieces of advice`);
  assert.equal(new Set(texts).size, texts.length);
  for (const text of texts) {
    assert.doesNotMatch(text, /undefined|NaN|null|\[object| {2}| [.,;]|(?<!=) :|[,;:]\.|\.\.|: *;/u);
    assert.match(text, /[.)]$/u);
  }
}
