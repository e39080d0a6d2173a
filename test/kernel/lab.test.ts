// Proves that the lab, on which all kernel tests and the demo stand, does what it says: a cut is a silent black hole
// (nothing arrives, nothing is reported to the sender, ARP and neighbour discovery still work), heal ends it, loss loses
// about what it should and makes TCP retransmit, sysctls and processes belong to their namespace, and nothing is left
// behind, also by a process that dies. It says nothing about stuckd itself.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { namespaceName } from '../../daemon/demo/lab/names.js';
import { sweepLeftovers } from '../../daemon/demo/lab/leftovers.js';
import { runCommand, CommandError } from '../../daemon/demo/lab/command.js';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { startProcess } from '../../daemon/demo/lab/managed-process.js';
import {
  createLab,
  createTwoHosts,
  labSkipReason,
  SERVER_ADDRESS,
  SERVER_ADDRESS_V6,
  waitFor,
  type TwoHosts,
} from '../support/lab.js';
import { tcpCounter } from '../support/record-checks.js';
import { notPolled } from '../support/sensor-mode.js';
import { commHex, Sockprog } from '../support/sockprog.js';

const skip = notPolled('no sensor takes part in it') || labSkipReason();
const PORT = 8000;

async function startEchoServer(hosts: TwoHosts): Promise<Sockprog> {
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l :: ${PORT} mode=echo`);
  return server;
}

function namespacesOfThisProcess(): string[] {
  return readdirSync('/run/netns').filter((name) => name.startsWith(`stuckd-${process.pid}-`));
}

for (const [family, address] of [
  ['IPv4', SERVER_ADDRESS],
  ['IPv6', SERVER_ADDRESS_V6],
  ['IPv4 through an IPv6 socket', `::ffff:${SERVER_ADDRESS}`],
] as const) {
  test(`${family}: a cut is a silent black hole, and heal ends it`, { skip }, async (t) => {
    const hosts = await createTwoHosts(t);
    await startEchoServer(hosts);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    await client.connect('a', address, PORT);
    await client.command('send a 7');
    await client.waitEvent({ event: 'data', id: 'a', received: 7 });

    await hosts.link.cut();
    // Neighbours are forgotten, so that what is sent now depends on the answers to ARP and neighbour discovery.
    await hosts.lab.run(hosts.client, ['ip', 'neigh', 'flush', 'all']);
    await client.command('send a 100');
    await client.command(`connect b ${address} ${PORT} syncnt=1`);
    await client.waitEvent({ event: 'error', id: 'b', errno: 'ETIMEDOUT' });
    await waitFor(async () => (await client.info('a')).retransmits >= 3, { what: 'three RTOs' });
    assert.equal((await client.info('a')).received, 7);
    assert.ok((await hosts.link.dropped()) >= 4);

    await hosts.link.heal();
    await client.waitEvent({ event: 'data', id: 'a', received: 107 });
    assert.equal((await client.info('a')).unacked, 0);
    await client.connect('c', address, PORT);
  });
}

test('a cut of one direction lets the other pass', { skip }, async (t) => {
  const hosts = await createTwoHosts(t);
  const server = await startEchoServer(hosts);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  await client.connect('a', SERVER_ADDRESS, PORT);
  await server.waitEvent({ event: 'accepted', id: 'l.1' });
  await hosts.link.cut('to_near');
  await client.command('send a 11');
  const arrived = await waitFor(async () => (await server.info('l.1')).received === 11, { what: 'the data' });
  assert.ok(arrived);
  await waitFor(async () => (await client.info('a')).retransmits >= 2, { what: 'RTOs, as no ACK returns' });
  assert.equal((await client.info('a')).received, 0);
});

test('30 % loss loses about 30 %, and TCP has RTOs but goes on', { skip }, async (t) => {
  const hosts = await createTwoHosts(t);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=sink`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  const ids = Array.from({ length: 20 }, (_, index) => `c${index}`);
  for (const id of ids) {
    await client.connect(id, SERVER_ADDRESS, PORT, 'maxseg=500');
  }
  const arrivedBefore = tcpCounter(server, 'InSegs');
  await hosts.link.lose(30, 'to_far');
  for (const id of ids) {
    await client.command(`stream ${id} 600000`);
  }
  const dropped = await waitFor(
    async () => {
      const count = await hosts.link.dropped();
      return count >= 300 ? count : false;
    },
    { what: '300 lost packets' },
  );
  const arrived = tcpCounter(server, 'InSegs') - arrivedBefore;
  const share = dropped / (dropped + arrived);
  assert.ok(share > 0.2 && share < 0.4, `${dropped} lost, ${arrived} arrived`);
  assert.ok(tcpCounter(client, 'TCPTimeouts') > 0, 'RTOs happened');
  assert.ok(tcpCounter(client, 'RetransSegs') > 0, 'segments were sent again');
  assert.ok(!client.events.some((event) => event.event === 'error'), 'and all connections live');
});

test('sysctls, unnamed namespaces and process ids are what they seem', { skip }, async (t) => {
  const lab = await createLab(t);
  const named = await lab.addNamespace('named');
  const unnamed = await lab.addUnnamedNamespace('unnamed');
  await lab.link(
    { namespace: named, addresses: ['10.77.1.1/24'] },
    { namespace: unnamed, addresses: ['10.77.1.2/24'] },
  );
  await lab.sysctl(named, 'net.ipv4.tcp_retries2', 5);
  assert.equal((await lab.run(named, ['cat', '/proc/sys/net/ipv4/tcp_retries2'])).trim(), '5');
  assert.notEqual((await lab.run(unnamed, ['cat', '/proc/sys/net/ipv4/tcp_retries2'])).trim(), '5');
  await assert.rejects(lab.sysctl(named, 'kernel.hostname', 'x'), RangeError);

  const server = await Sockprog.start(lab, unnamed);
  await server.command(`listen l 10.77.1.2 ${PORT}`);
  const client = await Sockprog.start(lab, named);
  await client.connect('a', '10.77.1.2', PORT);
  await client.command(`name ${commHex('odd\u001b[1m')}`);
  assert.equal(readFileSync(`/proc/${client.pid}/comm`, 'utf8'), 'odd\u001b[1m\n');
  assert.equal(statSync(`/proc/${client.pid}/ns/net`).ino, named.inode);
  assert.equal(statSync(`/proc/${server.pid}/ns/net`).ino, unnamed.inode);
  assert.notEqual(unnamed.inode, named.inode);
  assert.ok(!(await runCommand(['ip', 'netns', 'list'])).includes('unnamed'));
});

test('sockprog: a worker accepts, a socket is shared, passed, in flight, and used by a thread', { skip }, async (t) => {
  const hosts = await createTwoHosts(t);
  const master = await Sockprog.start(hosts.lab, hosts.server);
  await master.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=none`);
  const worker = await master.fork();
  await master.command('accept l report', worker);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  await client.connect('a', SERVER_ADDRESS, PORT);
  assert.equal((await master.waitEvent({ event: 'accepted', id: 'l.1' })).pid, worker);

  const sharer = await client.fork();
  const [own, theirs] = [await client.info('a'), await client.info('a', sharer)];
  assert.deepEqual([own.pid, theirs.pid], [client.pid, sharer]);
  await client.connect('late', SERVER_ADDRESS, PORT);
  assert.equal((await client.attempt('info late', sharer)).ok, false);
  await client.command(`pass late ${sharer}`);
  await client.waitEvent({ event: 'received', id: 'late', pid: sharer });
  await client.command('park late', sharer);
  await client.command('close late');
  await client.command('thread a 10 sender');
  await master.waitEvent({ event: 'data', id: 'l.1', bytes: 10 });
  assert.ok(!master.events.some((event) => event.event === 'eof'), 'the descriptor in flight keeps "late" open');
  await client.command('exit 3', sharer);
  await client.waitEvent({ event: 'child_exit', child: sharer, code: 3 });
  await master.waitEvent({ event: 'eof', id: 'l.2' });
});

test('closing removes processes and namespaces, twice is once, and others are refused', { skip }, async () => {
  const lab = new NetnsLab();
  const namespace = await lab.addNamespace('gone');
  const child = lab.spawnIn(namespace, ['sleep', '1000']);
  assert.ok(namespacesOfThisProcess().includes(namespace.handle));
  await assert.rejects(
    lab.removeNamespace({ ...namespace, handle: namespaceName(process.pid, 999_999, 'other') }),
    /refusing/,
  );
  await lab.close();
  await lab.close();
  assert.equal((await child.ended).signal, 'SIGTERM');
  assert.ok(!existsSync(namespace.path));
  assert.throws(() => lab.spawnIn(namespace, ['true']), /closed/);
});

test('leftovers are removed when their maker is dead, and only then', { skip }, async () => {
  // A pid that was just ours: it is dead, and not reused within this test as pids are handed out in order.
  const past = startProcess(['true']);
  await past.ended;
  const left = namespaceName(past.pid, 1, 'left');
  const foreign = `stuckdtest-${past.pid}`;
  const lab = new NetnsLab();
  try {
    const used = await lab.addNamespace('used');
    await runCommand(['ip', 'netns', 'add', left]);
    await runCommand(['ip', 'netns', 'add', foreign]);
    assert.ok((await sweepLeftovers()).includes(left));
    assert.ok(!existsSync(`/run/netns/${left}`));
    assert.ok(existsSync(`/run/netns/${foreign}`) && existsSync(used.path));
  } finally {
    await runCommand(['ip', 'netns', 'delete', foreign]);
    await lab.close();
  }
});

test('a failing command says which it was and what it said', { skip }, async (t) => {
  const lab = await createLab(t);
  const namespace = await lab.addNamespace('one');
  await assert.rejects(lab.run(namespace, ['ip', 'link', 'show', 'nosuch']), (error) => {
    assert.ok(error instanceof CommandError);
    assert.match(error.message, /ip link show nosuch: exit code 1: .*nosuch/);
    return true;
  });
  await assert.rejects(runCommand(['/nonexistent/tool']), /is not installed/);
});
