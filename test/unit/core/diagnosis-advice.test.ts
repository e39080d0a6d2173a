/**
 * Proves: advice, whole, follows the facts: kind, owner, language, options, limits. Does not prove that it cures: the
 * demo and the kernel tests show what the settings do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Owner, StuckRecord } from '../../../daemon/core/record.js';
import {
  CLOSING,
  CONNECTING,
  INBOUND,
  JAVA,
  KEEPALIVE,
  NODE,
  NOW,
  ORPHAN,
  STUCK,
  givesUp,
  of,
} from './diagnosis-records.js';

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
