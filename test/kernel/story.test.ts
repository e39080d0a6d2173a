// Proves that stuckd tells the story for which it was made, with a real Node.js HTTP server and real keep-alive clients:
// the network fails under them, and each client gets the end that its settings deserve. Without a timeout it hangs, and
// goes on if the network returns in time, or is reset if the server gave up or was restarted meanwhile. With a timeout it
// frees itself and leaves an orphan behind. The programs know nothing of stuckd. It cannot prove anything about other HTTP
// libraries, nor about waits of a quarter of an hour.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import type { ClientEvent, ClientKind } from '../../daemon/demo/programs/client-event.js';
import type { ManagedProcess } from '../../daemon/demo/lab/managed-process.js';
import { atOnce } from '../support/at-once.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, waitFor, type TwoHosts } from '../support/lab.js';
import { packageRoot } from '../support/package-root.js';
import { stepTold } from '../support/polled-words.js';
import {
  assertDiagnosisNames,
  assertForecastHeld,
  assertOutcome,
  assertOwner,
  assertSameTime,
  timelineTexts,
  timeMs,
} from '../support/record-checks.js';
import { POLL_MS } from '../support/sensor-mode.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import type { StuckJson } from '../support/stuckd.js';

const skip = labSkipReason();
const PORT = 8080;
const PEER = `${SERVER_ADDRESS}:${PORT}`;
const PROGRAMS = join(packageRoot(), 'build/daemon/demo/programs');

/** The server keeps idle connections this long where it shall not be the first to give up. */
const PATIENT_MS = 60_000;

/** And this long where it shall; the clients send a request each second, or less often if they run late. */
const HASTY_MS = 6000;

interface Stage {
  readonly hosts: TwoHosts;
  readonly server: ManagedProcess;
  readonly client: ManagedProcess;
}

async function startServer(hosts: TwoHosts, keepAliveTimeoutMs: number): Promise<ManagedProcess> {
  const argv = [join(PROGRAMS, 'http-server.js'), SERVER_ADDRESS, String(PORT), String(keepAliveTimeoutMs)];
  const server = hosts.lab.spawnIn(hosts.server, [process.execPath, ...argv]);
  await waitFor(() => server.lines.some((line) => line.includes('listening')), { what: 'the server' });
  return server;
}

/** A server, and a client that gets answers. */
async function setStage(t: TestContext, kind: ClientKind, keepAliveTimeoutMs = PATIENT_MS): Promise<Stage> {
  const hosts = await createTwoHosts(t);
  await hosts.lab.sysctl(hosts.server, 'net.ipv4.tcp_orphan_retries', 1);
  const server = await startServer(hosts, keepAliveTimeoutMs);
  const program = join(PROGRAMS, 'keep-alive-client.js');
  const client = hosts.lab.spawnIn(hosts.client, [process.execPath, program, kind, SERVER_ADDRESS, String(PORT)]);
  // The second request is the first one that uses the connection again.
  await waitEvents(client, 'response', 2);
  return { hosts, server, client };
}

function eventsOf(client: ManagedProcess): readonly ClientEvent[] {
  return client.lines.map((line) => JSON.parse(line) as ClientEvent);
}

type Answer = Extract<ClientEvent, { event: 'response' | 'error' }>;

/** Waits until the client has reported so many events of a type. @returns the last of them. */
async function waitEvents(client: ManagedProcess, type: Answer['event'], count: number): Promise<Answer> {
  const find = (): Answer | undefined =>
    eventsOf(client)
      .filter((event): event is Answer => event.event === type)
      .at(count - 1);
  return waitFor(find, { what: `event ${type} number ${count}` });
}

function countEvents(client: ManagedProcess, type: ClientEvent['event']): number {
  return eventsOf(client).filter(({ event }) => event === type).length;
}

const ESTABLISHED = '01';
const SYN_SENT = '02';

/** A connection, in this process's namespace, on which something waits for an answer: its state in /proc/net/tcp. */
function stateOfWaiting({ pid }: { readonly pid: number }): string | undefined {
  const [, ...lines] = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trimEnd().split('\n');
  const sockets = lines.map((line) => line.trim().split(/\s+/));
  const waiting = sockets.find(([, , , state, queues = '']) => {
    return state === SYN_SENT || (state === ESTABLISHED && !queues.startsWith('00000000:'));
  });
  return waiting?.[3];
}

/**
 * Cuts the link, and waits until a request hangs on the connection that there was. A client that runs late may have given
 * that up as too old just before, and on a slow machine the cut may hit an answer; then there is another chance.
 */
async function cutUnderRequest({ hosts, server, client }: Stage): Promise<void> {
  for (;;) {
    await hosts.link.cut();
    const state = await waitFor(() => stateOfWaiting(client), { what: 'a request' });
    if (state === ESTABLISHED && stateOfWaiting(server) === undefined) {
      return;
    }
    await hosts.link.heal();
    await waitEvents(client, 'response', countEvents(client, 'response') + 2);
  }
}

/** Waits until the server's host has no connection any more, in whatever state. */
async function untilForgotten({ lab, server }: TwoHosts): Promise<void> {
  const isForgotten = async (): Promise<boolean> => {
    const [, ...sockets] = (await lab.run(server, ['cat', '/proc/self/net/tcp'])).trim().split('\n');
    // Listeners have no remote address.
    return sockets.every((line) => /^ *\d+: \S+ 00000000:0000 /.test(line));
  };
  await waitFor(isForgotten, { what: 'a host that has forgotten the connection' });
}

describe('a keep-alive connection over a network that fails', { skip, concurrency: atOnce(8) }, () => {
  const stuckd = sharedStuckd();

  /** Waits for the record of the client's connection, and checks whose it is. */
  async function waitHanging({ hosts, client }: Stage, comm: string): Promise<StuckJson> {
    const opened = await stuckd().waitOpened(hosts.client, 'retransmitting');
    assert.equal(opened.state, 'ESTABLISHED');
    assert.equal(opened.direction, 'DIRECTION_OUTBOUND');
    assert.deepEqual(opened.remote, { address: SERVER_ADDRESS, port: PORT });
    assert.ok(Number(opened.unackedBytes) > 0, 'the request is in limbo');
    const owned = await stuckd().waitOwner(opened.id);
    assert.equal(owned.ownerType, 'OWNER_TYPE_PROCESS');
    assertOwner(owned.owner, { pid: client.pid, comm });
    assertDiagnosisNames(owned, `${comm}[${client.pid}]`, PEER);
    assert.equal(owned.giveUp?.expectedError, 'ETIMEDOUT');
    // By default the kernel would take a quarter of an hour and more.
    assert.ok(timeMs(owned.giveUp.time) - timeMs(owned.since) > 900_000);
    return opened;
  }

  test('no timeout, the network returns in time: the request hangs, and completes on the same connection', async (t) => {
    const stage = await setStage(t, 'no-timeout');
    const { hosts, server, client } = stage;
    await cutUnderRequest(stage);
    const opened = await waitHanging(stage, 'no-timeout');
    const answered = countEvents(client, 'response');
    await hosts.link.heal();

    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
    const late = await waitEvents(client, 'response', answered + 1);
    // The answer came after all that the record lasted, and some before.
    assert.ok(late.ms >= timeMs(ended.endTime) - timeMs(opened.since) - POLL_MS, `${late.ms} ms`);
    assert.equal(countEvents(client, 'error'), 0);
    assert.equal(server.lines.filter((line) => line.includes('"connections"')).length, 1, 'one connection served all');
    assert.deepEqual(timelineTexts(ended), [
      'first retransmission; no answer since',
      'detected: 3 retransmission timeouts in a row without any answer',
      'the peer answers again',
    ]);
    // On a slow machine the request arrives before the cut, and it is the answer that hangs.
    const atServer = stuckd().changesIn(hosts.server);
    assert.deepEqual(
      atServer.filter(({ record }) => record.kind !== 'STUCK_KIND_RETRANSMITTING'),
      [],
    );
  });

  for (const [how, keepAliveTimeoutMs] of [
    ['gave up', HASTY_MS],
    ['was restarted', PATIENT_MS],
  ] as const) {
    test(`no timeout, the server ${how} meanwhile: the hanging request is reset by the peer`, async (t) => {
      const stage = await setStage(t, 'no-timeout', keepAliveTimeoutMs);
      const { hosts, server, client } = stage;
      await cutUnderRequest(stage);
      const failures = countEvents(client, 'error');
      const opened = await waitHanging(stage, 'no-timeout');
      if (how === 'was restarted') {
        await server.stop();
      }
      await untilForgotten(hosts);
      if (how === 'was restarted') {
        await startServer(hosts, keepAliveTimeoutMs);
      }
      await hosts.link.heal();

      const ended = await stuckd().waitEnded(opened.id);
      assertOutcome(ended, 'OUTCOME_RESET_BY_PEER');
      assertDiagnosisNames(ended, `no-timeout[${client.pid}]`, PEER);
      const failed = await waitEvents(client, 'error', failures + 1);
      assert.equal(failed.event === 'error' && failed.code, 'ECONNRESET');
      assert.ok(failed.ms >= timeMs(ended.endTime) - timeMs(opened.since) - POLL_MS, `${failed.ms} ms`);
      await waitEvents(client, 'response', countEvents(client, 'response') + 1);
      assert.equal(timelineTexts(ended).at(-1), 'the peer answered with RST');
    });
  }

  test('http.Agent with a timeout: the client frees itself, and its orphan is followed to the end', async (t) => {
    const stage = await setStage(t, 'with-timeout');
    const { hosts, client } = stage;
    // With one retry the kernel drops the orphan at its next retransmission.
    await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_orphan_retries', 1);
    await cutUnderRequest(stage);
    const failures = countEvents(client, 'error');
    const opened = await waitHanging(stage, 'with-timeout');
    const failed = await waitEvents(client, 'error', failures + 1);
    assert.equal(failed.event === 'error' && failed.code, 'request timeout');

    const orphan = await waitOrphan(opened, client, 'with-timeout');
    const ended = await stuckd().waitEnded(opened.id);
    assert.equal(ended.kind, 'STUCK_KIND_CLOSING');
    assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
    assert.equal(ended.lastOwner?.pid, client.pid);
    assertForecastHeld(orphan, ended);
    assert.deepEqual(timelineTexts(ended), [
      'first retransmission; no answer since',
      'detected: 3 retransmission timeouts in a row without any answer',
      stepTold(`process ${client.pid} closed it; data and FIN are not acknowledged`),
      'no process holds it any more; the kernel goes on trying',
      'the kernel gave up',
    ]);
    // What it tries now: the next connection, which cannot be established either. Before 6.5 the kernel has sent too few
    // SYNs by the time at which the client gives that up as well.
    if (existsSync('/proc/sys/net/ipv4/tcp_syn_linear_timeouts')) {
      const next = await stuckd().waitOpened(hosts.client, 'connecting');
      assertOwner((await stuckd().waitOwner(next.id)).owner, { pid: client.pid, comm: 'with-timeout' });
    }
  });

  test('agentkeepalive: its timeout frees the client, which works again as the network returns', async (t) => {
    const stage = await setStage(t, 'agentkeepalive', HASTY_MS);
    const { hosts, client } = stage;
    await cutUnderRequest(stage);
    const failures = countEvents(client, 'error');
    const opened = await waitHanging(stage, 'agentkeepalive');
    const failed = await waitEvents(client, 'error', failures + 1);
    assert.equal(failed.event === 'error' && failed.code, 'ERR_SOCKET_TIMEOUT');
    // Its own timeout is 8 s, to the millisecond to which Node rounds; on a slow machine it comes late.
    assert.ok(failed.ms >= 7999, `${failed.ms} ms`);
    await waitOrphan(opened, client, 'agentkeepalive');

    await untilForgotten(hosts);
    const answered = countEvents(client, 'response');
    await hosts.link.heal();
    await waitEvents(client, 'response', answered + 1);
    const ended = await stuckd().waitEnded(opened.id);
    assertOutcome(ended, 'OUTCOME_RESET_BY_PEER');
    assert.equal(ended.kind, 'STUCK_KIND_CLOSING');
    assert.equal(ended.lastOwner?.pid, client.pid);
  });

  /** Waits until the record is that of an orphan, and checks what is said of who left it. */
  async function waitOrphan(opened: StuckJson, client: ManagedProcess, comm: string): Promise<StuckJson> {
    const orphan = await stuckd().waitChange(
      'the orphan',
      ({ record }) => record.id === opened.id && record.ownerType === 'OWNER_TYPE_ORPHAN',
    );
    assert.equal(orphan.kind, 'STUCK_KIND_CLOSING');
    assert.equal(orphan.state, 'FIN_WAIT1');
    assert.equal(orphan.owner, undefined);
    assertOwner(orphan.lastOwner, { pid: client.pid, comm });
    assert.equal(orphan.giveUp?.reason, 'GIVE_UP_REASON_ORPHAN_RETRIES');
    assertSameTime(orphan.since, opened.since);
    assertDiagnosisNames(orphan, `${comm}[${client.pid}]`, PEER);
    return orphan;
  }
});
