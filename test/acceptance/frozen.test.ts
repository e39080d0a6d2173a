// Proves that no command of stuckctl hangs on a daemon that is frozen (SIGSTOP) or vanished: with real processes, over a
// unix socket and over TCP. Each must end, or say that it lost the daemon; how long that takes is not judged. And that
// SIGHUP with a wrong file changes nothing, and says where it is wrong.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import { startStuckctl, type StuckctlProcess } from './rpc-harness.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-frozen-'));
const configPath = join(directory, 'stuckd.yaml');
const processes: ChildProcess[] = [];

after(() => {
  for (const child of processes) {
    child.kill('SIGKILL');
  }
  rmSync(directory, { recursive: true, force: true });
});

interface Daemon {
  readonly child: ChildProcess;
  readonly unixAddress: string;
  readonly tcpAddress: string;
  log(): string;
  /** What Prometheus gets. */
  metrics(): Promise<string>;
}

/** @param name of what it has for itself, as another daemon may run beside it. */
function settings(name: string): Readonly<Record<string, unknown>> {
  return {
    grpc: { address: `unix:${directory}/${name}.sock`, tcp: { address: '127.0.0.1:0' } },
    http: { address: '127.0.0.1:0' },
    stateDir: join(directory, name),
    sensor: { address: `unix:${directory}/no-sensor.sock` },
  };
}

async function startDaemon(name: string): Promise<Daemon> {
  writeFileSync(configPath, JSON.stringify(settings(name)));
  const program = join(packageRoot(), 'build/bin/stuckd.js');
  const child = spawn(process.execPath, [program, 'run', '--config', configPath], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const address = await waitFor(() => /gRPC listens on \S+ and (127\.0\.0\.1:\d+)/.exec(output)?.[1], { what: 'gRPC' });
  const origin = await waitFor(() => /metrics are at (http:\/\/[\d.:]+)/.exec(output)?.[1], { what: 'metrics' });
  return {
    ...{ child, unixAddress: `unix:${directory}/${name}.sock`, tcpAddress: address, log: () => output },
    metrics: async () => (await fetch(`${origin}/metrics`, { headers: { connection: 'close' } })).text(),
  };
}

function stuckctl(...args: readonly string[]): StuckctlProcess {
  const started = startStuckctl(args);
  processes.push(started.child);
  return started;
}

describe('a daemon that is frozen', () => {
  let daemon: Daemon;
  let watches: readonly (readonly [string, StuckctlProcess])[];

  before(async () => {
    daemon = await startDaemon('frozen');
    const { unixAddress } = daemon;
    watches = [unixAddress, daemon.tcpAddress].map((address) => [address, stuckctl('watch', '--address', address)]);
    for (const [address, watch] of watches) {
      await waitFor(() => watch.stderr().includes('0 stuck connections now'), { what: `a snapshot over ${address}` });
    }
    daemon.child.kill('SIGSTOP');
  });

  const commands = [['list'], ['get', 'c1'], ['status'], ['watch'], ['watch', '-o', 'json']];
  test('every command that is started now ends with exit code 3 and says why', async () => {
    const started = [daemon.unixAddress, daemon.tcpAddress].flatMap((address) =>
      commands.map((command) => ({ address, command, process: stuckctl(...command, '--address', address) })),
    );
    for (const { address, command, process: child } of started) {
      const { code, stdout, stderr } = await child.ended;
      assert.equal(code, 3, `${command.join(' ')} over ${address}`);
      assert.equal(stdout, '');
      assert.match(stderr, new RegExp(`^stuckctl: cannot reach stuckd at ${address}: no answer within 5 s\n`));
    }
  });

  test('a watch that stood says that it lost the daemon, and finds it again when it goes on', async () => {
    for (const [address, watch] of watches) {
      await waitFor(() => watch.stderr().includes('trying again until Ctrl-C'), { what: `the loss over ${address}` });
      assert.match(watch.stderr(), /connection lost \(.*\); trying again until Ctrl-C/);
    }
    daemon.child.kill('SIGCONT');
    for (const [address, watch] of watches) {
      await waitFor(() => watch.stderr().includes('connected again'), { what: `the daemon again over ${address}` });
    }
  });

  test('vanished: the same, at once', async () => {
    daemon.child.kill('SIGKILL');
    for (const [, watch] of watches) {
      await waitFor(() => watch.stderr().split('trying again').length > 2, { what: 'the second loss' });
      watch.child.kill('SIGINT');
      assert.equal((await watch.ended).code, 0);
    }
    assert.equal((await stuckctl('list', '--address', daemon.unixAddress).ended).code, 3);
    assert.equal((await stuckctl('list', '--address', daemon.tcpAddress).ended).code, 3);
  });
});

test('SIGHUP: a wrong file changes nothing and is named with its line; a right one applies', async () => {
  const daemon = await startDaemon('reloaded');
  const before = settings('reloaded');
  const heard = (text: string): Promise<unknown> => waitFor(() => daemon.log().includes(text), { what: text });
  writeFileSync(
    configPath,
    `${JSON.stringify(before).slice(0, -1)},\n  "kinds": { "closing": { "open": { "after": 15 } } } }`,
  );
  daemon.child.kill('SIGHUP');
  await heard('SIGHUP: nothing was changed');
  await heard(`${configPath}:2:46: must be a duration with a unit`);
  assert.equal((await stuckctl('status', '--address', daemon.unixAddress).ended).code, 0, 'it serves as before');
  assert.match(await daemon.metrics(), /^stuckd_config_last_reload_successful 0$/m);
  writeFileSync(configPath, 'not: [yaml');
  daemon.child.kill('SIGHUP');
  await heard(`${configPath}:1:11: this is not valid YAML`);
  const changed = { ...before, kinds: { closing: { open: { after: '20s' } } }, grpc: { address: 'unix:/elsewhere' } };
  writeFileSync(configPath, JSON.stringify(changed));
  daemon.child.kill('SIGHUP');
  await heard('the configuration was read again; changed: kinds.closing.open.after');
  await heard('restart to apply them: grpc.address, grpc.tcp');
  assert.match(await daemon.metrics(), /^stuckd_config_last_reload_successful 1$/m);
  daemon.child.kill('SIGTERM');
  await heard('"stopped"');
});
