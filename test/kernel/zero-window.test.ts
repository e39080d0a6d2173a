// Proves on the running kernel what becomes of a peer that closes its window: one that answers the window probes is told
// as information, for ever, or until TCP_USER_TIMEOUT ends it; one that does not answer is an alarm with a forecast that
// the kernel keeps; one that dies later turns from the first into the second, in one record. Also the window that shrinks
// to zero with data in flight, the window that opens again, and the connection that is closed behind it; and that corked
// data, which the same timer serves, is no closed window.
// It cannot prove that 60 s are a good default for a peer that answers.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { connectField, FIELD_PORT, type FieldStage, setFieldStage } from '../support/field-stage.js';
import { IPPROTO_TCP, procTcpRow, type SocketUnderTest } from '../support/kernel-word.js';
import { type Ending, labSkipReason, SERVER_ADDRESS, waitFor } from '../support/lab.js';
import {
  assertBetween,
  assertEndedWith,
  assertForecastHeld,
  assertOnlyRecord,
  assertRecord,
  assertSameTime,
  assertTells,
  timelineTexts,
  timeMs,
  wallMs,
} from '../support/record-checks.js';
import { isPolling, NEEDS_BPF, notPolled, POLL_MS } from '../support/sensor-mode.js';
import { EVENTS_ALONE, sharedStuckd } from '../support/shared-stuckd.js';
import type { StuckdUnderTest, StuckJson } from '../support/stuckd.js';
import { switchedOffKinds } from '../support/switched-off-kinds.js';
import { waitUpdated } from '../support/waiting-stage.js';

const skip = labSkipReason();
const noUserTimeout = { skip: notPolled(NEEDS_BPF.userTimeout) };
const PEER = { address: SERVER_ADDRESS, port: FIELD_PORT };
const PASSES = { sweepInterval: '150ms', refreshInterval: '200ms' };
const TCP_CORK = 3;
const SHRINK_WINDOW = 'net.ipv4.tcp_shrink_window';
const cannotShrink = existsSync('/proc/sys/net/ipv4/tcp_shrink_window') ? false : `this kernel has no ${SHRINK_WINDOW}`;
const shrinksAndEnds = { skip: notPolled(NEEDS_BPF.userTimeout) || cannotShrink };

/** More than the smallest receive buffer takes. */
const TOO_MUCH = 100_000;
/** Enough for the peer to answer some, and to see that it does. */
const RETRIES = 4;

interface Stage extends FieldStage {
  /** "a" of the client; its peer "l.1" does not read. */
  readonly socket: SocketUnderTest;
}

async function setStage(test: Ending, options = ''): Promise<Stage> {
  const stage = await setFieldStage(test, 'mode=silent rcvbuf=4096');
  await stage.hosts.lab.sysctl(stage.hosts.client, 'net.ipv4.tcp_retries2', RETRIES);
  const socket = await connectField(stage, 'a', options);
  await stage.server.waitEvent({ event: 'accepted', id: 'l.1' });
  return { ...stage, socket };
}

/** Fills the peer's buffer. @returns CLOCK_MONOTONIC microseconds before which the window was open. */
async function closeWindow({ client }: Stage): Promise<number> {
  const { monoUs } = await client.command(`send a ${TOO_MUCH}`);
  const isClosed = async (): Promise<boolean> => {
    const { unacked, notSent } = await client.info('a');
    return unacked === 0 && notSent > 0;
  };
  await waitFor(isClosed, { what: 'a closed window' });
  return monoUs;
}

function ownerOf({ client, socket }: Stage): { pid: number; comm: string; fd: number } {
  return { pid: client.pid, comm: 'sockprog', fd: socket.fd };
}

/** @returns the record with its owner, after asserting all that holds for every closed window. */
async function waitWindowRecord(stuckd: StuckdUnderTest, stage: Stage, informational: boolean): Promise<StuckJson> {
  const { id } = await stuckd.waitOpened(stage.hosts.client, 'zero_window');
  const record = await stuckd.waitOwner(id);
  assertRecord(record, {
    ...{ kind: 'zero_window', state: 'ESTABLISHED', namespace: stage.hosts.client, owner: ownerOf(stage) },
    ...{ localPort: stage.socket.localPort, remote: PEER, informational },
  });
  assert.ok(Number(record.unsentBytes) > 0, 'data waits behind the window');
  assert.equal(record.unackedBytes, undefined);
  return record;
}

const FIRST_PROBE = 'first probe of the closed window';

/**
 * When the first probe was sent is not in sock_diag: a sensor that polls mostly has no such step, and a bound for `since`.
 * @returns the steps, with that one in any case
 */
function stepsOf(record: StuckJson): readonly string[] {
  const texts = timelineTexts(record);
  return isPolling && texts[0] !== FIRST_PROBE ? [FIRST_PROBE, ...texts] : texts;
}

function assertSinceIsKnown({ sinceAtLeast }: StuckJson): void {
  assert.equal(sinceAtLeast, isPolling ? true : undefined);
}

const KEPT_CLOSED = /^detected: the peer has kept its window closed for \d+ s$/;
const STOPPED = 'the peer has stopped answering';

describe('a peer that answers', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd({
    config: {
      kinds: { zero_window: { open: { after: '1s' } }, closing: { open: { after: '1s' } }, unread: { enabled: false } },
    },
    sensor: PASSES,
  });

  test('is information: the kernel never gives up, and it ends as the reader goes on', async (t) => {
    const stage = await setStage(t);
    const openUs = await closeWindow(stage);
    const record = await waitWindowRecord(stuckd(), stage, true);
    // A probe that is on its way, or that the peer left unanswered as it answered another just before, has a deadline.
    await waitUpdated(stuckd(), record.id, 'no deadline', ({ giveUp }) => giveUp?.never === true);
    assertSinceIsKnown(record);
    assert.ok(timeMs(record.since) > wallMs(openUs), 'it began after the window was open');
    assert.ok(timeMs(record.detectedTime) - timeMs(record.since) >= 1000, 'not before its time');

    await stage.server.command('mode l.1 sink');
    await stage.client.waitEvent({ event: 'sent', id: 'a' });
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    const [first, detected = '', last, ...more] = stepsOf(await stuckd().get(record.id));
    assert.deepEqual([first, last, more], [FIRST_PROBE, 'the peer takes data again', []]);
    assert.match(detected, KEPT_CLOSED);
    assertOnlyRecord(stuckd(), stage.hosts.client, record.id);
  });

  test('is given up all the same by TCP_USER_TIMEOUT, as forecast', noUserTimeout, async (t) => {
    const stage = await setStage(t, 'user_timeout=4000');
    await closeWindow(stage);
    const record = await waitWindowRecord(stuckd(), stage, true);
    assert.equal(record.giveUp?.reason, 'GIVE_UP_REASON_USER_TIMEOUT');
    assert.equal(record.giveUp.expectedError, 'ETIMEDOUT');
    const error = await stage.client.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ETIMEDOUT');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assertEndedWith(ended, error.monoUs);
    assertForecastHeld(record, ended);
  });

  test('and dies: one record, which is an alarm from then on, and tells when', async (t) => {
    const stage = await setStage(t);
    await closeWindow(stage);
    const record = await waitWindowRecord(stuckd(), stage, true);
    await stage.hosts.link.cut();
    const silent = await waitUpdated(stuckd(), record.id, 'an alarm', ({ informational }) => informational !== true);
    assert.equal(silent.kind, record.kind);
    assertSameTime(silent.since, record.since);
    assert.equal(silent.giveUp?.reason, 'GIVE_UP_REASON_TCP_RETRIES2');
    const error = await stage.client.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ETIMEDOUT');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assertEndedWith(ended, error.monoUs);
    const { time, latestTime } = silent.giveUp;
    assertBetween(
      timeMs(ended.endTime),
      timeMs(time),
      timeMs(latestTime ?? time) + POLL_MS,
      'the end, by the forecast',
    );
    const texts = stepsOf(await stuckd().get(record.id));
    assert.deepEqual([texts[0], ...texts.slice(2)], [FIRST_PROBE, STOPPED, 'the kernel gave up']);
    assertOnlyRecord(stuckd(), stage.hosts.client, record.id);
  });

  test('and falls silent for a while: information again, until the reader goes on', async (t) => {
    const stage = await setStage(t);
    await stage.hosts.lab.sysctl(stage.hosts.client, 'net.ipv4.tcp_retries2', 15);
    await closeWindow(stage);
    const { id } = await waitWindowRecord(stuckd(), stage, true);
    await stage.hosts.link.cut();
    await waitUpdated(stuckd(), id, 'an alarm', ({ informational }) => informational !== true);
    await stage.hosts.link.heal();
    const texts = async (): Promise<readonly string[]> => stepsOf(await stuckd().get(id));
    await waitFor(async () => (await texts()).length === 4, { what: 'an answer, in the timeline' });
    await stage.server.command('mode l.1 sink');
    const ended = await stuckd().waitEnded(id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assert.equal(ended.informational, true);
    assert.deepEqual((await texts()).slice(2), [
      STOPPED,
      'the peer answers again, and keeps its window closed',
      'the peer takes data again',
    ]);
  });

  test('closed by the application: the same record is CLOSING, an orphan with another deadline', async (t) => {
    const stage = await setStage(t);
    await stage.hosts.lab.sysctl(stage.hosts.client, 'net.ipv4.tcp_orphan_retries', 8);
    await closeWindow(stage);
    const record = await waitWindowRecord(stuckd(), stage, true);
    await stage.client.command('close a');
    const orphan = await waitUpdated(
      stuckd(),
      record.id,
      'an orphan',
      ({ kind, ownerType }) => kind === 'STUCK_KIND_CLOSING' && ownerType === 'OWNER_TYPE_ORPHAN',
    );
    assert.equal(orphan.state, 'FIN_WAIT1');
    assert.equal(orphan.lastOwner?.pid, stage.client.pid);
    assertSameTime(orphan.since, record.since);
    assert.equal(orphan.unsentBytes, record.unsentBytes, 'the FIN is no byte of anybody');
    assert.equal(orphan.giveUp?.reason, 'GIVE_UP_REASON_ORPHAN_RETRIES');
    await stage.server.command('mode l.1 report');
    await stage.server.waitEvent({ event: 'eof', id: 'l.1' });
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    const texts = stepsOf(await stuckd().get(record.id));
    assertTells(texts, `process ${stage.client.pid} closed it; data and FIN are not acknowledged`);
    assertOnlyRecord(stuckd(), stage.hosts.client, record.id);
  });

  test('and shrinks its window to zero with data in flight', { skip: cannotShrink }, async (t) => {
    const { stage, record } = await shrinkWindow(t, stuckd());
    assert.equal(record.informational, true);
    assert.ok(Number(record.unackedBytes) > 0, 'data is in flight');
    assert.equal(record.giveUp?.reason, 'GIVE_UP_REASON_SHRUNK_WINDOW');
    // The retransmissions go on, and every one is answered.
    await waitFor(async () => (await stage.client.info('a')).totalRetrans >= 5, { what: 'five retransmissions' });
    await stuckd().sweepFromNow();
    const changes = stuckd().changesIn(stage.hosts.client);
    assert.deepEqual(
      changes.filter(({ kind, record: { informational } }) => kind !== 'opened' && informational !== true),
      [],
    );
    await stage.server.command('mode l.1 sink');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
  });

  test('and dies behind a window that it shrank: an alarm, in the same record', shrinksAndEnds, async (t) => {
    const { stage, record } = await shrinkWindow(t, stuckd());
    await stage.hosts.link.cut();
    await waitUpdated(stuckd(), record.id, 'an alarm', ({ informational }) => informational !== true);
    // Not before: a slow machine would see the end instead of the silence.
    await stage.client.command('set a user_timeout=1000');
    const error = await stage.client.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ETIMEDOUT');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assert.equal(ended.kind, 'STUCK_KIND_ZERO_WINDOW');
    assertEndedWith(ended, error.monoUs);
    assert.ok(stepsOf(await stuckd().get(record.id)).includes(STOPPED));
  });

  test('corked data is no closed window, though the timer is the same', async (t) => {
    const stage = await setStage(t);
    await stage.client.command(`setopt a ${IPPROTO_TCP} ${TCP_CORK} 1`);
    // The kernel holds it back for one RTO only: several times, so that a sweep sees it.
    for (let round = 0; round < 4; round += 1) {
      const isIdle = async (): Promise<boolean> => (await stage.client.info('a')).lastAckMs > 1000;
      await waitFor(isIdle, { what: 'a connection that has been idle' });
      const isCorked = async (): Promise<boolean> => {
        await stage.client.command('send a 10');
        return procTcpRow(stage.client.pid, stage.socket.localPort).timer === 4;
      };
      await waitFor(isCorked, { what: 'the probe timer, for corked data' });
      await stuckd().sweepFromNow();
    }
    assert.deepEqual(stuckd().changesIn(stage.hosts.client), []);
  });
});

/** The peer's buffer becomes smaller than what is in it; the next segment that comes from it says so. */
async function shrinkWindow(t: Ending, stuckd: StuckdUnderTest): Promise<{ stage: Stage; record: StuckJson }> {
  const stage = await setFieldStage(t, 'mode=silent rcvbuf=200000');
  const { hosts, client, server } = stage;
  await hosts.lab.sysctl(hosts.server, SHRINK_WINDOW, 1);
  const socket = await connectField(stage, 'a');
  await server.waitEvent({ event: 'accepted', id: 'l.1' });
  await client.command('send a 50000');
  await waitFor(async () => (await client.info('a')).unacked === 0, { what: 'the ACK of the first bytes' });
  await hosts.link.cut('to_far');
  await client.command('send a 1000');
  await server.command('set l.1 rcvbuf=4096');
  await server.command('send l.1 1');
  await client.waitEvent({ event: 'data', id: 'a' });
  await hosts.link.heal();
  const { id } = await stuckd.waitOpened(hosts.client, 'zero_window');
  return { stage: { ...stage, socket }, record: await stuckd.waitOwner(id) };
}

describe('a peer that does not answer', { skip, concurrency: atOnce(8) }, () => {
  // A peer that answers would not be told for a minute.
  const stuckd = sharedStuckd({ config: { kinds: { closing: { open: { after: '1s' } } } }, sensor: PASSES });

  test('is an alarm after three probes; the kernel gives up as forecast', async (t) => {
    const stage = await setStage(t);
    const openUs = await closeWindow(stage);
    await stage.hosts.link.cut();
    const record = await waitWindowRecord(stuckd(), stage, false);
    assert.ok(Number(record.probes) >= 3, `${String(record.probes)} probes`);
    assert.ok(timeMs(record.since) > wallMs(openUs), 'it began after the window was open');
    assert.equal(record.giveUp?.reason, 'GIVE_UP_REASON_TCP_RETRIES2');
    const error = await stage.client.waitEvent({ event: 'error', id: 'a' });
    assert.equal(error.errno, 'ETIMEDOUT');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assert.equal(ended.probes, RETRIES);
    assertEndedWith(ended, error.monoUs);
    assertForecastHeld(record, ended);
    const texts = stepsOf(await stuckd().get(record.id));
    assert.deepEqual([texts[0], texts.at(-1)], [FIRST_PROBE, 'the kernel gave up']);
    assert.match(texts[1] ?? '', /^detected: \d probes of the closed window without an answer$/);
  });

  test('and whose window is closed for a moment only is no record', async (t) => {
    const stage = await setStage(t);
    await closeWindow(stage);
    // Long enough for the sensor to report it: the rule is the daemon's.
    const isProbed = async (): Promise<boolean> => Number((await stage.client.info('a'))['backoff']) >= 4;
    await waitFor(isProbed, { what: 'some seconds of window probes' });
    await stuckd().sweepFromNow();
    await stage.server.command('mode l.1 sink');
    await stage.client.waitEvent({ event: 'sent', id: 'a' });
    await stuckd().sweepFromNow();
    assert.deepEqual(stuckd().changesIn(stage.hosts.client), []);
  });
});

describe('a connection that is closed behind the window', { skip }, () => {
  const stuckd = sharedStuckd({ ...EVENTS_ALONE, config: { kinds: { closing: { open: { after: '1s' } } } } });

  test('is an orphan that no sweep sees: found as it is closed, since then', async (t) => {
    const stage = await setStage(t);
    await stage.hosts.lab.sysctl(stage.hosts.client, 'net.ipv4.tcp_orphan_retries', 3);
    await closeWindow(stage);
    const { monoUs } = await stage.client.command('close a');
    const record = await stuckd().waitOpened(stage.hosts.client, 'closing');
    assert.equal(record.state, 'FIN_WAIT1');
    assert.equal(record.ownerType, 'OWNER_TYPE_ORPHAN');
    assertSinceIsKnown(record);
    assertBetween(timeMs(record.since), wallMs(monoUs), wallMs(monoUs) + POLL_MS, 'the close');
    assert.equal(record.giveUp?.reason, 'GIVE_UP_REASON_ORPHAN_RETRIES');
    await stage.hosts.link.cut();
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
  });
});

describe('switched off', { skip }, () => {
  const stuckd = switchedOffKinds('zero_window', 'unread', 'zombie');

  test('a closed window is no record, whether the peer answers or not', async (t) => {
    const stage = await setStage(t);
    await closeWindow(stage);
    await stuckd().sweepFromNow();
    await stage.hosts.link.cut();
    await stage.client.waitEvent({ event: 'error', id: 'a' });
    await stuckd().sweepFromNow();
    assert.deepEqual(stuckd().changesIn(stage.hosts.client), []);
  });
});
