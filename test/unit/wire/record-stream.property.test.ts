/**
 * Proves, for thousands of random streams, that neither the cuts between chunks nor damage change anything else than
 * they must: the same records for every cut, an error at the right place, never a crash. Cannot prove that damage which
 * leaves a legal record is noticed: the stream has no checksums, as it never leaves the machine.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { SensorRecord } from '../../../daemon/core/sensor-records.js';
import { RECORD_HEADER } from '../../../daemon/wire/layout.generated.js';
import { RecordStream } from '../../../daemon/wire/record-stream.js';
import { WireError } from '../../../daemon/wire/wire-error.js';
import { concatenate, GOLDEN_RECORDS, goldenBytes, RECORD_TYPES } from './golden.js';

const GOLDEN = RECORD_TYPES.map((type) => ({ record: GOLDEN_RECORDS[type], bytes: goldenBytes(type) }));

const anySequence = fc.array(fc.constantFrom(...GOLDEN), { maxLength: 12 });
/** Lengths of chunks; the rest of the stream is one more. Short ones matter: they cut headers. */
const anyCuts = fc.array(fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 700 })), {
  maxLength: 40,
});

interface Result {
  readonly records: SensorRecord[];
  readonly error: WireError | null;
}

function run(bytes: Uint8Array, cuts: readonly number[]): Result {
  const stream = new RecordStream();
  const records: SensorRecord[] = [];
  let rest = bytes;
  for (const length of [...cuts, bytes.length]) {
    // A copy each, as chunks from a socket have nothing to do with each other.
    records.push(...stream.push(rest.slice(0, length)).records);
    rest = rest.subarray(length);
  }
  return { records, error: stream.end() };
}

function describeError(error: WireError | null): string {
  return error === null ? 'none' : `${error.code} ${error.message}`;
}

describe('RecordStream, any stream', () => {
  test('valid records come out whole and in order, however the stream is cut', () => {
    fc.assert(
      fc.property(anySequence, anyCuts, (sequence, cuts) => {
        const { records, error } = run(concatenate(sequence.map(({ bytes }) => bytes)), cuts);
        assert.equal(error, null);
        assert.deepStrictEqual(
          records,
          sequence.map(({ record }) => record),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('a broken header is reported at its place, after the good records', () => {
    const damages = [
      { at: RECORD_HEADER.size, code: 'bad_size', bytes: Uint8Array.of(0xf8, 0xff, 0xff, 0xff) },
      { at: RECORD_HEADER.size, code: 'bad_size', bytes: Uint8Array.of(0, 0, 0, 0) },
      { at: RECORD_HEADER.kind, code: 'unknown_kind', bytes: Uint8Array.of(0xff, 0xff) },
      { at: RECORD_HEADER.cause, code: 'unknown_cause', bytes: Uint8Array.of(0xff, 0xff) },
    ] as const;
    const anyDamage = fc.record({ damage: fc.constantFrom(...damages), victim: fc.constantFrom(...GOLDEN) });
    fc.assert(
      fc.property(anySequence, anyDamage, anySequence, anyCuts, (before, { damage, victim }, after, cuts) => {
        const damaged = victim.bytes.slice();
        damaged.set(damage.bytes, damage.at);
        const prefix = concatenate(before.map(({ bytes }) => bytes));
        const { records, error } = run(concatenate([prefix, damaged, ...after.map(({ bytes }) => bytes)]), cuts);
        assert.deepStrictEqual(
          records,
          before.map(({ record }) => record),
        );
        assert.equal(error?.code, damage.code);
        assert.equal(error.offset, prefix.length + damage.at);
      }),
      { numRuns: 300 },
    );
  });

  test('random bytes end in an error or in records, the same for every cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), anyCuts, (bytes, cuts) => {
        const cut = run(bytes, cuts);
        const whole = run(bytes, []);
        assert.deepStrictEqual(cut.records, whole.records);
        assert.equal(describeError(cut.error), describeError(whole.error));
        assert.ok(bytes.length === 0 || cut.error instanceof WireError || cut.records.length > 0);
      }),
      { numRuns: 500 },
    );
  });

  test('random bodies behind valid headers do so too', () => {
    const anyBody = fc.record({
      victim: fc.constantFrom(...GOLDEN),
      noise: fc.uint8Array({ minLength: 8, maxLength: 400 }),
    });
    fc.assert(
      fc.property(fc.array(anyBody, { maxLength: 6 }), anyCuts, (bodies, cuts) => {
        const noisy = bodies.map(({ victim, noise }) => {
          return victim.bytes.map((byte, index) => (index < 8 ? byte : (noise[index % noise.length] ?? 0)));
        });
        const bytes = concatenate(noisy);
        const cut = run(bytes, cuts);
        const whole = run(bytes, []);
        assert.deepStrictEqual(cut.records, whole.records);
        assert.equal(describeError(cut.error), describeError(whole.error));
        assert.ok(cut.error !== null || cut.records.length === bodies.length);
      }),
      { numRuns: 500 },
    );
  });

  test('a stream that is cut off anywhere is truncated, or ends between two records', () => {
    fc.assert(
      fc.property(anySequence, anyCuts, fc.nat(), (sequence, cuts, seed) => {
        const bytes = concatenate(sequence.map((entry) => entry.bytes));
        const length = seed % (bytes.length + 1);
        const { records, error } = run(bytes.subarray(0, length), cuts);
        const decoded = sequence.slice(0, records.length).reduce((sum, entry) => sum + entry.bytes.length, 0);
        assert.ok(decoded <= length);
        assert.equal(error?.code, decoded === length ? undefined : 'truncated');
        assert.equal(error?.offset, decoded === length ? undefined : length);
      }),
      { numRuns: 300 },
    );
  });
});
