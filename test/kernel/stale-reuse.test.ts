// Proves that a request on a pooled connection that was no more is recorded, with the process that sent it: closed by the
// peer before, while the request was on its way, or forgotten without a word; and that the peer's idle limit is learnt from
// its FINs before anything fails. The case of nodejs/node issue 13391 runs with a real Node.js server and http.Agent. It
// cannot prove that a middlebox was to blame: a peer that has lost the connection looks the same.
import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isSameLimit } from '../../daemon/core/stale-reuse.js';
import type { stuckd as proto } from '../../daemon/rpc/gen/stuckd.js';
import { durationToMs } from '../../daemon/rpc/proto-time.js';
import { atOnce } from '../support/at-once.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, waitFor, type Ending, type TwoHosts } from '../support/lab.js';
import { assertDiagnosisNames, assertOwner, timeMs, timelineTexts } from '../support/record-checks.js';
import { notPolled } from '../support/sensor-mode.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import type { ChangeJson, StuckdUnderTest, StuckJson } from '../support/stuckd.js';

type IdleLimit = proto.v1.IdleLimit.$Properties;

const skip = notPolled('that a request met a RST is an event, and polling has none') || labSkipReason();
const PORT = 8000;
const CLOSE_WAIT = 8;
const PEER = `${SERVER_ADDRESS}:${PORT}`;

/** Longer than the shortest pause that counts, which is 1 s. */
const IDLE_MS = 1300;

interface Stage extends TwoHosts {
  readonly serving: Sockprog;
  readonly using: Sockprog;
  /** Descriptor of the client's connection "a", over which a request was answered a while ago. */
  readonly fd: number;
}

/** A request and its answer. @param number of requests on this connection, this one included */
async function exchange(
  { serving, using }: Pick<Stage, 'serving' | 'using'>,
  id: string,
  peer: string,
  number = 1,
): Promise<void> {
  await using.command(`send ${id} 7`);
  await serving.waitEvent({ event: 'data', id: peer, received: 7 * number });
  await serving.command(`send ${peer} 9`);
  await using.waitEvent({ event: 'data', id, received: 9 * number });
}

/** Waits until a connection has been idle for long enough, by the kernel's own stamps. */
async function rest(using: Sockprog, id: string): Promise<void> {
  const isRested = async (): Promise<boolean> => (await using.info(id)).lastDataMs >= IDLE_MS;
  await waitFor(isRested, { what: `${id} to be idle` });
}

async function setStage(test: Ending): Promise<Stage> {
  const hosts = await createTwoHosts(test);
  const serving = await Sockprog.start(hosts.lab, hosts.server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const using = await Sockprog.start(hosts.lab, hosts.client);
  const { fd = -1 } = await using.connect('a', SERVER_ADDRESS, PORT);
  await exchange({ serving, using }, 'a', 'l.1');
  return { ...hosts, serving, using, fd };
}

/** The server closes, and nothing of that gets out: to the client it is as if a middlebox had dropped the flow. */
async function closeInSilence({ serving, link }: Stage, peer: string): Promise<void> {
  await link.cut('to_near');
  await serving.command(`set ${peer} linger=0`);
  await serving.command(`close ${peer}`);
  await link.heal();
}

/** A new connection, and a request on it when it has been idle and is no more. @returns the record of that. */
async function reuseForgotten(stuckd: StuckdUnderTest, stage: Stage, id: string, peer: string): Promise<StuckJson> {
  const { localPort } = await stage.using.connect(id, SERVER_ADDRESS, PORT);
  await exchange(stage, id, peer);
  await rest(stage.using, id);
  await closeInSilence(stage, peer);
  await stage.using.command(`send ${id} 7`);
  const isIt = (change: ChangeJson): boolean =>
    change.kind === 'ended' &&
    change.record.kind === 'STUCK_KIND_STALE_REUSE' &&
    change.record.local.port === localPort;
  return stuckd.waitChange(
    `the reuse of ${id}`,
    (change) => isIt(change) && stuckd.changesIn(stage.client).includes(change),
  );
}

async function waitReuse(stuckd: StuckdUnderTest, { client }: TwoHosts): Promise<StuckJson> {
  const { id } = await stuckd.waitOpened(client, 'stale_reuse');
  return stuckd.waitEnded(id);
}

function seconds(duration: string | undefined): number {
  return Number.parseFloat(duration ?? 'NaN');
}

/** keepAliveTimeout as in the wild, but shorter; "Connection" set by hand keeps Node.js from telling it to the client. */
const NODE_SERVER = `
  const server = require('node:http').createServer((request, response) => {
    response.setHeader('Connection', 'keep-alive');
    response.end('hello');
  });
  server.keepAliveTimeout = 1000;
  server.listen(${PORT}, '${SERVER_ADDRESS}', () => console.log('listening'));
`;

/** A pooled connection, and an event loop that is busy while the FIN arrives: timers then run before the socket is read. */
const NODE_CLIENT = `
  const http = require('node:http');
  const agent = new http.Agent({ keepAlive: true });
  const request = (done) => {
    http.get({ host: '${SERVER_ADDRESS}', port: ${PORT}, agent }, (response) => {
      response.resume().on('end', () => done('answer'));
    }).on('error', (error) => done(error.code));
  };
  request((first) => {
    console.log(first);
    setTimeout(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
      request((second) => console.log(second));
    }, 50);
  });
  setInterval(() => {}, 1000);
`;

describe('a request on a connection that was no more', { skip, concurrency: atOnce(5) }, () => {
  const stuckd = sharedStuckd();

  test('the FIN was here before: the application did not look', async (t) => {
    const stage = await setStage(t);
    await rest(stage.using, 'a');
    await stage.serving.command('close l.1');
    await waitFor(async () => (await stage.using.info('a')).state === CLOSE_WAIT, { what: 'the FIN' });
    // Later than the FIN by more than the clock of jiffies can hide.
    await waitFor(async () => (await stage.using.info('a')).lastAckMs >= 100, { what: 'some time to pass' });
    await stage.using.command('send a 7');

    const record = await waitReuse(stuckd(), stage);
    assert.equal(record.reuse, 'STALE_REUSE_CLOSED_BEFORE');
    assert.equal(record.outcome, 'OUTCOME_RESET_BY_PEER');
    assert.equal(record.direction, 'DIRECTION_OUTBOUND');
    assert.ok(seconds(record.idleBefore) * 1000 >= IDLE_MS, record.idleBefore);
    assertOwner(record.owner, { pid: stage.using.pid, comm: 'sockprog', fd: stage.fd });
    assertDiagnosisNames(record, `sockprog[${stage.using.pid}]`, PEER);
    assert.match(timelineTexts(record).join('\n'), /used again after .* although the peer had closed it before/);
    assert.ok(timeMs(record.since) <= timeMs(record.endTime));
  });

  test('nobody knows of it any more, and no FIN ever came', async (t) => {
    const stage = await setStage(t);
    await rest(stage.using, 'a');
    await closeInSilence(stage, 'l.1');
    await stage.using.command('send a 7');

    const record = await waitReuse(stuckd(), stage);
    assert.equal(record.reuse, 'STALE_REUSE_FORGOTTEN');
    assert.equal(record.outcome, 'OUTCOME_RESET_BY_PEER');
    assert.equal(record.peerIdleLimit, undefined);
    assertOwner(record.owner, { pid: stage.using.pid, comm: 'sockprog', fd: stage.fd });
  });

  test('the idle limit of the peer is learnt from its FINs; a RST at that age is a race', async (t) => {
    const stage = await setStage(t);
    const { serving, using } = stage;
    const learnt = async (): Promise<IdleLimit | undefined> =>
      (await stuckd().status()).idleLimits.find(({ netns }) => netns === stage.client.inode);
    // Two that agree are enough; on a slow machine some do not.
    let limit: IdleLimit | undefined;
    let number = 1;
    while (limit === undefined && number < 8) {
      number++;
      const id = `b${number}`;
      await using.connect(id, SERVER_ADDRESS, PORT);
      await exchange({ serving, using }, id, `l.${number}`);
      await rest(using, id);
      await serving.command(`close l.${number}`);
      await waitFor(async () => (await using.info(id)).state === CLOSE_WAIT, { what: 'the FIN' });
      await stuckd().sweepFromNow(); // whatever was reported before has arrived
      limit = await learnt();
    }
    assert.ok(limit !== undefined, 'the status tells the limit');
    assert.equal(limit.peer?.address, SERVER_ADDRESS);
    assert.equal(limit.peer.port, PORT);
    assert.ok(durationToMs(limit.limit ?? {}) >= IDLE_MS);

    const limitUs = durationToMs(limit.limit ?? {}) * 1000;
    for (let isSame = false; !isSame;) {
      number++;
      assert.ok(number < 14, 'none of the requests was as old as the limit');
      const record = await reuseForgotten(stuckd(), stage, `c${number}`, `l.${number}`);
      assert.equal(Math.round(seconds(record.peerIdleLimit) * 1e6), Math.round(limitUs));
      isSame = isSameLimit(seconds(record.idleBefore) * 1e6, limitUs);
      assert.equal(record.reuse, isSame ? 'STALE_REUSE_CLOSED_DURING' : 'STALE_REUSE_FORGOTTEN');
    }
  });

  test('a Node.js client that is busy as the server closes (nodejs/node 13391)', async (t) => {
    const hosts = await createTwoHosts(t);
    const server = hosts.lab.spawnIn(hosts.server, [process.execPath, '-e', NODE_SERVER]);
    await waitFor(() => server.lines.includes('listening'), { what: 'the server' });
    const client = hosts.lab.spawnIn(hosts.client, [process.execPath, '-e', NODE_CLIENT]);
    await waitFor(() => client.lines.length === 2, { what: 'the answer and the error of the client' });
    // EPIPE is what a RST leaves behind in CLOSE_WAIT; Node.js may read the end of the stream before it.
    assert.match(client.lines.join(' '), /^answer (ECONNRESET|EPIPE)$/);

    const record = await waitReuse(stuckd(), hosts);
    assert.equal(record.reuse, 'STALE_REUSE_CLOSED_BEFORE');
    assert.ok(record.owner !== undefined);
    assert.equal(record.owner.pid, client.pid);
    assert.equal(record.owner.comm, 'node');
    assert.equal(record.owner.executable, realpathSync(process.execPath));
    assertDiagnosisNames(record, `node[${client.pid}]`, PEER);
  });

  test('silence: a request that is answered after a pause, a RST without one, a pool that closes in time', async (t) => {
    const stage = await setStage(t);
    const { serving, using } = stage;
    await rest(using, 'a');
    await exchange(stage, 'a', 'l.1', 2);
    await using.command('send a 7');
    await serving.waitEvent({ event: 'data', id: 'l.1', received: 21 });
    await serving.command('set l.1 linger=0');
    await serving.command('close l.1');
    await using.waitEvent({ event: 'error', id: 'a' });
    await using.connect('b', SERVER_ADDRESS, PORT);
    await exchange(stage, 'b', 'l.2');
    await rest(using, 'b');
    await using.command('close b');
    await stuckd().sweepFromNow();
    assert.deepEqual(
      stuckd()
        .changesIn(stage.client)
        .filter(({ record }) => record.kind === 'STUCK_KIND_STALE_REUSE'),
      [],
    );
  });
});
