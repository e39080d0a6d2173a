// Proves that network namespaces make no difference to what is seen: one that was made after the daemon started, one
// that has no name and is in no list, two that use the same addresses; and that the limits of the kernel are those of
// the socket's own namespace.
// It cannot prove anything about pid namespaces: the sensor must run in the node's own.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { atOnce } from '../support/at-once.js';
import { CLIENT_ADDRESS, createLab, createTwoHosts, labSkipReason, SERVER_ADDRESS } from '../support/lab.js';
import { assertForecastHeld, assertOutcome, assertOwner, timeMs } from '../support/record-checks.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import type { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import type { StuckdUnderTest, StuckJson } from '../support/stuckd.js';

const skip = labSkipReason();
const PORT = 8000;

async function serve(lab: NetnsLab, namespace: LabNamespace): Promise<void> {
  const server = await Sockprog.start(lab, namespace);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
}

/** Asserts that the only thing stuck in the namespace is the client's connection. */
async function assertFound(stuckd: StuckdUnderTest, namespace: LabNamespace, client: Sockprog): Promise<StuckJson> {
  const opened = await stuckd.waitOpened(namespace, 'retransmitting');
  const owned = await stuckd.waitOwner(opened.id);
  assert.equal(owned.netns, namespace.inode);
  assertOwner(owned.owner, { pid: client.pid, comm: 'sockprog' });
  assert.equal(owned.local.address, CLIENT_ADDRESS);
  assert.deepEqual(owned.remote, { address: SERVER_ADDRESS, port: PORT });
  assert.deepEqual([...new Set(stuckd.changesIn(namespace).map(({ record }) => record.id))], [opened.id]);
  return opened;
}

describe('network namespaces', { skip, concurrency: atOnce(2) }, () => {
  const stuckd = sharedStuckd();

  test('made after the daemon started, without a name, held by a process alone', async (t) => {
    const lab = await createLab(t);
    const client = await lab.addUnnamedNamespace('client');
    const server = await lab.addUnnamedNamespace('server');
    const link = await lab.link(
      { namespace: client, addresses: [`${CLIENT_ADDRESS}/24`] },
      { namespace: server, addresses: [`${SERVER_ADDRESS}/24`] },
    );
    await serve(lab, server);
    const using = await Sockprog.start(lab, client);
    await using.connect('a', SERVER_ADDRESS, PORT);
    await link.cut();
    await using.command('send a 100');
    const { id } = await assertFound(stuckd(), client, using);
    await link.heal();
    assert.equal((await stuckd().waitEnded(id)).outcome, 'OUTCOME_RECOVERED');
  });

  test('the same addresses in two places are two connections, each with the limits of its namespace', async (t) => {
    const places = await Promise.all(
      [3, 9].map(async (retries2) => {
        const hosts = await createTwoHosts(t);
        await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', retries2);
        await serve(hosts.lab, hosts.server);
        const using = await Sockprog.start(hosts.lab, hosts.client);
        await using.connect('a', SERVER_ADDRESS, PORT);
        return { ...hosts, using };
      }),
    );
    for (const { link, using } of places) {
      await link.cut();
      await using.command('send a 100');
    }
    const [brief, long] = await Promise.all(places.map(({ client, using }) => assertFound(stuckd(), client, using)));
    assert.ok(brief !== undefined && long !== undefined);
    assert.notEqual(brief.netns, long.netns);
    assert.notEqual(brief.id, long.id);
    const lasts = (record: StuckJson): number => timeMs(record.giveUp?.time) - timeMs(record.since);
    assert.ok(lasts(long) > 10 * lasts(brief), `${lasts(brief)} ms and ${lasts(long)} ms`);
    const ended = await stuckd().waitEnded(brief.id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assertForecastHeld(brief, ended);
    assert.equal((await stuckd().get(long.id)).outcome, undefined);
  });

  test('a namespace that loses its name while a connection in it is stuck', async (t) => {
    const hosts = await createTwoHosts(t);
    await serve(hosts.lab, hosts.server);
    const using = await Sockprog.start(hosts.lab, hosts.client);
    await using.connect('a', SERVER_ADDRESS, PORT);
    await hosts.link.cut();
    await hosts.lab.removeNamespace(hosts.client);
    await using.command('send a 100');
    const { id } = await assertFound(stuckd(), hosts.client, using);
    // With its last process the namespace itself is taken down, and all that is in it.
    await using.command('set a linger=0');
    await using.command('exit 0');
    assertOutcome(await stuckd().waitEnded(id), 'OUTCOME_OWNER_EXITED');
  });
});
