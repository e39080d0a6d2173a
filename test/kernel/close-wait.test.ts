// Proves on the running kernel what becomes of a connection that the peer has closed and the application has not: told
// since the FIN came, exactly where that can be known; whose it is; and how it ends, or turns into something worse and
// back. And the silence about a half-closed connection that is in use.
// It cannot prove that a minute is a good default.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { type Ending, labSkipReason, waitFor } from '../support/lab.js';
import {
  assertBetween,
  assertEndedWith,
  assertOnlyRecord,
  assertOutcome,
  assertSameTime,
  timelineTexts,
  timeMs,
  wallMs,
} from '../support/record-checks.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import type { ChangeJson, StuckJson } from '../support/stuckd.js';
import { switchedOffKinds } from '../support/switched-off-kinds.js';
import {
  AFTER_MS,
  assertEndedAt,
  lastTexts,
  QUICK,
  setWaitingStage,
  type WaitingStage,
  waitRecord,
  waitUpdated,
} from '../support/waiting-stage.js';

const skip = labSkipReason();

describe('CLOSE_WAIT: the peer has closed', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd(QUICK);
  const CLOSE_WAIT = { kind: 'close_wait', state: 'CLOSE_WAIT' };

  test('and vanishes, and is back: one record that tells so', async (t) => {
    const stage = await setWaitingStage(t, 'mode=report', 'keepalive=1 idle=1 intvl=1 cnt=60');
    await stage.server.command('shutdown l.1 wr');
    const { id, since, sinceAtLeast } = await waitRecord(stuckd(), stage, CLOSE_WAIT);
    assert.equal(sinceAtLeast, true, 'an ACK may be the answer to a probe');
    await stage.hosts.link.cut();
    const isKind =
      (name: string) =>
      ({ kind }: StuckJson): boolean =>
        kind === `STUCK_KIND_${name}`;
    const silent = await waitUpdated(stuckd(), id, 'unanswered probes', isKind('KEEPALIVE_UNANSWERED'));
    assert.equal(silent.state, 'CLOSE_WAIT');
    await stage.hosts.link.heal();
    const changes = stuckd().changesIn(stage.hosts.client).length;
    const isBack = (): boolean =>
      stuckd()
        .changesIn(stage.hosts.client)
        .slice(changes)
        .some(({ record }) => isKind('CLOSE_WAIT')(record));
    await waitFor(isBack, { what: 'CLOSE_WAIT again' });
    await stage.client.command('close a');
    const ended = await stuckd().waitEnded(id);
    assertOutcome(ended, 'OUTCOME_CLOSED_BY_APPLICATION');
    assertSameTime(ended.since, since);
    assert.deepEqual(await lastTexts(stuckd(), id, 3), [
      'keepalive probes are not answered any more',
      'the peer answers again; the application has still not closed its side',
      'closed by the application; nothing of it remains',
    ]);
    assertOnlyRecord(stuckd(), stage.hosts.client, id);
  });

  async function peerCloses(t: Ending): Promise<{ stage: WaitingStage; record: StuckJson; eofUs: number }> {
    const stage = await setWaitingStage(t);
    await stage.server.command('close l.1');
    const { monoUs } = await stage.client.waitEvent({ event: 'eof', id: 'a' });
    return { stage, record: await waitRecord(stuckd(), stage, CLOSE_WAIT), eofUs: monoUs };
  }

  test('and the application closes in the end: told since the FIN came, exactly', async (t) => {
    const { stage, record, eofUs } = await peerCloses(t);
    assert.equal(record.sinceAtLeast, undefined);
    assertBetween(timeMs(record.since), wallMs(eofUs), wallMs(eofUs), 'the FIN');
    assert.equal(record.giveUp?.never, true);
    const closed = await stage.client.command('close a');
    const ended = await stuckd().waitEnded(record.id);
    assertOutcome(ended, 'OUTCOME_CLOSED_BY_APPLICATION');
    assertEndedAt(ended, closed);
    const texts = timelineTexts(await stuckd().get(record.id));
    assert.deepEqual(texts, [
      'the peer closed the connection',
      'detected: the application has not closed its side for 1 s',
      'closed by the application; nothing of it remains',
    ]);
    assertOnlyRecord(stuckd(), stage.hosts.client, record.id);
  });

  test('and the process exits', async (t) => {
    const { stage, record } = await peerCloses(t);
    const exited = await stage.client.command('exit 0');
    const ended = await stuckd().waitEnded(record.id);
    assertOutcome(ended, 'OUTCOME_OWNER_EXITED');
    assert.equal(ended.owner?.pid, stage.client.pid);
    assertEndedAt(ended, exited);
  });

  test('and forgets its half: a RST ends it', async (t) => {
    const { stage, record } = await peerCloses(t);
    // The peer closed for reading too, so that data is answered with RST.
    await stage.client.command('send a 10');
    const ended = await stuckd().waitEnded(record.id);
    assertOutcome(ended, 'OUTCOME_RESET_BY_PEER');
  });

  test('and has sent something just before: since then at least', async (t) => {
    const stage = await setWaitingStage(t);
    await stage.client.command('send a 10');
    await stage.server.waitEvent({ event: 'data', id: 'l.1' });
    await stage.server.command('close l.1');
    const { monoUs } = await stage.client.waitEvent({ event: 'eof', id: 'a' });
    const record = await waitRecord(stuckd(), stage, CLOSE_WAIT);
    // It may be the ACK of the data: the kernel does not say when the FIN came.
    assert.equal(record.sinceAtLeast, true);
    assertBetween(timeMs(record.since), wallMs(monoUs), wallMs(monoUs), 'the FIN');
  });

  test('for writing only, and the application goes on sending: in use, no record', async (t) => {
    const stage = await setWaitingStage(t);
    await stage.server.command('mode l.1 sink');
    await stage.server.command('shutdown l.1 wr');
    await stage.client.waitEvent({ event: 'eof', id: 'a' });
    await stage.client.command(`stream a ${3 * AFTER_MS}`);
    const { monoUs: sentUs } = await stage.client.waitEvent({ event: 'sent', id: 'a' });
    await stuckd().sweepFromNow(); // whatever was found until then has been told
    const meanwhile = ({ record }: ChangeJson): boolean => timeMs(record.detectedTime) <= wallMs(sentUs);
    assert.deepEqual(stuckd().changesIn(stage.hosts.client).filter(meanwhile), []);
    // And then it stops: told since then.
    const record = await waitRecord(stuckd(), stage, CLOSE_WAIT);
    assert.ok(timeMs(record.since) >= wallMs(sentUs) - AFTER_MS, 'since it stopped, not since the FIN');
    // Once more in use.
    await stage.client.command('send a 10');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assert.deepEqual(await lastTexts(stuckd(), record.id, 1), ['the application goes on']);
  });

  test('and is gone when it is written to: RETRANSMITTING, in the same record', async (t) => {
    const stage = await setWaitingStage(t);
    await stage.hosts.lab.sysctl(stage.hosts.client, 'net.ipv4.tcp_retries2', 4);
    await stage.server.command('shutdown l.1 wr');
    await stage.client.waitEvent({ event: 'eof', id: 'a' });
    const { id } = await waitRecord(stuckd(), stage, CLOSE_WAIT);
    await stage.hosts.link.cut();
    await stage.client.command('send a 100');
    const changed = await waitUpdated(
      stuckd(),
      id,
      'RETRANSMITTING',
      ({ kind }) => kind === 'STUCK_KIND_RETRANSMITTING',
    );
    assert.equal(changed.state, 'CLOSE_WAIT');
    assert.equal(changed.unackedBytes, '100');
    assert.equal(changed.giveUp?.reason, 'GIVE_UP_REASON_TCP_RETRIES2');
    const error = await stage.client.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ETIMEDOUT');
    const ended = await stuckd().waitEnded(id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assertEndedWith(ended, error.monoUs);
    assert.deepEqual(await lastTexts(stuckd(), id, 2), [
      'data was sent into it; it is retransmitted',
      'the kernel gave up',
    ]);
    assertOnlyRecord(stuckd(), stage.hosts.client, id);
  });
});

describe('switched off', { skip }, () => {
  const stuckd = switchedOffKinds('close_wait');

  test('what the peer has closed is no record', async (t) => {
    const stage = await setWaitingStage(t);
    await stage.server.command('shutdown l.1 wr');
    await stage.client.waitEvent({ event: 'eof', id: 'a' });
    await stuckd().sweepFromNow();
    await stuckd().sweepFromNow();
    assert.deepEqual(stuckd().changesIn(stage.hosts.client), []);
  });
});
