// Proves the command line of stuckd as a process: exit statuses, what goes to which stream, and signals. The daemon that it
// starts has no sensor: what it does with one is for the acceptance and kernel tests.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../../support/wait-for.js';

const MAIN = fileURLToPath(new URL('../../../daemon/main.js', import.meta.url));

const directory = mkdtempSync(join(tmpdir(), 'stuckd-main-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

function stuckd(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, STUCKD_ADDRESS: '', STUCKD_STATE_DIR: '', STUCKD_SENSOR_ADDRESS: '', ...environment };
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', env, timeout: 60_000 });
}

function configFile(text: string): string {
  const path = join(directory, 'stuckd.yaml');
  writeFileSync(path, text);
  return path;
}

test('an error quotes nothing that a terminal would obey', () => {
  const { status, stderr } = stuckd(['run', '--config', '/nowhere/\x1b[2J']);
  assert.equal(status, 1);
  assert.match(stderr, /\/nowhere\/\\x1b\[2J/);
  assert.ok(!stderr.includes('\x1b'));
});

describe('wrong usage is exit status 2, one line on standard error, and where to look', () => {
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no command', [], /a command is missing/],
    ['an unknown command', ['fly'], /there is no command "fly"/],
    ['too many words', ['run', 'fast'], /unexpected argument "fast"/],
    ['an unknown option', ['run', '--fast'], /--fast/],
    ['an option without its value', ['run', '--config'], /--config/],
    ['an option of another command', ['run', '--cut', '9'], /: run has no option --cut;/],
    ['an output that there is not', ['check', '-o', 'yaml'], /--output is "yaml", neither table nor json/],
    ['an output of a command that has none', ['run', '-o', 'json'], /: run has no option --output;/],
    ['an option that the demo does not have', ['demo', '--json'], /: demo has no option --json;/],
  ];
  for (const [name, args, message] of cases) {
    test(name, () => {
      const { status, stdout, stderr } = stuckd(args);
      assert.equal(status, 2);
      assert.equal(stdout, '');
      assert.match(stderr, /^stuckd: .*; see stuckd --help\n$/);
      assert.match(stderr, message);
    });
  }
});

describe('help and version', () => {
  for (const args of [['--help'], ['-h'], ['help'], ['run', '--help']]) {
    test(args.join(' '), () => {
      const { status, stdout, stderr } = stuckd(args);
      assert.deepEqual([status, stderr], [0, '']);
      for (const command of ['stuckd run', 'stuckd check', 'stuckd demo']) {
        assert.ok(stdout.includes(command));
      }
    });
  }

  for (const option of ['--version', '-V']) {
    test(option, () => {
      assert.match(stuckd([option]).stdout, /^stuckd \d+\.\d+\.\d+\n$/);
    });
  }
});

test('a reader that goes away is no error', async () => {
  const child = spawn(process.execPath, [MAIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  assert.deepEqual([code, stderr], [0, '']);
});

describe('what cannot start is exit status 1 and says why', () => {
  test('a wrong configuration', () => {
    const { status, stderr } = stuckd(['run', '--config', configFile('log: { level: loud }')]);
    assert.equal(status, 1);
    assert.match(stderr, /^stuckd: the configuration is wrong:\n[^\n]*stuckd\.yaml:1:15: [^\n]*at log\.level/);
  });

  test('a wrong variable', () => {
    const { status, stderr } = stuckd(['check'], { STUCKD_SENSOR_ADDRESS: 'nowhere' });
    assert.equal(status, 1);
    assert.match(stderr, /at sensor\.address/);
  });

  test('a state directory that is a file', () => {
    const settings = {
      grpc: { address: `unix:${directory}/stuckd.sock` },
      sensor: { address: `unix:${directory}/sensor.sock` },
      stateDir: configFile('{}'),
    };
    const path = join(directory, 'other.yaml');
    writeFileSync(path, JSON.stringify(settings));
    const { status, stderr } = stuckd(['run', '--config', path]);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^stuckd: the state directory \(stateDir, STUCKD_STATE_DIR, --state-dir\) cannot be used: .*stuckd\.yaml/,
    );
  });
});

test('SIGHUP reads the configuration again, a wrong one changes nothing, and SIGTERM drains', async (t) => {
  const path = join(directory, 'running.yaml');
  const settings = {
    grpc: { address: `unix:${directory}/running.sock` },
    sensor: { address: `unix:${directory}/no-sensor.sock` },
    stateDir: join(directory, 'state'),
  };
  writeFileSync(path, JSON.stringify(settings));
  const daemon = spawn(process.execPath, [MAIN, 'run', '--config', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => daemon.kill('SIGKILL'));
  let output = '';
  daemon.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const says = (what: string): Promise<true> => waitFor(() => output.includes(what), { what, timeoutMs: 30_000 });
  await says('gRPC listens on unix:');

  writeFileSync(path, JSON.stringify({ ...settings, history: { ended: 7 }, stateDir: '/elsewhere' }));
  daemon.kill('SIGHUP');
  await says('the configuration was read again; changed: history.ended"');
  await says('restart to apply them: stateDir"');

  writeFileSync(path, '{ kinds: { connecting: { enabled: maybe } } }');
  daemon.kill('SIGHUP');
  await says('SIGHUP: nothing was changed: ');
  await says('at kinds.connecting.enabled');

  daemon.kill('SIGTERM');
  const [code] = (await once(daemon, 'close')) as [number | null];
  assert.equal(code, 0);
  assert.ok(output.trimEnd().endsWith('"msg":"stopped"}'), output);
});
