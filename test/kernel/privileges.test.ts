// Proves with which rights stuckd works: a sensor that root started is left with CAP_BPF and CAP_PERFMON, cannot gain
// others, and is not root; it attaches everything with these two alone; and who lacks them and wants BPF all the same is
// told what is missing and what to do, by `stuckd check` and by `stuckd run`, with an exit status that scripts can rely on.
// It cannot prove what a kernel in lockdown or without BTF would answer.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CheckAnswer } from '../support/check-answer.js';
import { labSkipReason } from '../support/lab.js';
import { packageRoot } from '../support/package-root.js';
import { BPF_AND_PERFMON, processStatus } from '../support/process-status.js';
import { runProgram } from '../support/run-program.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { DAEMON_PROGRAM, StuckdUnderTest } from '../support/stuckd.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { NOBODY, startAs, type User } from '../support/unprivileged.js';

const skip = notPolled(NEEDS_BPF.privileges) || labSkipReason();
const SENSOR = 'bpf/.output/stuckd-sensor';

const PROGRAMS = [
  'inet_sk_error_report',
  'inet_sock_set_state',
  'refresh',
  'sweep',
  'tcp_cong_state_set',
  'tcp_destroy_sock',
  'tcp_receive_reset',
  'tcp_retransmit_skb',
  'tcp_send_reset',
  'timer_expire_entry',
];

async function runAs(
  user: User,
  argv: (view: { root: string; node: string }) => readonly string[],
): Promise<{ code: number | null; output: string }> {
  const child = startAs(user, argv);
  const { code } = await child.ended;
  return { code, output: `${child.lines.join('\n')}\n${child.stderrTail}` };
}

test('the sensor of a daemon that root started keeps two capabilities, and is nobody', { skip }, async (t) => {
  const stuckd = await StuckdUnderTest.start(t);
  const sensor = processStatus(await stuckd.sensorPid());
  assert.equal(sensor.effective, BPF_AND_PERFMON);
  assert.equal(sensor.permitted, BPF_AND_PERFMON);
  assert.equal(sensor.bounding, BPF_AND_PERFMON);
  assert.equal(sensor.inheritable, 0n);
  assert.equal(sensor.ambient, 0n, 'what it could start would have no capability');
  assert.ok(sensor.noNewPrivs);
  assert.deepEqual(sensor.uids, Array(4).fill(NOBODY.uid));
  assert.deepEqual(sensor.gids, Array(4).fill(NOBODY.gid));
  assert.deepEqual(sensor.groups, []);

  const status = await stuckd.status();
  assert.deepEqual(status.sensor?.capabilities, ['CAP_PERFMON', 'CAP_BPF']);
  assert.deepEqual(status.sensor.programs?.map(({ name }) => name).sort(), PROGRAMS);
  assert.equal(status.healthy, true, status.problems.join('\n'));
});

test('stuckd check as root: every feature, and 0', { skip }, async () => {
  const main = join(packageRoot(), DAEMON_PROGRAM);
  const table = await runProgram([process.execPath, main, 'check']);
  assert.equal(table.code, 0, table.stdout + table.stderr);
  assert.match(table.stdout, /stuckd can run here\./);
  const json = await runProgram([process.execPath, main, 'check', '--json']);
  assert.equal(json.code, 0);
  const { canRun, features } = JSON.parse(json.stdout) as CheckAnswer;
  assert.equal(canRun, true);
  for (const name of [...PROGRAMS, 'privileges', 'kernel BTF', 'sensor']) {
    const feature = features.find((candidate) => candidate.name === name);
    assert.equal(feature?.available, true, `${name}: ${feature?.how ?? 'not checked'}`);
    assert.notEqual(feature.how, '');
    assert.match(table.stdout, new RegExp(`^ +ok +${name} +\\S`, 'm'));
  }
});

/** A configuration that everybody may read. */
function configFile(config: unknown): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const path = join(directory, 'stuckd.yaml');
  writeFileSync(path, JSON.stringify(config));
  return path;
}

test('stuckd check and stuckd run as nobody, with BPF or not at all: what is missing, and 1', { skip }, async () => {
  const config = ['--config', configFile({ sensor: { mode: 'ebpf' } })];
  const check = await runAs(NOBODY, ({ root, node }) => [node, join(root, DAEMON_PROGRAM), 'check', ...config]);
  assert.equal(check.code, 1, check.output);
  assert.match(check.output, /MISSING +privileges +.*CAP_BPF and CAP_PERFMON are missing: run stuckd as root/);
  assert.match(check.output, /stuckd cannot run here/);

  const asJson = await runAs(NOBODY, ({ root, node }) => [
    ...[node, join(root, DAEMON_PROGRAM), 'check', '--json'],
    ...config,
  ]);
  assert.equal(asJson.code, 1, asJson.output);
  const { canRun, features } = JSON.parse(asJson.output) as CheckAnswer;
  assert.equal(canRun, false);
  assert.deepEqual(
    features.filter(({ available, required }) => required && !available).map(({ name }) => name),
    ['privileges'],
  );

  // Wrong use of the command is told apart from a machine that will not do.
  const run = await runAs(NOBODY, ({ root, node }) => [node, join(root, DAEMON_PROGRAM), 'run', ...config]);
  assert.equal(run.code, 1, run.output);
  assert.match(run.output, /CAP_BPF and CAP_PERFMON are missing: run stuckd as root/);
  const misused = await runAs(NOBODY, ({ root, node }) => [node, join(root, DAEMON_PROGRAM), 'rum']);
  assert.equal(misused.code, 2, misused.output);
});

test('stuckd check as nobody: it can run, and says what is missing', { skip }, async () => {
  const check = await runAs(NOBODY, ({ root, node }) => [
    ...[node, join(root, DAEMON_PROGRAM), 'check', '--json'],
    ...['--config', configFile({})],
  ]);
  assert.equal(check.code, 0, check.output);
  const { canRun, features } = JSON.parse(check.output) as CheckAnswer;
  assert.equal(canRun, true);
  const privileges = features.find(({ name }) => name === 'privileges');
  assert.deepEqual([privileges?.available, privileges?.required], [false, false]);
  assert.match(privileges?.how ?? '', /CAP_BPF and CAP_PERFMON are missing/);
});

test('the sensor alone: two capabilities suffice for all of it, and one of them does not', { skip }, async () => {
  const both = { ...NOBODY, capabilities: ['bpf', 'perfmon'] };
  const argv = ({ root }: { root: string }): readonly string[] => [join(root, SENSOR), '--check', '--mode', 'ebpf'];
  const good = await runAs(both, argv);
  assert.equal(good.code, 0, good.output);
  for (const name of PROGRAMS) {
    assert.match(good.output, new RegExp(`^attached +${name}`, 'm'));
  }
  const others = ['dac_read_search', 'sys_admin', 'sys_ptrace'];
  for (const capabilities of [['bpf'], ['perfmon'], [], others]) {
    const bad = await runAs({ ...NOBODY, capabilities }, argv);
    assert.equal(bad.code, 1, bad.output);
    assert.match(bad.output, /^failed: CAP_\S+ .*missing: start stuckd as root, .* CAP_BPF and CAP_PERFMON$/m);
  }
});
