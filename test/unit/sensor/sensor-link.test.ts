// Proves links to real processes and sockets: bytes both ways, complaints, and in words why a sensor is not there or has
// ended. The processes are scripts, not sensors.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { connectSensor, type SensorLink, spawnSensor } from '../../../daemon/sensor/sensor-link.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-link-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** A program with the sensor's arguments in $1 and so on, and its stream as descriptor 3. */
function script(name: string, body: string): string {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}

async function read(link: SensorLink): Promise<string> {
  const [chunk] = (await once(link.stream, 'data')) as [Buffer];
  return chunk.toString();
}

describe('a sensor that is started', () => {
  test('reads and writes its descriptor 3, and ends with its stream', async () => {
    const link = spawnSensor(script('echo', 'echo "$@" >&3; cat <&3 >&3'), ['a', 'b'], () => undefined);
    assert.equal(await read(link), '--fd 3 --without a,b\n');
    link.stream.write('hello');
    assert.equal(await read(link), 'hello');
    link.close(60_000);
    assert.equal(await link.ended, 'it exited with status 0');
  });

  test('is told how to observe', async () => {
    const path = script('mode', 'echo "$@" >&3; cat <&3 >&3');
    const link = spawnSensor(path, [], () => undefined, { mode: 'polling', btf: '/b' });
    assert.equal(await read(link), '--fd 3 --mode polling --btf /b\n');
    link.close(60_000);
    const automatic = spawnSensor(path, [], () => undefined, { mode: 'auto' });
    assert.equal(await read(automatic), '--fd 3\n');
    automatic.close(60_000);
    await Promise.all([link.ended, automatic.ended]);
  });

  test('is killed if it does not end with its stream', async () => {
    const link = spawnSensor(script('stays', 'echo up >&3; exec sleep 1000'), [], () => undefined);
    assert.equal(await read(link), 'up\n');
    link.close(1);
    link.close(1);
    assert.equal(await link.ended, 'it was ended by SIGKILL');
  });

  test('complains line by line, also without a newline at the end, and only so much', async () => {
    const complaints: string[] = [];
    const body = 'printf "one\\n\\ntw" >&2; printf "o\\n" >&2; head -c 100000 /dev/zero | tr "\\0" x >&2; exit 3';
    const link = spawnSensor(script('complains', body), [], (line) => complaints.push(line));
    link.stream.resume();
    assert.equal(await link.ended, 'it exited with status 3');
    assert.deepEqual(complaints, ['one', 'two', 'x'.repeat(500)]);
  });

  const missing = join(directory, 'missing');
  const notExecutable = join(directory, 'text');
  writeFileSync(notExecutable, '');
  for (const [path, reason] of [
    [missing, `${missing} does not exist`],
    [notExecutable, `${notExecutable} cannot be used: permission denied`],
  ] as const) {
    test(reason.replace(directory, ''), async () => {
      const link = spawnSensor(path, [], () => undefined);
      link.stream.resume();
      assert.equal(await link.ended, reason);
      const timersBefore = countTimers();
      link.close(60_000);
      assert.equal(countTimers(), timersBefore, 'there is nothing left to be killed');
    });
  }

  test('an impossible path is a reason, not an exception', async () => {
    const link = spawnSensor('a\0b', [], () => undefined);
    assert.match(await link.ended, /null bytes/);
    link.close(60_000);
  });
});

describe('a sensor that runs apart', () => {
  test('is read and written until it closes the connection', async (t) => {
    const path = join(directory, 'apart.sock');
    const server = createServer((socket) => {
      socket.on('data', (chunk) => socket.end(`got ${chunk.toString()}`));
    }).listen(path);
    t.after(() => server.close());
    await once(server, 'listening');
    const link = connectSensor(path);
    link.stream.write('hello');
    assert.equal(await read(link), 'got hello');
    assert.equal(await link.ended, 'it closed the connection');
    link.close(0);
  });

  test('is not there: the reason says what to look at', async () => {
    const path = join(directory, 'nobody.sock');
    assert.equal(await connectSensor(path).ended, `${path} does not exist`);
    const server = createServer().listen(path);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    writeFileSync(path, '');
    assert.equal(await connectSensor(path).ended, `nobody listens on ${path}`);
  });
});
