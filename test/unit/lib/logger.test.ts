// Proves what a person and a machine get to read, that nothing from outside reaches a terminal unescaped, and that the level
// can change. The JSON logger writes to the standard output of a process of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { createTerminalLogger } from '../../../daemon/lib/logger.js';

test('a terminal gets lines that say their level only where it is not routine', () => {
  const lines: string[] = [];
  const log = createTerminalLogger('info', (line) => lines.push(line));
  log.debug('not shown');
  log.info('sensor attached', { sensorPid: 7, kernel: '6.18' });
  log.warn('probe is missing');
  log.error('gone');
  assert.deepEqual(lines, ['sensor attached  (sensorPid=7, kernel=6.18)', 'warning: probe is missing', 'error: gone']);
});

test('a terminal gets no control characters, neither in messages nor in fields', () => {
  const lines: string[] = [];
  const log = createTerminalLogger('info', (line) => lines.push(line));
  log.info('it said \x1b[31m\n', { comm: 'a\rb' });
  assert.deepEqual(lines, ['it said \\x1b[31m\\n  (comm=a\\rb)']);
});

test('a terminal logger takes another level', () => {
  const lines: string[] = [];
  const log = createTerminalLogger('error', (line) => lines.push(line));
  log.warn('before');
  log.setLevel('debug');
  log.debug('after');
  assert.deepEqual(lines, ['after']);
});

test('a log that cannot be written, as on a full disk, does not end the program', () => {
  const module = new URL('../../../daemon/lib/logger.js', import.meta.url).href;
  const script = `
    import { createJsonLogger } from ${JSON.stringify(module)};
    const log = createJsonLogger('info');
    log.info('lost');
    log.info('lost, too');
    process.stderr.write('still here');`;
  const full = openSync('/dev/full', 'w');
  try {
    const argv = ['--input-type=module', '-e', script];
    const { stderr } = spawnSync(process.execPath, argv, {
      encoding: 'utf8',
      stdio: ['ignore', full, 'pipe'],
      timeout: 30_000,
    });
    assert.equal(stderr, 'still here');
  } finally {
    closeSync(full);
  }
});

test('JSON lines hold level, time, message and fields, and are written before the process ends', () => {
  const module = new URL('../../../daemon/lib/logger.js', import.meta.url).href;
  const script = `
    import { createJsonLogger } from ${JSON.stringify(module)};
    const log = createJsonLogger('warn');
    log.info('not shown');
    log.warn('a line\\nin two', { comm: '\\x1b[1m' });
    log.setLevel('info');
    log.info('shown');
    process.kill(process.pid, 'SIGKILL');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map(({ level, msg, comm }) => ({ level, msg, comm })),
    [
      { level: 40, msg: 'a line\nin two', comm: '\x1b[1m' },
      { level: 30, msg: 'shown', comm: undefined },
    ],
  );
  assert.ok(lines.every(({ time }) => !Number.isNaN(Date.parse(String(time)))));
});
