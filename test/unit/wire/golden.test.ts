/**
 * Proves that the decoders give every field of every record exactly as a C compiler laid it out: the bytes come from
 * bpf/write_golden.c. Cannot prove that the sensor fills the fields with the right facts, nor a layout other than that
 * of the machine where the golden files were written (x86_64; the generator compares BPF and host).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkHello } from '../../../daemon/wire/handshake.js';
import * as layout from '../../../daemon/wire/layout.generated.js';
import { RecordStream } from '../../../daemon/wire/record-stream.js';
import { GOLDEN_RECORDS, goldenBytes, goldenNames, RECORD_TYPES } from './golden.js';

type Fields = Readonly<Record<string, number | { readonly offset: number }>>;

/** The fields of each golden file's struct, by the file's name; `commands` are encoded, not decoded. */
const RECORD_FIELDS: Readonly<Record<string, Fields>> = {
  hello: layout.HELLO_RECORD,
  program: layout.PROGRAM_RECORD,
  ready: layout.READY_RECORD,
  failure: layout.FAILURE_RECORD,
  clock: layout.CLOCK_RECORD,
  pass: layout.PASS_RECORD,
  socket: layout.SOCKET_RECORD,
  process: layout.PROCESS_RECORD,
  holder: layout.HOLDER_RECORD,
  counters: layout.COUNTERS_RECORD,
  feature: layout.FEATURE_RECORD,
  interest: layout.INTEREST_RECORD,
  holding: layout.HOLDING_RECORD,
  mode: layout.MODE_RECORD,
  reach: layout.REACH_RECORD,
  polled: layout.POLLED_RECORD,
};

const COMMAND_FIELDS: Readonly<Record<string, Fields>> = {
  'command-configure': layout.CONFIGURE_COMMAND,
  'command-pass': layout.PASS_COMMAND,
  'command-watch': layout.WATCH_COMMAND,
  'command-unwatch': layout.WATCH_COMMAND,
  'command-count': layout.INTEREST_COMMAND,
  'command-uncount': layout.INTEREST_COMMAND,
};

interface FieldSpan {
  readonly field: string;
  readonly start: number;
  /** Where the next field begins: padding counts to the field before it. */
  readonly end: number;
}

function spansOf(fields: Fields, size: number): FieldSpan[] {
  const starts = Object.entries(fields).map(([field, at]) => ({
    field,
    start: typeof at === 'number' ? at : at.offset,
  }));
  return starts.map(({ field, start }, index) => ({ field, start, end: starts[index + 1]?.start ?? size }));
}

describe('golden records', () => {
  test('there is one of every kind, and of every command', () => {
    const known = [...Object.keys(RECORD_FIELDS), ...Object.keys(COMMAND_FIELDS)];
    assert.deepEqual(goldenNames().sort(), known.sort());
    assert.deepEqual(Object.keys(RECORD_FIELDS).sort(), [...RECORD_TYPES].sort());
    const kinds = RECORD_TYPES.map((type) => goldenBytes(type)[layout.RECORD_HEADER.kind]);
    assert.deepEqual(new Set(kinds), new Set(Object.values(layout.RECORD_KIND)));
  });

  for (const [name, fields] of [...Object.entries(RECORD_FIELDS), ...Object.entries(COMMAND_FIELDS)]) {
    test(`${name}: every field has a value of its own`, () => {
      const bytes = goldenBytes(name);
      const seen = new Map<string, string>();
      for (const { field, start, end } of spansOf(fields, bytes.length)) {
        const value = bytes.subarray(start, end).join(' ');
        assert.match(value, /[1-9]/, `write_golden.c sets no ${field}`);
        assert.equal(seen.get(value), undefined, `${field} has the value of another field`);
        seen.set(value, field);
      }
    });
  }

  for (const type of RECORD_TYPES) {
    test(`${type} decodes to what C wrote`, () => {
      const { records, error } = new RecordStream().push(goldenBytes(type));
      assert.equal(error, null);
      assert.deepStrictEqual(records, [GOLDEN_RECORDS[type]]);
    });
  }

  for (const [type, fields] of Object.entries(RECORD_FIELDS)) {
    test(`${type}: no field is ignored`, () => {
      for (const { field, start, end } of spansOf(fields, goldenBytes(type).length)) {
        const bytes = goldenBytes(type).fill(0, start, end);
        const { records } = new RecordStream().push(bytes);
        assert.notDeepStrictEqual(records, [GOLDEN_RECORDS[type as keyof typeof GOLDEN_RECORDS]], field);
      }
    });
  }

  test('hello passes the handshake: the golden files and the generated layout are of one header', () => {
    assert.equal(checkHello(GOLDEN_RECORDS.hello.hello), null);
    const bytes = goldenBytes('hello');
    const view = new DataView(bytes.buffer);
    assert.equal(view.getBigUint64(layout.HELLO_RECORD.layoutHash, true), layout.SENSOR_LAYOUT_HASH);
  });
});
