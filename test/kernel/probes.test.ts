// Proves of each tracepoint that its program reports what it is attached for, with nothing of the daemon in between: the
// daemon is built so that one report makes up for another, and its tests cannot tell them apart. Passes run only at the
// start and where a test asks for one, so that no report is a pass's by chance.
// It cannot prove what is made of the reports; the other kernel tests do.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import type { SnapshotCause, SocketSnapshot } from '../../daemon/core/snapshot.js';
import { droppedPackets } from '../../daemon/demo/lab/firewall.js';
import { atOnce } from '../support/at-once.js';
import { SO_ERROR, SOL_SOCKET, SocketUnderTest } from '../support/kernel-word.js';
import { createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS, type TwoHosts, waitFor } from '../support/lab.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { type SensorOptions, SensorUnderTest } from '../support/sensor-under-test.js';
import { Sockprog } from '../support/sockprog.js';

const skip = notPolled(NEEDS_BPF.events) || labSkipReason();
const PORT = 8000;
const ETIMEDOUT = 110;
/** From when on a pause counts, and within which the RST must follow the request. */
const IDLE_MS = 1000;

interface Stage {
  readonly hosts: TwoHosts;
  readonly sensor: SensorUnderTest;
  readonly client: Sockprog;
  readonly server: Sockprog;
}

async function setStage(t: Ending, options: SensorOptions = {}): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=sink`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  return { hosts, sensor: await SensorUnderTest.start(t, options), client, server };
}

/** Connects, and gives the local port. */
async function connect({ client }: Stage, options = ''): Promise<number> {
  const { localPort } = await client.connect('a', SERVER_ADDRESS, PORT, options);
  assert.ok(localPort !== undefined);
  return localPort;
}

/** Waits for an event of the client's socket. */
function eventOf({ hosts, sensor }: Stage, port: number, cause: SnapshotCause): Promise<SocketSnapshot> {
  return sensor.waitEvent(hosts.client.inode, port, cause);
}

/** A connection with data in flight into a black hole. */
async function blackHole(stage: Stage, options = ''): Promise<number> {
  const port = await connect(stage, options);
  await stage.hosts.link.cut();
  await stage.client.command('send a 100');
  await eventOf(stage, port, 'retransmit');
  return port;
}

/** Lets the first segment with data out, and tells the sender's TCP of each further one that it was not sent (EPERM). */
async function refuseRetransmissions({ lab, client }: TwoHosts): Promise<void> {
  const rule = `ip daddr ${SERVER_ADDRESS} tcp dport ${String(PORT)} ip length > 100 quota over 200 bytes counter drop`;
  const chain = `chain output {\ntype filter hook output priority 0; policy accept;\n${rule}\n}`;
  await lab.run(client, ['nft', '-f', '-'], { input: `table ip refuse {\n${chain}\n}\n` });
}

/** Whether tcp_retransmit_skb tells of retransmissions that failed (since 6.17): it then says how. */
function tellsOfFailures(): boolean {
  const show = 'mount -t tracefs none /mnt && cat /mnt/events/tcp/tcp_retransmit_skb/format';
  // A mount namespace of its own, so that nothing stays mounted.
  return /\berr;/.test(execFileSync('unshare', ['--mount', '--', 'sh', '-c', show], { encoding: 'utf8' }));
}

describe('events', { skip, concurrency: atOnce(4) }, () => {
  test('the kernel gives up: tcp_retransmit_skb, inet_sock_set_state, inet_sk_error_report, tcp_destroy_sock', async (t) => {
    const stage = await setStage(t);
    // An application that looked would take the error away, perhaps before the kernel reports it.
    const port = await blackHole(stage, 'user_timeout=1500 mode=none');
    const state = await eventOf(stage, port, 'state');
    assert.deepEqual([state.oldState, state.state, state.skErr], [1, 7, ETIMEDOUT]);
    assert.equal((await eventOf(stage, port, 'error')).skErr, ETIMEDOUT);
    await stage.client.command('close a');
    assert.equal((await eventOf(stage, port, 'destroy')).state, 7);
  });

  test('the application aborts: tcp_send_reset', async (t) => {
    const stage = await setStage(t);
    const port = await blackHole(stage);
    await stage.client.command('set a linger=0');
    await stage.client.command('close a');
    await eventOf(stage, port, 'reset_sent');
    const { closerTgid, closerExiting } = await eventOf(stage, port, 'state');
    assert.deepEqual([closerTgid, closerExiting], [stage.client.pid, false]);
  });

  test('the peer comes back: tcp_cong_state_set', async (t) => {
    const stage = await setStage(t);
    const port = await blackHole(stage);
    await stage.hosts.link.heal();
    const { retransmits, packetsOut } = await eventOf(stage, port, 'congestion');
    assert.deepEqual([retransmits, packetsOut], [0, 0]);
  });

  test('retransmissions fail: tcp_retransmit_skb where it has `err`, else a sweep finds them', async (t) => {
    const stage = await setStage(t);
    const { lab, client } = stage.hosts;
    const reply = await stage.client.connect('a', SERVER_ADDRESS, PORT);
    const { cookie, localPort: port } = await SocketUnderTest.of(stage.client, 'a', reply);
    await refuseRetransmissions(stage.hosts);
    await stage.hosts.link.cut();
    await stage.client.command('send a 100');
    await waitFor(async () => (await stage.client.info('a')).retransmits >= 2, { what: 'two RTOs' });
    assert.ok(droppedPackets(await lab.run(client, ['nft', 'list', 'table', 'ip', 'refuse'])) >= 2);
    const hasErr = tellsOfFailures();
    if (hasErr) {
      assert.equal((await eventOf(stage, port, 'retransmit')).retransmits, 1);
    }
    const { retransmits, cause } = await stage.sensor.snapshot(cookie);
    assert.ok(retransmits >= 2 && cause === 'sweep');
    const told = stage.sensor.eventsWhere((event) => event.cause === 'retransmit' && event.cookie === cookie);
    assert.equal(told.length, hasErr ? 1 : 0);
  });

  test('the peer has forgotten the connection: tcp_receive_reset', async (t) => {
    const stage = await setStage(t);
    const port = await blackHole(stage);
    await stage.server.command('set l.1 linger=0');
    await stage.server.command('close l.1'); // its RST is lost
    await stage.hosts.link.heal();
    assert.equal((await eventOf(stage, port, 'reset_received')).dead, false);
  });

  test('a request meets a RST: observed until a sweep has told who holds the socket', async (t) => {
    const stage = await setStage(t, { configuration: { conditions: ['stale_reuse'], idleGapMs: IDLE_MS } });
    const { client, server, sensor, hosts } = stage;
    const port = await connect(stage, 'mode=none');
    await client.command('send a 10');
    await server.waitEvent({ event: 'accepted', id: 'l.1' });
    await server.command('send l.1 10');
    await waitFor(async () => (await client.info('a')).bytesReceived === 10, { what: 'the answer' });
    await waitFor(async () => (await client.info('a')).lastDataMs > IDLE_MS, { what: 'some idle time' });
    await hosts.link.cut('to_near');
    await server.command('set l.1 linger=0');
    await server.command('close l.1'); // its RST is lost
    await hosts.link.heal();
    await client.command('send a 10');
    const { cookie } = await eventOf(stage, port, 'reset_received');
    // Neither pass finds anything that the kernel would still wait for.
    await sensor.pass('refresh');
    await sensor.pass('refresh_full');
    assert.deepEqual(
      (await sensor.holdersOf(cookie)).map(({ pid }) => pid),
      [client.pid],
    );
    await sensor.pass('refresh');
    assert.deepEqual(await sensor.holdersOf(cookie), [], 'then it is forgotten');
  });

  test('a dead connection that nobody looks after is reported once, and when its error is fetched', async (t) => {
    const stage = await setStage(t, { configuration: { conditions: ['zombie'] } });
    const { client, sensor, hosts } = stage;
    await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', 2);
    const port = await blackHole(stage, 'mode=none');
    const { cookie } = await eventOf(stage, port, 'error');
    assert.equal((await sensor.visit(cookie, 'sweep'))?.cleared, false);
    assert.equal(await sensor.visit(cookie, 'refresh'), undefined);
    assert.equal((await sensor.visit(cookie, 'refresh_full'))?.cleared, false);
    await client.command(`getopt a ${SOL_SOCKET} ${SO_ERROR}`);
    assert.equal((await sensor.visit(cookie, 'refresh'))?.cleared, true);
  });

  test('keepalive probes are not answered: timer_expire_entry', async (t) => {
    const stage = await setStage(t);
    // The timer of the SYN runs after a second, and must not be taken for the keepalive timer.
    const port = await connect(stage, 'keepalive=1 idle=2 intvl=1 cnt=5');
    await stage.hosts.link.cut();
    assert.equal((await eventOf(stage, port, 'keepalive')).untrusted, true);
  });
});
