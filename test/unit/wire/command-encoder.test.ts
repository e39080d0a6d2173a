/**
 * Proves that commands are byte for byte what C makes of the same structs (bpf/write_golden.c), and that values out of
 * range are refused by name. Cannot prove what the sensor does with them.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  encodeConfigure,
  encodeCount,
  encodePass,
  encodeUncount,
  encodeUnwatch,
  encodeWatch,
  type SensorConfiguration,
} from '../../../daemon/wire/command-encoder.js';
import { PASS_COMMAND } from '../../../daemon/wire/layout.generated.js';
import { goldenBytes } from './golden.js';

const CONFIGURATION: SensorConfiguration = {
  rtoThreshold: 253,
  synThreshold: 254,
  probeThreshold: 255,
  refreshIntervalMs: 0x0030c001,
  sweepIntervalMs: 0x0030c002,
  fullRefreshIntervalMs: 0x0030c003,
  sweepCpuMaxPpm: 0x000bc001,
  windowProbeThreshold: 252,
  handshakeThreshold: 0xa0b0c002,
  unreadAgeMs: 0x0030c004,
  idleGapMs: 0x0030c005,
  conditions: ['window_closed'],
};

describe('commands', () => {
  const commands: readonly (readonly [name: string, encoded: Uint8Array])[] = [
    ['command-configure', encodeConfigure(CONFIGURATION)],
    ['command-pass', encodePass('audit', 0x01020304)],
    ['command-watch', encodeWatch(0xfedcba9876543201n)],
    ['command-unwatch', encodeUnwatch(0xfedcba9876543202n)],
    [
      'command-count',
      encodeCount(0xa0b0c001, {
        kind: 'peer',
        peer: { address: '2001:db8:0:1::abcd', port: 0xc001, netns: 0xf0003002 },
      }),
    ],
    [
      'command-uncount',
      encodeUncount(0xa0b0c002, { kind: 'peer', peer: { address: '127.0.2.33', port: 0xc002, netns: 0xf0003001 } }),
    ],
  ];
  for (const [name, encoded] of commands) {
    test(`${name} is what C wrote`, () => assert.deepEqual(encoded, goldenBytes(name)));
  }

  test('each kind of pass has its number', () => {
    const numbers = (['refresh', 'sweep', 'refresh_full', 'audit'] as const).map(
      (kind) => encodePass(kind)[PASS_COMMAND.passKind],
    );
    assert.deepEqual(numbers, [1, 2, 3, 4]);
  });

  test('only an audit has a limit', () => {
    assert.deepEqual(encodePass('sweep', 7).subarray(PASS_COMMAND.reportMax), new Uint8Array(4));
  });

  test('the smallest and the largest cookie', () => {
    assert.equal(encodeWatch(1n)[8], 1);
    assert.deepEqual(encodeWatch(2n ** 64n - 1n).subarray(8), new Uint8Array(8).fill(0xff));
  });
});

describe('values out of range', () => {
  const limits: Readonly<Record<Exclude<keyof SensorConfiguration, 'conditions'>, number>> = {
    rtoThreshold: 255,
    synThreshold: 255,
    probeThreshold: 255,
    windowProbeThreshold: 255,
    handshakeThreshold: 2 ** 32 - 1,
    unreadAgeMs: 3_600_000,
    idleGapMs: 3_600_000,
    refreshIntervalMs: 3_600_000,
    sweepIntervalMs: 3_600_000,
    fullRefreshIntervalMs: 3_600_000,
    sweepCpuMaxPpm: 1_000_000,
  };
  for (const [name, maximum] of Object.entries(limits)) {
    test(`${name} takes 1 to ${maximum}, and integers only`, () => {
      for (const value of [1, maximum]) {
        assert.doesNotThrow(() => encodeConfigure({ ...CONFIGURATION, [name]: value }));
      }
      for (const value of [0, -1, maximum + 1, 2 ** 32 + 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        assert.throws(() => encodeConfigure({ ...CONFIGURATION, [name]: value }), {
          name: 'RangeError',
          message: `${name} is ${value}, not an integer from 1 to ${maximum}`,
        });
      }
    });
  }

  test('a cookie of 0, of more than 64 bits, or below 0', () => {
    for (const encode of [encodeWatch, encodeUnwatch]) {
      for (const cookie of [0n, -1n, 2n ** 64n]) {
        assert.throws(() => encode(cookie), { name: 'RangeError', message: new RegExp(`^cookie is ${cookie},`) });
      }
    }
  });
});
