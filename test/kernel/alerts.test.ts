// Proves on real connections that a person is told as little as possible and all that matters: of three processes with 200
// connections to two peers, one of which dies, three alerts, each with how many of how many, which end when it comes back; of
// a program that loses many peers at once, one; of a service whose clients vanish,
// one; and that a daemon which is killed meanwhile goes on with the same alerts and fires none of them anew, also where a
// receiver was down when they fired.
// It cannot prove the thresholds themselves, which are shortened here; the scenarios of the alert rules do.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { LabLink } from '../../daemon/demo/lab/lab-link.js';
import { atOnce } from '../support/at-once.js';
import { FollowedAlerts, type AlertJson } from '../support/followed-alerts.js';
import { createLab, createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS, waitFor } from '../support/lab.js';
import { assertSameTime, timeMs } from '../support/record-checks.js';
import { Sockprog } from '../support/sockprog.js';
import { StuckdUnderTest } from '../support/stuckd.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { answerWith, Endpoint, type Received } from '../unit/sinks/endpoint.js';

const skip = labSkipReason();
const PORT = 8000;
const PEERS = ['10.78.1.2', '10.78.2.2'] as const;
const EACH = 10;

/** Of each process, how many connections it has to the first and to the second peer. */
const TWO_PROCESSES = [
  [EACH, EACH],
  [EACH, EACH],
] as const;

/** The thresholds are those of the design, with seconds in place of minutes. */
const QUICK = {
  kinds: { retransmitting: { alert: { after: '2s' } } },
  alerts: { keepFiringFor: '3s', updateInterval: '1s', inbound: { for: '3s' } },
};
const KEEP_MS = 3000;
const UPDATE_MS = 1000;

/** Clocks are read apart, and changes leave the daemon in their turn. */
const CLOCK_ERROR_MS = 100;

interface TwoPeers {
  readonly programs: readonly Sockprog[];
  /** To the first peer. */
  readonly link: LabLink;
}

/** Client processes with connections to each of two servers. */
async function setTwoPeers(
  test: Ending,
  counts: readonly (readonly [first: number, second: number])[] = TWO_PROCESSES,
): Promise<TwoPeers> {
  const lab = await createLab(test);
  const client = await lab.addNamespace('client');
  const links: LabLink[] = [];
  for (const [index, address] of PEERS.entries()) {
    const server = await lab.addNamespace(`server${index}`);
    const near = { namespace: client, addresses: [address.replace(/2$/u, '1/24')] };
    links.push(await lab.link(near, { namespace: server, addresses: [`${address}/24`] }));
    const serving = await Sockprog.start(lab, server);
    await serving.command(`listen l ${address} ${PORT} mode=sink`);
  }
  const programs: Sockprog[] = [];
  for (const [first, second] of counts) {
    const program = await Sockprog.start(lab, client);
    programs.push(program);
    for (let index = 0; index < first; index += 1) {
      await program.connect(`a${index}`, PEERS[0], PORT);
    }
    for (let index = 0; index < second; index += 1) {
      await program.connect(`b${index}`, PEERS[1], PORT);
    }
  }
  const [link] = links;
  assert.ok(link !== undefined);
  return { programs, link };
}

/** Sends on every connection, so that those to a dead peer hang. */
async function sendOnAll(programs: readonly Sockprog[]): Promise<void> {
  for (const program of programs) {
    for (let index = 0; index < EACH; index += 1) {
      await program.command(`send a${index} 100`);
      await program.command(`send b${index} 100`);
    }
  }
}

function pidsOf(programs: readonly Sockprog[]): number[] {
  return programs.map(({ pid }) => pid).sort((a, b) => a - b);
}

function alertPids(alerts: readonly AlertJson[]): (number | undefined)[] {
  return alerts.map(({ process }) => process?.pid).sort((a = 0, b = 0) => a - b);
}

function alertOf({ body }: Received): AlertJson {
  return JSON.parse(body) as AlertJson;
}

describe('alerts', { skip, concurrency: atOnce(3, 1) }, () => {
  test('one of two peers dies under three processes with 200 connections: three alerts, which end when it is back', async (t) => {
    const stuckd = await StuckdUnderTest.start(t, { config: QUICK });
    const { programs, link } = await setTwoPeers(t, [
      [40, 30],
      [35, 35],
      [30, 30],
    ]);
    const followed = new FollowedAlerts(t, stuckd, pidsOf(programs));
    await link.cut();
    // The third process does not use all of its connections: the rest are idle, and nobody can know that they are dead.
    const expected = [
      { stuck: 40, total: 40, words: 'all 40 connections' },
      { stuck: 35, total: 35, words: 'all 35 connections' },
      { stuck: 20, total: 30, words: '20 of 30 connections' },
    ].map((counts, index) => ({ ...counts, program: programs[index] }));
    for (const { program, stuck } of expected) {
      for (let index = 0; index < stuck; index += 1) {
        await program?.command(`send a${index} 100`);
      }
      for (let index = 0; index < 30; index += 1) {
        await program?.command(`send b${index} 100`);
      }
    }

    await followed.wait('fired', 3);
    const newestOf = (program: Sockprog | undefined): AlertJson | undefined =>
      followed.changes.findLast(({ alert }) => alert.process?.pid === program?.pid)?.alert;
    await followed.until('so many of so many', () =>
      expected.every(({ program, stuck, total }) => {
        const { stuckCount, totalCount } = newestOf(program) ?? {};
        return stuckCount === stuck && totalCount === total;
      }),
    );
    for (const { program, words } of expected) {
      const alert = newestOf(program);
      assert.ok(alert !== undefined);
      assert.equal(alert.kind, 'STUCK_KIND_RETRANSMITTING');
      assert.equal(alert.severity, 'SEVERITY_WARNING');
      assert.deepEqual(alert.peer, { address: PEERS[0], port: PORT });
      assert.equal(alert.processCount, 1);
      assert.equal(alert.process?.comm, 'sockprog');
      assert.match(alert.process.executable, /sockprog$/u);
      assert.equal(alert.connections?.length, 5);
      assert.ok(timeMs(alert.earliestGiveUp ?? '') > timeMs(alert.fireTime));
      const sentence = `sockprog[${alert.process.pid}]: ${words} to 10.78.1.2:8000 have had no answer since `;
      assert.equal(alert.summary.slice(0, sentence.length), sentence);
    }
    const newest = programs.flatMap((program) => newestOf(program) ?? []);
    assert.equal(new Set(newest.map(({ fingerprint }) => fingerprint)).size, 1, 'the same program and the same peer');
    assert.equal(new Set(newest.map(({ id }) => id)).size, 3);

    await link.heal();
    const resolved = await followed.wait('resolved', 3);
    assert.deepEqual(
      alertPids(followed.of('fired')),
      pidsOf(programs),
      'one alert for each process, none for the other peer',
    );
    assert.deepEqual(alertPids(resolved), pidsOf(programs));
    for (const alert of resolved) {
      assert.equal(alert.status, 'ALERT_STATUS_RESOLVED');
      const ends = stuckd.changes.filter(
        ({ kind, record }) => kind === 'ended' && record.owner?.pid === alert.process?.pid,
      );
      const lastEndMs = Math.max(...ends.map(({ record }) => timeMs(record.endTime ?? '')));
      assert.ok(timeMs(alert.endTime ?? '') >= lastEndMs + KEEP_MS - CLOCK_ERROR_MS, 'it is kept firing for a while');
      const lastedMs = timeMs(alert.endTime ?? '') - timeMs(alert.fireTime);
      const updates = followed.of('updated').filter(({ id }) => id === alert.id).length;
      assert.ok(updates <= lastedMs / UPDATE_MS + 1, `${updates} updates in ${lastedMs} ms`);
    }
    const listed = await stuckd.client.listAlerts({ filter: { pids: pidsOf(programs) }, includeResolved: true });
    assert.equal(listed.alerts.length, 3);
  });

  test('a program loses 25 peers at once: one alert, which says how many', async (t) => {
    const stuckd = await StuckdUnderTest.start(t, { config: QUICK });
    const { lab, client, server, link } = await createTwoHosts(t);
    const serving = await Sockprog.start(lab, server);
    const crawler = await Sockprog.start(lab, client);
    const peers = 25;
    for (let index = 0; index < peers; index += 1) {
      await serving.command(`listen l${index} ${SERVER_ADDRESS} ${PORT + index} mode=sink`);
      await crawler.connect(`c${index}`, SERVER_ADDRESS, PORT + index);
    }
    const followed = new FollowedAlerts(t, stuckd, [crawler.pid]);
    await link.cut();
    for (let index = 0; index < peers; index += 1) {
      await crawler.command(`send c${index} 100`);
    }
    const crowd = (): AlertJson | undefined =>
      followed.changes.findLast(({ alert }) => alert.peer === undefined)?.alert;
    await followed.until('all of them', () => crowd()?.peerCount === peers);
    const alert = crowd();
    assert.equal(alert?.process?.pid, crawler.pid);
    assert.equal(alert.stuckCount, peers);
    assert.match(alert.summary, /connections to 25 peers have had no answer since/u);
    await link.heal();
    await followed.until('the end of all', () => {
      const ended = new Set(followed.of('resolved').map(({ id }) => id));
      return followed.of('fired').every(({ id }) => ended.has(id));
    });
    // What fired before the twentieth peer was known to be stuck was told one by one.
    assert.ok(followed.of('fired').length <= 20, `${followed.of('fired').length} alerts`);
  });

  test('three of ten: how many there are is told when a sweep knows, also when nothing else changes', async (t) => {
    const config = { ...QUICK, kinds: { retransmitting: { alert: { after: '0s' } } } };
    const stuckd = await StuckdUnderTest.start(t, { config });
    const { programs, link } = await setTwoPeers(t);
    const [program] = programs;
    assert.ok(program !== undefined);
    const followed = new FollowedAlerts(t, stuckd, [program.pid]);
    await link.cut();
    for (const id of ['a0', 'a1', 'a2']) {
      await program.command(`send ${id} 100`);
    }
    const share = (): string => {
      const { stuckCount, totalCount } = followed.changes.at(-1)?.alert ?? {};
      return `${String(stuckCount)} of ${String(totalCount)}`;
    };
    await followed.until('3 of 10', () => share() === '3 of 10');
    // So many that the last step is news wherever a sweep comes in between: from 5 to 4 is a fifth.
    for (const id of ['a4', 'a5', 'a6', 'a7', 'a8', 'a9']) {
      await program.command(`close ${id}`);
    }
    await followed.until('3 of 4', () => share() === '3 of 4');
    assert.match(
      followed.changes.at(-1)?.alert.summary ?? '',
      /: 3 of 4 connections to 10\.78\.1\.2:8000 have had no answer/u,
    );
    assert.equal(followed.of('fired').length, 1);
  });

  test('the clients of a service vanish: one alert, about its port', async (t) => {
    const stuckd = await StuckdUnderTest.start(t, { config: QUICK });
    const { lab, client, server, link } = await createTwoHosts(t);
    const serving = await Sockprog.start(lab, server);
    await serving.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=report backlog=64`);
    const using = await Sockprog.start(lab, client);
    const followed = new FollowedAlerts(t, stuckd, [serving.pid, using.pid]);
    const clients = 25;
    for (let index = 1; index <= clients; index += 1) {
      await using.connect(`c${index}`, SERVER_ADDRESS, PORT);
      await serving.waitEvent({ event: 'accepted', id: `l.${index}` });
    }
    await link.cut();
    for (let index = 1; index <= clients; index += 1) {
      await serving.command(`send l.${index} 100`);
    }
    const [alert] = await followed.wait('fired', 1);
    assert.equal(alert?.kind, 'STUCK_KIND_RETRANSMITTING');
    assert.equal(alert.localPort, PORT);
    assert.equal(alert.peer, undefined);
    assert.equal(alert.process?.pid, serving.pid);
    assert.ok(alert.stuckCount >= 20);
    assert.match(alert.summary, /from clients to port 8000/u);
    await link.heal();
    await followed.wait('resolved', 1);
    assert.equal(followed.of('fired').length, 1);
  });

  test('the daemon is killed while alerts fire: the next one goes on with them', async (t) => {
    const stateDir = temporaryDirectory();
    const { programs, link } = await setTwoPeers(t);
    const first = await StuckdUnderTest.start(t, { config: QUICK, stateDir });
    const before = new FollowedAlerts(t, first, pidsOf(programs));
    await link.cut();
    await sendOnAll(programs);
    const fired = await before.wait('fired', 2);
    const ids = fired.map(({ id }) => id).sort();
    // What is not on disk cannot survive; that it gets there soon is shown by the tests of the store.
    const isSaved = async (): Promise<boolean> => {
      const text = await readFile(join(stateDir, 'firing-alerts.json'), 'utf8');
      return ids.every((id) => text.includes(id));
    };
    await waitFor(isSaved, { what: 'the file of firing alerts' });
    first.process.kill('SIGKILL');
    await waitFor(() => first.process.end, { what: 'the end of stuckd' });

    const second = await StuckdUnderTest.start(t, { config: QUICK, stateDir });
    const after = new FollowedAlerts(t, second, pidsOf(programs));
    const taken = await after.wait('snapshotItem', 2);
    assert.deepEqual(taken.map(({ id }) => id).sort(), ids);
    for (const { id, fireTime } of taken) {
      assertSameTime(fireTime, fired.find((alert) => alert.id === id)?.fireTime);
    }
    await after.until('their connections', () =>
      ids.every((id) => after.changes.some(({ alert }) => alert.id === id && alert.connections?.length === 5)),
    );
    await link.heal();
    const resolved = await after.wait('resolved', 2);
    assert.deepEqual(resolved.map(({ id }) => id).sort(), ids);
    assert.deepEqual(after.of('fired'), [], 'nothing fired anew');
  });

  test('killed between an alert and its delivery: a receiver that was down gets each one, once, and its end', async (t) => {
    const stateDir = temporaryDirectory();
    const endpoint = await Endpoint.start();
    t.after(() => endpoint.close());
    endpoint.answer = answerWith(503);
    const receiver = { name: 'hook', type: 'webhook', url: endpoint.url, allowLoopback: true };
    const config = { ...QUICK, receivers: [receiver] };
    const { programs, link } = await setTwoPeers(t);
    const first = await StuckdUnderTest.start(t, { config, stateDir });
    const before = new FollowedAlerts(t, first, pidsOf(programs));
    await link.cut();
    await sendOnAll(programs);
    const ids = (await before.wait('fired', 2)).map(({ id }) => id).sort();
    const isOurs = (request: Received): boolean => ids.includes(alertOf(request).id);
    await waitFor(() => endpoint.received.some(isOurs), { what: 'the first attempt' });
    first.process.kill('SIGKILL');
    await waitFor(() => first.process.end, { what: 'the end of stuckd' });
    const refused = endpoint.received.splice(0).filter(isOurs);

    endpoint.answer = answerWith(200);
    await StuckdUnderTest.start(t, { config, stateDir });
    const received = (event: string): readonly Received[] =>
      endpoint.received.filter((request) => isOurs(request) && request.headers['stuckd-event'] === event);
    await waitFor(() => received('fired').length >= 2, { what: 'both alerts' });
    await link.heal();
    await waitFor(() => received('resolved').length >= 2, { what: 'both ends' });
    for (const event of ['fired', 'resolved']) {
      assert.deepEqual(
        received(event)
          .map((request) => alertOf(request).id)
          .sort(),
        ids,
        event,
      );
    }
    const messages = received('fired').map(({ headers }) => headers['webhook-id']);
    assert.ok(
      refused.every(({ headers }) => messages.includes(headers['webhook-id'])),
      'tried again under its id',
    );
  });
});
