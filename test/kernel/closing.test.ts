// Proves what becomes of a connection that is closed into silence: a process that exits or is killed while its
// connection is stuck leaves an orphan, which stays the same record (now CLOSING, with its last owner) until the kernel
// gives up, the peer answers, or the peer resets it; and a healthy connection that is closed towards a dead peer becomes
// a record when its FIN has gone unacknowledged for as long as the configuration says, in each of the closing states.
// It cannot prove that 15 s are a good default, nor what happens when orphans exhaust the kernel's memory.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { CLIENT_ADDRESS, createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS } from '../support/lab.js';
import { loseTwice, type TwoHosts, waitFor } from '../support/lab.js';
import {
  assertBetween,
  assertDiagnosisNames,
  assertForecastHeld,
  assertOutcome,
  assertOwner,
  assertSameTime,
  assertTells,
} from '../support/record-checks.js';
import { timelineTexts, timeMs, wallMs } from '../support/record-checks.js';
import { POLL_MS } from '../support/sensor-mode.js';
import { EVENTS_ALONE, sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import type { StuckdUnderTest, StuckJson } from '../support/stuckd.js';

const skip = labSkipReason();
const PORT = 8000;
const PEER = `${SERVER_ADDRESS}:${String(PORT)}`;
const ORPHAN_RETRIES = 2;

interface Stage extends TwoHosts {
  readonly serving: Sockprog;
  /** It has one connection "a" to the server's "l.1", both idle. */
  readonly using: Sockprog;
  readonly fd: number;
}

async function setStage(test: Ending): Promise<Stage> {
  const hosts = await createTwoHosts(test);
  await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_orphan_retries', ORPHAN_RETRIES);
  const serving = await Sockprog.start(hosts.lab, hosts.server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const using = await Sockprog.start(hosts.lab, hosts.client);
  const { fd = -1 } = await using.connect('a', SERVER_ADDRESS, PORT);
  await using.command('send a 7');
  await serving.waitEvent({ event: 'data', id: 'l.1', received: 7 });
  await waitFor(async () => (await using.info('a')).unacked === 0, { what: 'the ACK of the first bytes' });
  return { ...hosts, serving, using, fd };
}

/** Cuts the link, sends, and waits until the record has its owner. */
async function becomeStuck(stuckd: StuckdUnderTest, stage: Stage): Promise<StuckJson> {
  await stage.link.cut();
  await stage.using.command('send a 1000');
  const { id } = await stuckd.waitOpened(stage.client, 'retransmitting');
  const owned = await stuckd.waitOwner(id);
  assertOwner(owned.owner, { pid: stage.using.pid, comm: 'sockprog', fd: stage.fd });
  return owned;
}

async function waitOrphan(stuckd: StuckdUnderTest, id: string): Promise<StuckJson> {
  return stuckd.waitChange(
    `${id} is an orphan`,
    ({ kind, record }) => kind === 'updated' && record.id === id && record.ownerType === 'OWNER_TYPE_ORPHAN',
  );
}

describe('events and passes', { skip, concurrency: atOnce(8) }, () => {
  const AFTER_MS = 3000;
  const closing = { kinds: { closing: { open: { after: `${String(AFTER_MS)}ms` } } } };
  const stuckd = sharedStuckd({ config: closing });

  test('exit: the same record is CLOSING, an orphan of its last owner, until the kernel frees it', async (t) => {
    const stage = await setStage(t);
    // With fewer retries a slow machine has freed the orphan before a pass could see it.
    await stage.lab.sysctl(stage.client, 'net.ipv4.tcp_orphan_retries', 5);
    const { id, since } = await becomeStuck(stuckd(), stage);
    await stage.using.command('exit 0');

    const orphan = await waitOrphan(stuckd(), id);
    assert.equal(orphan.kind, 'STUCK_KIND_CLOSING');
    assert.equal(orphan.state, 'FIN_WAIT1');
    assert.equal(orphan.owner, undefined);
    assert.equal(orphan.lastOwner?.pid, stage.using.pid);
    assert.equal(orphan.lastOwner.comm, 'sockprog');
    assertSameTime(orphan.since, since); // it has been stuck since before it was closed
    assert.equal(orphan.unackedBytes, '1000', 'the FIN is no byte of anybody');
    assert.equal(orphan.giveUp?.reason, 'GIVE_UP_REASON_ORPHAN_RETRIES');
    assertDiagnosisNames(orphan, `sockprog[${stage.using.pid}]`, PEER);

    const ended = await stuckd().waitEnded(id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assert.equal(ended.lastOwner?.pid, stage.using.pid);
    assertForecastHeld(orphan, ended);
    const texts = timelineTexts(await stuckd().get(id));
    assertTells(texts, `process ${stage.using.pid} exited; data and FIN are not acknowledged`);
    assertTells(texts, 'no process holds it any more; the kernel goes on trying');
    assert.equal(texts.at(-1), 'the kernel gave up');
  });

  test('SIGKILL: the orphan delivers what was sent when the network returns', async (t) => {
    const stage = await setStage(t);
    await stage.lab.sysctl(stage.client, 'net.ipv4.tcp_orphan_retries', 8);
    const { id } = await becomeStuck(stuckd(), stage);
    stage.using.process.kill('SIGKILL');
    await stage.using.process.ended;
    const orphan = await waitOrphan(stuckd(), id);
    assert.equal(orphan.kind, 'STUCK_KIND_CLOSING');
    assert.equal(orphan.lastOwner?.pid, stage.using.pid);

    await stage.link.heal();
    await stage.serving.waitEvent({ event: 'eof', id: 'l.1' });
    assert.equal((await stage.serving.info('l.1')).received, 1007);
    const ended = await stuckd().waitEnded(id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    const texts = timelineTexts(await stuckd().get(id));
    assertTells(texts, `process ${stage.using.pid} exited; data and FIN are not acknowledged`);
  });

  test('close by a process that lives on: an orphan too; a peer that has forgotten it answers RST', async (t) => {
    const stage = await setStage(t);
    await stage.lab.sysctl(stage.client, 'net.ipv4.tcp_orphan_retries', 8);
    const { id } = await becomeStuck(stuckd(), stage);
    await stage.using.command('close a');
    await waitOrphan(stuckd(), id);
    // With linger 0 a close sends a RST, which the cut swallows, and leaves nothing behind.
    await stage.serving.command('set l.1 linger=0');
    await stage.serving.command('close l.1');
    await stage.link.heal();
    const ended = await stuckd().waitEnded(id);
    assertOutcome(ended, 'OUTCOME_RESET_BY_PEER');
    assert.equal(ended.kind, 'STUCK_KIND_CLOSING');
    const texts = timelineTexts(await stuckd().get(id));
    assertTells(texts, `process ${stage.using.pid} closed it; data and FIN are not acknowledged`);
  });

  test('an abortive close leaves nothing behind: closed by the application, or its owner exited', async (t) => {
    for (const [command, outcome] of [
      ['close a', 'OUTCOME_CLOSED_BY_APPLICATION'],
      ['exit 0', 'OUTCOME_OWNER_EXITED'],
    ] as const) {
      const stage = await setStage(t);
      const { id } = await becomeStuck(stuckd(), stage);
      await stage.using.command('set a linger=0');
      const closed = await stage.using.command(command);
      const ended = await stuckd().waitEnded(id);
      assertOutcome(ended, outcome);
      assert.equal(ended.kind, 'STUCK_KIND_RETRANSMITTING');
      assert.equal(ended.owner?.pid, stage.using.pid);
      const closedMs = wallMs(closed.monoUs);
      assertBetween(timeMs(ended.endTime), closedMs, closedMs + POLL_MS, 'the end of the record, and the close');
    }
  });

  /** No RTO of this connection was reported before the FIN: everything is learnt from the FIN's own retransmissions. */
  test('FIN_WAIT1 without an owner: recorded when its time has come, recovers when the peer is back', async (t) => {
    const stage = await setStage(t);
    await stage.lab.sysctl(stage.client, 'net.ipv4.tcp_orphan_retries', 8);
    await stage.link.cut();
    const closed = await stage.using.command('close a');
    const opened = await stuckd().waitOpened(stage.client, 'closing');
    assert.equal(opened.state, 'FIN_WAIT1');
    assert.equal(opened.ownerType, 'OWNER_TYPE_ORPHAN');
    assert.equal(opened.owner, undefined);
    assert.equal(opened.lastOwner, undefined, 'nobody looked while it had an owner');
    assert.deepEqual(opened.remote, { address: SERVER_ADDRESS, port: PORT });
    assert.equal(opened.local.address, CLIENT_ADDRESS);
    assert.equal(opened.sinceAtLeast, true);
    const sinceMs = timeMs(opened.since);
    assert.ok(sinceMs > wallMs(closed.monoUs), 'what is only a bound is no time before the close');
    assert.ok(timeMs(opened.detectedTime) >= sinceMs + AFTER_MS, 'it is stuck only after that time');
    assert.equal(opened.unackedBytes, undefined);
    assert.equal(opened.giveUp?.reason, 'GIVE_UP_REASON_ORPHAN_RETRIES');

    await stage.link.heal();
    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    await stage.serving.waitEvent({ event: 'eof', id: 'l.1' });
  });

  test('FIN_WAIT1 with a process: shutdown() by its owner, who gets the error in the end', async (t) => {
    const stage = await setStage(t);
    await stage.lab.sysctl(stage.client, 'net.ipv4.tcp_retries2', 4);
    await stage.link.cut();
    await stage.using.command('shutdown a wr');
    const { id } = await stuckd().waitOpened(stage.client, 'closing');
    const owned = await stuckd().waitOwner(id);
    assert.equal(owned.state, 'FIN_WAIT1');
    assertOwner(owned.owner, { pid: stage.using.pid, comm: 'sockprog', fd: stage.fd });
    assert.equal(owned.giveUp?.reason, 'GIVE_UP_REASON_TCP_RETRIES2');
    const ended = await stuckd().waitEnded(id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assertForecastHeld(owned, ended);
    const error = await stage.using.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ETIMEDOUT');
  });

  test('LAST_ACK: the peer had closed before, and falls silent', async (t) => {
    const stage = await setStage(t);
    await stage.serving.command('close l.1');
    await stage.using.waitEvent({ event: 'eof', id: 'a' });
    await stage.lab.sysctl(stage.client, 'net.ipv4.tcp_orphan_retries', 4);
    await stage.link.cut();
    await stage.using.command('close a');
    const opened = await stuckd().waitOpened(stage.client, 'closing');
    assert.equal(opened.state, 'LAST_ACK');
    assert.equal(opened.ownerType, 'OWNER_TYPE_ORPHAN');
    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assertForecastHeld(opened, ended);
  });

  test('a FIN that is acknowledged in time is no record, though it was retransmitted', async (t) => {
    const stage = await setStage(t);
    await stage.lab.sysctl(stage.client, 'net.ipv4.tcp_early_retrans', 0); // timeouts alone
    await loseTwice(stage, 'tcp flags fin');
    await stage.using.command('shutdown a wr');
    await stage.serving.waitEvent({ event: 'eof', id: 'l.1' });
    assert.equal((await stage.using.info('a')).totalRetrans, 2);
    await stuckd().sweepFromNow();
    assert.deepEqual(stuckd().changesIn(stage.client), []);
  });
});

describe('orphans are found without a sweep', { skip }, () => {
  const stuckd = sharedStuckd({ ...EVENTS_ALONE, config: { kinds: { closing: { open: { after: '1s' } } } } });

  test('by the retransmissions of their FIN, and their end by its own event', async (t) => {
    const stage = await setStage(t);
    await stage.lab.sysctl(stage.client, 'net.ipv4.tcp_orphan_retries', 4);
    await stage.link.cut();
    await stage.using.command('close a');
    const opened = await stuckd().waitOpened(stage.client, 'closing');
    assert.equal(opened.ownerType, 'OWNER_TYPE_ORPHAN');
    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assertForecastHeld(opened, ended);
  });
});
