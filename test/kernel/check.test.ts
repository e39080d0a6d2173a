// Proves on the running kernel what "stuckd check" tells of it: every program and feature, with the places that the
// kernel's own type information names; that a program which the kernel refuses to load or to attach is left out, with the
// reason and the loss, while the others serve, and that a required one ends it with one sentence where the sensor must not
// poll instead, while where it may, stuckd can run; and that unanswered keepalive probes are found by events although no
// process has a TCP socket when the sensor starts, and although the sensor itself may have none.
// It cannot prove what kernels without a feature say, other than the one it runs on; nor what a locked-down kernel says,
// as lockdown cannot be switched off again.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { check, type CheckAnswer, checkJson, featureOf } from '../support/check-answer.js';
import { createTwoHosts, labSkipReason } from '../support/lab.js';
import { connectProbing } from '../support/probing-connection.js';
import { lonelySensor, refusedEbpfSensor, refusedSensor } from '../support/refuse.js';
import { SensorUnderTest } from '../support/sensor-under-test.js';
import { notPolled } from '../support/sensor-mode.js';
import { StuckdUnderTest } from '../support/stuckd.js';

const skip = notPolled('it is about BPF programs, and what refuses them') || labSkipReason();

const PROGRAMS = [
  'tcp_retransmit_skb',
  'inet_sock_set_state',
  'tcp_destroy_sock',
  'tcp_receive_reset',
  'inet_sk_error_report',
  'tcp_send_reset',
  'tcp_cong_state_set',
  'timer_expire_entry',
  'refresh',
  'sweep',
];
/** Without BPF stuckd would poll: what that takes is not required; what a sensor that uses it cannot do without is. */
const REQUIRED = ['sensor', ...PROGRAMS.slice(0, 3), 'refresh', 'sweep'];

/** Names of the programs that are not there. */
function missedOf(answer: CheckAnswer): readonly string[] {
  return PROGRAMS.filter((name) => !featureOf(answer, name).available);
}

/** Whether anything in this kernel's type information has that name: each name stands once among its strings. */
function kernelNames(): (name: string) => boolean {
  const btf = readFileSync('/sys/kernel/btf/vmlinux');
  return (name) => btf.includes(`\0${name}\0`);
}

describe('this kernel', { skip }, () => {
  test('the table: a line for everything, and exit status 0', async (t) => {
    const { code, stdout, stderr } = await check(t, null);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /\nstuckd can run here\.\n$/);
    for (const name of [...REQUIRED, ...PROGRAMS, 'write timer', 'keepalive timer', 'keepalive function']) {
      assert.match(stdout, new RegExp(`^ {2}ok {7}${name} +\\S`, 'm'));
    }
    assert.doesNotMatch(stdout, /MISSING/);
  });

  test('the JSON: the same, and nothing without an explanation', async (t) => {
    const answer = await checkJson(t, null);
    assert.equal(answer.code, 0);
    assert.equal(answer.canRun, true);
    assert.deepEqual(missedOf(answer), []);
    for (const feature of answer.features) {
      assert.deepEqual(Object.keys(feature), ['name', 'available', 'required', 'how', 'loss']);
      assert.equal(feature.required, REQUIRED.includes(feature.name), feature.name);
      assert.match(feature.how, /\S/, feature.name);
      assert.match(feature.loss, /\S/, feature.name);
    }
    assert.match(featureOf(answer, 'keepalive function').how, /a socket of the sensor's own/);
  });

  test('the places of the fields are those of the type information of this kernel', async (t) => {
    const answer = await checkJson(t, null);
    const has = kernelNames();
    assert.ok(has('icsk_retransmits') && !has('no_such_member'));
    const { how: writeTimer } = featureOf(answer, 'write timer');
    assert.equal(writeTimer.includes('icsk_timeout'), has('icsk_timeout'), writeTimer);
    // A function is called tcp_retransmit_timer, too.
    assert.equal(writeTimer.includes('icsk_retransmit_timer'), has('icsk_retransmit_timer'), writeTimer);
    assert.equal(writeTimer.includes('sk.tcp_retransmit_timer'), !has('icsk_retransmit_timer'), writeTimer);
    const { how: keepaliveTimer } = featureOf(answer, 'keepalive timer');
    assert.equal(keepaliveTimer, has('icsk_keepalive_timer') ? 'icsk_keepalive_timer' : 'sk_timer');
    // Before it had `err`, its event was one of a class.
    assert.equal(featureOf(answer, 'retransmit errors').available, has('trace_event_raw_tcp_retransmit_skb'));
    assert.equal(featureOf(answer, 'RTO limit').available, has('icsk_rto_max'));
    assert.equal(featureOf(answer, 'RTO episode').available, has('rto_stamp') && has('total_rto'));
    assert.equal(featureOf(answer, 'microsecond stamps').available, has('tcp_usec_ts'));
    assert.equal(featureOf(answer, 'linear SYN timeouts').available, has('sysctl_tcp_syn_linear_timeouts'));
    assert.equal(featureOf(answer, 'window probe start').available, has('icsk_probes_tstamp'));
  });
});

describe('refused programs', { skip, concurrency: atOnce(2) }, () => {
  test('one that is not loaded and one that is not attached are left out, and the others serve', async (t) => {
    const sensor = await refusedSensor(t, '--load', 'on_congestion_state', '--attach', 'on_timer');
    const answer = await checkJson(t, sensor);
    assert.equal(answer.code, 0);
    assert.deepEqual(missedOf(answer), ['tcp_cong_state_set', 'timer_expire_entry']);
    const notLoaded = featureOf(answer, 'tcp_cong_state_set');
    assert.match(notLoaded.how, /^the kernel refuses it \(Permission denied\): /);
    assert.match(notLoaded.loss, /^recoveries /);
    const notAttached = featureOf(answer, 'timer_expire_entry');
    assert.match(notAttached.how, /^cannot be attached \(Permission denied\)/);
    assert.match(notAttached.loss, /^unanswered keepalive probes /);
  });

  test('the daemon says so too, and runs', async (t) => {
    const stuckd = await StuckdUnderTest.start(t, {
      sensor: { path: await refusedSensor(t, '--load', 'on_send_reset') },
    });
    const { problems, sensor } = await stuckd.status();
    assert.deepEqual(
      sensor?.programs?.filter(({ attached }) => attached !== true).map(({ name }) => name),
      ['tcp_send_reset'],
    );
    assert.match(problems.join('\n'), /probe tcp_send_reset is missing: the kernel refuses it .*; an abortive close/);
  });

  test('without that of the keepalive timer sweeps find what it would have reported', async (t) => {
    const sensor = { path: await refusedSensor(t, '--attach', 'on_timer'), sweepInterval: '1s' };
    const stuckd = await StuckdUnderTest.start(t, { sensor });
    const hosts = await createTwoHosts(t);
    const { client } = await connectProbing(hosts);
    await hosts.link.cut();
    const opened = await stuckd.waitOpened(hosts.client, 'keepalive_unanswered');
    assert.equal((await stuckd.waitOwner(opened.id)).owner?.pid, client.pid);
  });

  const failures: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      'a required one that is not loaded',
      ['--load', 'on_retransmit'],
      /^the kernel refuses the BPF program tcp_retransmit_skb \(Permission denied\): .*; without it nothing is detected/,
    ],
    [
      'a required one that is not attached',
      ['--attach', 'on_destroy'],
      /^tcp_destroy_sock, which is required: cannot be attached \(Permission denied\); without it ends are not seen/,
    ],
    [
      'an iterator that is not attached',
      ['--attach', 'sweep'],
      /^sweep, which is required: cannot be attached \(Permission denied\); without it owners /,
    ],
    [
      'none is loaded',
      ['--load', 'all'],
      /^the kernel refuses to load BPF programs .*seccomp.*security module.*lockdown/,
    ],
  ];
  for (const [name, refused, sentence] of failures) {
    test(`${name}, and BPF is wanted: one sentence, and exit status 1`, async (t) => {
      const answer = await checkJson(t, await refusedEbpfSensor(t, ...refused));
      assert.equal(answer.code, 1);
      assert.equal(answer.canRun, false);
      const { available, required, how } = featureOf(answer, 'BPF programs');
      assert.deepEqual([available, required], [false, true]);
      assert.match(how, sentence);
      assert.ok(!how.includes('\n'));
    });
  }
});

test('where it may poll, a required program that is not attached is no obstacle', { skip }, async (t) => {
  const answer = await checkJson(t, await refusedSensor(t, '--attach', 'on_destroy'));
  assert.equal(answer.code, 0);
  assert.equal(answer.canRun, true);
  assert.match(answer.text, /tcp_destroy_sock, which is required: cannot be attached \(Permission denied\)/);
  assert.ok(!answer.features.some(({ name }) => name === 'tcp_destroy_sock'));
});

/** Probes that nobody answers raise an event. */
async function assertEvent(t: TestContext, sensorPath: string): Promise<void> {
  const sensor = await SensorUnderTest.start(t, { path: sensorPath });
  const hosts = await createTwoHosts(t);
  const { localPort } = await connectProbing(hosts);
  await hosts.link.cut();
  await sensor.waitEvent(hosts.client.inode, localPort, 'keepalive');
}

describe('the address of tcp_keepalive_timer()', { skip, concurrency: atOnce(2) }, () => {
  test('is known although no process has a TCP socket as the sensor starts', async (t) => {
    await assertEvent(t, lonelySensor(t));
  });

  test('is found by the first sweep where the sensor may have no TCP socket, and it says so', async (t) => {
    const sensor = await refusedSensor(t, '--inet');
    const answer = await checkJson(t, sensor);
    assert.equal(answer.canRun, true);
    assert.deepEqual(missedOf(answer), []);
    assert.match(featureOf(answer, 'timer_expire_entry').how, /^attached, but .* until then sweeps serve/);
    const { available, how, loss } = featureOf(answer, 'keepalive function');
    assert.equal(available, false);
    assert.match(how, /at the first TCP socket that a sweep meets, .* \(Address family not supported by protocol\)$/);
    assert.match(loss, /by sweeps only$/);

    // For the first sweep: there may be no other TCP socket on this machine.
    const listener = createServer().listen(0, '127.0.0.1');
    t.after(() => listener.close());
    await assertEvent(t, sensor);
  });
});
