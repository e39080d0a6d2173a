// Proves on the running kernel that a connect() which nobody answers becomes a record at the third retransmission of the
// SYN, by that event alone, since the call to connect(), with its process and a forecast that the kernel keeps; and that
// each of its ends gets its name: the kernel gives up (ETIMEDOUT), the peer refuses or accepts after all, the
// application or its process goes away. It cannot prove how much a burst of connects costs.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { atOnce } from '../support/at-once.js';
import {
  CLIENT_ADDRESS,
  CLIENT_ADDRESS_V6,
  createTwoHosts,
  labSkipReason,
  SERVER_ADDRESS,
  SERVER_ADDRESS_V6,
  type TwoHosts,
} from '../support/lab.js';
import {
  assertBetween,
  assertCountAtDetection,
  assertDiagnosisNames,
  assertEffect,
  assertEndedWith,
  assertOnlyRecord,
  assertOutcome,
  assertOwner,
  timelineTexts,
  timeMs,
  waitForecastTimeout,
  wallMs,
} from '../support/record-checks.js';
import { notPolled } from '../support/sensor-mode.js';
import { EVENTS_ALONE, sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog, type SockprogReply } from '../support/sockprog.js';

const skip = labSkipReason();
const noSynCount = { skip: notPolled('TCP_SYNCNT is not in sock_diag: what it does is not foreseen') };
const PORT = 8000;

/**
 * The fewest with which the kernel sends a SYN more than three times. Since 6.5 the first four retransmissions come a
 * second apart and are not counted; 2 then means seven seconds, as ever.
 */
const SYN_RETRIES = existsSync('/proc/sys/net/ipv4/tcp_syn_linear_timeouts') ? 2 : 3;

/** Far more than a test takes, where the kernel must not give up meanwhile. */
const PATIENT = 'syncnt=8';

interface Stage {
  readonly hosts: TwoHosts;
  readonly client: Sockprog;
  /** Of connect(), which was called as nothing could pass any more. */
  readonly call: SockprogReply;
}

async function connectIntoNothing(t: TestContext, address: string, options: string): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  await hosts.link.cut();
  const call = await client.command(`connect a ${address} ${PORT} ${options}`);
  return { hosts, client, call };
}

describe('events alone: a SYN that nobody answers', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd(EVENTS_ALONE);

  for (const [family, address, local, limit] of [
    ['IPv4, with TCP_SYNCNT', SERVER_ADDRESS, CLIENT_ADDRESS, 'socket'],
    ['IPv6, with tcp_syn_retries', SERVER_ADDRESS_V6, CLIENT_ADDRESS_V6, 'sysctl'],
  ] as const) {
    test(
      `${family}: is found, belongs to its process, and times out as was said`,
      limit === 'socket' ? noSynCount : {},
      async (t) => {
        const hosts = await createTwoHosts(t);
        const client = await Sockprog.start(hosts.lab, hosts.client);
        await hosts.link.cut();
        await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_syn_retries', limit === 'sysctl' ? SYN_RETRIES : 6);
        const options = limit === 'socket' ? `syncnt=${SYN_RETRIES}` : '';
        const call = await client.command(`connect a ${address} ${PORT} ${options}`);

        const opened = await stuckd().waitOpened(hosts.client, 'connecting');
        assert.equal(opened.state, 'SYN_SENT');
        assert.equal(opened.direction, 'DIRECTION_OUTBOUND');
        assert.deepEqual(opened.local, { address: local, port: call.localPort });
        assert.deepEqual(opened.remote, { address, port: PORT });
        assertCountAtDetection(opened.retransmits, 3, 'retransmissions');
        assert.equal(opened.unackedBytes, undefined, 'a SYN is no byte');
        assert.equal(opened.sinceAtLeast, undefined);
        assertBetween(timeMs(opened.since), wallMs(call.monoUs), wallMs(call.monoUs), 'connect()');
        assert.equal(opened.giveUp?.reason, 'GIVE_UP_REASON_SYN_RETRIES');
        assert.equal(opened.giveUp.expectedError, 'ETIMEDOUT');

        const owned = await stuckd().waitOwner(opened.id);
        assert.equal(owned.ownerType, 'OWNER_TYPE_PROCESS');
        assertOwner(owned.owner, { pid: client.pid, comm: 'sockprog', fd: call.fd });
        const peer = address.includes(':') ? `[${address}]:${PORT}` : `${address}:${PORT}`;
        assertDiagnosisNames(owned, `sockprog[${client.pid}]`, peer);

        const ended = await waitForecastTimeout(stuckd(), opened, client);
        assert.deepEqual(timelineTexts(ended), [
          'connect',
          'detected: the SYN was retransmitted 3 times without an answer',
          'the kernel gave up',
        ]);
        assertOnlyRecord(stuckd(), hosts.client, opened.id);
      },
    );
  }

  test('a peer that refuses after all resets it', async (t) => {
    const { hosts, client } = await connectIntoNothing(t, SERVER_ADDRESS, PATIENT);
    const opened = await stuckd().waitOpened(hosts.client, 'connecting');
    await hosts.link.heal();
    const error = await client.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ECONNREFUSED');
    const ended = await stuckd().waitEnded(opened.id);
    assertOutcome(ended, 'OUTCOME_RESET_BY_PEER');
    assertEndedWith(ended, error.monoUs);
    assertEffect(ended, /ECONNREFUSED/);
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
  });

  test('a peer that accepts after all is a recovery', async (t) => {
    const { hosts, client } = await connectIntoNothing(t, SERVER_ADDRESS, PATIENT);
    const server = await Sockprog.start(hosts.lab, hosts.server);
    await server.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
    const opened = await stuckd().waitOpened(hosts.client, 'connecting');
    await hosts.link.heal();
    const connected = await client.waitEvent({ event: 'connected', id: 'a' });
    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assertEndedWith(ended, connected.monoUs);
    await client.command('send a 7');
    await server.waitEvent({ event: 'data', id: 'l.1', received: 7 });
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
    assert.deepEqual(stuckd().changesIn(hosts.server), []);
  });

  test('an application that stops waiting ends it', async (t) => {
    const { hosts, client } = await connectIntoNothing(t, SERVER_ADDRESS, PATIENT);
    const opened = await stuckd().waitOpened(hosts.client, 'connecting');
    await stuckd().waitOwner(opened.id);
    const closed = await client.command('close a');
    const ended = await stuckd().waitEnded(opened.id);
    assertOutcome(ended, 'OUTCOME_CLOSED_BY_APPLICATION');
    assertEndedWith(ended, closed.monoUs);
    assert.equal(ended.owner?.pid, client.pid);
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
  });

  test('a process that exits ends it', async (t) => {
    const { hosts, client } = await connectIntoNothing(t, SERVER_ADDRESS, PATIENT);
    const opened = await stuckd().waitOpened(hosts.client, 'connecting');
    await stuckd().waitOwner(opened.id);
    client.process.kill('SIGKILL');
    const ended = await stuckd().waitEnded(opened.id);
    assertOutcome(ended, 'OUTCOME_OWNER_EXITED');
    assert.equal(ended.owner?.pid, client.pid);
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
  });
});
