// Proves on the running kernel what becomes of a connection that the kernel has ended and whose application never looked:
// it is told after a while, as the sequel of what it was before, since its end, until the application fetches the error,
// closes it or exits. And the silence about an application that was told.
// It cannot prove that an application would have noticed a minute later.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { connectField, FIELD_PORT, type FieldStage, setFieldStage } from '../support/field-stage.js';
import { SO_ERROR, SOL_SOCKET, type SocketUnderTest } from '../support/kernel-word.js';
import { type Ending, labSkipReason, SERVER_ADDRESS } from '../support/lab.js';
import {
  assertBetween,
  assertRecord,
  assertSameTime,
  timelineTexts,
  timeMs,
  wallMs,
} from '../support/record-checks.js';
import { notPolled } from '../support/sensor-mode.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import type { StuckdUnderTest, StuckJson } from '../support/stuckd.js';
import { switchedOffKinds } from '../support/switched-off-kinds.js';

const skip = labSkipReason();
const noZombies = notPolled('a socket that the kernel has ended is not in sock_diag') || skip;
const PEER = { address: SERVER_ADDRESS, port: FIELD_PORT };

interface Stage extends FieldStage {
  /** "a" of the client: it does not look after it. */
  readonly socket: SocketUnderTest;
}

async function setStage(test: Ending, mode = 'none'): Promise<Stage> {
  const stage = await setFieldStage(test);
  await stage.hosts.lab.sysctl(stage.hosts.client, 'net.ipv4.tcp_retries2', 3);
  const socket = await connectField(stage, 'a');
  await stage.server.waitEvent({ event: 'accepted', id: 'l.1' });
  await stage.client.command(`mode a ${mode}`);
  return { ...stage, socket };
}

/**
 * @param meanwhile what the application does while its connection is stuck.
 * @returns the record that the timeout ended.
 */
async function timeOut(stuckd: StuckdUnderTest, { hosts, client }: Stage, meanwhile?: string): Promise<StuckJson> {
  await hosts.link.cut();
  await client.command('send a 100');
  const { id } = await stuckd.waitOpened(hosts.client, 'retransmitting');
  if (meanwhile !== undefined) {
    await client.command(meanwhile);
  }
  const ended = await stuckd.waitEnded(id);
  assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
  return ended;
}

async function waitZombie(stuckd: StuckdUnderTest, { hosts, client, socket }: Stage): Promise<StuckJson> {
  const { id } = await stuckd.waitOpened(hosts.client, 'zombie');
  const record = await stuckd.waitOwner(id);
  assertRecord(record, {
    ...{ kind: 'zombie', state: 'CLOSE', namespace: hosts.client, localPort: socket.localPort, remote: PEER },
    owner: { pid: client.pid, comm: 'sockprog', fd: socket.fd },
  });
  assert.ok(timeMs(record.detectedTime) - timeMs(record.since) >= 1000, 'not before its time');
  return record;
}

describe('a dead connection that nobody looks after', { skip: noZombies, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd({
    config: { kinds: { zombie: { open: { after: '1s' } } } },
    sensor: { sweepInterval: '300ms', refreshInterval: '200ms' },
  });

  test('is the sequel of its black hole, since the kernel gave up, until the application closes it', async (t) => {
    const stage = await setStage(t);
    const before = await timeOut(stuckd(), stage);
    const record = await waitZombie(stuckd(), stage);
    assert.equal(record.previousId, before.id);
    assert.equal(record.sinceAtLeast, undefined);
    assertSameTime(record.since, before.endTime);
    const closed = await stage.client.command('close a');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_CLOSED_BY_APPLICATION');
    assertBetween(timeMs(ended.endTime), wallMs(closed.monoUs), wallMs(closed.monoUs), 'the close');
    assert.deepEqual(timelineTexts(await stuckd().get(record.id)), [
      'the kernel ended the connection',
      'detected: the application has not fetched the error for 1 s',
      'closed by the application; nothing of it remains',
    ]);
  });

  test('until its process exits, though it had closed it for writing before', async (t) => {
    const stage = await setStage(t);
    const before = await timeOut(stuckd(), stage, 'shutdown a wr');
    assert.equal(before.kind, 'STUCK_KIND_CLOSING');
    const record = await waitZombie(stuckd(), stage);
    const exited = await stage.client.command('exit 0');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_OWNER_EXITED');
    assertBetween(timeMs(ended.endTime), wallMs(exited.monoUs), wallMs(exited.monoUs), 'the exit');
  });

  test('until the application looks', async (t) => {
    const stage = await setStage(t);
    await timeOut(stuckd(), stage);
    const record = await waitZombie(stuckd(), stage);
    await stage.client.command(`getopt a ${SOL_SOCKET} ${SO_ERROR}`);
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assert.equal(timelineTexts(await stuckd().get(record.id)).at(-1), 'the application has fetched the error');
    await stuckd().sweepFromNow();
    const later = stuckd().changesIn(stage.hosts.client).slice(-1);
    assert.deepEqual(
      later.map(({ kind, record: { id } }) => [kind, id]),
      [['ended', record.id]],
    );
  });

  test('that was reset, and not stuck before: since it was found at least', async (t) => {
    const stage = await setStage(t);
    await stage.server.command('set l.1 linger=0');
    const reset = await stage.server.command('close l.1');
    const record = await waitZombie(stuckd(), stage);
    assert.equal(record.previousId, undefined);
    assert.equal(record.sinceAtLeast, true);
    assert.ok(timeMs(record.since) >= wallMs(reset.monoUs) - 50);
  });

  test('is none if the application was told', async (t) => {
    const stage = await setStage(t, 'silent');
    await stage.server.command('set l.1 linger=0');
    await stage.server.command('close l.1');
    const error = await stage.client.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ECONNRESET');
    const other = await setStage(t, 'silent');
    const before = await timeOut(stuckd(), other);
    await other.client.waitEvent({ event: 'error', id: 'a' });
    // A third one, which died after them, has its record by the time that theirs would be due.
    const third = await setStage(t);
    await timeOut(stuckd(), third);
    await waitZombie(stuckd(), third);
    assert.deepEqual(stuckd().changesIn(stage.hosts.client), []);
    assert.equal(stuckd().changesIn(other.hosts.client).at(-1)?.record.id, before.id);
  });
});

describe('switched off', { skip }, () => {
  const stuckd = switchedOffKinds('zombie');

  test('a dead connection is no record', async (t) => {
    const stage = await setStage(t);
    const before = await timeOut(stuckd(), stage);
    await stuckd().sweepFromNow();
    await stuckd().sweepFromNow();
    assert.equal(stuckd().changesIn(stage.hosts.client).at(-1)?.record.id, before.id);
  });
});
