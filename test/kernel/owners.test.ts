// Proves that stuckd names who holds a stuck socket: the worker that accepted it and not the master that listens, all
// processes that share it, one process for all its threads, whoever a descriptor was passed to, and nobody where it is
// only in flight; and that a process cannot harm a terminal by the name it gives itself.
// It cannot prove OWNER_TYPE_KERNEL, which takes NFS or the like, nor OWNER_TYPE_UNACCEPTED: a connection in an accept
// queue has nothing to send, so that none of the kinds but KEEPALIVE_UNANSWERED can befall it, and that one goes unseen
// until it is accepted, since a timer alone does not identify a socket and no descriptor leads to it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { CLIENT_ADDRESS, createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS } from '../support/lab.js';
import { type TwoHosts, waitFor } from '../support/lab.js';
import { assertDiagnosisNames, assertFirstProbe, assertOwner, tcpCounter, wallMs } from '../support/record-checks.js';
import { stuckctl } from '../support/run-program.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { commHex, Sockprog } from '../support/sockprog.js';

const skip = labSkipReason();
const PORT = 8000;
const PEER = `${SERVER_ADDRESS}:${String(PORT)}`;

interface Stage extends TwoHosts {
  readonly serving: Sockprog;
  readonly using: Sockprog;
  /** Of the client's connection "a". */
  readonly fd: number;
}

/** A server that accepts, and a client with one connection "a" to it. */
async function setStage(test: Ending): Promise<Stage> {
  const hosts = await createTwoHosts(test);
  const serving = await Sockprog.start(hosts.lab, hosts.server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const using = await Sockprog.start(hosts.lab, hosts.client);
  const { fd = -1 } = await using.connect('a', SERVER_ADDRESS, PORT);
  await serving.waitEvent({ event: 'accepted', id: 'l.1' });
  return { ...hosts, serving, using, fd };
}

describe('owners', { skip, concurrency: atOnce(4) }, () => {
  const stuckd = sharedStuckd();

  test('prefork: the worker owns what it accepted, the master only listens', async (t) => {
    const hosts = await createTwoHosts(t);
    const master = await Sockprog.start(hosts.lab, hosts.server);
    await master.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=none`);
    const worker = await master.fork();
    const idler = await master.fork();
    await master.command(`name ${commHex('worker')}`, worker);
    await master.command('accept l report', worker);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    const { localPort } = await client.connect('a', SERVER_ADDRESS, PORT);
    const accepted = await master.waitEvent({ event: 'accepted', id: 'l.1', pid: worker });
    await stuckd().sweepFromNow(); // listeners, which tell the direction, are learnt by sweeps

    await hosts.link.cut();
    await master.command('send l.1 1000', worker);
    const opened = await stuckd().waitOpened(hosts.server, 'retransmitting');
    const owned = await stuckd().waitOwner(opened.id);
    assert.equal(owned.ownerType, 'OWNER_TYPE_PROCESS');
    assertOwner(owned.owner, { pid: worker, comm: 'worker', fd: accepted.fd });
    assert.ok(![master.pid, idler].includes(worker));
    assert.equal(owned.direction, 'DIRECTION_INBOUND');
    assert.deepEqual(owned.local, { address: SERVER_ADDRESS, port: PORT });
    assert.deepEqual(owned.remote, { address: CLIENT_ADDRESS, port: localPort });
    assert.equal(owned.netns, hosts.server.inode);
    assertDiagnosisNames(owned, `worker[${worker}]`, CLIENT_ADDRESS);
  });

  test('a socket that two processes share after a fork has both as holders, until one closes it', async (t) => {
    const { client, link, using, fd } = await setStage(t);
    const child = await using.fork();
    await using.command(`name ${commHex('child')}`, child);
    await link.cut();
    await using.command('send a 1000', child);

    const { id } = await stuckd().waitOpened(client, 'retransmitting');
    const { owner } = await stuckd().waitOwner(id);
    assert.equal(owner?.pid, using.pid, 'the older process stands for both');
    assert.deepEqual(owner.holders, [
      { pid: using.pid, comm: 'sockprog', fd },
      { pid: child, comm: 'child', fd },
    ]);

    await using.command('close a');
    const left = await stuckd().waitChange(
      `the child alone holds ${id}`,
      ({ kind, record }) => kind === 'updated' && record.id === id && record.owner?.pid === child,
    );
    assertOwner(left.owner, { pid: child, comm: 'child', fd });
    assert.equal(left.kind, 'STUCK_KIND_RETRANSMITTING', 'a close that leaves another holder closes nothing');
  });

  test('a process with threads is one holder, under the name of the process', async (t) => {
    const { client, link, using, fd } = await setStage(t);
    await link.cut();
    for (const name of ['sender-1', 'sender-2', 'sender-3']) {
      await using.command(`thread a 500 ${name}`);
    }
    const { id } = await stuckd().waitOpened(client, 'retransmitting');
    const { owner } = await stuckd().waitOwner(id);
    assertOwner(owner, { pid: using.pid, comm: 'sockprog', fd });
  });

  test('a descriptor that was passed on belongs to its receiver', async (t) => {
    const { client, link, using } = await setStage(t);
    const receiver = await using.fork();
    await using.command(`name ${commHex('receiver')}`, receiver);
    await using.connect('late', SERVER_ADDRESS, PORT);
    await using.command(`pass late ${receiver}`);
    const { fd } = await using.waitEvent({ event: 'received', id: 'late', pid: receiver });
    await using.command('close late');
    await link.cut();
    await using.command('send late 1000', receiver);

    const { id } = await stuckd().waitOpened(client, 'retransmitting');
    const { owner } = await stuckd().waitOwner(id);
    assertOwner(owner, { pid: receiver, comm: 'receiver', fd });
  });

  test('a descriptor that only flies from one process to another has no owner that could be named', async (t) => {
    const { client, link, using } = await setStage(t);
    await link.cut();
    await using.command('send a 1000');
    const { id } = await stuckd().waitOpened(client, 'retransmitting');
    await stuckd().waitOwner(id);
    await using.command('park a');
    const parked = await stuckd().waitChange(
      `${id} is in flight`,
      ({ record }) => record.id === id && record.ownerType === 'OWNER_TYPE_UNKNOWN',
    );
    assert.equal(parked.owner, undefined);
    assert.equal(parked.lastOwner?.pid, using.pid);
    assert.equal(parked.kind, 'STUCK_KIND_RETRANSMITTING');
    assert.equal(parked.state, 'ESTABLISHED');
  });

  test('a connection that died in the accept queue is found when it is accepted, and since when it is dead', async (t) => {
    const hosts = await createTwoHosts(t);
    const serving = await Sockprog.start(hosts.lab, hosts.server);
    await serving.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=none keepalive=1 idle=1 intvl=1 cnt=60`);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    await client.connect('a', SERVER_ADDRESS, PORT);
    await stuckd().sweepFromNow();
    await hosts.link.cut();
    const probes = (): number => tcpCounter(serving, 'TCPKeepAlive');
    const before = probes();
    await waitFor(() => probes() >= before + 4, { what: 'unanswered probes' });
    await serving.command('accept l report');
    const accepted = await serving.waitEvent({ event: 'accepted', id: 'l.1' });
    const { monoUs, lastAckMs } = await serving.info('l.1');

    const { id } = await stuckd().waitOpened(hosts.server, 'keepalive_unanswered');
    // A sensor that polls has seen it before, while nobody held it.
    const owned = await stuckd().waitChange(
      `the process of ${id}`,
      ({ record }) => record.id === id && record.ownerType === 'OWNER_TYPE_PROCESS',
    );
    assertOwner(owned.owner, { pid: serving.pid, comm: 'sockprog', fd: accepted.fd });
    assert.equal(owned.direction, 'DIRECTION_INBOUND');
    // The timer counts from the last answer.
    assertFirstProbe(owned, wallMs(monoUs) - lastAckMs + 1000);
  });

  test('a process name cannot reach the terminal as anything but text', async (t) => {
    const { client, link, using } = await setStage(t);
    // Colour, new line, carriage return, an 8-bit control sequence, a window title, and a byte that is no UTF-8.
    await using.command('name 1b5b33316d0a0dc29b1b5d30075cff');
    const raw = '\u001b[31m\n\r\u009b\u001b]0\u0007\\\ufffd';
    await link.cut();
    await using.command('send a 1000');
    const { id } = await stuckd().waitOpened(client, 'retransmitting');
    const owned = await stuckd().waitOwner(id);
    assert.equal(owned.owner?.comm, raw);

    const netns = ['--netns', String(client.inode)];
    const table = await stuckctl(stuckd().address, 'list', '-o', 'table', ...netns);
    assert.equal(table.code, 0, table.stderr);
    assertPrintable(table.stdout);
    const rows = table.stdout.trimEnd().split('\n');
    assert.equal(rows.length, 2, 'a header and one row');
    const [, row = ''] = rows;
    assert.ok(row.includes(`\\x1b[31m\\n\\r\\x9b\\x1b]0\\x07\\\\\ufffd[${using.pid}]`), row);
    assert.ok(row.includes(PEER), row);
    const page = await stuckctl(stuckd().address, 'get', id, '-o', 'table');
    assert.equal(page.code, 0, page.stderr);
    assertPrintable(page.stdout);
    assert.ok(page.stdout.includes(`[${using.pid}]`), page.stdout);

    const json = await stuckctl(stuckd().address, 'list', '-o', 'json', ...netns);
    assert.equal(json.code, 0, json.stderr);
    assertPrintable(json.stdout);
    const { stuckConnections } = JSON.parse(json.stdout) as { stuckConnections: { owner: { comm: string } }[] };
    assert.deepEqual(
      stuckConnections.map(({ owner }) => owner.comm),
      [raw],
    );
  });

  test('an owner that is a Node.js program is named by its path and its name', async (t) => {
    const hosts = await createTwoHosts(t);
    const serving = await Sockprog.start(hosts.lab, hosts.server);
    await serving.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
    const script = `require('node:net').connect(${PORT}, '${SERVER_ADDRESS}').on('connect', function () {
      console.log('connected');
      process.stdin.once('data', () => this.write('hello'));
    })`;
    const node = hosts.lab.spawnIn(hosts.client, [process.execPath, '-e', script]);
    await waitFor(() => node.lines.includes('connected'), { what: 'a connection' });
    await hosts.link.cut();
    node.writeLine('go');
    const { id } = await stuckd().waitOpened(hosts.client, 'retransmitting');
    const owned = await stuckd().waitOwner(id);
    assertOwner(owned.owner, { pid: node.pid, comm: owned.owner?.comm ?? '' });
    assert.match(owned.owner?.comm ?? '', /node|MainThread/);
    assertDiagnosisNames(owned, `[${node.pid}]`, PEER);
  });
});

/** Nothing but characters that a terminal draws, and ends of lines. */
function assertPrintable(text: string): void {
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
}
