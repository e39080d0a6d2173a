// Proves one conversation with a sensor: the handshake, its refusals, reports, and the reason of its end. The sensor is a
// stream in memory that says golden records; the real handshake is for the kernel tests.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { SensorRecord } from '../../../daemon/core/sensor-records.js';
import { SensorSession, type SensorIntroduction, type SessionEnd } from '../../../daemon/sensor/sensor-session.js';
import { encodeConfigure, encodeWatch } from '../../../daemon/wire/command-encoder.js';
import { HELLO_RECORD, RECORD_HEADER } from '../../../daemon/wire/layout.generated.js';
import { waitFor } from '../../support/wait-for.js';
import { goldenBytes } from '../wire/golden.js';
import { CONFIGURATION, FakeLink, handshake } from './fake-link.js';

let link: FakeLink;
let session: SensorSession;
let introductions: SensorIntroduction[];
let reports: SensorRecord[];
let end: Promise<SessionEnd>;
let isBusy: boolean;

beforeEach(() => {
  link = new FakeLink();
  introductions = [];
  reports = [];
  isBusy = false;
  session = new SensorSession(link, CONFIGURATION, {
    ready: (introduction) => introductions.push(introduction),
    records: (records) => reports.push(...records),
    isBusy: () => isBusy,
  });
  end = session.run();
});

afterEach(async () => {
  session.close();
  await end;
});

function changed(bytes: Uint8Array, offset: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[offset] = (copy[offset] ?? 0) ^ 0x40;
  return copy;
}

describe('the handshake', () => {
  test('a sensor of this build is configured once, and introduced when it is ready', async () => {
    await link.say(goldenBytes('hello'));
    assert.deepEqual(link.commands, [Buffer.from(encodeConfigure(CONFIGURATION))]);
    await link.say(goldenBytes('program'), goldenBytes('mode'), goldenBytes('feature'), goldenBytes('clock'));
    assert.equal(introductions.length, 0);
    await link.say(goldenBytes('ready'));
    assert.deepEqual(
      introductions.map(({ hello }) => hello.version),
      ['1.2.3-golden'],
    );
    assert.deepEqual(
      introductions.flatMap(({ programs }) => programs.map(({ name }) => name)),
      ['tcp_retransmit_skb'],
    );
    assert.deepEqual(
      introductions.flatMap(({ features }) => features.map(({ name }) => name)),
      ['RTO limit'],
    );
    assert.deepEqual(reports, []);
    assert.equal(link.commands.length, 1);
  });

  test('reports may follow in the same chunk', async () => {
    await link.say(handshake(), goldenBytes('socket'), goldenBytes('counters'));
    assert.equal(introductions.length, 1);
    assert.deepEqual(
      reports.map(({ type }) => type),
      ['socket', 'counters'],
    );
  });

  const refusals: readonly { name: string; say: () => readonly Uint8Array[]; reason: RegExp }[] = [
    {
      name: 'another layout',
      say: () => [changed(goldenBytes('hello'), HELLO_RECORD.layoutHash)],
      reason: /different builds/,
    },
    {
      name: 'no sensor at all',
      say: () => [changed(goldenBytes('hello'), HELLO_RECORD.magic)],
      reason: /is no stuckd-sensor/,
    },
    {
      name: 'ready without a hello',
      say: () => [goldenBytes('clock'), goldenBytes('ready')],
      reason: /ready without a word/,
    },
    {
      name: 'ready without clocks',
      say: () => [goldenBytes('hello'), goldenBytes('ready')],
      reason: /ready without a word/,
    },
    {
      name: 'a report before it is ready',
      say: () => [goldenBytes('socket')],
      reason: /of type socket before it was ready/,
    },
    { name: 'two greetings', say: () => [goldenBytes('hello'), goldenBytes('hello')], reason: /greeted twice/ },
    {
      name: 'endless programs',
      say: () => Array.from({ length: 65 }, () => goldenBytes('program')),
      reason: /more than 64 programs/,
    },
    {
      name: 'endless features',
      say: () => Array.from({ length: 65 }, () => goldenBytes('feature')),
      reason: /more than 64 features/,
    },
  ];
  for (const { name, say, reason } of refusals) {
    for (const [what, rest] of [
      ['handshake', [handshake(), goldenBytes('socket')]],
      ['report', [goldenBytes('counters')]],
    ] as const) {
      test(`${name}: the conversation ends, and a ${what} after it does not count`, async () => {
        await link.say(...say(), ...rest);
        assert.match((await end).reason, reason);
        assert.equal((await end).failure, null);
        assert.deepEqual([introductions, reports], [[], []]);
      });
    }
  }

  test('a sensor that is not ready in time is given up', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const slowLink = new FakeLink();
    const slow = new SensorSession(slowLink, CONFIGURATION, { ready: () => undefined, records: () => undefined });
    const slowEnd = slow.run();
    await slowLink.say(goldenBytes('hello'));
    t.mock.timers.tick(59_999);
    assert.equal(slowLink.closes, 0);
    t.mock.timers.tick(1);
    assert.equal((await slowEnd).reason, 'it was not ready after 60 s');
    // The session of beforeEach has a real timer, which only the real clearTimeout ends.
    t.mock.timers.reset();
  });

  test('a sensor that is ready has all the time', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const readyLink = new FakeLink();
    void new SensorSession(readyLink, CONFIGURATION, { ready: () => undefined, records: () => undefined }).run();
    await readyLink.say(handshake());
    t.mock.timers.tick(3_600_000);
    assert.equal(readyLink.closes, 0);
    t.mock.timers.reset();
  });
});

test('nothing more is read while reports have made work that is not done', async () => {
  await link.say(handshake());
  isBusy = true;
  await link.say(goldenBytes('clock'));
  assert.equal(reports.length, 1);
  await link.say(goldenBytes('clock'));
  assert.equal(reports.length, 1);
  isBusy = false;
  await waitFor(() => reports.length === 2, { what: 'the second report' });
});

describe('how a conversation ends', () => {
  test('with the reason of the link', async () => {
    await link.say(handshake());
    await link.die('it was ended by SIGKILL');
    assert.deepEqual(await end, { reason: 'it was ended by SIGKILL', failure: null });
  });

  test('with what the sensor says itself, before it is ready or later', async () => {
    await link.say(goldenBytes('failure'));
    await link.die('it exited with status 1');
    assert.equal((await end).reason, 'cannot attach anything');
    assert.equal((await end).failure?.code, 'attach');
  });

  test('with its last words, when it was ready already', async () => {
    await link.say(handshake(), goldenBytes('failure'));
    await link.die('it exited with status 1');
    assert.equal((await end).failure?.message, 'cannot attach anything');
  });

  test('inside a record: with the offset', async () => {
    const start = handshake();
    await link.say(start, goldenBytes('socket').subarray(0, 100));
    await link.die('it was ended by SIGSEGV');
    assert.match(
      (await end).reason,
      /^it was ended by SIGSEGV; sensor stream, byte \d+: the stream ended after 100 bytes/,
    );
    assert.ok((await end).reason.includes(`byte ${start.length + 100}:`));
    assert.deepEqual(reports, []);
  });

  test('at a record that cannot be: with the offset, after the records before it', async () => {
    const start = handshake();
    await link.say(
      start,
      goldenBytes('counters'),
      changed(goldenBytes('socket'), RECORD_HEADER.kind),
      goldenBytes('pass'),
    );
    const offset = start.length + goldenBytes('counters').length + RECORD_HEADER.kind;
    assert.ok((await end).reason.startsWith(`sensor stream, byte ${offset}:`), (await end).reason);
    assert.deepEqual(
      reports.map(({ type }) => type),
      ['counters'],
    );
  });

  for (const type of ['ready', 'feature']) {
    test(`at a second handshake, which begins with ${type}`, async () => {
      await link.say(handshake(), goldenBytes('socket'), goldenBytes(type));
      assert.equal((await end).reason, `it sent a record of type ${type} after it was ready`);
    });
  }
});

describe('commands', () => {
  test('go out as they come; none after the end', async () => {
    await link.say(handshake());
    session.send(encodeWatch(7n));
    assert.deepEqual(link.commands.at(-1), Buffer.from(encodeWatch(7n)));
    session.close();
    await end;
    session.send(encodeWatch(8n));
    assert.equal(link.commands.length, 2);
  });

  test('before the sensor is ready it gets its configuration and nothing else', async () => {
    session.send(encodeWatch(7n));
    await link.say(goldenBytes('hello'));
    session.send(encodeWatch(8n));
    assert.deepEqual(link.commands, [Buffer.from(encodeConfigure(CONFIGURATION))]);
  });

  test('another configuration before the greeting is the first one that is sent', async () => {
    const other = { ...CONFIGURATION, rtoThreshold: 9 };
    session.configure(other);
    assert.deepEqual(link.commands, []);
    await link.say(goldenBytes('hello'));
    assert.deepEqual(link.commands, [Buffer.from(encodeConfigure(other))]);
  });

  test('another configuration after it is sent at once', async () => {
    const other = { ...CONFIGURATION, rtoThreshold: 9 };
    await link.say(goldenBytes('hello'));
    session.configure(other);
    assert.deepEqual(link.commands.at(-1), Buffer.from(encodeConfigure(other)));
  });

  test('a sensor that does not read them is given up before they fill the memory', async () => {
    await link.say(handshake());
    link.isReading = false;
    const command = new Uint8Array(1024 * 1024);
    for (let count = 0; count < 17; count += 1) {
      session.send(command);
    }
    await turn();
    assert.equal((await end).reason, 'it does not read its commands');
  });
});
