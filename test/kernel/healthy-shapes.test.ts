// Proves that stuckd reports nothing that asks for attention of healthy connections which look odd: corked data, which the
// persist timer sends, connections that are half-closed by design, TLS session tickets that nobody reads, and segments
// that overtake each other. Each shape goes on until it has proved what it is; a black hole beside it is then found.
// It cannot prove that minutes of it stay silent; `npm run soak` does, with more shapes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reordered } from '../soak/network-shapes.js';
import { PORT, SERVER_ADDRESS, type Hosts, type RunningShape } from '../soak/shape.js';
import { QUICK_SHAPES } from '../soak/socket-shapes.js';
import { atOnce } from '../support/at-once.js';
import { createTwoHosts, labSkipReason, waitFor } from '../support/lab.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import type { StuckdUnderTest } from '../support/stuckd.js';

const skip = labSkipReason();

/** Keeps it up until it has proved what it is, and for one sweep that begins after that. */
async function keepUp({ tend, proof }: RunningShape, stuckd: StuckdUnderTest): Promise<void> {
  const isProved = async (): Promise<boolean> => {
    await tend?.();
    await proof();
    return true;
  };
  await waitFor(isProved, { what: 'the proof' });
  await stuckd.sweepFromNow();
  await tend?.();
  await proof();
}

async function assertSeesBlackHole(stuckd: StuckdUnderTest, { lab, client, link }: Hosts): Promise<void> {
  const program = await Sockprog.start(lab, client);
  const { localPort } = await program.connect('control', SERVER_ADDRESS, PORT);
  await link.cut();
  await program.command('send control 100');
  await stuckd.waitChange(
    'the black hole in the end',
    ({ kind, record }) => kind === 'opened' && record.netns === client.inode && record.local.port === localPort,
  );
}

describe('odd, but healthy', { skip, concurrency: atOnce(4) }, () => {
  const stuckd = sharedStuckd();

  for (const shape of [...QUICK_SHAPES, reordered]) {
    test(shape.name, async (t) => {
      const hosts = await createTwoHosts(t);
      await keepUp(await shape.start(hosts), stuckd());
      const changes = [...stuckd().changesIn(hosts.client), ...stuckd().changesIn(hosts.server)];
      assert.deepEqual(
        changes.filter(({ record }) => record.informational !== true),
        [],
      );
      // Of two cables one cut is no black hole.
      if (shape !== reordered) {
        await assertSeesBlackHole(stuckd(), hosts);
      }
    });
  }
});
