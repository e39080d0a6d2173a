// Proves on the running kernel what becomes of a connection that the application has closed for writing while the peer
// goes on in silence (FIN_WAIT), and of one with data that nobody reads (UNREAD): since when, whose they are, how grave, and
// how each of them ends. And the silence about a reader who is slow.
// It cannot prove that the defaults are good, nor what an application means by waiting.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { FIELD_PORT } from '../support/field-stage.js';
import { CLIENT_ADDRESS, type Ending, labSkipReason, waitFor } from '../support/lab.js';
import {
  assertBetween,
  assertOnlyRecord,
  assertOutcome,
  assertRecord,
  timeMs,
  wallMs,
} from '../support/record-checks.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import type { StuckJson } from '../support/stuckd.js';
import { switchedOffKinds } from '../support/switched-off-kinds.js';
import {
  AFTER_MS,
  assertEndedAt,
  lastTexts,
  QUICK,
  setWaitingStage,
  waitAcked,
  type WaitingStage,
  waitRecord,
  waitUpdated,
} from '../support/waiting-stage.js';

const skip = labSkipReason();

/** Often enough that a message is mostly young when a sweep comes by. */
const MESSAGE_EVERY_US = 300_000;
const MESSAGES_MAX = 200;

describe('FIN_WAIT: closed for writing, and the peer does not go on', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd(QUICK);

  async function halfClose(t: Ending): Promise<{ stage: WaitingStage; record: StuckJson }> {
    const stage = await setWaitingStage(t);
    const { monoUs } = await stage.client.command('shutdown a wr');
    await stage.server.waitEvent({ event: 'eof', id: 'l.1' });
    const record = await waitRecord(stuckd(), stage, { kind: 'fin_wait', state: 'FIN_WAIT2', informational: true });
    assertBetween(timeMs(record.since), wallMs(monoUs), wallMs(monoUs), 'the ACK of the FIN');
    assert.equal(record.giveUp?.never, true);
    return { stage, record };
  }

  test('until it sends', async (t) => {
    const { stage, record } = await halfClose(t);
    await stage.server.command('send l.1 10');
    await stage.client.waitEvent({ event: 'data', id: 'a' });
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assert.deepEqual(await lastTexts(stuckd(), record.id, 2), [
      'detected: nothing has come from the peer for 1 s',
      'the peer goes on',
    ]);
    // On a slow machine it has been silent for long enough once more.
    const isOnceMore = ({ previousId, detectedTime }: StuckJson): boolean =>
      previousId === record.id && timeMs(detectedTime) >= timeMs(ended.endTime) + AFTER_MS;
    const others = stuckd()
      .changesIn(stage.hosts.client)
      .filter((change) => change.record.id !== record.id && !isOnceMore(change.record));
    assert.deepEqual(others, []);
  });

  test('until it closes', async (t) => {
    const { stage, record } = await halfClose(t);
    const closed = await stage.server.command('close l.1');
    const ended = await stuckd().waitEnded(record.id);
    assertOutcome(ended, 'OUTCOME_RECOVERED');
    assertEndedAt(ended, closed);
  });

  test('until the application closes', async (t) => {
    const { stage, record } = await halfClose(t);
    const closed = await stage.client.command('close a');
    const ended = await stuckd().waitEnded(record.id);
    assertOutcome(ended, 'OUTCOME_CLOSED_BY_APPLICATION');
    assertEndedAt(ended, closed);
  });

  test('until the process exits', async (t) => {
    const { stage, record } = await halfClose(t);
    const exited = await stage.client.command('exit 0');
    const ended = await stuckd().waitEnded(record.id);
    assertOutcome(ended, 'OUTCOME_OWNER_EXITED');
    assertEndedAt(ended, exited);
  });
});

describe('UNREAD: data that nobody reads', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd(QUICK);
  const UNREAD = { kind: 'unread', state: 'ESTABLISHED' };

  async function leaveUnread(t: Ending, bytes: number, options = ''): Promise<{ stage: WaitingStage; sentUs: number }> {
    const stage = await setWaitingStage(t, 'mode=report', `mode=silent ${options}`);
    const { monoUs } = await stage.server.command(`send l.1 ${bytes}`);
    return { stage, sentUs: monoUs };
  }

  test('is information while the window is open; it ends as it is read', async (t) => {
    const { stage, sentUs } = await leaveUnread(t, 1000);
    const record = await waitRecord(stuckd(), stage, { ...UNREAD, informational: true });
    assert.equal(record.unreadBytes, '1000');
    assertBetween(timeMs(record.since), wallMs(sentUs), wallMs(sentUs), 'its arrival');
    assert.equal(record.sinceAtLeast, true);
    const { bytes } = await stage.client.command('recv a 1000');
    assert.equal(bytes, 1000);
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assert.deepEqual(await lastTexts(stuckd(), record.id, 2), [
      'detected: the application has not read for 1 s',
      'the application reads again',
    ]);
    assertOnlyRecord(stuckd(), stage.hosts.client, record.id);
  });

  test('becomes an alarm when half of the buffer is full, or the window is closed', async (t) => {
    const { stage } = await leaveUnread(t, 100, 'rcvbuf=8192');
    const { id } = await waitRecord(stuckd(), stage, { ...UNREAD, informational: true });
    await stage.server.command('send l.1 100000');
    const alarm = await waitUpdated(stuckd(), id, 'an alarm', ({ informational }) => informational !== true);
    assert.equal(alarm.kind, 'STUCK_KIND_UNREAD');
    assert.ok(Number(alarm.unreadBytes) > 100);
    const exited = await stage.client.command('exit 0');
    const ended = await stuckd().waitEnded(id);
    assertOutcome(ended, 'OUTCOME_OWNER_EXITED');
    assertEndedAt(ended, exited);
  });

  test('and is given up: closed by the application', async (t) => {
    const { stage } = await leaveUnread(t, 100);
    const { id } = await waitRecord(stuckd(), stage, { ...UNREAD, informational: true });
    const closed = await stage.client.command('close a');
    const ended = await stuckd().waitEnded(id);
    assertOutcome(ended, 'OUTCOME_CLOSED_BY_APPLICATION');
    assertEndedAt(ended, closed);
  });

  test('that comes in small messages all the time is found too', async (t) => {
    const { stage, sentUs } = await leaveUnread(t, 10);
    const isTold = (): boolean => stuckd().changesIn(stage.hosts.client).length > 0;
    for (let message = 1; message <= MESSAGES_MAX && !isTold(); message += 1) {
      const isTime = (): boolean => Number(process.hrtime.bigint() / 1000n) >= sentUs + message * MESSAGE_EVERY_US;
      await waitFor(isTime, { what: 'the time of the next message', intervalMs: 20 });
      await stage.server.command('send l.1 10');
    }
    const record = await waitRecord(stuckd(), stage, { ...UNREAD, informational: true });
    assert.ok(Number(record.unreadBytes) >= 40, `${String(record.unreadBytes)} bytes`);
    const reading = await stage.client.command('mode a sink');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assert.ok(timeMs(ended.endTime) >= wallMs(reading.monoUs) - 50);
  });

  test('for a moment only, as with a reader who is busy, is no record', async (t) => {
    const { stage, sentUs } = await leaveUnread(t, 10);
    /** @returns the longest time that data waited, microseconds. */
    const readOnAndOn = async (): Promise<number> => {
      let longestUs = 0;
      for (let lastUs = sentUs; ;) {
        const { monoUs } = await stage.client.command('recv a 1000');
        longestUs = Math.max(longestUs, monoUs - lastUs);
        lastUs = monoUs;
        if (lastUs - sentUs > 4 * AFTER_MS * 1000) {
          return longestUs;
        }
        await stage.server.command('send l.1 10');
        await waitAcked(stage.server, 'l.1');
      }
    };
    const [longestUs] = await Promise.all([readOnAndOn(), stuckd().sweepFromNow()]);
    if (longestUs >= AFTER_MS * 1000) {
      t.skip(`too slow: the data did wait, for ${String(longestUs / 1000)} ms`);
      return;
    }
    assert.deepEqual(stuckd().changesIn(stage.hosts.client), []);
  });

  test('of an inbound connection', async (t) => {
    const stage = await setWaitingStage(t, 'mode=silent');
    const { fd } = await stage.server.waitEvent({ event: 'accepted', id: 'l.1' });
    await stage.client.command('send a 10');
    const { id } = await stuckd().waitOpened(stage.hosts.server, 'unread');
    assertRecord(await stuckd().waitOwner(id), {
      ...{ ...UNREAD, informational: true, isInbound: true, namespace: stage.hosts.server, localPort: FIELD_PORT },
      owner: { pid: stage.server.pid, comm: 'sockprog', fd },
      remote: { address: CLIENT_ADDRESS, port: stage.socket.localPort },
    });
  });
});

for (const [kind, begin] of Object.entries({
  fin_wait: async (stage: WaitingStage): Promise<void> => {
    await stage.client.command('shutdown a wr');
    await stage.server.waitEvent({ event: 'eof', id: 'l.1' });
  },
  unread: async (stage: WaitingStage): Promise<void> => {
    await stage.client.command('mode a silent');
    await stage.server.command('send l.1 10');
    await waitAcked(stage.server, 'l.1');
  },
})) {
  describe(`${kind} switched off`, { skip }, () => {
    const stuckd = switchedOffKinds(kind, ...(kind === 'fin_wait' ? ['closing'] : []));

    test(`${kind} is no record`, async (t) => {
      const stage = await setWaitingStage(t);
      await begin(stage);
      await stuckd().sweepFromNow();
      await stuckd().sweepFromNow();
      assert.deepEqual(stuckd().changesIn(stage.hosts.client), []);
    });
  });
}
