// Proves on the running kernel that an audit names every established connection of a namespace with its process, its
// destination and its options, counts one once that several processes hold, leaves connections with both ends on this host
// out, and that what it says is what happens: the link is cut, and applications with each combination of options learn of
// it when the audit has said, or never. And that an audit leaves nothing behind: no record, no mark, no change of a watch.
// It cannot prove waits of hours, which no test has.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ruleNames, auditOf, auditWith, sampleOf, waitMs } from '../support/audits.js';
import { SocketUnderTest } from '../support/kernel-word.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, type TwoHosts } from '../support/lab.js';
import { SensorUnderTest } from '../support/sensor-under-test.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';

const skip = labSkipReason();
const PORT = 8000;

/** Beside the buckets of the timer wheel: how late a busy machine may run a program. */
const LATE_MS = 400;

/**
 * By options and sysctls, if no timer runs late: three retransmissions after the first one, the user timeout counted from the
 * first, the idle time and each unanswered probe, and the first tick of keepalive at which the user timeout is over.
 */
const EARLIEST_MS = { plain: 3000, limited: 1500, probed: 6000, nervous: 5000 } as const;

async function startServer(hosts: TwoHosts): Promise<Sockprog> {
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=echo`);
  return server;
}

describe('audits', { skip }, () => {
  const stuckd = sharedStuckd();

  test('what it says is what happens after a cut', async (t) => {
    const hosts = await createTwoHosts(t);
    await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', 3);
    await startServer(hosts);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    const connect = async (id: string, options: string): Promise<number | undefined> =>
      (await client.connect(id, SERVER_ADDRESS, PORT, options)).localPort;
    const ports = {
      plain: await connect('plain', ''),
      limited: await connect('limited', 'user_timeout=1500'),
      probed: await connect('probed', 'keepalive=1 idle=3 intvl=1 cnt=3'),
      nervous: await connect('nervous', 'keepalive=1 idle=3 intvl=2 cnt=9 user_timeout=1500'),
    };
    // An answer to each: the kernel has measured the round trip, and all are alive now.
    for (const id of Object.keys(ports)) {
      await client.command(`send ${id} 7`);
      await client.waitEvent({ event: 'data', id, received: 7 });
    }
    const audit = await auditWith(stuckd(), hosts.client, 4);
    const sample = (id: keyof typeof ports): ReturnType<typeof sampleOf> => sampleOf(audit, ports[id]);

    assert.equal(waitMs(sample('plain').hangIdle), Infinity);
    assert.deepEqual(ruleNames(sample('plain')), ['no_keepalive_no_user_timeout', 'default_syn_retries']);
    assert.equal(waitMs(sample('limited').hangIdle), Infinity);
    assert.deepEqual(ruleNames(sample('limited')), []);
    assert.deepEqual(ruleNames(sample('probed')), ['default_syn_retries']);
    assert.deepEqual(ruleNames(sample('nervous')), ['one_lost_probe']);

    const idle = new Map<string, number>();
    for (const id of ['probed', 'nervous'] as const) {
      await client.command(`send ${id} 7`);
      idle.set(id, (await client.waitEvent({ event: 'data', id, received: 14 })).monoUs);
    }
    await hosts.link.cut();
    const sent = new Map<string, number>();
    for (const id of ['plain', 'limited'] as const) {
      sent.set(id, (await client.command(`send ${id} 7`)).monoUs);
    }
    for (const id of Object.keys(ports) as (keyof typeof ports)[]) {
      const { monoUs } = await client.waitEvent({ event: 'error', id, errno: 'ETIMEDOUT' });
      const since = sent.get(id) ?? idle.get(id) ?? 0;
      const said = waitMs(sent.has(id) ? sample(id).hangInFlight : sample(id).hangIdle);
      const took = (monoUs - since) / 1000;
      t.diagnostic(`${id}: said ${said}, took ${took}`);
      assert.ok(took <= said + LATE_MS, `${id} took ${took} ms, and the audit said ${said} at worst`);
      assert.ok(took >= EARLIEST_MS[id] - LATE_MS, `${id} took ${took} ms, and no timer runs early`);
      assert.ok(said >= EARLIEST_MS[id], `${id}: the worst, ${said} ms, is no sooner than the earliest`);
    }
  });

  test('by process and destination, each connection once, without those that stay on this host', async (t) => {
    const hosts = await createTwoHosts(t);
    const server = await startServer(hosts);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    await client.command('name 61756469746564');
    for (const id of ['a', 'b', 'c']) {
      await client.connect(id, SERVER_ADDRESS, PORT);
    }
    await client.fork(); // holds them all as well
    await client.command(`listen here 127.0.0.1 ${PORT}`);
    await client.connect('self', '127.0.0.1', PORT);

    const { findings, summary } = await auditWith(stuckd(), hosts.client, 3);
    const [finding, ...others] = findings;
    assert.deepEqual(others, []);
    assert.ok(finding !== undefined);
    const pid = (await client.info('a')).pid;
    assert.equal(finding.process?.pid, pid);
    assert.equal(finding.process.comm, 'audited');
    assert.deepEqual([finding.peer?.address, finding.peer?.port], [SERVER_ADDRESS, PORT]);
    assert.deepEqual(
      [
        finding.exposure?.worst?.neverCount,
        finding.exposure?.idle?.neverCount,
        finding.exposure?.inFlight?.overThresholdCount,
      ],
      [3, 3, 3],
    );
    assert.match(
      finding.summary ?? '',
      new RegExp(`^audited\\[${pid}\\] has 3 connections to ${SERVER_ADDRESS}:${PORT}`),
    );
    assert.ok((finding.advice ?? []).length > 0);
    // Client and server of the loopback connection.
    assert.equal(summary?.localCount, 2);
    assert.match(summary.summary ?? '', /^3 of 3 connections .* 3 would look alive for ever while idle\.$/);
    assert.ok((summary.namespaces ?? []).some(({ netns }) => netns === hosts.client.inode));

    // The other end: inbound, by the port that they came to.
    const inbound = await auditWith(stuckd(), hosts.server, 3);
    assert.deepEqual(
      inbound.findings.map(({ process, peer, localPort }) => [process?.pid, peer ?? null, localPort]),
      [[(await server.info('l.1')).pid, null, PORT]],
    );
    assert.equal(inbound.summary?.outbound?.worst?.neverCount, 0);
    assert.equal(inbound.summary.inbound?.worst?.neverCount, 3);
  });
});

describe('an audit', { skip }, () => {
  const stuckd = sharedStuckd();

  test('many at once share passes, and the daemon takes none of it for something stuck', async (t) => {
    const hosts = await createTwoHosts(t);
    await startServer(hosts);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    await client.connect('a', SERVER_ADDRESS, PORT);
    const audits = await Promise.all(Array.from({ length: 20 }, () => auditOf(stuckd(), hosts.client)));
    assert.ok(new Set(audits.map(({ summary }) => String(summary?.auditTime?.nanos))).size < 20);
    await stuckd().sweepFromNow();
    assert.deepEqual(stuckd().changesIn(hosts.client), []);
  });

  test('the sensor marks nothing: later passes do not report what an audit did', async (t) => {
    const hosts = await createTwoHosts(t);
    await startServer(hosts);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    const reply = await client.connect('a', SERVER_ADDRESS, PORT);
    await client.command('fork'); // a second descriptor
    const sensor = await SensorUnderTest.start(t);
    const { cookie } = await SocketUnderTest.of(client, 'a', reply);

    const pass = await sensor.pass('audit');
    assert.equal(pass.error, 0);
    assert.equal(pass.reported, pass.connections);
    assert.ok(pass.reported >= 3, 'both ends, and each descriptor of one');
    assert.equal((await sensor.visit(cookie, 'audit'))?.cause, 'audit');
    assert.equal(await sensor.visit(cookie, 'refresh_full'), undefined);
    assert.equal(await sensor.visit(cookie, 'sweep'), undefined);
  });
});
