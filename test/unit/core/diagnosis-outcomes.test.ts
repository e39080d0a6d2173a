/**
 * Proves: what a record says when it is over, for each kind and each outcome that the kind can have. Does not prove that the
 * outcome itself was recognised.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OUTCOMES, STUCK_KINDS, type Outcome, type StuckKind } from '../../../daemon/core/kinds.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import {
  BY_KIND,
  CLOSE_WAIT,
  CLOSING,
  CONNECTING,
  INBOUND,
  JAVA,
  KEEPALIVE,
  NOW,
  ORPHAN,
  STALE_REUSE,
  UNREAD,
  ZOMBIE,
  adviceOf,
  givesUp,
  of,
} from './diagnosis-records.js';

const PROCESS_GONE = 'The process is gone, and the connection with it.';
const UNKNOWN = 'How it ended is not known: the sensor was down, or a record was lost.';

type Lasting = Exclude<StuckKind, 'stale_reuse'>;

/** The effects of the outcomes that each kind can have. */
const EFFECTS: Readonly<Record<Lasting, Readonly<Partial<Record<Outcome, string>>>>> = {
  retransmitting: {
    recovered: 'The data got through after 14 s: the application saw a delay and no error.',
    reset_by_peer:
      'The application gets ECONNRESET on its next read or write. Whether the unacknowledged data arrived is not known.',
    timed_out:
      'The application gets ETIMEDOUT on its next read or write. Whether the unacknowledged data arrived is not known.',
    unreachable:
      'The application gets EHOSTUNREACH on its next read or write. Whether the unacknowledged data arrived is not known.',
    closed_by_application:
      'The application gave the connection up by itself. Whether the unacknowledged data arrived is not known.',
    owner_exited:
      'The process is gone, and the connection with it. Whether the unacknowledged data arrived is not known.',
    destroyed:
      'The application gets ECONNABORTED on its next read or write. Whether the unacknowledged data arrived is not known.',
    lost_track: UNKNOWN,
  },
  keepalive_unanswered: {
    recovered: 'The connection works again; the application noticed nothing.',
    reset_by_peer: 'The application gets ECONNRESET on its next read or write.',
    timed_out: 'The application gets ETIMEDOUT on its next read or write.',
    unreachable: 'The application gets EHOSTUNREACH on its next read or write.',
    closed_by_application: 'The application gave the connection up by itself.',
    owner_exited: PROCESS_GONE,
    destroyed: 'The application gets ECONNABORTED on its next read or write.',
    lost_track: UNKNOWN,
  },
  zero_window: {
    recovered: 'The data got through after 14 s: the application saw a delay and no error.',
    reset_by_peer: 'The application gets ECONNRESET on its next read or write. What was still to be sent is lost.',
    timed_out: 'The application gets ETIMEDOUT on its next read or write. What was still to be sent is lost.',
    unreachable: 'The application gets EHOSTUNREACH on its next read or write. What was still to be sent is lost.',
    closed_by_application: 'The application gave the connection up by itself. What was still to be sent is lost.',
    owner_exited: 'The process is gone, and the connection with it. What was still to be sent is lost.',
    destroyed: 'The application gets ECONNABORTED on its next read or write. What was still to be sent is lost.',
    lost_track: UNKNOWN,
  },
  connecting: {
    recovered: 'The connection was established 14 s after the first attempt.',
    reset_by_peer: 'The application gets ECONNREFUSED from connect().',
    timed_out: 'The application gets ETIMEDOUT from connect().',
    unreachable: 'The application gets EHOSTUNREACH from connect().',
    closed_by_application: 'The application stopped waiting by itself.',
    owner_exited: PROCESS_GONE,
    destroyed: 'The application gets ECONNABORTED from connect().',
    lost_track: UNKNOWN,
  },
  accepting: {
    recovered: 'New clients get through again; those that were waiting had to try again.',
    closed_by_application: 'The application stopped listening: clients are refused unless another process listens.',
    owner_exited: 'The process is gone, and its listener with it: clients are refused unless another process listens.',
    destroyed: 'accept() fails, and clients are refused unless another process listens.',
    lost_track: UNKNOWN,
  },
  accept_queue_full: {
    recovered: 'New clients get through again; some of them waited for up to 14 s.',
    closed_by_application: 'The application stopped listening: the clients in its queue were reset.',
    owner_exited: 'The process is gone, and its listener with it: clients are refused unless another process listens.',
    destroyed: 'accept() fails, and clients are refused unless another process listens.',
    lost_track: UNKNOWN,
  },
  closing: {
    recovered: 'The peer has received everything, the end of the connection included.',
    reset_by_peer: 'The application gets ECONNRESET on its next read. Whether its last data arrived is not known.',
    timed_out: 'The application gets ETIMEDOUT on its next read. Whether its last data arrived is not known.',
    unreachable: 'The application gets EHOSTUNREACH on its next read. Whether its last data arrived is not known.',
    closed_by_application:
      'The application gave the connection up by itself. Whether its last data arrived is not known.',
    owner_exited: 'The process is gone, and the connection with it. Whether its last data arrived is not known.',
    destroyed: 'The application gets ECONNABORTED on its next read. Whether its last data arrived is not known.',
    lost_track: UNKNOWN,
  },
  fin_wait: {
    recovered: 'The connection goes on: the peer sent data, or ended its side too.',
    reset_by_peer: 'The application gets ECONNRESET on its next read.',
    timed_out: 'The application gets ETIMEDOUT on its next read.',
    unreachable: 'The application gets EHOSTUNREACH on its next read.',
    closed_by_application: 'The application closed it after all: its descriptor and its memory are free.',
    owner_exited: PROCESS_GONE,
    destroyed: 'The application gets ECONNABORTED on its next read.',
    lost_track: UNKNOWN,
  },
  close_wait: {
    recovered: 'The connection was in use after all: its other half still works.',
    reset_by_peer: 'The application gets EPIPE on its next write; a read finds the end of the stream.',
    timed_out: 'The application gets ETIMEDOUT on its next write; a read finds the end of the stream.',
    unreachable: 'The application gets EHOSTUNREACH on its next write; a read finds the end of the stream.',
    closed_by_application: 'The application closed it after all: its descriptor and its memory are free.',
    owner_exited: PROCESS_GONE,
    destroyed: 'The application gets ECONNABORTED on its next write; a read finds the end of the stream.',
    lost_track: UNKNOWN,
  },
  unread: {
    recovered: 'The application read on after 14 s; nothing was lost.',
    reset_by_peer: 'The application can still read what had come, and then gets ECONNRESET.',
    timed_out: 'The application can still read what had come, and then gets ETIMEDOUT.',
    unreachable: 'The application can still read what had come, and then gets EHOSTUNREACH.',
    closed_by_application: 'The application ended its side without reading the rest.',
    owner_exited: PROCESS_GONE,
    destroyed: 'The application can still read what had come, and then gets ECONNABORTED.',
    lost_track: UNKNOWN,
  },
  zombie: {
    closed_by_application: 'The application closed it after all: its descriptor and its memory are free.',
    owner_exited: PROCESS_GONE,
    lost_track: UNKNOWN,
  },
};

/** How the summary ends, for every kind that has no words of its own. */
const ENDS: Readonly<Record<Outcome, string>> = {
  recovered: 'the peer answered again',
  reset_by_peer: 'the peer reset the connection',
  timed_out: 'the kernel gave up with ETIMEDOUT',
  unreachable: 'the kernel gave up with EHOSTUNREACH',
  closed_by_application: 'the application closed it',
  owner_exited: 'the process exited',
  destroyed: 'an administrator destroyed it',
  lost_track: 'stuckd lost sight of it',
};

const LISTENER_ENDS: Readonly<Partial<Record<Outcome, string>>> = {
  closed_by_application: 'the application closed the listener',
  destroyed: 'an administrator destroyed the listener',
  lost_track: 'stuckd lost sight of the listener',
};

const OWN_ENDS: Readonly<Partial<Record<Lasting, Readonly<Partial<Record<Outcome, string>>>>>> = {
  zero_window: { recovered: 'the peer took data again' },
  connecting: { recovered: 'the connection was established', reset_by_peer: 'the peer refused the connection' },
  accepting: { ...LISTENER_ENDS, recovered: 'they had gone or got through' },
  accept_queue_full: { ...LISTENER_ENDS, recovered: 'its queue had room again' },
  closing: { recovered: 'the peer answered after all' },
  fin_wait: { recovered: 'the peer sent something again' },
  close_wait: { recovered: 'data was sent on it again' },
  unread: { recovered: 'it read on' },
};

const PAST: Readonly<Record<Lasting, string>> = {
  retransmitting: 'had no answer from 10.0.0.2:8000',
  keepalive_unanswered: 'held an idle connection to 10.0.0.2:8000, which was silent',
  zero_window: 'waited for 10.0.0.2:8000 to open its receive window',
  connecting: 'tried to connect to 10.0.0.2:8000',
  accepting: 'had clients on port 8080 that did not complete the handshake',
  accept_queue_full: 'did not accept connections on port 8080 fast enough',
  closing: 'was closing the connection to 10.0.0.2:8000',
  fin_wait: 'had ended its side and waited for 10.0.0.2:8000 to end the other',
  close_wait: 'did not close its side of the connection to 10.0.0.2:8000',
  unread: 'did not read what 10.0.0.2:8000 had sent',
  zombie: 'held a dead connection to 10.0.0.2:8000',
};

for (const kind of STUCK_KINDS) {
  for (const outcome of OUTCOMES) {
    const effect = kind === 'stale_reuse' ? undefined : EFFECTS[kind][outcome];
    if (kind !== 'stale_reuse' && effect !== undefined) {
      test(`${kind} that ended ${outcome}`, () => {
        const diagnosis = of({ ...BY_KIND[kind], outcome, endUs: NOW });
        const end = OWN_ENDS[kind]?.[outcome] ?? ENDS[outcome];
        assert.match(diagnosis.summary, / for (?:at least )?14 s, from 14:02:58(?: or earlier)? to 14:03:12, until /u);
        assert.ok(diagnosis.summary.startsWith(`node[12900] ${PAST[kind]} for `), diagnosis.summary);
        assert.ok(diagnosis.summary.endsWith(`, until ${end}.`), diagnosis.summary);
        assert.equal(diagnosis.effect, effect);
      });
    }
  }
}

test('a connection that is stuck in the network can end in every way', () => {
  assert.deepEqual(Object.keys(EFFECTS.retransmitting).sort(), [...OUTCOMES].sort());
});

const OTHER_EFFECTS: readonly (readonly [name: string, changes: Partial<StuckRecord>, effect: string])[] = [
  [
    'a connection of the kernel',
    { ownerType: 'kernel', owner: null, outcome: 'timed_out' },
    'What uses it in the kernel gets ETIMEDOUT. Whether the unacknowledged data arrived is not known.',
  ],
  [
    'a connection that waits to be accepted',
    { ...UNREAD, ...INBOUND, ownerType: 'unaccepted', owner: null, outcome: 'reset_by_peer' },
    'No process had accepted it: whoever does so finds a dead connection.',
  ],
  [
    'a socket that both sides were closing',
    { ...CLOSING, state: 'LAST_ACK', outcome: 'timed_out' },
    'The application finds the end of the stream when it reads, and no error. Whether its last data arrived is not known.',
  ],
  [
    'an orphan',
    { ...ORPHAN, outcome: 'unreachable' },
    'No application is told: the socket belonged to nobody any more. Whether the last data arrived is not known.',
  ],
  [
    'an ICMP error that was forecast',
    { ...KEEPALIVE, outcome: 'unreachable', giveUp: givesUp(0, { expectedError: 'ENETUNREACH' }) },
    'The application gets ENETUNREACH on its next read or write.',
  ],
];

for (const [name, changes, effect] of OTHER_EFFECTS) {
  test(`the effect of the end of ${name}`, () => {
    assert.equal(of({ ...changes, endUs: NOW }).effect, effect);
  });
}

const REUSES: readonly (readonly [reuse: StuckRecord['reuse'], what: string, effect: string])[] = [
  [
    'closed_before',
    'the peer had closed it already, and answered with RST.',
    'The request fails: a read finds the end of the stream, a further write gets EPIPE.',
  ],
  [
    'closed_during',
    'the peer closed it while the data was on its way.',
    'The request fails with ECONNRESET, or with the end of the stream where an answer was due.',
  ],
  [
    'forgotten',
    'the peer, or something on the path, knew nothing of it any more and answered with RST.',
    'The request fails with ECONNRESET.',
  ],
  [null, 'the peer answered with RST.', 'The request fails with ECONNRESET.'],
];

for (const [reuse, what, effect] of REUSES) {
  test(`a stale reuse, ${reuse ?? 'of no known sort'}, reads the same while it is open and when it is over`, () => {
    const summary = `node[12900] used the connection to 10.0.0.2:8000 again at 14:02:58 after 5.0 s idle: ${what}`;
    for (const outcome of [null, 'reset_by_peer', 'lost_track'] as const) {
      const diagnosis = of({ ...STALE_REUSE, reuse, outcome });
      assert.equal(diagnosis.summary, summary);
      assert.ok(diagnosis.effect.startsWith(`${effect} The peer most likely did not process it; `), diagnosis.effect);
    }
  });
}

/** What is left to do when it is over: the layers of the advice. */
const LAYERS: readonly (readonly [name: string, changes: Partial<StuckRecord>, layers: string])[] = [
  ['a timeout', { outcome: 'timed_out' }, 'application library system network'],
  ['a recovery', { outcome: 'recovered' }, 'application library system network'],
  ['an administrator', { outcome: 'destroyed' }, 'application library system network'],
  ['an application that coped', { outcome: 'closed_by_application' }, 'network'],
  ['an application that coped with a known cause', { cause: 'path_mtu', outcome: 'closed_by_application' }, 'network'],
  ['a process that exited', { outcome: 'owner_exited' }, ''],
  ['an end that was not seen', { outcome: 'lost_track' }, ''],
  ['a refused connect', { ...CONNECTING, outcome: 'reset_by_peer' }, 'network'],
  ['an orphan that was freed', { ...ORPHAN, outcome: 'timed_out' }, 'network'],
  ['an orphan that was reset', { ...ORPHAN, outcome: 'reset_by_peer' }, ''],
  ['a half-close that went on', { ...BY_KIND.fin_wait, outcome: 'recovered' }, ''],
  ['a CLOSE_WAIT that was in use', { ...CLOSE_WAIT, outcome: 'recovered' }, ''],
  ['a CLOSE_WAIT that was closed late', { ...CLOSE_WAIT, outcome: 'closed_by_application' }, 'application'],
  ['a dead socket that was closed late', { ...ZOMBIE, outcome: 'closed_by_application' }, 'application'],
  ['unread data that was read', { ...UNREAD, outcome: 'recovered' }, 'application'],
  ['a listener that was closed', { ...BY_KIND.accept_queue_full, outcome: 'closed_by_application' }, ''],
  ['a stale reuse', { ...STALE_REUSE, owner: JAVA }, 'application library application network'],
];

for (const [name, changes, layers] of LAYERS) {
  test(`the advice after ${name}`, () => {
    const found = adviceOf({ endUs: NOW, ...changes }).map((line) => line.slice(0, line.indexOf(':')));
    assert.equal(found.join(' '), layers);
  });
}
