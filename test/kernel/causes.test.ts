// Proves that causes which look alike from outside are told apart by what the kernel's socket shows: a path on which full
// segments vanish and small ones do not. An unreachable neighbour is shown by retransmitting.test.ts. It cannot prove the
// absence of other causes: a peer that dies just after it has confirmed a later segment looks like a path MTU black hole.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, waitFor, type Ending, type TwoHosts } from '../support/lab.js';
import { assertBetween } from '../support/record-checks.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';

const skip = labSkipReason();
const PORT = 8000;

/** Shorter pauses are not worth a word. */
const IDLE_COUNTS_MS = 1000;
const IDLE_MS = 1500;

/** A machine may be so slow that a connection is idle in between. */
const ATTEMPTS_MAX = 4;

/** The first timeout of a fast connection. */
const RTO_MS = 250;

/** Bytes of data that fill a segment at an MTU of 1500, with time stamps. */
const FULL_SEGMENT = 1448;

const NO_LARGE_PACKETS = `
  table ip path_mtu {
    chain input {
      type filter hook input priority 0; policy accept;
      ip length > 1000 counter drop
    }
  }
`;

interface Stage extends TwoHosts {
  readonly using: Sockprog;
}

/** A connection "a" over which 100 bytes went, and were answered. */
async function setStage(test: Ending): Promise<Stage> {
  const hosts = await createTwoHosts(test);
  const serving = await Sockprog.start(hosts.lab, hosts.server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const using = await Sockprog.start(hosts.lab, hosts.client);
  await using.connect('a', SERVER_ADDRESS, PORT, 'nodelay=1');
  await using.command('send a 100');
  await serving.waitEvent({ event: 'data', id: 'l.1', received: 100 });
  await serving.command('send l.1 100');
  await using.waitEvent({ event: 'data', id: 'a', received: 100 });
  return { ...hosts, using };
}

/** Two segments, of which the second is small. */
async function sendTwo(using: Sockprog): Promise<void> {
  await using.command(`send a ${FULL_SEGMENT}`);
  await using.command('send a 500');
}

describe('causes and what came before', { skip, concurrency: atOnce(3) }, () => {
  const stuckd = sharedStuckd();

  test('a path MTU black hole: what follows the lost segment was confirmed', async (t) => {
    const { lab, client, server, using } = await setStage(t);
    await lab.run(server, ['nft', '-f', '-'], { input: NO_LARGE_PACKETS });
    await sendTwo(using);
    assert.equal((await stuckd().waitOpened(client, 'retransmitting')).cause, 'STUCK_CAUSE_PATH_MTU');
  });

  test('a plain black hole has no cause', async (t) => {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const { client, link, using } = await setStage(t);
      await link.cut();
      await sendTwo(using);
      const { lastAckMs } = await using.info('a');
      const record = await stuckd().waitOpened(client, 'retransmitting');
      assert.equal(record.cause, undefined);
      if (lastAckMs < IDLE_COUNTS_MS) {
        assert.equal(record.idleBefore, undefined);
        return;
      }
    }
    t.skip('too slow to say that it was not idle before');
  });

  test('how long it had been idle: what a middlebox may have forgotten', async (t) => {
    const { client, link, using } = await setStage(t);
    await waitFor(async () => (await using.info('a')).lastAckMs >= IDLE_MS, { what: 'some idle time' });
    await link.cut();
    const shortestMs = (await using.info('a')).lastAckMs;
    await sendTwo(using);
    const longestMs = (await using.info('a')).lastAckMs;
    const record = await stuckd().waitOpened(client, 'retransmitting');
    const recordedMs = Number.parseFloat(record.idleBefore ?? 'NaN') * 1000;
    // From the answer to the request; the record reckons the request from its first retransmission.
    assertBetween(recordedMs, shortestMs - RTO_MS, longestMs + RTO_MS, 'the idle time');
  });
});
