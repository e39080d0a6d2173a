// Proves that the mode of the sensor may change in the middle of an incident, as when BPF is taken away or given: what was
// found by events goes on under its id when a sensor that polls takes over, and goes on again when BPF is back; nothing
// ends, opens or flaps by it, and each record ends once, as what it is.
// It cannot prove what a change of mode costs while thousands of connections are stuck.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, waitFor } from '../support/lab.js';
import { assertOwner, assertSameTime } from '../support/record-checks.js';
import { OFTEN } from '../support/sensor-mode.js';
import { Sockprog } from '../support/sockprog.js';
import { StuckdUnderTest, type StuckJson } from '../support/stuckd.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const PORT = 8000;
const PATIENT = 'idle=1 intvl=1 cnt=60';

type Mode = 'ebpf' | 'polling';

/** A sensor whose mode is what a file says as it starts. */
class ChangingSensor {
  readonly path: string;
  readonly #mode: string;

  constructor(mode: Mode) {
    const directory = temporaryDirectory();
    this.path = join(directory, 'stuckd-sensor');
    this.#mode = join(directory, 'mode');
    writeFileSync(this.#mode, mode);
    writeFileSync(this.path, `#!/bin/sh\nexec '${builtSensorPath()}' "$@" --mode "$(cat '${this.#mode}')"\n`);
    chmodSync(this.path, 0o755);
  }

  /** Kills the sensor; the next one has the other mode. Waits until that has looked at everything. */
  async change(stuckd: StuckdUnderTest, mode: Mode): Promise<void> {
    const before = await stuckd.sensorPid();
    writeFileSync(this.#mode, mode);
    process.kill(before, 'SIGKILL');
    await waitFor(async () => ![0, before].includes((await stuckd.status()).sensor?.pid ?? 0), { what: 'a sensor' });
    for (let sweep = 0; sweep < 3; sweep += 1) {
      await stuckd.sweepFromNow();
    }
  }
}

test(
  'BPF goes and comes back during an incident: the records stay what they are',
  { skip: labSkipReason() },
  async (t) => {
    const sensor = new ChangingSensor('ebpf');
    const stuckd = await StuckdUnderTest.start(t, { sensor: { path: sensor.path, ...OFTEN } });
    const hosts = await createTwoHosts(t);
    const serving = await Sockprog.start(hosts.lab, hosts.server);
    await serving.command(`listen l ${SERVER_ADDRESS} ${String(PORT)}`);
    const using = await Sockprog.start(hosts.lab, hosts.client);
    await using.connect('r', SERVER_ADDRESS, PORT);
    await using.connect('k', SERVER_ADDRESS, PORT, PATIENT);
    await using.command('send r 7');
    await serving.waitEvent({ event: 'data', id: 'l.1', received: 7 });
    await hosts.link.cut();
    await using.command('send r 1000');
    await using.command('set k keepalive=1');
    await using.command(`connect s ${SERVER_ADDRESS} ${String(PORT)} syncnt=8`);
    const opened: StuckJson[] = [];
    for (const kind of ['retransmitting', 'keepalive_unanswered', 'connecting']) {
      const { id } = await stuckd.waitOpened(hosts.client, kind);
      opened.push(await stuckd.waitOwner(id));
    }
    const ids = opened.map(({ id }) => id);

    const assertUnchanged = async (): Promise<void> => {
      for (const before of opened) {
        const now = await stuckd.get(before.id);
        assert.equal(now.outcome, undefined, `${now.kind} goes on`);
        assert.equal(now.kind, before.kind);
        assert.equal(now.ownerType, 'OWNER_TYPE_PROCESS');
        assertOwner(now.owner, { pid: using.pid, comm: 'sockprog' });
        assertSameTime(now.since, before.since);
        assert.equal(now.giveUp?.reason, before.giveUp?.reason);
      }
      const lives = stuckd.changesIn(hosts.client).filter(({ kind }) => kind !== 'updated');
      assert.deepEqual(
        lives.map(({ kind, record }) => [kind, record.id]).sort(),
        ids.map((id) => ['opened', id]).sort(),
        'no record opened or ended by it',
      );
    };
    for (const mode of ['polling', 'ebpf', 'polling'] as const) {
      await sensor.change(stuckd, mode);
      await assertUnchanged();
    }

    await hosts.link.heal();
    for (const id of ids) {
      assert.equal((await stuckd.waitEnded(id)).outcome, 'OUTCOME_RECOVERED');
    }
    await stuckd.sweepFromNow();
    const others = stuckd.changesIn(hosts.client).filter(({ record }) => !ids.includes(record.id));
    assert.deepEqual(others, [], 'no socket got a second record');
  },
);
