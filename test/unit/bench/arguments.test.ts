/** Proves what the command line of the benchmarks means, and that a mistake in it is refused before anything runs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CONNECTIONS_MAX, parseBenchArguments, UsageError } from '../../bench/arguments.js';

const KNOWN = ['sweep', 'event', 'memory'];

describe('parts', () => {
  test('all run if none is named', () => {
    assert.deepEqual(parseBenchArguments([], KNOWN), {
      parts: KNOWN,
      json: false,
      connections: null,
      records: null,
      idleMinutes: 0,
      profileDirectory: null,
      help: false,
    });
  });

  test('named ones run once each, in the usual order', () => {
    assert.deepEqual(parseBenchArguments(['event', 'sweep', 'event'], KNOWN).parts, ['sweep', 'event']);
  });

  test('an unknown one is refused with the names that there are', () => {
    assert.throws(() => parseBenchArguments(['swep'], KNOWN), {
      name: 'UsageError',
      message: 'there is no part "swep"; the parts are sweep, event, memory',
    });
  });
});

test('options stand before or after the part', () => {
  const wanted = { ...parseBenchArguments(['sweep'], KNOWN), json: true, connections: 1000 };
  assert.deepEqual(parseBenchArguments(['sweep', '--connections', '1000', '--json'], KNOWN), wanted);
  assert.deepEqual(parseBenchArguments(['--json', '--connections=1000', 'sweep'], KNOWN), wanted);
});

describe('--connections', () => {
  for (const bad of ['0', '-1', '1.5', '1e3', '', 'many', String(CONNECTIONS_MAX + 1), '9'.repeat(400)]) {
    test(`"${bad.slice(0, 12)}" is refused`, () => {
      assert.throws(() => parseBenchArguments([`--connections=${bad}`], KNOWN), UsageError);
    });
  }

  test('takes the bounds', () => {
    assert.equal(parseBenchArguments(['--connections=1'], KNOWN).connections, 1);
    assert.equal(parseBenchArguments([`--connections=${CONNECTIONS_MAX}`], KNOWN).connections, CONNECTIONS_MAX);
  });
});

test('--records and --idle-minutes take numbers', () => {
  const { records, idleMinutes } = parseBenchArguments(['--records=50000', '--idle-minutes', '10'], KNOWN);
  assert.deepEqual([records, idleMinutes], [50_000, 10]);
  assert.throws(() => parseBenchArguments(['--records=29999'], KNOWN), UsageError);
  assert.throws(() => parseBenchArguments(['--idle-minutes=ten'], KNOWN), UsageError);
});

test('an option that does not exist is a mistake of usage', () => {
  assert.throws(() => parseBenchArguments(['--jsn'], KNOWN), UsageError);
});

test('--profile names a directory', () => {
  assert.equal(parseBenchArguments(['--profile', 'profiles'], KNOWN).profileDirectory, 'profiles');
});
