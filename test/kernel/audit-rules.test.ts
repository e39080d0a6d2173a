// Proves on the running kernel two rules of the audit that need more than the options of a socket: a pooled connection without data
// for longer than its peer keeps idle ones is told although keepalive probes are answered all the time, and one whose user
// timeout leaves no time for a second probe is told in every audit, and really ends by one that is lost, while the other,
// which lost the same one, lives on. What other options a socket may have is in audit.test.ts and audit-runtimes.test.ts.
// It cannot prove what a peer does that is learnt from its FINs alone: another limit for each client, for example.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { durationToMs } from '../../daemon/rpc/proto-time.js';
import { auditWith, ruleNames, sampleOf, type Audited } from '../support/audits.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, waitFor, type TwoHosts } from '../support/lab.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import type { StuckdUnderTest } from '../support/stuckd.js';

const skip = notPolled(NEEDS_BPF.audit) || labSkipReason();
const PORT = 8000;
const CLOSE_WAIT = 8;

/** Longer than the shortest pause that counts, which is 1 s. */
const IDLE_MS = 1300;

interface Pool extends TwoHosts {
  readonly serving: Sockprog;
  readonly using: Sockprog;
}

/** A request and its answer on the connection `id`, which the server accepted as its `number`th. */
async function exchange({ serving, using }: Pool, id: string, number: number): Promise<void> {
  await using.command(`send ${id} 7`);
  await serving.waitEvent({ event: 'data', id: `l.${number}`, received: 7 });
  await serving.command(`send l.${number} 9`);
  await using.waitEvent({ event: 'data', id, received: 9 });
}

async function waitIdle(using: Sockprog, id: string, ms: number): Promise<void> {
  await waitFor(async () => (await using.info(id)).lastDataMs >= ms, { what: `${id} to be without data for ${ms} ms` });
}

/** The server closes connections that have been idle for a while, until that is known. @returns limit, and how many it took */
async function learnLimit(stuckd: StuckdUnderTest, pool: Pool): Promise<readonly [number, number]> {
  const { serving, using, client } = pool;
  // Two that agree are enough; on a slow machine some do not.
  for (let number = 1; number < 8; number++) {
    const id = `b${number}`;
    await using.connect(id, SERVER_ADDRESS, PORT);
    await exchange(pool, id, number);
    await waitIdle(using, id, IDLE_MS);
    await serving.command(`close l.${number}`);
    await waitFor(async () => (await using.info(id)).state === CLOSE_WAIT, { what: 'the FIN' });
    await stuckd.sweepFromNow(); // whatever was reported before has arrived
    const { idleLimits } = await stuckd.status();
    const known = idleLimits.find(({ netns }) => netns === client.inode);
    await using.command(`close ${id}`);
    if (known !== undefined) {
      return [durationToMs(known.limit ?? {}), number];
    }
  }
  return assert.fail('the limit was not learnt');
}

function isTold(sample: Audited): boolean {
  return ruleNames(sample).includes('pool_longer_than_peer');
}

describe('rules of the audit', { skip, concurrency: 2 }, () => {
  const stuckd = sharedStuckd();

  test('a pool that keeps connections for longer than its peer does, with keepalive as http.Agent sets it', async (t) => {
    const hosts = await createTwoHosts(t);
    const serving = await Sockprog.start(hosts.lab, hosts.server);
    await serving.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
    const using = await Sockprog.start(hosts.lab, hosts.client);
    const pool = { ...hosts, serving, using };
    const [limitMs, closed] = await learnLimit(stuckd(), pool);

    const { localPort } = await using.connect('a', SERVER_ADDRESS, PORT, 'keepalive=1 idle=1 intvl=1 cnt=9');
    await exchange(pool, 'a', closed + 1);
    const audit = async (): Promise<Audited> => sampleOf(await auditWith(stuckd(), hosts.client, 1), localPort);
    const fresh = await audit();
    const freshMs = durationToMs(fresh.idleTime ?? {});
    assert.equal(isTold(fresh), freshMs > limitMs, `without data for ${freshMs} ms`);

    await waitIdle(using, 'a', limitMs + 1500);
    const { lastAckMs, lastDataMs } = await using.info('a');
    assert.ok(lastAckMs < lastDataMs - 500, 'a probe was answered meanwhile');
    const old = await audit();
    assert.ok(durationToMs(old.idleTime ?? {}) > limitMs);
    assert.ok(isTold(old), ruleNames(old).join(', '));

    // The other end is idle for as long, but it is not the one that sends requests.
    const inbound = await auditWith(stuckd(), hosts.server, 1);
    assert.deepEqual(inbound.findings.flatMap(({ samples }) => samples ?? []).filter(isTold), []);
  });

  test('one lost probe ends a connection whose user timeout leaves no time for a second one', async (t) => {
    const hosts = await createTwoHosts(t);
    const server = await Sockprog.start(hosts.lab, hosts.server);
    await server.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=echo`);
    const client = await Sockprog.start(hosts.lab, hosts.client);
    const connect = async (id: string, userTimeoutMs: number): Promise<number | undefined> => {
      const options = `keepalive=1 idle=2 intvl=3 cnt=9 user_timeout=${userTimeoutMs}`;
      return (await client.connect(id, SERVER_ADDRESS, PORT, options)).localPort;
    };
    const [nervous, calm] = [await connect('nervous', 4500), await connect('calm', 20_000)];
    // The timer wheel stands elsewhere each time.
    for (let audit = 0; audit < 5; audit++) {
      const found = await auditWith(stuckd(), hosts.client, 2);
      assert.deepEqual(ruleNames(sampleOf(found, nervous)), ['one_lost_probe']);
      assert.deepEqual(ruleNames(sampleOf(found, calm)), []);
    }

    await hosts.link.cut();
    const hasLostOne = async (id: string): Promise<boolean> => (await client.info(id)).probes > 0;
    await waitFor(async () => (await hasLostOne('nervous')) && (await hasLostOne('calm')), { what: 'the lost probes' });
    await hosts.link.heal();
    await client.waitEvent({ event: 'error', id: 'nervous', errno: 'ETIMEDOUT' });
    await client.command('send calm 7');
    await client.waitEvent({ event: 'data', id: 'calm', received: 7 });
  });
});
