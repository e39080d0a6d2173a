// Proves the layout of systemd and Kubernetes: `stuckd-sensor --listen` as an unprivileged user with CAP_BPF and
// CAP_PERFMON and nothing else, the daemon as another one without any capability, joined by a unix socket. Together they
// find a black hole and its owner, and they find each other again, with the record still open, when the sensor's session
// dies, when the whole sensor is replaced, and when the daemon is.
// And that the sensor waits for a service manager that is busy when it becomes ready, since it says so only once.
// It cannot prove the unit files and manifests themselves.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import { createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS, waitFor } from '../support/lab.js';
import { NotifyReceiver } from '../support/notify-receiver.js';
import { packageRoot } from '../support/package-root.js';
import { BPF_AND_PERFMON, processStatus } from '../support/process-status.js';
import { assertDiagnosisNames, assertOwner, assertSameTime } from '../support/record-checks.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { Sockprog } from '../support/sockprog.js';
import { DAEMON_PROGRAM, StuckdUnderTest } from '../support/stuckd.js';
import { startAs, type User } from '../support/unprivileged.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const skip = notPolled(NEEDS_BPF.privileges) || labSkipReason();
const PORT = 8000;

/** Who may talk to the sensor is decided by the group of its socket. */
const GROUP = 64_010;
const SENSOR_USER: User = { uid: 64_001, gid: GROUP, capabilities: ['bpf', 'perfmon'] };
const DAEMON_USER: User = { uid: 64_002, gid: GROUP };
const STRANGER: User = { uid: 64_003, gid: 64_003 };

/** A sensor that serves a socket, and can be replaced as a supervisor would. */
class SensorUnit {
  readonly address: string;
  readonly #path: string;
  #process: ManagedProcess;

  constructor(test: Ending) {
    const directory = mkdtempSync(join(tmpdir(), 'stuckd-sensor-'));
    chownSync(directory, SENSOR_USER.uid, GROUP);
    chmodSync(directory, 0o755);
    this.#path = join(directory, 'sensor.sock');
    this.address = `unix:${this.#path}`;
    this.#process = this.#start();
    test.after(async () => {
      await this.#process.stop();
      rmSync(directory, { recursive: true, force: true });
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  async ready(): Promise<void> {
    await waitFor(() => statSync(this.#path).isSocket(), { what: `the sensor's socket; ${this.#process.stderrTail}` });
  }

  async replace(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.ended;
    this.#process = this.#start();
  }

  #start(): ManagedProcess {
    return startAs(SENSOR_USER, ({ root }) => [join(root, 'bpf/.output/stuckd-sensor'), '--listen', this.#path]);
  }
}

/** Waits until a daemon works with another session of the sensor than before. */
async function waitSession(stuckd: StuckdUnderTest, before: number): Promise<number> {
  return waitFor(
    async () => {
      const { healthy, sensor } = await stuckd.status();
      return healthy && sensor?.pid !== before && (sensor?.pid ?? false);
    },
    { what: 'another sensor' },
  );
}

test('two users, two capabilities: a black hole is found, and survives every replacement', { skip }, async (t) => {
  const unit = new SensorUnit(t);
  await unit.ready();
  const stateDir = temporaryDirectory();
  chownSync(stateDir, DAEMON_USER.uid, DAEMON_USER.gid);
  const options = { user: DAEMON_USER, sensor: { address: unit.address }, stateDir };
  const first = await StuckdUnderTest.start(t, options);

  const daemon = processStatus(first.process.pid);
  assert.deepEqual(daemon.uids, Array(4).fill(DAEMON_USER.uid));
  assert.deepEqual(daemon.gids, Array(4).fill(GROUP));
  assert.deepEqual(daemon.groups, []);
  for (const set of ['inheritable', 'permitted', 'effective', 'bounding', 'ambient'] as const) {
    assert.equal(daemon[set], 0n, `the daemon's ${set} set`);
  }
  const session = await first.sensorPid();
  assert.notEqual(session, unit.pid, 'each daemon gets a process of its own');
  for (const pid of [session, unit.pid]) {
    const sensor = processStatus(pid);
    assert.deepEqual(sensor.uids, Array(4).fill(SENSOR_USER.uid));
    assert.equal(sensor.permitted, BPF_AND_PERFMON);
    assert.equal(sensor.effective, BPF_AND_PERFMON);
    assert.equal(sensor.bounding, BPF_AND_PERFMON);
    assert.ok(sensor.noNewPrivs);
  }
  const { sensor, problems } = await first.status();
  assert.deepEqual(sensor?.capabilities, ['CAP_PERFMON', 'CAP_BPF']);
  assert.deepEqual(problems, []);
  assert.ok(
    sensor.programs?.every(({ attached }) => attached),
    'all programs attach with these two',
  );

  const hosts = await createTwoHosts(t);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  const { fd } = await client.connect('a', SERVER_ADDRESS, PORT);
  await hosts.link.cut();
  await client.command('send a 1000');
  const { id, since } = await first.waitOpened(hosts.client, 'retransmitting');
  const owned = await first.waitOwner(id);
  assertOwner(owned.owner, { pid: client.pid, comm: 'sockprog', fd });
  assertDiagnosisNames(owned, `sockprog[${client.pid}]`, `${SERVER_ADDRESS}:${PORT}`);

  process.kill(session, 'SIGKILL');
  const secondSession = await waitSession(first, session);
  assert.equal((await first.status()).sensor?.restarts, 1);
  await unit.replace();
  await waitSession(first, secondSession);
  assert.ok(((await first.status()).sensor?.restarts ?? 0) >= 2);
  assertSameTime((await first.get(id)).since, since);
  await first.stop();

  const second = await StuckdUnderTest.start(t, options);
  const again = await second.waitChange('the same record', ({ record }) => record.id === id);
  assertSameTime(again.since, since);
  assertOwner(again.owner, { pid: client.pid, comm: 'sockprog', fd });
  await hosts.link.heal();
  assert.equal((await second.waitEnded(id)).outcome, 'OUTCOME_RECOVERED');
  for (const stuckd of [first, second]) {
    assert.deepEqual([...new Set(stuckd.changesIn(hosts.client).map(({ record }) => record.id))], [id]);
  }
});

test('stuckd check asks the sensor of STUCKD_SENSOR_ADDRESS, which talks to its group only', { skip }, async (t) => {
  const unit = new SensorUnit(t);
  await unit.ready();
  const check = (user: User): ManagedProcess =>
    startAs(user, ({ root, node }) => [node, join(root, DAEMON_PROGRAM), 'check', '--json'], {
      env: { STUCKD_SENSOR_ADDRESS: unit.address },
    });
  const answer = (child: ManagedProcess): { canRun: boolean; features: { message: string }[] } =>
    JSON.parse(child.lines.join('\n')) as { canRun: boolean; features: { message: string }[] };

  const ours = check(DAEMON_USER);
  assert.deepEqual(await ours.ended, { code: 0, signal: null }, ours.stderrTail);
  assert.equal(answer(ours).canRun, true);
  const strangers = check(STRANGER);
  assert.deepEqual(await strangers.ended, { code: 1, signal: null }, strangers.stderrTail);
  assert.match(JSON.stringify(answer(strangers)), /permission denied/);
});

test('a service manager that is busy hears all the same that the sensor is ready', { skip }, async (t) => {
  // A sensor of root gives up its user, who could not connect to a path of root.
  const receiver = await NotifyReceiver.start(t, 'abstract');
  await receiver.fill();
  const path = join(temporaryDirectory(), 'sensor.sock');
  const sensor = startProcess([join(packageRoot(), 'bpf/.output/stuckd-sensor'), '--listen', path], {
    env: { NOTIFY_SOCKET: receiver.address },
  });
  t.after(async () => {
    await sensor.stop();
  });
  // It sleeps where it says that it is ready; or, had it not waited, where it listens, with its only word lost.
  await waitFor(
    () => statSync(path).isSocket() && /^State:\tS/m.test(readFileSync(`/proc/${String(sensor.pid)}/status`, 'utf8')),
    { what: `the sensor to wait; ${sensor.stderrTail}` },
  );
  receiver.goOn();
  await receiver.waitLine('READY=1');
});
