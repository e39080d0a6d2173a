// Proves that stuckd keeps silent about connections that are not stuck, while all that could be mistaken for it really
// happens: established bulk transfers that lose 30 % of their packets and have RTOs all the time, a peer that reads
// slowly or not at all for a while, outages that are over before they are proven, a SYN that gets through late, a pool
// that idles with its keepalive probes answered, and a long poll. Each test ends by cutting its link, so that silence is
// not mistaken for blindness.
// It cannot prove that a false alarm never happens: the evidence rule allows one in ten thousand, by chance. For this
// reason the losses here are no chance, but a pattern.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import {
  createTwoHosts,
  type Ending,
  labSkipReason,
  loseInPattern,
  type LossPattern,
  loseTwice,
} from '../support/lab.js';
import { SERVER_ADDRESS, type TwoHosts, waitFor } from '../support/lab.js';
import { tcpCounter } from '../support/record-checks.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog, type SockprogInfo } from '../support/sockprog.js';
import { StuckdUnderTest } from '../support/stuckd.js';

const skip = labSkipReason();
const PORT = 8000;

interface Stage extends TwoHosts {
  readonly serving: Sockprog;
  readonly using: Sockprog;
}

/** @param mode what the server does with its connections. */
async function setStage(test: Ending, mode: string): Promise<Stage> {
  const hosts = await createTwoHosts(test);
  const serving = await Sockprog.start(hosts.lab, hosts.server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT} ${mode}`);
  const using = await Sockprog.start(hosts.lab, hosts.client);
  return { ...hosts, serving, using };
}

/** Asserts that nothing was said about the namespaces of a test, by a daemon that sees into them. */
async function assertSilent(stuckd: StuckdUnderTest, stage: Stage): Promise<void> {
  await stuckd.sweepFromNow();
  assert.deepEqual([...stuckd.changesIn(stage.client), ...stuckd.changesIn(stage.server)], []);
  await stage.link.heal();
  const { localPort } = await stage.using.connect('control', SERVER_ADDRESS, PORT);
  await stage.link.cut();
  await stage.using.command('send control 100');
  await stuckd.waitChange(
    'the black hole in the end',
    ({ kind, record }) => kind === 'opened' && record.netns === stage.client.inode && record.local.port === localPort,
  );
}

const FLOWS = Array.from({ length: 8 }, (_, index) => `flow${index}`);

async function infos(program: Sockprog, ids: readonly string[]): Promise<readonly SockprogInfo[]> {
  return Promise.all(ids.map((id) => program.info(id)));
}

/**
 * 30 of 100, strewn as chance would strew them, but never more than four in a row: at most five RTOs. Losses by chance
 * would now and then bring the eight that the evidence rule takes for a black hole.
 */
const THIRTY_PERCENT: LossPattern = {
  every: 100,
  lost: '0, 6, 10-11, 17, 22, 27-30, 33-35, 41-44, 50-51, 57, 62-63, 69-71, 78, 84, 92-94',
};

test('30 % loss on established bulk transfers: RTOs in a row, and yet no record', { skip }, async (t) => {
  const stage = await setStage(t, 'mode=sink');
  const { using } = stage;
  const flows: string[] = [];
  for (const id of FLOWS) {
    const { localPort } = await using.connect(id, SERVER_ADDRESS, PORT, 'maxseg=500');
    flows.push(`tcp sport ${localPort}`);
  }
  const endLosses = await loseInPattern(stage, flows, THIRTY_PERCENT);
  for (const id of FLOWS) {
    await using.command(`stream ${id} 120000`);
  }
  // Established: before anybody judges it, the path has shown what it is like.
  const haveHistory = async (): Promise<boolean> =>
    (await infos(using, FLOWS)).every(({ totalRetrans }) => totalRetrans >= 60);
  await waitFor(haveHistory, { what: 'a history of losses' });

  const stuckd = await StuckdUnderTest.start(t);
  const rtos = (): number => tcpCounter(using, 'TCPTimeouts');
  const [rtosBefore, before] = [rtos(), await infos(using, FLOWS)];
  let longestRun = 0;
  const haveSuffered = async (): Promise<boolean> => {
    longestRun = Math.max(longestRun, ...(await infos(using, FLOWS)).map(({ retransmits }) => retransmits));
    return longestRun >= 3 && rtos() - rtosBefore >= 200;
  };
  await waitFor(haveSuffered, { what: '200 RTOs, three of them in a row' });
  // An RTO that has doubled some times makes one flow rest for seconds; it goes on all the same.
  const haveGoneOn = async (): Promise<boolean> =>
    (await infos(using, FLOWS)).every(({ bytesAcked }, index) => bytesAcked > (before[index]?.bytesAcked ?? 0));
  await waitFor(haveGoneOn, { what: 'progress of every flow' });
  assert.ok(!using.events.some(({ event }) => event === 'error'));
  for (const id of FLOWS) {
    // Without a FIN behind them that would have to get through first.
    await using.command(`set ${id} linger=0`);
    await using.command(`close ${id}`);
  }
  await endLosses();
  await assertSilent(stuckd, stage);
});

describe('slow, idle and interrupted, but alive', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd();

  test('a peer that reads slowly: its window closes and opens', async (t) => {
    const stage = await setStage(t, 'mode=none rcvbuf=8192');
    await stage.serving.command('accept l slow rate=40000');
    await stage.using.connect('a', SERVER_ADDRESS, PORT, 'sndbuf=20000');
    await stage.using.command('stream a 60000');
    const closedWindows = (): number => tcpCounter(stage.serving, 'TCPToZeroWindowAdv');
    await waitFor(async () => closedWindows() >= 5 && (await stage.serving.info('l.1')).received > 200_000, {
      what: 'five closed windows, and progress',
    });
    await assertSilent(stuckd(), stage);
  });

  test('a peer that does not read for a while, but answers window probes', async (t) => {
    const stage = await setStage(t, 'mode=silent rcvbuf=8192');
    await stage.using.connect('a', SERVER_ADDRESS, PORT);
    await stage.using.command('send a 200000');
    await waitFor(() => tcpCounter(stage.using, 'TCPWinProbe') >= 5, { what: 'five window probes' });
    assert.equal((await stage.using.info('a')).probes, 0, 'each was answered');
    await assertSilent(stuckd(), stage);
  });

  test('a narrow link: a thousand times the delay that there was, and full queues', async (t) => {
    const stage = await setStage(t, 'mode=sink');
    for (const id of FLOWS) {
      await stage.using.connect(id, SERVER_ADDRESS, PORT, 'maxseg=500');
    }
    // At most half a second fits into the queue: RTOs happen, but three in a row without an ACK take 1.4 s.
    const shape = ['tbf', 'rate', '400kbit', 'burst', '3000', 'limit', '24000'];
    await stage.lab.run(stage.client, ['tc', 'qdisc', 'add', 'dev', stage.link.near.device, 'root', ...shape]);
    for (const id of FLOWS) {
      await stage.using.command(`stream ${id} 60000`);
    }
    const isCrowded = async (): Promise<boolean> => {
      const flows = await infos(stage.using, FLOWS);
      return flows.every(({ rttUs, bytesAcked }) => rttUs > 100_000 && bytesAcked > 10_000);
    };
    await waitFor(isCrowded, { what: 'delay on every flow, and progress' });
    assert.ok(tcpCounter(stage.using, 'TCPTimeouts') > 0, 'RTOs happened');
    for (const id of FLOWS) {
      await stage.using.command(`set ${id} linger=0`);
      await stage.using.command(`close ${id}`);
    }
    await stage.lab.run(stage.client, ['tc', 'qdisc', 'del', 'dev', stage.link.near.device, 'root']);
    await assertSilent(stuckd(), stage);
  });

  test('outages that end before they are proven', async (t) => {
    const stage = await setStage(t, 'mode=echo');
    await stage.lab.sysctl(stage.client, 'net.ipv4.tcp_early_retrans', 0); // timeouts alone
    await stage.using.connect('a', SERVER_ADDRESS, PORT);
    // Whatever carries data: headers have 80 bytes at most.
    await loseTwice(stage, 'ip length > 80');
    for (let received = 100; received <= 400; received += 100) {
      await stage.using.command('send a 100');
      await stage.using.waitEvent({ event: 'data', id: 'a', received });
    }
    assert.ok((await stage.using.info('a')).totalRetrans >= 8, 'two timeouts each time');
    await assertSilent(stuckd(), stage);
  });

  test('a SYN that is answered at its second retransmission', async (t) => {
    const stage = await setStage(t, 'mode=echo');
    const endLosses = await loseTwice(stage, 'tcp flags syn');
    await stage.using.connect('a', SERVER_ADDRESS, PORT, 'syncnt=8');
    assert.equal((await stage.using.info('a')).totalRetrans, 2);
    await endLosses();
    await assertSilent(stuckd(), stage);
  });

  test('an idle pool with and without keepalive, and a long poll', async (t) => {
    const stage = await setStage(t, 'mode=none');
    await stage.serving.command('accept l report');
    const pool = Array.from({ length: 20 }, (_, index) => `pool${index}`);
    for (const [index, id] of pool.entries()) {
      await stage.using.connect(id, SERVER_ADDRESS, PORT, index % 2 === 0 ? 'keepalive=1 idle=1 intvl=1 cnt=3' : '');
    }
    // A request to which nobody answers for long, though it has arrived.
    await stage.using.command('send pool0 300');
    await stage.serving.waitEvent({ event: 'data', id: 'l.1', received: 300 });
    await waitFor(() => tcpCounter(stage.using, 'TCPKeepAlive') >= 40, { what: 'forty keepalive probes' });
    assert.ok((await infos(stage.using, pool)).every((info) => info.state === 1 && info.probes <= 1));
    await assertSilent(stuckd(), stage);
  });
});
