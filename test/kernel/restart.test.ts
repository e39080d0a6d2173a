// Proves that what stuckd says does not depend on when it was started: connections that were stuck before it came are
// found with the time since when they are stuck; a sensor or a daemon that dies in the middle of an incident is replaced
// by one that goes on with the same records under the same ids, and that knows what ended meanwhile as far as it can be
// known; SIGTERM ends the daemon in good order, a second one at once, and neither leaves a sensor behind.
// It cannot prove how a record survives a reboot of the machine; the scenarios of the tracker do.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import type { ProcessEnd } from '../../daemon/demo/lab/managed-process.js';
import { stuckd as proto } from '../../daemon/rpc/gen/stuckd.js';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import { atOnce } from '../support/at-once.js';
import { CLIENT_ADDRESS, createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS } from '../support/lab.js';
import { type TwoHosts, waitFor } from '../support/lab.js';
import { assertBetween, assertFirstProbe, assertOwner, assertSameTime } from '../support/record-checks.js';
import { timelineTexts, timeMs, wallMs } from '../support/record-checks.js';
import { isPolling } from '../support/sensor-mode.js';
import { Sockprog } from '../support/sockprog.js';
import { StuckdUnderTest, type StuckJson } from '../support/stuckd.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const { Outcome } = proto.v1;
const skip = labSkipReason();
const PORT = 8000;
/** By a user timeout, which no sensor saw: one that polls knows of it only if it saw the last wait before. */
const EXPIRED = ['OUTCOME_TIMED_OUT', ...(isPolling ? ['OUTCOME_LOST_TRACK'] : [])];
const QUICK_CLOSING = { kinds: { closing: { open: { after: '1s' } } } };

interface Stage extends TwoHosts {
  readonly serving: Sockprog;
  readonly using: Sockprog;
}

async function setStage(test: Ending): Promise<Stage> {
  const hosts = await createTwoHosts(test);
  const serving = await Sockprog.start(hosts.lab, hosts.server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const using = await Sockprog.start(hosts.lab, hosts.client);
  return { ...hosts, serving, using };
}

/** What is written of the open records. */
function savedText(stateDir: string): string {
  const path = join(stateDir, 'open-records.jsonl');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** A connection of the client, which is stuck as soon as the link is cut and it sends. */
async function connect(program: Sockprog, id: string, options = ''): Promise<number> {
  const { localPort = 0 } = await program.connect(id, SERVER_ADDRESS, PORT, options);
  return localPort;
}

function opened(stuckd: StuckdUnderTest, namespace: LabNamespace, localPort: number): Promise<StuckJson> {
  return stuckd.waitChange(
    `the record of port ${localPort}, with its owner`,
    ({ record }) =>
      record.netns === namespace.inode && record.local.port === localPort && record.ownerType !== undefined,
  );
}

/** Waits for the end of a daemon, which is bounded by its own pauses and not by any clock of this test. */
function ended(stuckd: StuckdUnderTest): Promise<ProcessEnd> {
  return waitFor(() => stuckd.process.end, { what: 'the end of stuckd' });
}

/** Waits for the outcome of a record that may have ended before the watch began. */
async function waitOutcome(stuckd: StuckdUnderTest, id: string): Promise<StuckJson> {
  return waitFor(
    async () => {
      const record = await stuckd.get(id);
      return record.outcome !== undefined && record;
    },
    { what: `the end of ${id}` },
  );
}

test('stuck before the daemon starts: found with its owner, and since when', { skip }, async (t) => {
  const { lab, client, link, using } = await setStage(t);
  const gone = await Sockprog.start(lab, client);
  const retransmittingPort = await connect(using, 'r');
  const healthyPort = await connect(using, 'healthy');
  const orphanPort = await connect(gone, 'o');
  await using.connect('k', SERVER_ADDRESS, PORT, 'idle=1 intvl=1 cnt=60');
  const rtoMs = (await using.info('r')).rtoUs / 1000;
  await link.cut();
  const sent = await using.command('send r 1000');
  const connecting = await using.command(`connect s ${SERVER_ADDRESS} ${PORT}`);
  const left = await gone.command('send o 1000');
  await gone.command('exit 0');
  // Only now, so that no probe is answered while the link is being cut.
  const probing = await using.command('set k keepalive=1');
  await waitFor(async () => (await using.info('k')).probes >= 3, { what: 'three keepalive probes' });
  await waitFor(async () => (await using.info('s')).retransmits >= 4, { what: 'four SYNs' });
  await waitFor(async () => (await using.info('r')).retransmits >= 4, { what: 'four RTOs' });

  const startMs = Date.now();
  const stuckd = await StuckdUnderTest.start(t, { config: QUICK_CLOSING });
  const retransmitting = await opened(stuckd, client, retransmittingPort);
  assert.equal(retransmitting.kind, 'STUCK_KIND_RETRANSMITTING');
  assert.equal(retransmitting.sinceAtLeast, undefined);
  assertBetween(timeMs(retransmitting.since), wallMs(sent.monoUs) + rtoMs, wallMs(sent.monoUs) + 2 * rtoMs, 'RTO 1');
  assertOwner(retransmitting.owner, { pid: using.pid, comm: 'sockprog' });

  const syn = await opened(stuckd, client, connecting.localPort ?? 0);
  assert.equal(syn.kind, 'STUCK_KIND_CONNECTING');
  assert.equal(syn.sinceAtLeast, undefined);
  assertBetween(timeMs(syn.since), wallMs(connecting.monoUs), wallMs(connecting.monoUs), 'connect()');
  assertOwner(syn.owner, { pid: using.pid, comm: 'sockprog', fd: connecting.fd });

  const silent = await stuckd.waitChange('keepalive', ({ record }) => {
    return record.netns === client.inode && record.kind === 'STUCK_KIND_KEEPALIVE_UNANSWERED';
  });
  assert.equal(silent.sinceAtLeast, undefined);
  assertFirstProbe(silent, wallMs(probing.monoUs) + 1000);

  const orphan = await opened(stuckd, client, orphanPort);
  assert.equal(orphan.kind, 'STUCK_KIND_CLOSING');
  assert.equal(orphan.ownerType, 'OWNER_TYPE_ORPHAN');
  assert.equal(orphan.sinceAtLeast, true, 'nobody saw it close');
  assert.ok(timeMs(orphan.since) >= wallMs(left.monoUs), 'but a bound is no time before it was sent');

  for (const record of [retransmitting, syn, silent, orphan]) {
    assert.ok(timeMs(record.since) < startMs, 'since is a fact about the connection, not about the daemon');
    assert.ok(timeMs(record.detectedTime) >= startMs);
    assert.equal(record.local.address, CLIENT_ADDRESS);
  }
  assert.ok(!stuckd.changesIn(client).some(({ record }) => record.local.port === healthyPort));
});

/** A sensor that can be kept from coming back, so that a test decides what happens while there is none. */
class HeldSensor {
  readonly path: string;
  readonly #hold: string;

  constructor() {
    const directory = temporaryDirectory();
    this.path = join(directory, 'sensor');
    this.#hold = join(directory, 'hold');
    const script = `#!/bin/sh\nwhile [ -e '${this.#hold}' ]; do sleep 0.05; done\nexec '${builtSensorPath()}' "$@"\n`;
    writeFileSync(this.path, script);
    chmodSync(this.path, 0o755);
  }

  /** Kills the sensor, runs `meanwhile`, lets it come back, and waits until it has swept. */
  async outage(stuckd: StuckdUnderTest, meanwhile: () => Promise<void>): Promise<void> {
    const pid = await stuckd.sensorPid();
    const restarts = (await stuckd.status()).sensor?.restarts ?? 0;
    writeFileSync(this.#hold, '');
    process.kill(pid, 'SIGKILL');
    await waitFor(async () => ((await stuckd.status()).sensor?.restarts ?? 0) > restarts, { what: 'a restart' });
    const status = await stuckd.status();
    assert.equal(status.healthy, false);
    assert.match(status.problems.join('\n'), /the sensor is not running .*SIGKILL/);
    await meanwhile();
    rmSync(this.#hold);
    const next = await stuckd.sensorPid();
    assert.notEqual(next, pid);
    await waitFor(async () => (await stuckd.problems()).length === 0, { what: 'good health' });
  }
}

test('the sensor is killed during an incident: records go on, or end as is known', { skip }, async (t) => {
  const sensor = new HeldSensor();
  const stuckd = await StuckdUnderTest.start(t, { config: QUICK_CLOSING, sensor: { path: sensor.path } });
  const cut = await setStage(t);
  const healed = await setStage(t);
  const leaver = await Sockprog.start(cut.lab, cut.client);
  const ports = {
    stays: await connect(cut.using, 'stays'),
    expires: await connect(cut.using, 'expires', 'mode=none user_timeout=5000'),
    aborted: await connect(cut.using, 'aborted', 'linger=0'),
    orphaned: await connect(leaver, 'orphaned'),
  };
  const healedPort = await connect(healed.using, 'heals');
  await cut.link.cut();
  await healed.link.cut();
  for (const id of ['stays', 'expires', 'aborted']) {
    await cut.using.command(`send ${id} 100`);
  }
  await leaver.command('send orphaned 100');
  await healed.using.command('send heals 100');
  const stays = await opened(stuckd, cut.client, ports.stays);
  const expires = await opened(stuckd, cut.client, ports.expires);
  const aborted = await opened(stuckd, cut.client, ports.aborted);
  const orphaned = await opened(stuckd, cut.client, ports.orphaned);
  const heals = await opened(stuckd, healed.client, healedPort);

  await sensor.outage(stuckd, async () => {
    await healed.link.heal();
    await healed.serving.waitEvent({ event: 'data', id: 'l.1', received: 100 });
    await cut.using.command('close aborted');
    await leaver.command('exit 0');
    await waitFor(async () => (await cut.using.info('expires')).state === 7, { what: 'a timeout' });
  });
  assert.equal((await stuckd.status()).sensor?.restarts, 1);

  assert.equal((await waitOutcome(stuckd, heals.id)).outcome, 'OUTCOME_RECOVERED');
  const { outcome = '' } = await waitOutcome(stuckd, expires.id);
  assert.ok(EXPIRED.includes(outcome), `nobody has read the error: ${outcome}`);
  const orphan = await stuckd.waitChange('the orphan under its id', ({ record }) => {
    return record.id === orphaned.id && record.ownerType === 'OWNER_TYPE_ORPHAN';
  });
  assert.equal(orphan.kind, 'STUCK_KIND_CLOSING');
  assert.equal(orphan.lastOwner?.pid, leaver.pid);
  assert.equal((await waitOutcome(stuckd, aborted.id)).outcome, 'OUTCOME_LOST_TRACK', 'it left no trace');
  const counted = (await stuckd.status()).tracker?.ended?.find(({ outcome }) => outcome === Outcome.OUTCOME_LOST_TRACK);
  assert.ok(Number(counted?.count) >= 1, 'what was lost sight of is counted');

  const still = await stuckd.get(stays.id);
  assert.equal(still.outcome, undefined);
  assertSameTime(still.since, stays.since);
  assertOwner(still.owner, { pid: cut.using.pid, comm: 'sockprog' });
  await cut.link.heal();
  const ended = await stuckd.waitEnded(stays.id);
  assert.equal(ended.outcome, 'OUTCOME_RECOVERED');
  const ids = new Set(stuckd.changes.filter(({ kind }) => kind === 'opened').map(({ record }) => record.id));
  for (const { id } of [stays, expires, aborted, orphaned, heals]) {
    assert.ok(ids.delete(id));
  }
  const others = [cut.client, cut.server, healed.client, healed.server]
    .flatMap((namespace) => stuckd.changesIn(namespace))
    .filter(({ record }) => ids.has(record.id))
    .map(({ record: { id, kind, state, previousId } }) => `${id} ${kind} ${state} after ${previousId ?? 'none'}`);
  assert.deepEqual(others, [], 'no socket got a second record');
});

describe('the daemon is replaced during an incident', { skip, concurrency: atOnce(2) }, () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`${signal}: the next one goes on with the same ids`, async (t) => {
      const stateDir = temporaryDirectory();
      const first = await StuckdUnderTest.start(t, { stateDir });
      const cut = await setStage(t);
      const healed = await setStage(t);
      const cutPort = await connect(cut.using, 'a');
      const healedPort = await connect(healed.using, 'a');
      for (const { link, using } of [cut, healed]) {
        await link.cut();
        await using.command('send a 100');
      }
      const stays = await opened(first, cut.client, cutPort);
      const heals = await opened(first, healed.client, healedPort);
      const sensor = await first.sensorPid();
      if (signal === 'SIGKILL') {
        // Otherwise the daemon saves them as it ends. It pauses for twenty times what its last write took.
        const areSaved = (): boolean => [stays.id, heals.id].every((id) => savedText(stateDir).includes(id));
        await waitFor(areSaved, { what: 'saved records', timeoutMs: 300_000 });
      }
      first.process.kill(signal);
      assert.deepEqual(
        await ended(first),
        signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal: 'SIGKILL' },
      );
      await waitFor(() => !existsSync(`/proc/${sensor}`), { what: 'the end of the sensor' });
      await healed.link.heal();
      await healed.serving.waitEvent({ event: 'data', id: 'l.1', received: 100 });

      const second = await StuckdUnderTest.start(t, { stateDir });
      assert.equal((await waitOutcome(second, heals.id)).outcome, 'OUTCOME_RECOVERED');
      const again = await second.waitChange('the same record', ({ record }) => record.id === stays.id);
      assertSameTime(again.since, stays.since);
      assertSameTime(again.detectedTime, stays.detectedTime);
      assert.equal(again.kind, 'STUCK_KIND_RETRANSMITTING');
      assertOwner(again.owner, { pid: cut.using.pid, comm: 'sockprog' });
      await cut.link.heal();
      assert.equal((await second.waitEnded(stays.id)).outcome, 'OUTCOME_RECOVERED');
      const texts = timelineTexts(await second.get(stays.id));
      assert.ok(
        texts.some((text) => text.startsWith('detected: ')),
        'the story has kept its beginning',
      );
      const here = second.changes.filter(({ record }) => record.netns === cut.client.inode);
      assert.deepEqual([...new Set(here.map(({ record }) => record.id))], [stays.id]);
    });
  }
});

describe('the end of the daemon', { skip, concurrency: atOnce(2) }, () => {
  /** A sensor that does not react holds up the end of the daemon for as long as anything can. */
  async function startWithFrozenSensor(t: Ending): Promise<{ stuckd: StuckdUnderTest; sensor: number }> {
    const stuckd = await StuckdUnderTest.start(t);
    const sensor = await stuckd.sensorPid();
    process.kill(sensor, 'SIGSTOP');
    t.after(() => {
      // If the test fails; the name tells it from another process that has got its number.
      const path = `/proc/${sensor}/comm`;
      if (existsSync(path) && readFileSync(path, 'utf8') === 'stuckd-sensor\n') {
        process.kill(sensor, 'SIGKILL');
      }
    });
    stuckd.process.kill('SIGTERM');
    await waitFor(() => stuckd.process.lines.some((line) => line.includes('draining')), { what: 'the first signal' });
    return { stuckd, sensor };
  }

  test('a sensor that hangs is killed, and does not keep SIGTERM from being obeyed', async (t) => {
    const { stuckd, sensor } = await startWithFrozenSensor(t);
    assert.deepEqual(await ended(stuckd), { code: 0, signal: null });
    assert.ok(!existsSync(`/proc/${sensor}`));
    const output = stuckd.process.lines.join('\n');
    assert.doesNotMatch(output, /did not end in good order/, 'it was killed in time, not given up');
  });

  test('a second signal ends it at once', async (t) => {
    const { stuckd, sensor } = await startWithFrozenSensor(t);
    // Signals that follow at once are the same Ctrl-C, so it takes some until one is a second one.
    const end = await waitFor(
      () => {
        stuckd.process.kill('SIGTERM');
        return stuckd.process.end;
      },
      { what: 'the end of stuckd' },
    );
    assert.deepEqual(end, { code: 1, signal: null });
    assert.ok(stuckd.process.lines.some((line) => line.includes('second signal')));
    // It is stopped and cannot see that its stream has ended; the kernel ends it with its parent.
    await waitFor(() => !existsSync(`/proc/${sensor}`), { what: 'the end of the sensor' });
  });
});
