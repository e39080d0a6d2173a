// Proves the units and the install script on a real systemd, the first process of namespaces of its own: both services come
// up as exactly the users, with exactly the capabilities and filters of their files; together they find a black hole; each is
// replaced when it dies, the daemon also when it only hangs, with the record still open; the group stuckd may ask and others
// may not, and nobody else reads the configuration; a reload applies what is right and fails on what is wrong; mistakes in the
// configuration, and a daemon that root has started by hand, can be got over; the journal knows how severe lines are; an upgrade
// restarts; nothing is left in the end.
// It cannot prove the limits of memory and tasks, for which control groups need controllers that a test may not have.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { BootedSystemd, systemdSkipReason } from '../support/booted-systemd.js';
import { waitFor } from '../support/lab.js';
import { packageRoot } from '../support/package-root.js';
import { BPF_AND_PERFMON, parseProcessStatus, type ProcessStatus } from '../support/process-status.js';
import { assertSameTime } from '../support/record-checks.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { buildSockprog, Sockprog } from '../support/sockprog.js';

const PORT = 8000;
const INSTALL = join(packageRoot(), 'deploy/systemd/install.sh');
const UNITS = ['stuckd.service', 'stuckd-sensor.service'] as const;

/** Other tests on this machine have stuck connections as well, of which the sensor hears; their processes it cannot see. */
const ALL_PROBES = /(?:^|; )([0-9]+) of \1 probes$/;

interface ListedConnection {
  readonly id: string;
  readonly kind: string;
  readonly since: string;
  readonly owner?: { readonly comm?: string };
}

/** What is installed, seen as an administrator sees it. */
class Installation {
  readonly systemd: BootedSystemd;

  constructor(systemd: BootedSystemd) {
    this.systemd = systemd;
  }

  async mainPid(unit: string): Promise<number> {
    return Number(await this.systemd.property(unit, 'MainPID'));
  }

  async processStatus(pid: number): Promise<ProcessStatus> {
    return parseProcessStatus(await this.systemd.must('cat', `/proc/${String(pid)}/status`));
  }

  async userId(name: string): Promise<number> {
    return Number(await this.systemd.must('id', '-u', name));
  }

  async groupId(name: string): Promise<number> {
    return Number(await this.systemd.must('id', '-g', name));
  }

  /** Waits until the daemon says of itself what matches. */
  async waitStatus(pattern: RegExp): Promise<void> {
    await waitFor(async () => pattern.test(await this.systemd.property('stuckd.service', 'StatusText')), {
      what: `the status ${String(pattern)}`,
    });
  }

  /** Those that are stuck now; waits until the daemon answers. */
  async connections(): Promise<readonly ListedConnection[]> {
    const { stdout } = await waitFor(
      async () => {
        const result = await this.systemd.run('stuckctl', 'list', '-o', 'json');
        return result.code === 0 && result;
      },
      { what: 'an answer to stuckctl list' },
    );
    return (JSON.parse(stdout) as { stuckConnections?: ListedConnection[] }).stuckConnections ?? [];
  }

  /** Messages of both services, with the priority that the journal keeps. */
  async journal(): Promise<readonly { readonly message: string; readonly priority: number; readonly unit: string }[]> {
    const units = UNITS.map((unit) => `--unit=${unit}`);
    const text = await this.systemd.must('journalctl', '--no-pager', '--output=json', ...units);
    const entries = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Readonly<Record<string, string>>);
    return entries.map(({ MESSAGE, PRIORITY, SYSLOG_IDENTIFIER }) => ({
      message: MESSAGE ?? '',
      priority: Number(PRIORITY),
      unit: SYSLOG_IDENTIFIER ?? '',
    }));
  }
}

async function checkRights(installed: Installation): Promise<void> {
  const group = await installed.groupId('stuckd');
  const sensorGroup = await installed.groupId('stuckd-sensor');
  const daemon = await installed.processStatus(await installed.mainPid('stuckd.service'));
  assert.deepEqual(daemon.uids, Array(4).fill(await installed.userId('stuckd')));
  assert.deepEqual(daemon.gids, Array(4).fill(group));
  assert.ok(daemon.groups.includes(sensorGroup));
  const sensorPid = await installed.mainPid('stuckd-sensor.service');
  const sensor = await installed.processStatus(sensorPid);
  assert.deepEqual(sensor.uids, Array(4).fill(await installed.userId('stuckd-sensor')));
  assert.deepEqual(sensor.gids, Array(4).fill(sensorGroup));
  assert.ok(!sensor.groups.includes(group));
  for (const set of ['inheritable', 'permitted', 'effective', 'bounding', 'ambient'] as const) {
    assert.equal(daemon[set], 0n, `the daemon's ${set} set`);
    // The sensor gives its ambient and inheritable ones up itself.
    const expected = set === 'inheritable' || set === 'ambient' ? 0n : BPF_AND_PERFMON;
    assert.equal(sensor[set], expected, `the sensor's ${set} set`);
  }
  for (const process of [daemon, sensor]) {
    assert.ok(process.noNewPrivs);
    assert.ok(process.seccompFilter);
  }
}

async function checkAccess(installed: Installation): Promise<void> {
  const { systemd } = installed;
  const exitStatus = async (groups: string): Promise<number | null> => {
    const { code } = await systemd.run('setpriv', '--reuid=nobody', '--regid=nogroup', groups, 'stuckctl', 'list');
    return code;
  };
  assert.equal(await exitStatus(`--groups=${await installed.groupId('stuckd')}`), 0);
  assert.equal(await exitStatus('--clear-groups'), 3);
  const openTo = async (path: string): Promise<string> => (await systemd.must('stat', '-c', '%U:%G %a', path)).trim();
  assert.equal(await openTo('/run/stuckd/stuckd.sock'), 'stuckd:stuckd 660');
  assert.equal(await openTo('/run/stuckd-sensor/sensor.sock'), 'stuckd-sensor:stuckd-sensor 660');
  assert.equal(await openTo('/run/stuckd-sensor'), 'stuckd-sensor:stuckd-sensor 750');
  assert.equal(await openTo('/etc/stuckd'), 'root:root 751');
  assert.equal(await openTo('/etc/stuckd/stuckd.yaml'), 'stuckd:stuckd 600');
  const ofTheGroup = ['--reuid=nobody', '--regid=nogroup', `--groups=${await installed.groupId('stuckd')}`];
  for (const denied of [
    ['cat', '/etc/stuckd/stuckd.yaml'],
    ['ls', '/etc/stuckd'],
    ['ls', '/var/lib/stuckd/history'],
  ]) {
    const { stdout, stderr } = await systemd.run('setpriv', ...ofTheGroup, ...denied);
    assert.equal(stdout, '');
    assert.match(stderr, /Permission denied/);
  }
}

/** As many failures of the daemon as there are attempts, each of which takes the sensor along. */
async function checkRecoveryFromMistake(installed: Installation): Promise<void> {
  const { systemd } = installed;
  const activeState = (): Promise<string> => systemd.property('stuckd.service', 'ActiveState');
  await systemd.must('cp', '-p', '/etc/stuckd/stuckd.yaml', '/etc/stuckd/kept.yaml');
  await systemd.must('sh', '-c', 'echo "nonsense: 1" >/etc/stuckd/stuckd.yaml');
  const pid = await installed.mainPid('stuckd.service');
  const { code, stderr } = await systemd.run(INSTALL);
  assert.equal(code, 1);
  assert.match(stderr, /unknown key "nonsense"[^]*nothing was installed/);
  assert.equal(await installed.mainPid('stuckd.service'), pid, 'what ran runs on');

  await systemd.run('systemctl', 'restart', 'stuckd');
  await waitFor(async () => (await activeState()) === 'failed', { what: 'the end of the attempts' });
  await systemd.must('mv', '/etc/stuckd/kept.yaml', '/etc/stuckd/stuckd.yaml');
  await systemd.must('systemctl', 'reset-failed', 'stuckd');
  await systemd.must('systemctl', 'start', 'stuckd');
  await installed.waitStatus(ALL_PROBES);
}

/** A daemon that runs may load parts of its own build later, so these stay until it has been replaced. */
async function checkPartsOfOldBuild(installed: Installation): Promise<void> {
  const { systemd } = installed;
  const old = '/usr/lib/stuckd/build/bin/parts/late-OLD.js';
  await systemd.must('touch', old);
  const { stderr } = await systemd.run(INSTALL, '--no-start');
  assert.match(stderr, /stuckd [0-9.]+ is installed; "systemctl restart stuckd" restarts it/);
  await systemd.must('test', '-e', old);
  await systemd.must(INSTALL);
  await systemd.must('test', '!', '-e', old);
}

/** `stuckd run` by root, as somebody does who tries it, or looks for a mistake. */
async function checkForegroundDaemon(installed: Installation): Promise<void> {
  const { systemd } = installed;
  await systemd.must('systemctl', 'stop', 'stuckd');
  const foreground = systemd.spawn('/usr/bin/stuckd', 'run');
  await installed.connections();
  const { code, stderr } = await systemd.run(INSTALL);
  assert.equal(code, 1);
  assert.match(stderr, /a stuckd runs in the foreground/);
  assert.match(foreground.lines.join('\n'), /state directory: \/var\/lib\/stuckd belongs to the user with uid/);
  await foreground.stop();
  // What it has left belongs to root.
  await systemd.must('sh', '-c', 'test "$(find /var/lib/stuckd -user root | wc -l)" -gt 0');
  await systemd.must(INSTALL);
  await installed.waitStatus(ALL_PROBES);
}

async function checkReload(installed: Installation): Promise<void> {
  const { systemd } = installed;
  const pid = await installed.mainPid('stuckd.service');
  await systemd.must('cp', '-p', '/etc/stuckd/stuckd.yaml', '/etc/stuckd/kept.yaml');
  await systemd.must('sh', '-c', 'echo "log: { level: debug }" >/etc/stuckd/stuckd.yaml');
  await systemd.must('systemctl', 'reload', 'stuckd');
  const applied = async (): Promise<boolean> =>
    (await installed.journal()).some(({ message }) => message.includes('changed: log.level'));
  await waitFor(applied, { what: 'the reload' });
  await systemd.must('sh', '-c', 'echo "nonsense: 1" >/etc/stuckd/stuckd.yaml');
  assert.equal((await systemd.run('systemctl', 'reload', 'stuckd')).code, 1);
  await systemd.must('mv', '/etc/stuckd/kept.yaml', '/etc/stuckd/stuckd.yaml');
  assert.equal(await installed.mainPid('stuckd.service'), pid);
  assert.equal(await systemd.property('stuckd.service', 'ActiveState'), 'active');
}

async function checkPriorities(installed: Installation): Promise<void> {
  const entries = await installed.journal();
  const priorityOf = (pattern: RegExp): number | undefined =>
    entries.find(({ message, unit }) => unit === 'stuckd' && pattern.test(message))?.priority;
  assert.equal(priorityOf(/^stuckd [0-9.]+ starts$/), 6);
  assert.equal(priorityOf(/^sensor attached [0-9]+ of [0-9]+ probes /), 6);
  assert.equal(priorityOf(/^the sensor is gone: /), 3);
  assert.equal(priorityOf(/yaml.* is valid$/), 6);
  assert.equal(priorityOf(/unknown key "nonsense"/), 3);
  assert.equal(priorityOf(/^pid namespace: not the node's own/), 4, 'which is true here, and a warning');
  const problems = entries.filter(({ message, priority, unit }) => {
    return (
      unit.startsWith('stuckd') &&
      priority <= 4 &&
      !/sensor is gone|configuration is wrong|nonsense|pid namespace/.test(message)
    );
  });
  assert.deepEqual(problems, [], 'nothing else is a warning or worse');
}

/** Where an installation and its services write. */
const PLACES = [
  ...[
    '/usr/bin',
    '/usr/lib',
    '/usr/lib/systemd/system',
    '/usr/lib/sysusers.d',
    '/usr/lib/tmpfiles.d',
    '/usr/share/doc',
  ],
  ...['/etc', '/etc/systemd/system', '/etc/systemd/system/*', '/var/lib', '/run', '/run/credentials'],
];

/** Files there, units and users whose names could be ours. */
async function traces({ systemd }: Installation): Promise<string> {
  const patterns = PLACES.map((place) => `${place}/*stuck*`).join(' ');
  const found = (await systemd.run('sh', '-c', `ls -d ${patterns}`)).stdout;
  const units = await systemd.must('systemctl', 'list-units', '--all', '--plain', '--no-legend', 'stuck*');
  const users = await systemd.run('sh', '-c', 'getent passwd stuckd stuckd-sensor; getent group stuckd stuckd-sensor');
  return found + units + users.stdout;
}

test(
  'installed, they find a black hole, survive what befalls them, and go',
  { skip: notPolled(NEEDS_BPF.privileges) || systemdSkipReason() },
  async (t) => {
    const systemd = await BootedSystemd.start(t);
    const installed = new Installation(systemd);
    const before = await traces(installed);
    // As shipped it is three times as long, and a pause of 5 s follows.
    await systemd.write(
      '/etc/systemd/system/stuckd.service.d/test.conf',
      '[Service]\nWatchdogSec=10s\nRestartSec=100ms\n',
    );

    await systemd.must(INSTALL);
    for (const unit of UNITS) {
      assert.equal(await systemd.property(unit, 'SubState'), 'running');
    }
    assert.match(await systemd.property('stuckd.service', 'UnitFileState'), /^enabled/);
    await systemd.must('usermod', '--append', '--groups=stuckd', 'nobody');
    await installed.waitStatus(ALL_PROBES);
    await checkRights(installed);
    await checkAccess(installed);
    assert.equal(await systemd.must('systemd-analyze', 'verify', '--man=no', ...UNITS), '');

    const client = new Sockprog(systemd.spawn(await buildSockprog()));
    await client.waitEvent({ event: 'ready' });
    await client.command(`listen l 127.0.0.1 ${PORT}`);
    await client.connect('a', '127.0.0.1', PORT);
    await systemd.must(
      'nft',
      `add table ip cut; add chain ip cut in { type filter hook prerouting priority -300; };
    add rule ip cut in tcp dport ${PORT} drop`,
    );
    await client.command('send a 1000');
    // By its name: the kernel tells pids of the machine, and those here are of a namespace.
    const stuck = await waitFor(
      async () => (await installed.connections()).find(({ owner }) => owner?.comm === 'sockprog'),
      { what: 'the black hole and its owner' },
    );
    assert.equal(stuck.kind, 'STUCK_KIND_RETRANSMITTING');
    await installed.waitStatus(/^[0-9]+ connections? stuck in 1 process; /);
    const isStillThere = async (): Promise<void> => {
      const again = await waitFor(async () => (await installed.connections()).find(({ id }) => id === stuck.id), {
        what: 'the record under its id',
      });
      assertSameTime(again.since, stuck.since);
      await installed.waitStatus(ALL_PROBES);
    };

    const daemonPid = await installed.mainPid('stuckd.service');
    await systemd.must('systemctl', 'kill', '--signal=KILL', 'stuckd-sensor');
    await waitFor(async () => Number(await systemd.property('stuckd-sensor.service', 'NRestarts')) >= 1, {
      what: 'another sensor',
    });
    await isStillThere();
    assert.equal(await installed.mainPid('stuckd.service'), daemonPid, 'the daemon has stayed');

    await checkReload(installed);
    await checkPriorities(installed);

    await systemd.must('kill', '-STOP', String(daemonPid));
    await waitFor(async () => Number(await systemd.property('stuckd.service', 'NRestarts')) >= 1, {
      what: 'the watchdog to notice',
    });
    await isStillThere();
    assert.notEqual(await installed.mainPid('stuckd.service'), daemonPid);
    await checkRecoveryFromMistake(installed);
    await isStillThere();
    await checkForegroundDaemon(installed);
    const beforeUpgrade = await installed.mainPid('stuckd.service');

    await checkPartsOfOldBuild(installed);
    await isStillThere();
    assert.notEqual(await installed.mainPid('stuckd.service'), beforeUpgrade);

    await systemd.must('/usr/lib/stuckd/deploy/systemd/install.sh', '--uninstall');
    assert.equal((await systemd.run('systemctl', 'is-active', ...UNITS)).code, 3);
    await systemd.must('test', '-e', '/etc/stuckd/stuckd.yaml', '-a', '-d', '/var/lib/stuckd/history');
    const purge = await systemd.run(INSTALL, '--uninstall', '--purge');
    assert.equal(purge.code, 0);
    assert.match(purge.stderr, /still there: \/etc\/systemd\/system\/stuckd\.service\.d\/test\.conf/);
    await systemd.must('rm', '-r', '/etc/systemd/system/stuckd.service.d');
    await systemd.must('systemctl', 'daemon-reload');
    await client.process.stop();
    assert.equal(await traces(installed), before, 'nothing is left');
  },
);
