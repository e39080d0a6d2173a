/**
 * Proves that a daemon which does not read for a while misses nothing: a peer vanishes under more connections than the ring
 * buffer has room for, and all are told with the time at which they crossed the threshold. What more events than the sensor
 * can queue lead to is not shown here: that takes a hundred thousand connections.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CleanupStack } from '../../daemon/lib/cleanup-stack.js';
import { ConnectionLoad } from '../bench/connection-load.js';
import { labSkipReason } from '../support/lab.js';
import { tcpCounter } from '../support/record-checks.js';
import { type ChangeJson, StuckdUnderTest } from '../support/stuckd.js';
import { waitFor } from '../support/wait-for.js';

/** The ring buffer holds half as many events. */
const CONNECTIONS = 12_000;
const RTO_THRESHOLD = 3;

test('a daemon that stands still while thousands get stuck', { skip: labSkipReason() }, async (t) => {
  const cleanup = new CleanupStack(60_000);
  t.after(() => cleanup.releaseAll());
  const load = await ConnectionLoad.start({ cleanup });
  await load.open(CONNECTIONS);
  const stuckd = await StuckdUnderTest.start(t);
  const { pid } = stuckd.process;
  process.kill(pid, 'SIGSTOP');
  try {
    await load.blackHole();
    await waitFor(() => tcpCounter({ pid: load.clientPid }, 'TCPTimeouts') >= RTO_THRESHOLD * CONNECTIONS, {
      what: 'the third RTO of each',
    });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const wokenMs = Date.now();
  // The watch may have begun as the daemon was stopped: its snapshot then tells some of them.
  const told = (): readonly ChangeJson[] =>
    stuckd.changesIn(load.client).filter(({ kind }) => kind === 'opened' || kind === 'snapshotItem');
  await waitFor(() => told().length >= CONNECTIONS, { what: 'all of them' });

  await stuckd.sweepFromNow(); // brings the newest counters
  const dropped = (await stuckd.status()).sensor?.ringBufferDrops?.toNumber() ?? 0;
  const late = told().filter(({ record }) => Date.parse(record.detectedTime) > wokenMs);
  // A machine with nothing but interrupts to do for a while may not even let the sensor empty the ring buffer.
  assert.ok(dropped < CONNECTIONS / 2, `${dropped} events dropped`);
  assert.ok(late.length <= dropped, `${late.length} found late, ${dropped} of them dropped`);
});
