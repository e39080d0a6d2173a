/**
 * Proves that what is told is true on a machine whose cores are all busy, and one process more: connections get stuck in
 * several ways, heal, are killed, and are given up by the kernel, when the record said that it would.
 *
 * It cannot prove how late anything is told.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { keepCoresBusy } from '../support/busy-cores.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, type TwoHosts } from '../support/lab.js';
import { assertOwner, kernelLatenessMs, waitForecastTimeout } from '../support/record-checks.js';
import { Sockprog } from '../support/sockprog.js';
import { StuckCrowd } from '../support/stuck-crowd.js';
import { StuckdUnderTest } from '../support/stuckd.js';

const FEW = 200;
const PORT = 8000;

interface Stage {
  readonly hosts: TwoHosts;
  readonly client: Sockprog;
}

/** A client with one connection, over a network that is cut by then. */
async function connectAndCut(t: TestContext, options: string): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  await client.connect('a', SERVER_ADDRESS, PORT, options);
  await hosts.link.cut();
  return { hosts, client };
}

/** Of the two that a program holds alone, each with another kind. */
async function assertKernelEndsIt(stuckd: StuckdUnderTest, { hosts, client }: Stage, kind: string): Promise<void> {
  const opened = await stuckd.waitOpened(hosts.client, kind);
  assertOwner((await stuckd.waitOwner(opened.id)).owner, { pid: client.pid, comm: 'sockprog' });
  await waitForecastTimeout(stuckd, opened, client);
}

test('a machine whose cores are all busy', { skip: labSkipReason() }, async (t) => {
  keepCoresBusy(t);
  const stuckd = await StuckdUnderTest.start(t);
  const sensorPid = await stuckd.sensorPid();
  const { problems } = await stuckd.status();
  const staying = await StuckCrowd.open(t, FEW);
  const healed = await StuckCrowd.open(t, FEW);
  const killed = await StuckCrowd.open(t, FEW);
  const givenUp = await StuckCrowd.open(t, FEW);
  await givenUp.load.setClientSysctl('net.ipv4.tcp_retries2', 5);
  const probing = await connectAndCut(t, 'keepalive=1 idle=1 intvl=1 cnt=6');
  const connecting = await createTwoHosts(t);
  const dialler = await Sockprog.start(connecting.lab, connecting.client);
  await connecting.link.cut();
  await dialler.command(`connect a ${SERVER_ADDRESS} ${PORT} syncnt=3`);

  const groups = [staying, healed, killed, givenUp];
  for (const group of groups) {
    await group.blackHole();
  }
  for (const group of groups) {
    await group.untilOpen(stuckd);
    await group.untilOwned(stuckd);
    group.assertAllTold(stuckd);
  }
  await Promise.all([healed.heal(), killed.load.killClients()]);
  await Promise.all([
    assertKernelEndsIt(stuckd, probing, 'keepalive_unanswered'),
    assertKernelEndsIt(stuckd, { hosts: connecting, client: dialler }, 'connecting'),
    givenUp.untilTimedOut(),
  ]);
  for (const group of [healed, killed, givenUp]) {
    await group.untilOpen(stuckd, 0);
  }
  await stuckd.sweepFromNow();
  staying.assertAllTold(stuckd);
  assert.deepEqual(healed.outcomesIn(stuckd), { recovered: FEW });
  assert.deepEqual(killed.outcomesIn(stuckd), { owner_exited: FEW });
  assert.deepEqual(givenUp.outcomesIn(stuckd), { timed_out: FEW });
  for (const { forecastError } of givenUp.endedIn(stuckd)) {
    assert.ok(Math.abs(Number.parseFloat(forecastError ?? 'NaN')) * 1000 <= kernelLatenessMs(), forecastError);
  }

  const after = await stuckd.status();
  assert.equal(after.sensor?.pid, sensorPid, 'the sensor was not started anew');
  assert.equal(after.sensor.ringBufferDrops?.toNumber() ?? 0, 0);
  assert.deepEqual(after.problems, problems);
  assert.deepEqual(stuckd.story.contradictions, []);
});
