// Proves on the running kernel that a sensor which polls forecasts the end of a connection as BPF does, of the same socket at
// the same time, and that the kernel keeps it: retransmissions, an orphan, a connect, keepalive. Its records say that they were
// polled and what their forecast supposes; a TCP_USER_TIMEOUT, which polling cannot see, is known once it cuts a wait short.
// It cannot prove anything about kernels before 6.7, which do not tell how long a socket has been in timeouts: there the
// beginning is reckoned from the timer, as the tables of polled snapshots prove.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, type TwoHosts } from '../support/lab.js';
import { assertBetween, timeMs } from '../support/record-checks.js';
import { notPolled } from '../support/sensor-mode.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import type { StuckJson } from '../support/stuckd.js';

const skip = labSkipReason() || notPolled('it compares a sensor that polls with one that uses BPF, and starts both');
const PORT = 8000;
const OFTEN = { sweepInterval: '2s', refreshInterval: '1s', fullRefreshInterval: '5s' };

/** Two readings of one stamp: some jiffies, and what the wall clocks of two daemons differ by. */
const SAME_MS = 60;

/** A bucket of the timer wheel is 32 to 512 ms wide here: with a wrong phase of it a forecast would be further off. */
const SAME_FORECAST_MS = 25;

/** From the end to the look that finds the socket gone, on a busy machine. */
const LOOK_MS = 8000;

interface Stage {
  readonly hosts: TwoHosts;
  readonly client: Sockprog;
}

/** A client's socket "a" in a namespace with these sysctls, connected and idle; its peer is about to vanish. */
async function setStage(
  t: TestContext,
  sysctls: Readonly<Record<string, number>>,
  options: string | null,
): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  for (const [name, value] of Object.entries(sysctls)) {
    await hosts.lab.sysctl(hosts.client, `net.ipv4.${name}`, value);
  }
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l :: ${PORT} mode=report`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  if (options !== null) {
    await client.connect('a', SERVER_ADDRESS, PORT, options);
    await client.command('send a 7');
    await server.waitEvent({ event: 'data', id: 'l.1', received: 7 });
  }
  await hosts.link.cut();
  return { hosts, client };
}

describe('polling beside BPF', { skip, concurrency: atOnce(5) }, () => {
  const polling = sharedStuckd({ sensor: { ...OFTEN, mode: 'polling' } });
  const bpf = sharedStuckd({ sensor: { ...OFTEN, mode: 'ebpf' } });

  async function waitBoth(hosts: TwoHosts, kind: string): Promise<readonly [polled: StuckJson, read: StuckJson]> {
    const [polled, read] = await Promise.all([polling, bpf].map((stuckd) => stuckd().waitOpened(hosts.client, kind)));
    assert.ok(polled !== undefined && read !== undefined);
    assert.deepEqual([polled.polled, read.polled], [true, undefined]);
    assert.ok(Math.abs(timeMs(polled.since) - timeMs(read.since)) <= SAME_MS, `${polled.since} and ${read.since}`);
    return [polled, read];
  }

  async function assertSameEnd(polled: StuckJson, read: StuckJson): Promise<void> {
    const differMs = timeMs(polled.giveUp?.time) - timeMs(read.giveUp?.time);
    assert.ok(Math.abs(differMs) <= SAME_FORECAST_MS, `the forecasts differ by ${differMs} ms`);
    assert.equal(polled.giveUp?.reason, read.giveUp?.reason);
    const [endPolled, endRead] = await Promise.all([polling().waitEnded(polled.id), bpf().waitEnded(read.id)]);
    assert.deepEqual([endPolled.outcome, endRead.outcome], ['OUTCOME_TIMED_OUT', 'OUTCOME_TIMED_OUT']);
    const endMs = timeMs(endRead.endTime);
    assertBetween(timeMs(endPolled.endTime), endMs - SAME_MS, endMs + LOOK_MS, 'the look that found it gone');
    assert.match(endPolled.timeline?.at(-1)?.text ?? '', /^the kernel gave up as forecast \(concluded/);
    assert.equal(endPolled.forecastError, undefined);
  }

  test('a black hole', async (t) => {
    const { hosts, client } = await setStage(t, { tcp_retries2: 6 }, '');
    await client.command('send a 1000');
    const [polled, read] = await waitBoth(hosts, 'retransmitting');
    assert.deepEqual(polled.giveUp?.supposes, ['TCP_USER_TIMEOUT']);
    assert.ok(polled.unknown?.includes('TCP_USER_TIMEOUT'));
    assert.equal(polled.options, undefined);
    await assertSameEnd(polled, read);
  });

  test('an orphan', async (t) => {
    const { hosts, client } = await setStage(t, { tcp_orphan_retries: 6 }, '');
    await client.command('send a 1000');
    await client.command('close a');
    const [polled, read] = await waitBoth(hosts, 'closing');
    await assertSameEnd(polled, read);
  });

  test('a connect', async (t) => {
    const { hosts, client } = await setStage(t, { tcp_syn_retries: 2 }, null);
    client.command(`connect a ${SERVER_ADDRESS} ${PORT}`).catch(() => undefined);
    const [polled, read] = await waitBoth(hosts, 'connecting');
    assert.deepEqual(polled.giveUp?.supposes, ['TCP_USER_TIMEOUT', 'TCP_SYNCNT']);
    await assertSameEnd(polled, read);
  });

  test('keepalive: the interval shows in the timer, the count is that of the sysctl', async (t) => {
    const { hosts } = await setStage(t, { tcp_keepalive_probes: 5 }, 'keepalive=1 idle=2 intvl=3');
    const [polled, read] = await waitBoth(hosts, 'keepalive_unanswered');
    assert.equal(polled.options?.['keepalive'], true);
    assert.ok(polled.giveUp?.supposes?.includes('TCP_KEEPCNT'));
    const learnt = polling().waitChange(
      'the interval of its probes',
      ({ record }) => record.id === polled.id && record.options?.['keepaliveInterval'] === '3s',
    );
    await assertSameEnd(polled, read);
    await learnt;
  });

  test('TCP_USER_TIMEOUT is known when it cuts a wait short', async (t) => {
    const { hosts, client } = await setStage(t, { tcp_retries2: 12 }, 'user_timeout=10000');
    await client.command('send a 1000');
    const [polled, read] = await waitBoth(hosts, 'retransmitting');
    assert.equal(polled.giveUp?.reason, 'GIVE_UP_REASON_TCP_RETRIES2');
    const known = await polling().waitChange(
      'that it has a user timeout',
      ({ record }) => record.id === polled.id && record.giveUp?.reason === 'GIVE_UP_REASON_USER_TIMEOUT',
    );
    assert.equal(known.giveUp?.supposes, undefined);
    assert.equal(known.unknown?.includes('TCP_USER_TIMEOUT'), false);
    await assertSameEnd({ ...known, id: polled.id }, read);
  });
});
