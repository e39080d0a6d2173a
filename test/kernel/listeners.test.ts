// Proves on the running kernel what is told of listeners: a process that does not accept while its queue is full, with the
// numbers of the queue, until it accepts again, closes or exits; and clients that never complete their handshake, until
// they do. And the silence about a queue that is not full, and about the listener of a test that is switched off.
// It cannot prove that the default thresholds fit a busy server.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS, type TwoHosts, waitFor } from '../support/lab.js';
import {
  assertBetween,
  assertOnlyRecord,
  assertOutcome,
  assertRecord,
  timelineTexts,
  timeMs,
  wallMs,
} from '../support/record-checks.js';
import { POLL_MS } from '../support/sensor-mode.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import type { StuckdUnderTest, StuckJson } from '../support/stuckd.js';
import { switchedOffKinds } from '../support/switched-off-kinds.js';

const skip = labSkipReason();
const PORT = 8000;
const BACKLOG = 2;
/** The kernel lets one more wait than listen() said. */
const WAITING = BACKLOG + 1;
const CLIENTS = 4;
const AFTER_MS = 1000;

interface Stage {
  readonly hosts: TwoHosts;
  readonly server: Sockprog;
  readonly client: Sockprog;
  /** Of the listener "l". */
  readonly fd: number | undefined;
}

async function setStage(test: Ending, options: string): Promise<Stage> {
  const hosts = await createTwoHosts(test);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  const { fd } = await server.command(`listen l ${SERVER_ADDRESS} ${PORT} ${options}`);
  return { hosts, server, client: await Sockprog.start(hosts.lab, hosts.client), fd };
}

async function fillQueue(stage: Stage, count = WAITING): Promise<void> {
  for (let index = 1; index <= count; index += 1) {
    await stage.client.connect(`c${index}`, SERVER_ADDRESS, PORT);
  }
}

/** @returns the record of the listener with its owner, after asserting all that holds for both kinds. */
async function waitRecord(
  stuckd: StuckdUnderTest,
  { hosts, server, fd }: Stage,
  kind: string,
  informational: boolean,
): Promise<StuckJson> {
  const { id } = await stuckd.waitOpened(hosts.server, kind);
  const record = await stuckd.waitOwner(id);
  assertRecord(record, {
    ...{ kind, state: 'LISTEN', namespace: hosts.server, isInbound: true, localPort: PORT, informational },
    owner: { pid: server.pid, comm: 'sockprog', fd },
  });
  assert.equal(record.local.address, SERVER_ADDRESS);
  assert.deepEqual(record.remote, {}, 'a listener has no peer');
  assert.equal(record.sinceAtLeast, true);
  assert.ok(timeMs(record.detectedTime) - timeMs(record.since) >= AFTER_MS, 'not before its time');
  const { summary = '' } = record.diagnosis ?? {};
  assert.ok(summary.includes(`sockprog[${server.pid}]`), summary);
  return record;
}

const after = { open: { after: `${AFTER_MS}ms` } };
const QUICK = {
  config: {
    kinds: {
      accept_queue_full: after,
      accepting: { open: { ...after.open, handshakes: CLIENTS - 1, share: 0 } },
      unread: { enabled: false },
    },
  },
  sensor: { sweepInterval: '300ms', refreshInterval: '200ms' },
};

describe('a full accept queue', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd(QUICK);

  async function waitFull(t: Ending): Promise<{ stage: Stage; record: StuckJson }> {
    const stage = await setStage(t, `mode=none backlog=${BACKLOG}`);
    await fillQueue(stage);
    const record = await waitRecord(stuckd(), stage, 'accept_queue_full', false);
    assert.deepEqual([record.acceptQueue?.waiting, record.acceptQueue?.limit], [WAITING, BACKLOG]);
    return { stage, record };
  }

  test('until the process accepts again', async (t) => {
    const { stage, record } = await waitFull(t);
    const accepting = await stage.server.command('accept l sink');
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    assert.ok(timeMs(ended.endTime) >= wallMs(accepting.monoUs) - 50, 'it ended as it was accepted from');
    assert.deepEqual(timelineTexts(await stuckd().get(record.id)), [
      `detected: ${WAITING} connections wait for accept(), and have for 1 s`,
      'the process accepts again',
    ]);
    assertOnlyRecord(stuckd(), stage.hosts.server, record.id);
  });

  for (const [command, outcome] of [
    ['close l', 'OUTCOME_CLOSED_BY_APPLICATION'],
    ['exit 0', 'OUTCOME_OWNER_EXITED'],
  ] as const) {
    test(`until ${command}`, async (t) => {
      const { stage, record } = await waitFull(t);
      const closed = await stage.server.command(command);
      const ended = await stuckd().waitEnded(record.id);
      assertOutcome(ended, outcome);
      assertBetween(timeMs(ended.endTime), wallMs(closed.monoUs), wallMs(closed.monoUs) + POLL_MS, 'the close');
    });
  }

  test('is none while there is room, or when it is full for a moment only', async (t) => {
    const roomy = await setStage(t, 'mode=none backlog=4');
    await fillQueue(roomy);
    const brief = await setStage(t, `mode=none backlog=${BACKLOG}`);
    await fillQueue(brief);
    await stuckd().sweepFromNow();
    await brief.server.command('accept l sink');
    await brief.server.waitEvent({ event: 'accepted', id: `l.${WAITING}` });
    // A third one, which was filled after them, has its record by the time that theirs would be due.
    await waitFull(t);
    assert.deepEqual(stuckd().changesIn(roomy.hosts.server), []);
    assert.deepEqual(stuckd().changesIn(brief.hosts.server), []);
  });
});

/** The clients' host loses what comes from the server. @returns ends that. */
async function connectInVain(stage: Stage): Promise<() => Promise<void>> {
  const { lab, client } = stage.hosts;
  const script = `table inet no_answers {
    chain input {
      type filter hook input priority -10; policy accept;
      tcp flags & (syn | ack) == (syn | ack) drop
    }
  }
  `;
  await lab.run(client, ['nft', '-f', '-'], { input: script });
  for (let index = 1; index <= CLIENTS; index += 1) {
    await stage.client.command(`connect c${index} ${SERVER_ADDRESS} ${PORT}`);
  }
  return async () => {
    await lab.run(client, ['nft', 'delete', 'table', 'inet', 'no_answers']);
  };
}

describe('clients that do not complete the handshake', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd(QUICK);

  test('are one record of their listener, as information, until they do', async (t) => {
    const stage = await setStage(t, 'mode=sink');
    const heal = await connectInVain(stage);
    const record = await waitRecord(stuckd(), stage, 'accepting', true);
    const { waiting, limit, handshakes = 0, unanswered = 0 } = record.acceptQueue ?? {};
    assert.deepEqual([waiting, limit, handshakes], [undefined, 128, CLIENTS]);
    assert.ok(unanswered >= CLIENTS - 1 && unanswered <= CLIENTS, `${unanswered} are unanswered`);
    await heal();
    for (let index = 1; index <= CLIENTS; index += 1) {
      await stage.client.waitEvent({ event: 'connected', id: `c${index}` });
    }
    const ended = await stuckd().waitEnded(record.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    const [detected = '', end] = timelineTexts(await stuckd().get(record.id));
    assert.match(detected, /^detected: [34] handshakes have been incomplete for \d+ s$/);
    assert.equal(end, 'handshakes are completed again');
    assertOnlyRecord(stuckd(), stage.hosts.server, record.id);
  });

  test('and whose listener is closed', async (t) => {
    const stage = await setStage(t, 'mode=sink');
    await connectInVain(stage);
    const { id } = await waitRecord(stuckd(), stage, 'accepting', true);
    await stage.server.command('close l');
    assertOutcome(await stuckd().waitEnded(id), 'OUTCOME_CLOSED_BY_APPLICATION');
  });
});

describe('switched off', { skip }, () => {
  const stuckd = switchedOffKinds('accept_queue_full', 'accepting');

  test('neither of them is a record', async (t) => {
    const full = await setStage(t, `mode=none backlog=${BACKLOG}`);
    await fillQueue(full);
    const open = await setStage(t, 'mode=sink');
    await connectInVain(open);
    const isRetransmitted = async (): Promise<boolean> => (await open.client.info('c1')).totalRetrans >= 1;
    await waitFor(isRetransmitted, { what: 'a SYN that is sent again, as is the answer to it' });
    await stuckd().sweepFromNow();
    await stuckd().sweepFromNow();
    assert.deepEqual(stuckd().changesIn(full.hosts.server), []);
    assert.deepEqual(stuckd().changesIn(open.hosts.server), []);
  });
});
