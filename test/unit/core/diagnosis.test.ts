/**
 * Proves: the sentences of a diagnosis, whole, for each kind, each owner and each outcome, and that advice follows the
 * facts. Does not prove that the advice cures: the demo and the kernel tests show what the settings do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnose, type Diagnosis } from '../../../daemon/core/diagnosis.js';
import { OUTCOMES, STUCK_KINDS, type OwnerType } from '../../../daemon/core/kinds.js';
import type { GiveUp, Owner, StuckRecord } from '../../../daemon/core/record.js';

const S = 1_000_000;
/** 14:02:58, the start of the record. */
const SINCE = (14 * 3600 + 2 * 60 + 58) * S;
const NOW = SINCE + 14 * S;

const names = {
  wallTime(us: number): string {
    return new Date(us / 1000).toISOString().slice(11, 19);
  },
};

const NODE: Owner = {
  pid: 12_900,
  startBootUs: 1,
  comm: 'node',
  executable: '/usr/bin/node',
  uid: 1000,
  cgroupId: 1n,
  holders: [{ pid: 12_900, comm: 'node', fd: 21 }],
};
const JAVA: Owner = { ...NODE, pid: 77, comm: 'java', executable: '/usr/lib/jvm/bin/java', holders: [] };

function givesUp(seconds: number, changes: Partial<Extract<GiveUp, { never: false }>> = {}): GiveUp {
  return {
    never: false,
    timeUs: NOW + seconds * S,
    latestTimeUs: null,
    reason: 'tcp_retries2',
    retransmitsLeft: 12,
    expectedError: 'ETIMEDOUT',
    ...changes,
  };
}

const STUCK: StuckRecord = {
  id: '1',
  previousId: null,
  kind: 'retransmitting',
  state: 'ESTABLISHED',
  direction: 'outbound',
  local: { address: '10.0.0.1', port: 40_000 },
  remote: { address: '10.0.0.2', port: 8000 },
  netns: 1,
  cookie: 1n,
  ownerType: 'process',
  owner: NODE,
  lastOwner: null,
  sinceUs: SINCE,
  sinceAtLeast: false,
  detectedUs: SINCE + S,
  lastProgressUs: null,
  unackedBytes: 512,
  unsentBytes: 0,
  unreadBytes: 0,
  retransmits: 3,
  probes: 0,
  rtoMs: 1600,
  options: {
    keepalive: false,
    keepaliveIdleMs: 7_200_000,
    keepaliveIntervalMs: 75_000,
    keepaliveProbes: 9,
    userTimeoutMs: 0,
  },
  giveUp: givesUp(902),
  outcome: null,
  endUs: null,
  timeline: [],
};

const KEEPALIVE: Partial<StuckRecord> = {
  kind: 'keepalive_unanswered',
  retransmits: 0,
  probes: 3,
  unackedBytes: 0,
  options: { ...STUCK.options, keepalive: true },
  giveUp: givesUp(450, { reason: 'keepalive' }),
};
const CONNECTING: Partial<StuckRecord> = {
  kind: 'connecting',
  state: 'SYN_SENT',
  unackedBytes: 0,
  giveUp: givesUp(119, { reason: 'syn_retries' }),
};
const ORPHAN: Partial<StuckRecord> = {
  kind: 'closing',
  state: 'FIN_WAIT1',
  ownerType: 'orphan',
  owner: null,
  lastOwner: { ...NODE, pid: 123 },
  giveUp: givesUp(92, { reason: 'orphan_retries' }),
};
const CLOSING: Partial<StuckRecord> = { kind: 'closing', state: 'FIN_WAIT1', giveUp: givesUp(902) };
const INBOUND: Partial<StuckRecord> = {
  direction: 'inbound',
  local: { address: 'fd00::1', port: 443 },
  remote: { address: 'fd00::9', port: 51_234 },
};

function of(changes: Partial<StuckRecord>): Diagnosis {
  return diagnose({ ...STUCK, ...changes }, NOW, names);
}

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

const PATH = 'its host, the switches between, and any firewall or load balancer that forgot the connection.';

const ADVICE: readonly (readonly [string, Partial<StuckRecord>, readonly string[]])[] = [
  [
    'a Node.js client',
    {},
    [
      'now: Recycle the connections of node[12900] to 10.0.0.2:8000: agent.destroy() does it, or a restart. Hanging requests then fail at once, and new ones use new connections.',
      "application: Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'.",
      'library: fetch and undici: set headersTimeout and bodyTimeout (300 s by default) to a few seconds; agentkeepalive: set timeout.',
      'system: sysctl -w net.ipv4.tcp_retries2=8 in its network namespace: the kernel then gives up after about 100 s, also for those that hang already.',
      `network: Check the path to 10.0.0.2:8000: ${PATH}`,
    ],
  ],
  [
    'a client in another language, with a short tcp_retries2',
    { owner: JAVA, giveUp: givesUp(80) },
    [
      'now: Recycle the connections of java[77] to 10.0.0.2:8000: close them, or restart the process. Hanging requests then fail at once, and new ones use new connections.',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'socket: Set TCP_USER_TIMEOUT (for example 30 s): the kernel then ends a connection whose data stays unacknowledged that long.',
      `network: Check the path to 10.0.0.2:8000: ${PATH}`,
    ],
  ],
  [
    'a user timeout that is short',
    {
      owner: JAVA,
      options: { ...STUCK.options, userTimeoutMs: 30_000 },
      giveUp: givesUp(16, { reason: 'user_timeout' }),
    },
    [
      'now: Recycle the connections of java[77] to 10.0.0.2:8000: close them, or restart the process. Hanging requests then fail at once, and new ones use new connections.',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'socket: TCP_USER_TIMEOUT is 30 s and ends this: nothing to change.',
      `network: Check the path to 10.0.0.2:8000: ${PATH}`,
    ],
  ],
  [
    'an idle connection of Node.js with keepalive by default',
    KEEPALIVE,
    [
      'now: Drop it from the pool before a request is sent on it: recycle the connections of node[12900] to 10.0.0.2:8000; agent.destroy() does it, or a restart.',
      "application: Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'.",
      'library: Drop idle connections before the server or a load balancer does: freeSocketTimeout of agentkeepalive, keepAliveTimeout of undici.',
      'socket: Keepalive takes 2 h 11 min to notice; shorten it: socket.setKeepAlive(true, 20_000).',
      `network: Check the path to 10.0.0.2:8000: ${PATH}`,
    ],
  ],
  [
    'an accepted connection whose client vanished, short keepalive',
    {
      ...KEEPALIVE,
      ...INBOUND,
      owner: JAVA,
      options: {
        ...STUCK.options,
        keepalive: true,
        keepaliveIdleMs: 20_000,
        keepaliveIntervalMs: 5000,
        keepaliveProbes: 3,
      },
    },
    [
      'now: Nothing is urgent on this node: the client [fd00::9]:51234 on port 443 is the side that vanished.',
      'application: End connections of clients that went silent: an idle timeout, and a deadline for every write.',
      `network: Check the path to [fd00::9]:51234: ${PATH}`,
    ],
  ],
  [
    'a connect of a Python program',
    { ...CONNECTING, owner: { ...JAVA, comm: 'python3', executable: '/usr/bin/python3.11' } },
    [
      'now: Check that 10.0.0.2:8000 is up and that no firewall drops the SYN: a port that is merely closed would refuse at once.',
      'application: Set a connect timeout of a few seconds: a non-blocking connect() and poll(), or SO_SNDTIMEO.',
      'socket: TCP_USER_TIMEOUT (for example 10 s) bounds connect() as well.',
      'system: sysctl -w net.ipv4.tcp_syn_retries=4 in its network namespace: connect() then gives up after about 35 s, also for those that hang already.',
      `network: Check the path to 10.0.0.2:8000: ${PATH}`,
    ],
  ],
  [
    'an orphan',
    ORPHAN,
    [
      'now: Nothing to fix for this one: no process holds it any more, and the kernel frees it at 14:04:44.',
      'system: Only if thousands of them pile up: sysctl -w net.ipv4.tcp_orphan_retries=4 frees them after about 15 s.',
      `network: Check the path to 10.0.0.2:8000: ${PATH}`,
    ],
  ],
  [
    'a socket that Node.js has shut down and keeps',
    CLOSING,
    [
      'now: Close the socket for good (socket.destroy()): the kernel then frees it within about 2 min.',
      'application: After socket.end(), wait with socket.setTimeout(5000) and then call socket.destroy().',
      'system: sysctl -w net.ipv4.tcp_retries2=8 in its network namespace: the kernel then gives up after about 100 s, also for those that hang already.',
      `network: Check the path to 10.0.0.2:8000: ${PATH}`,
    ],
  ],
  [
    'a connect that was refused',
    { ...CONNECTING, outcome: 'reset_by_peer', endUs: NOW },
    ['network: The host answers, but nothing listens: start the service at 10.0.0.2:8000.'],
  ],
  ['an end that was not seen', { outcome: 'lost_track', endUs: NOW }, []],
];

for (const [name, changes, advice] of ADVICE) {
  test(`advice for ${name}`, () => {
    assert.deepEqual(
      of(changes).advice.map(({ layer, text }) => `${layer}: ${text}`),
      advice,
    );
  });
}

test('a window that shrank to zero points at the process behind the peer', () => {
  const { advice } = of({ giveUp: givesUp(300, { reason: 'shrunk_window' }) });
  assert.equal(
    advice.at(-1)?.text,
    'Look at the process behind 10.0.0.2:8000: it stopped reading before it went silent.',
  );
});

test('Node.js is recognised by its executable, deleted or renamed by its thread, and otherwise by its name', () => {
  const layers = (owner: Owner): string[] => of({ owner }).advice.map(({ layer }) => layer);
  assert.ok(layers({ ...NODE, comm: 'MainThread', executable: '/opt/node/bin/node (deleted)' }).includes('library'));
  assert.ok(layers({ ...NODE, executable: '' }).includes('library'));
  assert.ok(!layers({ ...NODE, executable: '/usr/bin/node_exporter' }).includes('library'));
});

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
