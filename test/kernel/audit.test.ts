// Proves on the running kernel that an audit names every established connection of a namespace with its process, its
// destination and its options, counts one once that several processes hold, leaves connections with both ends on this host
// out, and that what it says is what happens: the link is cut, and applications with each combination of options learn of
// it when the audit has said, or never. And that an audit marks nothing, lets other passes run in its middle, and has a limit.
// It cannot prove waits of hours, which no test has, nor that the tracker hears nothing: see audit/audit-engine.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ruleNames, auditOf, auditWith, sampleOf, waitMs } from '../support/audits.js';
import { SocketUnderTest } from '../support/kernel-word.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, type TwoHosts } from '../support/lab.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { SensorUnderTest } from '../support/sensor-under-test.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import { StuckdUnderTest } from '../support/stuckd.js';
import { waitFor } from '../support/wait-for.js';
import { samplesOf } from '../unit/metrics/samples.js';

const skip = notPolled(NEEDS_BPF.audit) || labSkipReason();
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

  test('many at once share passes', async (t) => {
    const hosts = await createTwoHosts(t);
    await startServer(hosts);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    await client.connect('a', SERVER_ADDRESS, PORT);
    const audits = await Promise.all(Array.from({ length: 20 }, () => auditOf(stuckd(), hosts.client)));
    const times = new Set(audits.map(({ summary }) => String(summary?.auditTime?.nanos)));
    assert.ok(times.size <= 5, `${times.size} passes for 20 audits`);
  });

  test('one is made unasked, soon after the start', async (t) => {
    const daemon = await StuckdUnderTest.start(t);
    const hasMetrics = async (): Promise<boolean> =>
      samplesOf(await (await fetch(`${daemon.httpOrigin}/metrics`)).text()).has('stuckd_last_audit_timestamp_seconds');
    await waitFor(hasMetrics, { what: 'metrics of the first audit' });
  });
});

describe('the sensor during an audit', { skip }, () => {
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

  test('other passes run in its middle, and neither counts what is of the other', async (t) => {
    const hosts = await createTwoHosts(t);
    await startServer(hosts);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    // Each fork has all sockets too: some hundred descriptors, which take the sensor several pieces.
    for (let connection = 0; connection < 24; connection++) {
      await client.connect(`c${connection}`, SERVER_ADDRESS, PORT);
    }
    for (let fork = 0; fork < 16; fork++) {
      await client.fork();
    }
    const sensor = await SensorUnderTest.start(t);
    for (const kind of ['sweep', 'refresh_full'] as const) {
      const [audit, within] = await sensor.passWithin('audit', kind);
      assert.equal(audit.error, 0);
      assert.equal(audit.reported, audit.connections);
      assert.equal(sensor.reportsOf(audit), audit.reported);
      assert.ok(audit.reported >= 24 * 17);
      assert.equal(within.error, 0);
      assert.equal(sensor.reportsOf(within), within.reported);
    }
    await waitFor(async () => (await sensor.pass('audit')).processes === (await sensor.pass('sweep')).processes, {
      what: 'an audit and a sweep that count as many processes',
    });
  });

  test('beyond its limit it only counts', async (t) => {
    const hosts = await createTwoHosts(t);
    await startServer(hosts);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    await client.connect('a', SERVER_ADDRESS, PORT);
    await client.connect('b', SERVER_ADDRESS, PORT);
    const sensor = await SensorUnderTest.start(t);
    const pass = await sensor.pass('audit', 3);
    assert.equal(pass.reported, 3);
    assert.equal(sensor.reportsOf(pass), 3);
    assert.ok(pass.connections >= 4, 'both ends of both');
  });
});
