// Proves what a service manager hears of the daemon, over a real socket: ready once it serves, reloads, the end, and signs of
// life that come from the event loop, so that none comes while it hangs. All of it comes from the main process.
// It cannot prove what systemd makes of it; that is for test/kernel/systemd.test.ts.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import type { Ending } from '../support/lab.js';
import { NOTIFY_EXEC, NotifyReceiver } from '../support/notify-receiver.js';
import { packageRoot } from '../support/package-root.js';
import { runProgram, stuckctl } from '../support/run-program.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const UNSET = ['WATCHDOG_USEC', 'WATCHDOG_PID', 'NOTIFY_SOCKET', 'STUCKD_NOTIFY_FD', 'JOURNAL_STREAM'];
const SENSOR_MISSING = 'STATUS=nothing is stuck; the sensor is not running';

function startDaemon(
  test: Ending,
  receiver: NotifyReceiver,
  env: Readonly<Record<string, string>> = {},
): { readonly daemon: ManagedProcess; readonly config: string; readonly address: string } {
  const directory = temporaryDirectory();
  const config = join(directory, 'stuckd.yaml');
  writeFileSync(config, `sensor: { address: 'unix:${directory}/nobody.sock' }\n`);
  const address = `unix:${directory}/stuckd.sock`;
  const argv = [NOTIFY_EXEC, process.execPath, join(packageRoot(), 'build/bin/stuckd.js'), 'run', '--config', config];
  const daemon = startProcess(argv, {
    env: {
      NOTIFY_SOCKET: receiver.address,
      STUCKD_ADDRESS: address,
      STUCKD_STATE_DIR: join(directory, 'state'),
      STUCKD_HTTP_ADDRESS: 'off',
      ...env,
    },
    unsetEnv: [...UNSET, 'STUCKD_SENSOR_ADDRESS'],
  });
  test.after(async () => {
    await daemon.stop();
  });
  return { daemon, config, address };
}

const hasStatus = (lines: readonly string[]): boolean => lines.some((line) => line.startsWith(SENSOR_MISSING));

for (const kind of ['path', 'abstract'] as const) {
  test(`ready without a sensor, reloads, the end; socket: ${kind}`, async (t) => {
    const receiver = await NotifyReceiver.start(t, kind);
    const { daemon, config, address } = startDaemon(t, receiver);
    const ready = await receiver.wait('READY', (lines) => lines.includes('READY=1') && hasStatus(lines));
    assert.equal(ready, 1, 'the first word');
    assert.equal((await stuckctl(address, 'list')).code, 0, 'it serves by then');

    const beforeUs = process.hrtime.bigint() / 1000n;
    daemon.kill('SIGHUP');
    const reloading = await receiver.waitLine('RELOADING=1', ready);
    const [, stamp] = receiver.notifications[reloading - 1]?.lines ?? [];
    assert.ok(BigInt(/^MONOTONIC_USEC=([0-9]+)$/.exec(stamp ?? '')?.[1] ?? 0) >= beforeUs, 'of CLOCK_MONOTONIC');
    const again = await receiver.waitLine('READY=1', reloading);
    assert.equal(again, reloading + 1);

    writeFileSync(config, 'nonsense: 1\n');
    daemon.kill('SIGHUP');
    const failing = await receiver.waitLine('RELOADING=1', again);
    await receiver.waitLine('READY=1', failing);

    daemon.kill('SIGTERM');
    const stopping = await receiver.waitLine('STOPPING=1', failing);
    assert.deepEqual(await daemon.ended, { code: 0, signal: null });
    assert.equal(receiver.notifications.length, stopping, 'the last word');
    assert.deepEqual([...new Set(receiver.notifications.map(({ pid }) => pid))], [daemon.pid], 'all of one process');
    assert.ok(!receiver.notifications.some(({ lines }) => lines.includes('WATCHDOG=1')), 'which nobody wanted');
  });
}

test('signs of life come again and again from the daemon, and from it alone', async (t) => {
  const receiver = await NotifyReceiver.start(t);
  const { daemon } = startDaemon(t, receiver, { WATCHDOG_USEC: '200000' });
  let count = 0;
  for (let round = 0; round < 5; round += 1) {
    count = await receiver.waitLine('WATCHDOG=1', count);
  }
  assert.ok(
    receiver.notifications.every(({ lines }) => hasStatus(lines)),
    'each of them says all',
  );
  assert.deepEqual([...new Set(receiver.notifications.map(({ pid }) => pid))], [daemon.pid]);
});

test('while the event loop hangs nothing is heard, and afterwards it is', async (t) => {
  const receiver = await NotifyReceiver.start(t);
  const built = (path: string): string => pathToFileURL(join(packageRoot(), 'build/daemon/service-manager', path)).href;
  const script = `
    import { openNotifySocket } from '${built('notify-socket.js')}';
    import { ServiceNotifier } from '${built('service-notifier.js')}';
    const socket = openNotifySocket(process.env);
    const now = () => performance.now() * 1000;
    const notifier = new ServiceNotifier({ socket, watchdogMs: 10, status: () => 'a', nowUs: now, warn: console.error });
    notifier.ready();
    setTimeout(() => {
      socket.send(['HANG=begins']);
      const until = performance.now() + 500;
      while (performance.now() < until);
      socket.send(['HANG=ends']);
    }, 100);`;
  const argv = [NOTIFY_EXEC, process.execPath, '--input-type=module', '-e', script];
  const child = startProcess(argv, { env: { NOTIFY_SOCKET: receiver.address }, unsetEnv: UNSET });
  t.after(async () => {
    await child.stop();
  });
  const begins = await receiver.waitLine('HANG=begins');
  assert.ok(begins > 2, 'it was heard before');
  const ends = await receiver.waitLine('HANG=ends');
  assert.equal(ends, begins + 1, 'nothing between');
  await receiver.waitLine('WATCHDOG=1', ends);
});

describe('notify-exec', () => {
  const environment = { NOTIFY_SOCKET: '', STUCKD_NOTIFY_FD: '' };
  const print = ['/bin/sh', '-c', 'echo "fd=$STUCKD_NOTIFY_FD"'];

  test('starts the program also where nobody wants to be told', async () => {
    const result = await runProgram([NOTIFY_EXEC, ...print], environment);
    assert.deepEqual(result, { code: 0, stdout: 'fd=\n', stderr: '' });
  });

  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['nobody listens', '/nonexistent/notify', /\/nonexistent\/notify.*No such file/],
    ['out of a virtual machine', 'vsock:2:1234', /not supported/],
    ['too long', `/${'x'.repeat(200)}`, /not supported/],
    ['empty', '@', /not supported/],
  ];
  for (const [name, address, message] of cases) {
    test(`does not start it when it could not be told: ${name}`, async () => {
      const { code, stdout, stderr } = await runProgram([NOTIFY_EXEC, ...print], {
        ...environment,
        NOTIFY_SOCKET: address,
      });
      assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
      assert.match(stderr, message);
    });
  }

  test('says when there is no such program', async () => {
    const { code, stderr } = await runProgram([NOTIFY_EXEC, '/nonexistent/program'], environment);
    assert.equal(code, 127);
    assert.match(stderr, /cannot start \/nonexistent\/program/);
  });
});
