// Proves that a sensor is started again, after growing pauses, until the supervisor is stopped. Links are in memory and
// timers are mocked: how a real process dies is shown by sensor-link.test.ts and the kernel tests.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, test, type TestContext } from 'node:test';
import { SensorSupervisor } from '../../../daemon/sensor/sensor-supervisor.js';
import { encodeConfigure, encodeWatch } from '../../../daemon/wire/command-encoder.js';
import { goldenBytes } from '../wire/golden.js';
import { CONFIGURATION, FakeLink, handshake } from './fake-link.js';

let links: FakeLink[];
let events: string[];
let supervisor: SensorSupervisor;

beforeEach(() => {
  links = [];
  events = [];
  supervisor = new SensorSupervisor(
    () => {
      const link = new FakeLink();
      links.push(link);
      return link;
    },
    CONFIGURATION,
    {
      up: ({ hello }) => events.push(`up ${hello.version}`),
      records: (records) => events.push(records.map(({ type }) => type).join()),
      down: ({ reason }, retryMs) => events.push(`down: ${reason}; ${String(retryMs)}`),
    },
  );
});

/** The newest link. */
function last(): FakeLink {
  const link = links.at(-1);
  assert.ok(link !== undefined);
  return link;
}

async function tick(t: TestContext, milliseconds: number): Promise<void> {
  t.mock.timers.tick(milliseconds);
  await turn();
}

test('a sensor that dies is started again after a growing pause', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  supervisor.start();
  assert.equal(supervisor.status().state, 'starting');
  await last().say(handshake(), goldenBytes('counters'));
  assert.equal(supervisor.status().state, 'running');
  assert.equal(supervisor.status().introduction?.hello.version, '1.2.3-golden');
  await last().die('it was ended by SIGKILL');
  assert.deepEqual(supervisor.status(), {
    state: 'backoff',
    restarts: 1,
    lastError: 'it was ended by SIGKILL',
    introduction: null,
  });
  await tick(t, 99);
  assert.equal(links.length, 1);
  await tick(t, 1);
  assert.equal(links.length, 2);
  assert.equal(supervisor.status().state, 'starting');
  await last().die('it exited with status 1');
  await tick(t, 199);
  assert.equal(links.length, 2);
  await tick(t, 1);
  assert.equal(links.length, 3);
  await last().say(handshake());
  assert.equal(supervisor.status().state, 'running');
  assert.equal(supervisor.status().lastError, 'it exited with status 1', 'why it ended the last time');
  assert.deepEqual(events, [
    'up 1.2.3-golden',
    'counters',
    'down: it was ended by SIGKILL; 100',
    'down: it exited with status 1; 200',
    'up 1.2.3-golden',
  ]);
  await supervisor.stop();
  assert.equal(supervisor.status().state, 'stopped');
});

test('stopping while a sensor runs ends it, and says that nothing follows', async () => {
  supervisor.start();
  await last().say(handshake());
  await supervisor.stop();
  assert.equal(last().closes, 1);
  assert.deepEqual(events, ['up 1.2.3-golden', 'down: it exited with status 0; null']);
  assert.equal(supervisor.status().restarts, 0);
});

test('stopping during the handshake ends it', async () => {
  supervisor.start();
  await last().say(goldenBytes('hello'));
  await supervisor.stop();
  assert.equal(last().closes, 1);
});

test('stopping during a pause ends the pause', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  supervisor.start();
  await last().die('gone');
  await supervisor.stop();
  assert.equal(supervisor.status().state, 'stopped');
  await tick(t, 60_000);
  assert.equal(links.length, 1);
});

test('many restarts leave nothing behind', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => {
    warnings.push(warning);
  };
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  supervisor.start();
  for (let count = 1; count <= 20; count += 1) {
    await last().die('gone');
    await tick(t, 10_000);
    assert.equal(links.length, count + 1);
  }
  await turn();
  assert.deepEqual(warnings, [], 'no listeners pile up');
  await supervisor.stop();
});

test('commands go to the present sensor, and nowhere without one', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  supervisor.start();
  await last().say(handshake());
  supervisor.send(encodeWatch(7n));
  assert.equal(last().commands.length, 2);
  await last().die('gone');
  supervisor.send(encodeWatch(8n));
  assert.equal(links[0]?.commands.length, 2);
  await supervisor.stop();
});

test('another configuration reaches the sensor that runs and those that follow', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const other = { ...CONFIGURATION, synThreshold: 5 };
  supervisor.start();
  await last().say(handshake());
  supervisor.configure(other);
  assert.deepEqual(last().commands.at(-1), Buffer.from(encodeConfigure(other)));
  await last().die('gone');
  await tick(t, 100);
  await last().say(goldenBytes('hello'));
  assert.deepEqual(last().commands, [Buffer.from(encodeConfigure(other))]);
  await supervisor.stop();
});
