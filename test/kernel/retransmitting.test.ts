// Proves on the running kernel that data which is not acknowledged becomes a record: found by the event of the third
// RTO, with its owner, its times, a forecast that the kernel keeps, and an end that agrees with what the application
// gets and when. IPv4, IPv6, IPv4 through an IPv6 socket, either end of a connection, a host that has left its network
// (ARP fails), TCP_USER_TIMEOUT, and a peer that comes back.
// It cannot prove that nothing is reported of healthy connections that lose packets; other tests do.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { CLIENT_ADDRESS, CLIENT_ADDRESS_V6, createTwoHosts, labSkipReason } from '../support/lab.js';
import { SERVER_ADDRESS, SERVER_ADDRESS_V6, waitFor, type TwoHosts } from '../support/lab.js';
import {
  assertBetween,
  assertCountAtDetection,
  assertDiagnosisNames,
  assertEndedWith,
  assertForecastHeld,
  assertOnlyRecord,
  assertOutcome,
  assertOwner,
  timelineTexts,
  timeMs,
  waitForecastTimeout,
  wallMs,
} from '../support/record-checks.js';
import { NEEDS_BPF, notPolled, POLL_MS } from '../support/sensor-mode.js';
import { EVENTS_ALONE, sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';

const skip = labSkipReason();
const noUserTimeout = { skip: notPolled(NEEDS_BPF.userTimeout) };
const noRtoMax = { skip: notPolled('TCP_RTO_MAX_MS is not in sock_diag: what it does is not foreseen') };
const noIcmp = {
  skip: notPolled('that the neighbour does not answer is an error of the socket, which sock_diag does not tell'),
};
const PORT = 8000;

const IPPROTO_TCP = 6;
const TCP_RTO_MAX_MS = 44;

/** With 3 the kernel gives up at the tick after 3 s: about 6 s after the first transmission. */
const RETRIES2 = 3;

/** And with this it does not before minutes have passed, where it must not before the test has done its part. */
const PATIENT = { retries2: 9 };

interface Stage {
  readonly hosts: TwoHosts;
  readonly server: Sockprog;
  readonly client: Sockprog;
  /** Of the client's socket "a", which is connected to the server's "l.1" and has exchanged some bytes. */
  readonly fd: number | undefined;
  readonly localPort: number | undefined;
}

interface StageOptions {
  /** Of the client's socket. */
  readonly socket?: string;
  /** Default RETRIES2. */
  readonly retries2?: number;
}

async function setStage(t: TestContext, address: string, options: StageOptions = {}): Promise<Stage> {
  const { socket = '', retries2 = RETRIES2 } = options;
  const hosts = await createTwoHosts(t);
  await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', retries2);
  await hosts.lab.sysctl(hosts.server, 'net.ipv4.tcp_retries2', retries2);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l :: ${PORT} mode=report`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  const { fd, localPort } = await client.connect('a', address, PORT, socket);
  await client.command('send a 7');
  await server.waitEvent({ event: 'data', id: 'l.1', received: 7 });
  await waitFor(async () => (await client.info('a')).unacked === 0, { what: 'the ACK of the first bytes' });
  return { hosts, server, client, fd, localPort };
}

describe('events alone', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd(EVENTS_ALONE);

  for (const [family, address, remote, local] of [
    ['IPv4', SERVER_ADDRESS, SERVER_ADDRESS, CLIENT_ADDRESS],
    ['IPv6', SERVER_ADDRESS_V6, SERVER_ADDRESS_V6, CLIENT_ADDRESS_V6],
    ['IPv4 through an IPv6 socket', `::ffff:${SERVER_ADDRESS}`, SERVER_ADDRESS, CLIENT_ADDRESS],
  ] as const) {
    test(`${family}: a black hole is found, belongs to its process, and times out as was said`, async (t) => {
      const { hosts, client, fd, localPort } = await setStage(t, address);
      const rtoMs = (await client.info('a')).rtoUs / 1000;
      await hosts.link.cut();
      const sent = await client.command('send a 1000');

      const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
      assert.equal(opened.state, 'ESTABLISHED');
      assert.equal(opened.direction, 'DIRECTION_OUTBOUND');
      assert.deepEqual(opened.local, { address: local, port: localPort });
      assert.deepEqual(opened.remote, { address: remote, port: PORT });
      assert.equal(opened.unackedBytes, '1000');
      assertCountAtDetection(opened.retransmits, 3, 'retransmissions');
      assert.equal(opened.sinceAtLeast, undefined);
      // A tail loss probe, which delays the first RTO, comes after two round trips.
      const sentMs = wallMs(sent.monoUs);
      assertBetween(timeMs(opened.since), sentMs + rtoMs, sentMs + 2 * rtoMs, 'the first RTO');
      assertBetween(
        timeMs(opened.detectedTime),
        timeMs(opened.since) + 6 * rtoMs,
        timeMs(opened.since) + 8 * rtoMs + POLL_MS,
        'the third RTO',
      );
      assert.equal(opened.giveUp?.reason, 'GIVE_UP_REASON_TCP_RETRIES2');
      assert.equal(opened.giveUp.expectedError, 'ETIMEDOUT');

      const owned = await stuckd().waitOwner(opened.id);
      assert.equal(owned.ownerType, 'OWNER_TYPE_PROCESS');
      assertOwner(owned.owner, { pid: client.pid, comm: 'sockprog', fd });
      const peer = remote.includes(':') ? `[${remote}]:${PORT}` : `${remote}:${PORT}`;
      assertDiagnosisNames(owned, `sockprog[${client.pid}]`, peer);

      const ended = await waitForecastTimeout(stuckd(), opened, client);
      assert.equal(ended.owner?.pid, client.pid);
      assertDiagnosisNames(ended, `sockprog[${client.pid}]`, peer);
      assert.deepEqual(timelineTexts(await stuckd().get(opened.id)), [
        'first retransmission; no answer since',
        'detected: 3 retransmission timeouts in a row without any answer',
        'the kernel gave up',
      ]);
      assertOnlyRecord(stuckd(), hosts.client, opened.id);
      assert.deepEqual(stuckd().changesIn(hosts.server), [], 'the end that has sent nothing is not stuck');
    });
  }

  test('TCP_USER_TIMEOUT decides instead of tcp_retries2, and the forecast knows', noUserTimeout, async (t) => {
    const { hosts, client } = await setStage(t, SERVER_ADDRESS, { socket: 'user_timeout=2500' });
    await hosts.link.cut();
    await client.command('send a 1000');
    const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
    assert.equal(opened.giveUp?.reason, 'GIVE_UP_REASON_USER_TIMEOUT');
    assert.equal(opened.options?.['userTimeout'], '2.500s');
    await waitForecastTimeout(stuckd(), opened, client);
  });

  test('TCP_RTO_MAX_MS keeps the retransmissions close together, and the forecast knows', noRtoMax, async (t) => {
    const { hosts, client } = await setStage(t, SERVER_ADDRESS, { retries2: 6 });
    const { ok } = await client.attempt(`setopt a ${IPPROTO_TCP} ${TCP_RTO_MAX_MS} 1000`);
    if (!ok) {
      t.skip('this kernel does not have it (Linux 6.15)');
      return;
    }
    await hosts.link.cut();
    await client.command('send a 1000');
    const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
    assert.equal(opened.giveUp?.reason, 'GIVE_UP_REASON_TCP_RETRIES2');
    const ended = await waitForecastTimeout(stuckd(), opened, client);
    // Doubling alone would have made five of them in twice that time.
    assert.ok((ended.retransmits ?? 0) >= 6, `${ended.retransmits} retransmissions`);
  });

  test('a peer that comes back ends the record', async (t) => {
    const { hosts, server, client } = await setStage(t, SERVER_ADDRESS, PATIENT);
    // One direction: what arrives when that is healed is answered at once, and not when the other is healed too.
    await hosts.link.cut('to_far');
    await client.command('send a 100');
    const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
    const healedMs = Date.now();
    await hosts.link.heal();
    const arrived = await server.waitEvent({ event: 'data', id: 'l.1', received: 107 });
    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assertBetween(timeMs(ended.endTime), healedMs, wallMs(arrived.monoUs) + POLL_MS, 'the first ACK');
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
  });

  test('an application that aborts the connection ends the record at once', async (t) => {
    const { hosts, client } = await setStage(t, SERVER_ADDRESS, PATIENT);
    await hosts.link.cut();
    await client.command('send a 100');
    const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
    await client.command('set a linger=0');
    const closed = await client.command('close a');
    const ended = await stuckd().waitEnded(opened.id);
    assertOutcome(ended, 'OUTCOME_CLOSED_BY_APPLICATION');
    assertEndedWith(ended, closed.monoUs);
  });
});

describe('events and passes', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd();

  for (const [how, command] of [
    ['its address is gone', ['ip', 'address', 'delete', `${SERVER_ADDRESS}/24`, 'dev']],
    ['its link is down', ['ip', 'link', 'set', 'down', 'dev']],
  ] as const) {
    test(`a host leaves its network, ${how}: nobody answers ARP, and it ends as unreachable`, noIcmp, async (t) => {
      const { hosts, client } = await setStage(t, SERVER_ADDRESS, { retries2: 4 });
      await hosts.lab.run(hosts.server, [...command, hosts.link.far.device]);
      await hosts.lab.run(hosts.client, ['ip', 'neigh', 'flush', 'all']);
      await client.command('send a 1000');
      const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
      assertOwner((await stuckd().waitOwner(opened.id)).owner, { pid: client.pid, comm: 'sockprog' });

      const forewarned = await stuckd().waitChange(
        'a forecast that knows of the ICMP error',
        ({ record }) => record.id === opened.id && record.giveUp?.expectedError === 'EHOSTUNREACH',
      );
      const error = await client.waitEvent({ event: 'error', id: 'a' });
      assert.equal(error.errno, 'EHOSTUNREACH');
      const ended = await stuckd().waitEnded(opened.id);
      assert.equal(ended.outcome, 'OUTCOME_UNREACHABLE');
      assert.equal(ended.cause, 'STUCK_CAUSE_NEIGHBOUR_UNREACHABLE');
      assertEndedWith(ended, error.monoUs);
      assertForecastHeld(forewarned, ended);
      assert.match(ended.diagnosis?.summary ?? '', /EHOSTUNREACH/);
      assertOnlyRecord(stuckd(), hosts.client, opened.id);
    });
  }

  test('the end that accepted the connection can be the stuck one', async (t) => {
    const { hosts, server, localPort } = await setStage(t, SERVER_ADDRESS);
    const accepted = await server.waitEvent({ event: 'accepted', id: 'l.1' });
    // Sweeps learn on which ports somebody listens; a socket does not know which end opened the connection.
    await stuckd().sweepFromNow();
    await hosts.link.cut();
    await server.command('send l.1 500');
    const opened = await stuckd().waitOpened(hosts.server, 'retransmitting');
    assert.equal(opened.direction, 'DIRECTION_INBOUND');
    assert.deepEqual(opened.local, { address: SERVER_ADDRESS, port: PORT });
    assert.deepEqual(opened.remote, { address: CLIENT_ADDRESS, port: localPort });
    const owned = await stuckd().waitOwner(opened.id);
    assertOwner(owned.owner, { pid: server.pid, comm: 'sockprog', fd: accepted.fd });
    await waitForecastTimeout(stuckd(), opened, server, 'l.1');
    assert.deepEqual(stuckd().changesIn(hosts.client), []);
  });

  test('the next black hole of a connection that recovered is another record', async (t) => {
    const { hosts, server, client } = await setStage(t, SERVER_ADDRESS, PATIENT);
    await hosts.link.cut();
    await client.command('send a 100');
    const first = await stuckd().waitOpened(hosts.client, 'retransmitting');
    await hosts.link.heal();
    // The evidence rule takes the first episode for a lossy path, until much has arrived: three RTOs then suffice again.
    await client.command('send a 500000');
    await waitFor(async () => (await server.info('l.1')).received === 500_107, { what: 'all data' });
    await waitFor(async () => (await client.info('a')).unacked === 0, { what: 'the last ACK' });

    await hosts.link.cut();
    await client.command('send a 100');
    const second = await stuckd().waitChange(
      'a second record of the same socket',
      ({ kind, record }) => kind === 'opened' && record.cookie === first.cookie && record.id !== first.id,
    );
    assert.equal(second.kind, 'STUCK_KIND_RETRANSMITTING');
    assert.equal(second.previousId, first.id);
    const { outcome, endTime } = await stuckd().waitEnded(first.id);
    assert.equal(outcome, 'OUTCOME_RECOVERED');
    assert.ok(timeMs(second.since) > timeMs(endTime) - POLL_MS);
  });
});
