// Proves on the running kernel that keepalive probes which nobody answers become a record, although the kernel has no
// tracepoint for them: detected from the keepalive timer with no sweep due, since the first probe, with its process, and
// with a forecast that the kernel keeps; that it recovers, is reset by a peer that has rebooted, and goes on as
// retransmitting when data is written into it. And the silences: probes that are answered, a single lost one, and a
// rebooted peer that is found out by its RST at once; each with the proof that the probes were really sent.
// It cannot prove how exact `since` is on kernels whose timers it has not met.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { atOnce } from '../support/at-once.js';
import {
  CLIENT_ADDRESS,
  createTwoHosts,
  labSkipReason,
  SERVER_ADDRESS,
  waitFor,
  type TwoHosts,
} from '../support/lab.js';
import {
  assertDiagnosisNames,
  assertEndedWith,
  assertFirstProbe,
  assertOnlyRecord,
  assertOutcome,
  assertOwner,
  assertSameTime,
  tcpCounter,
  timelineTexts,
  waitForecastTimeout,
  wallMs,
} from '../support/record-checks.js';
import { isPolling } from '../support/sensor-mode.js';
import { EVENTS_ALONE, sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog, type SockprogReply } from '../support/sockprog.js';
import type { StuckdUnderTest, StuckJson } from '../support/stuckd.js';

const skip = labSkipReason();
const PORT = 8000;

/** The kernel's shortest: a probe each second. */
const EACH_SECOND = 'idle=1 intvl=1';
const PATIENT = `${EACH_SECOND} cnt=60`;

interface Stage {
  readonly hosts: TwoHosts;
  readonly server: Sockprog;
  readonly client: Sockprog;
  /** Of the client's socket "a", which is idle and connected to the server's "l.1". */
  readonly fd: number | undefined;
  readonly localPort: number | undefined;
}

/** Nothing is probed yet, so that a slow machine has time to cut the link, or whatever else comes before. */
async function setStage(t: TestContext, options: string): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  const { fd, localPort } = await client.connect('a', SERVER_ADDRESS, PORT, options);
  await server.waitEvent({ event: 'accepted', id: 'l.1' });
  return { hosts, server, client, fd, localPort };
}

/** The first probe leaves one second after this, as nothing has been heard for longer than that. */
async function beginProbing({ client }: Stage): Promise<SockprogReply> {
  return client.command('set a keepalive=1');
}

/** The peer forgets the connection without being heard, as a host that loses its power; to be called while cut. */
async function reboot({ server }: Stage): Promise<void> {
  await server.command('set l.1 linger=0');
  await server.command('close l.1');
}

/** Of what setsockopt has set a sensor that polls learns the interval alone, from two probes. */
function assertKeepalive(
  { options = {} }: StuckJson,
  [idle, interval, probes]: readonly [string, string, number],
): void {
  const { keepalive, keepaliveIdle, keepaliveInterval, keepaliveProbes } = options;
  assert.equal(keepalive, true);
  if (isPolling) {
    assert.deepEqual([keepaliveIdle, keepaliveProbes], [undefined, undefined]);
    assert.ok(keepaliveInterval === undefined || keepaliveInterval === interval, String(keepaliveInterval));
    return;
  }
  assert.deepEqual([keepaliveIdle, keepaliveInterval, keepaliveProbes], [idle, interval, probes]);
}

/** @returns the record from which on the forecast knows the interval of the probes. */
async function waitForeseen(stuckd: StuckdUnderTest, opened: StuckJson): Promise<StuckJson> {
  const isForeseen = ({ id, options }: StuckJson): boolean =>
    id === opened.id && options?.['keepaliveInterval'] !== undefined;
  return stuckd.waitChange('the interval of the probes', ({ record }) => isForeseen(record));
}

function probesSent({ client }: Stage): number {
  return tcpCounter(client, 'TCPKeepAlive');
}

describe('events alone', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd(EVENTS_ALONE);

  test('probes that nobody answers are found, belong to their process, and time out as was said', async (t) => {
    // As many probes as by default, so that a slow machine sees the connection, and its owner, before the end.
    const stage = await setStage(t, `${EACH_SECOND} cnt=9`);
    const { hosts, client, fd, localPort } = stage;
    await hosts.link.cut();
    const begun = await beginProbing(stage);
    const opened = await stuckd().waitOpened(hosts.client, 'keepalive_unanswered');
    assert.equal(opened.state, 'ESTABLISHED');
    assert.equal(opened.direction, 'DIRECTION_OUTBOUND');
    assert.deepEqual(opened.local, { address: CLIENT_ADDRESS, port: localPort });
    assert.deepEqual(opened.remote, { address: SERVER_ADDRESS, port: PORT });
    assert.equal(opened.unackedBytes, undefined);
    assert.ok((opened.probes ?? 0) >= 2);
    assert.equal(opened.sinceAtLeast, undefined);
    assert.equal(opened.giveUp?.reason, 'GIVE_UP_REASON_KEEPALIVE');
    assert.equal(opened.giveUp.expectedError, 'ETIMEDOUT');
    assertKeepalive(opened, ['1s', '1s', 9]);

    const owned = await stuckd().waitOwner(opened.id);
    assertOwner(owned.owner, { pid: client.pid, comm: 'sockprog', fd });
    assertDiagnosisNames(owned, `sockprog[${client.pid}]`, `${SERVER_ADDRESS}:${PORT}`);

    const ended = await waitForecastTimeout(stuckd(), await waitForeseen(stuckd(), opened), client);
    assert.equal(probesSent(stage), 9);
    assertFirstProbe(opened, wallMs(begun.monoUs) + 1000);
    assert.deepEqual(timelineTexts(ended), [
      'first keepalive probe without an answer',
      `detected: ${opened.probes} keepalive probes without an answer`,
      'the kernel gave up',
    ]);
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
    assert.deepEqual(stuckd().changesIn(hosts.server), []);
  });

  test('a peer that rebooted while it was cut off resets the connection', async (t) => {
    const stage = await setStage(t, PATIENT);
    const { hosts, client } = stage;
    await hosts.link.cut();
    await reboot(stage);
    await beginProbing(stage);
    const opened = await stuckd().waitOpened(hosts.client, 'keepalive_unanswered');
    await hosts.link.heal();
    const error = await client.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ECONNRESET');
    const ended = await stuckd().waitEnded(opened.id);
    assertOutcome(ended, 'OUTCOME_RESET_BY_PEER');
    assertEndedWith(ended, error.monoUs);
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
  });
});

describe('events and passes', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd();

  test('a peer that answers again ends the record', async (t) => {
    const stage = await setStage(t, PATIENT);
    const { hosts, client } = stage;
    await hosts.link.cut();
    await beginProbing(stage);
    const opened = await stuckd().waitOpened(hosts.client, 'keepalive_unanswered');
    await hosts.link.heal();
    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assert.equal((await client.info('a')).probes, 0);
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
  });

  test('data that is written into the silence turns the record to retransmitting', async (t) => {
    const stage = await setStage(t, PATIENT);
    const { hosts, client } = stage;
    await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', 3);
    await hosts.link.cut();
    await beginProbing(stage);
    const opened = await stuckd().waitOpened(hosts.client, 'keepalive_unanswered');
    await client.command('send a 100');
    const turned = await stuckd().waitChange(
      'the same record as retransmitting',
      ({ record }) => record.id === opened.id && record.kind === 'STUCK_KIND_RETRANSMITTING',
    );
    assertSameTime(turned.since, opened.since);
    assert.equal(turned.unackedBytes, '100');
    await client.waitEvent({ event: 'error', id: 'a', errno: 'ETIMEDOUT' });
    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assertOnlyRecord(stuckd(), hosts.client, opened.id);
  });

  test('silence: probes that are answered', async (t) => {
    const stage = await setStage(t, `${EACH_SECOND} cnt=3`);
    const { hosts, server, client } = stage;
    const heardBefore = tcpCounter(server, 'InSegs');
    await beginProbing(stage);
    await waitFor(() => probesSent(stage) >= 5, { what: 'five probes' });
    assert.ok(tcpCounter(server, 'InSegs') >= heardBefore + 4, 'the probes arrived');
    await stuckd().sweepFromNow();
    assert.ok(!client.events.some(({ event }) => event === 'error'));
    assert.deepEqual(stuckd().changesIn(hosts.client), []);
    assert.deepEqual(stuckd().changesIn(hosts.server), []);
  });

  test('silence: a probe that is lost, and the next one answered', async (t) => {
    const stage = await setStage(t, 'idle=1 intvl=60 cnt=60');
    const { hosts, client } = stage;
    await hosts.link.cut();
    await beginProbing(stage);
    await waitFor(async () => (await client.info('a')).probes === 1, { what: 'an unanswered probe' });
    await hosts.link.heal();
    // The next probe would come after a minute; with this the kernel sends it now, as the idle time is over.
    await client.command('set a idle=1');
    await waitFor(async () => (await client.info('a')).probes === 0, { what: 'an answer' });
    assert.equal(probesSent(stage), 2);
    await stuckd().sweepFromNow();
    assert.deepEqual(stuckd().changesIn(hosts.client), []);
  });

  test('silence: a rebooted peer resets the connection at the first probe', async (t) => {
    const stage = await setStage(t, PATIENT);
    const { hosts, server, client } = stage;
    await hosts.link.cut();
    await reboot(stage);
    await hosts.link.heal();
    await beginProbing(stage);
    const error = await client.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ECONNRESET');
    assert.equal(probesSent(stage), 1);
    assert.ok(tcpCounter(server, 'OutRsts') >= 2, 'one of its own, one for the probe');
    await stuckd().sweepFromNow();
    assert.deepEqual(stuckd().changesIn(hosts.client), []);
  });
});
