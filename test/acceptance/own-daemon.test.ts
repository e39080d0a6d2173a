// Proves that an ordinary user can run stuckd and ask it without configuring anything: it serves in places of his own, closed to
// others, beside a stuckd of the node, and his stuckctl finds it. What his sensor sees is for the kernel tests: here is none.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';

const NOBODY = 65_534;
/** Root becomes somebody else for this; anybody else is an ordinary user already. */
const uid = process.getuid?.() === 0 ? NOBODY : (process.getuid?.() ?? NOBODY);
const who = process.getuid?.() === 0 ? { uid, gid: uid } : {};

const directory = mkdtempSync(join(tmpdir(), 'stuckd-own-daemon-'));
chmodSync(directory, 0o755);
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** A program of this package that the user can read; he may not be able to look into the package itself. */
const program = (name: string): string => join(packageRoot(), 'build/bin', `${name}.js`);
const isReadable = spawnSync(process.execPath, [program('stuckctl'), '--version'], { ...who, cwd: '/' }).status === 0;
const skip = isReadable ? false : 'an ordinary user cannot read this package where it lies';

let homes = 0;

/** A home directory of his own. */
function createHome(): string {
  const home = join(directory, `home-${(homes += 1).toString()}`);
  mkdirSync(home);
  chownSync(home, uid, uid);
  return home;
}

interface OwnDaemon {
  readonly output: () => string;
  /** What the user's stuckctl answers. */
  readonly ask: (...args: readonly string[]) => { status: number | null; stdout: string; stderr: string };
  readonly child: ChildProcess;
}

function start(t: TestContext, home: string, variables: Readonly<Record<string, string>> = {}): OwnDaemon {
  const sensor = `unix:${home}/no-sensor.sock`;
  const env = { PATH: process.env['PATH'], HOME: home, ...variables };
  const child = spawn(process.execPath, [program('stuckd'), 'run', '--json', '--sensor-address', sensor], {
    ...who,
    ...{ env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] },
  });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ask = (...args: readonly string[]): ReturnType<OwnDaemon['ask']> =>
    spawnSync(process.execPath, [program('stuckctl'), ...args], { ...who, env, cwd: '/', encoding: 'utf8' });
  return { output: () => output, ask, child };
}

function isUp({ output }: OwnDaemon): Promise<unknown> {
  return waitFor(() => output().includes('gRPC listens on'), { what: 'a daemon that serves' });
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('an ordinary user', { skip }, () => {
  test('runs stuckd without any configuration, and stuckctl finds it', async (t) => {
    const home = createHome();
    const daemon = start(t, home);
    await isUp(daemon);
    const socket = join(home, '.local/state/stuckd/stuckd.sock');
    assert.ok(daemon.output().includes(`gRPC listens on unix:${socket}`), daemon.output());
    assert.ok(statSync(socket).isSocket());
    assert.equal(modeOf(join(home, '.local/state/stuckd')), 0o700);
    const { status, stdout, stderr } = daemon.ask('status', '-o', 'json');
    assert.equal(status, 0, stderr);
    assert.equal((JSON.parse(stdout) as { pid: number }).pid, daemon.child.pid);
  });

  test('has the socket in his runtime directory, where there is one', async (t) => {
    const home = createHome();
    const runtime = join(home, 'run');
    mkdirSync(runtime);
    chownSync(runtime, uid, uid);
    const daemon = start(t, home, { XDG_RUNTIME_DIR: runtime });
    await isUp(daemon);
    assert.equal(modeOf(join(runtime, 'stuckd')), 0o700);
    assert.equal(daemon.ask('status').status, 0);
  });

  test('goes on without metrics where their port is taken, and fails where he has asked for it', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await waitFor(() => taken.address() !== null, { what: 'a port that is taken' });
    const { port } = taken.address() as { port: number };
    const address = `127.0.0.1:${port.toString()}`;
    const home = createHome();
    mkdirSync(join(home, '.config/stuckd'), { recursive: true });
    const file = join(home, '.config/stuckd/stuckd.yaml');
    writeFileSync(file, JSON.stringify({ http: { address, required: false } }));
    const daemon = start(t, home);
    await isUp(daemon);
    assert.match(
      daemon.output(),
      new RegExp(`metrics and health are not served: ${address} is taken, .*--http-address`),
    );
    assert.doesNotMatch(daemon.output(), /metrics are at/);

    writeFileSync(file, JSON.stringify({ http: { address } }));
    const failing = start(t, createHome(), { XDG_CONFIG_HOME: join(home, '.config') });
    await waitFor(() => failing.child.exitCode !== null, { what: 'a daemon that does not start' });
    assert.equal(failing.child.exitCode, 1);
    assert.match(failing.output(), /metrics and health .* cannot be served .*EADDRINUSE/);
  });

  test('without a home that he can write to is told which option gives another place', async (t) => {
    const daemon = start(t, '/no-home-of-stuckd');
    await waitFor(() => daemon.child.exitCode !== null, { what: 'a daemon that does not start' });
    assert.equal(daemon.child.exitCode, 1);
    assert.match(daemon.output(), /the state directory \(.*--state-dir\) cannot be used: .*\/no-home-of-stuckd/);
  });
});
