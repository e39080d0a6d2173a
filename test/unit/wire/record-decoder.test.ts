/**
 * Proves how single values are read: flags bit by bit, enum values that are not known, times and counts at their limits,
 * text of any bytes. Cannot prove offsets: that is golden.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SensorRecord } from '../../../daemon/core/sensor-records.js';
import type { SocketSnapshot } from '../../../daemon/core/snapshot.js';
import * as layout from '../../../daemon/wire/layout.generated.js';
import { RecordStream } from '../../../daemon/wire/record-stream.js';
import type { WireError, WireErrorCode } from '../../../daemon/wire/wire-error.js';
import { concatenate, goldenBytes } from './golden.js';

type RecordType = SensorRecord['type'];

/** Decodes a golden record after `change`. */
function decode(
  type: RecordType,
  change: (view: DataView) => void,
): { record?: SensorRecord; error: WireError | null } {
  const bytes = goldenBytes(type);
  change(new DataView(bytes.buffer));
  const { records, error } = new RecordStream().push(bytes);
  const [record] = records;
  return record === undefined ? { error } : { record, error };
}

function decodeSocket(change: (view: DataView) => void): SocketSnapshot {
  const { record } = decode('socket', change);
  assert.equal(record?.type, 'socket');
  return record.socket;
}

const FLAG_READERS: Readonly<Record<keyof typeof layout.SOCKET_FLAG, (socket: SocketSnapshot) => boolean>> = {
  SOCKET_DEAD: (socket) => socket.dead,
  SOCKET_KEEPALIVE: (socket) => socket.keepalive,
  SOCKET_HAS_SOCKET: (socket) => socket.hasSocket,
  SOCKET_HAS_FILE: (socket) => socket.hasFile,
  SOCKET_INBOUND: (socket) => socket.inbound,
  SOCKET_USEC_STAMPS: (socket) => socket.usecStamps,
  SOCKET_CLEARED: (socket) => socket.cleared,
  SOCKET_WRITE_TIMER_PENDING: (socket) => socket.writeTimer.pending,
  SOCKET_KEEPALIVE_TIMER_PENDING: (socket) => socket.keepaliveTimer.pending,
  SOCKET_RESET_RECEIVED: (socket) => socket.resetReceived,
  SOCKET_CLOSER_EXITING: (socket) => socket.closerExiting,
  SOCKET_THIN_LTO: (socket) => socket.thinLto,
  SOCKET_TLP_RETRANS: (socket) => socket.tlpRetrans,
  SOCKET_HAS_RTO_STAMP: (socket) => socket.hasRtoStamp,
  SOCKET_UNTRUSTED: (socket) => socket.untrusted,
  SOCKET_RESET_SENT: (socket) => socket.resetSent,
};

describe('socket flags', () => {
  for (const [flag, bit] of Object.entries(layout.SOCKET_FLAG)) {
    test(`${flag} sets its own field and no other`, () => {
      const socket = decodeSocket((view) => view.setUint32(layout.SOCKET_RECORD.flags, bit, true));
      const set = Object.entries(FLAG_READERS).filter(([, read]) => read(socket));
      assert.deepEqual(
        set.map(([name]) => name),
        [flag],
      );
    });
  }
});

describe('enum values', () => {
  const { cause } = layout.RECORD_HEADER;
  const { passKind } = layout.PASS_RECORD;
  const { status } = layout.PROGRAM_RECORD;
  const { code } = layout.FAILURE_RECORD;
  const unknown: { type: RecordType; at: number; bits: 16 | 32; values: number[]; expected: WireErrorCode }[] = [
    { type: 'socket', at: cause, bits: 16, values: [0, 13, 0xffff], expected: 'unknown_cause' },
    { type: 'pass', at: cause, bits: 16, values: [0, 3, 0xffff], expected: 'unknown_cause' },
    { type: 'hello', at: cause, bits: 16, values: [1], expected: 'unknown_cause' },
    { type: 'counters', at: cause, bits: 16, values: [1], expected: 'unknown_cause' },
    { type: 'pass', at: passKind, bits: 32, values: [0, 5, 0xffffffff], expected: 'unknown_value' },
    { type: 'program', at: status, bits: 32, values: [0, 3, 0xffffffff], expected: 'unknown_value' },
    { type: 'failure', at: code, bits: 32, values: [0, 7, 0xffffffff], expected: 'unknown_value' },
  ];
  for (const { type, at, bits, values, expected } of unknown) {
    for (const value of values) {
      test(`${type}: ${value} at ${at} is ${expected}`, () => {
        const { record, error } = decode(type, (view) => {
          if (bits === 16) {
            view.setUint16(at, value, true);
          } else {
            view.setUint32(at, value, true);
          }
        });
        assert.equal(record, undefined);
        assert.equal(error?.code, expected);
        assert.equal(error.offset, at);
        assert.match(error.message, new RegExp(`\\b${value}\\b`));
      });
    }
  }

  test('every cause, pass kind and failure code has a name of its own', () => {
    const causes = Object.values(layout.SOCKET_CAUSE).map(
      (value) => decodeSocket((v) => v.setUint16(cause, value, true)).cause,
    );
    assert.deepEqual(causes, [
      'retransmit',
      'keepalive',
      'state',
      'error',
      'reset_received',
      'reset_sent',
      'congestion',
      'destroy',
      'refresh',
      'sweep',
      'idle_close',
      'audit',
    ]);
    const passes = [1, 2, 3, 4].map((value) => decode('pass', (v) => v.setUint32(passKind, value, true)).record);
    const kinds = passes.map((record) => (record?.type === 'pass' ? record.pass.kind : record));
    assert.deepEqual(kinds, ['refresh', 'sweep', 'refresh_full', 'audit']);
    const failures = [1, 2, 3, 4, 5, 6].map((value) => decode('failure', (v) => v.setUint32(code, value, true)).record);
    const codes = failures.map((record) => (record?.type === 'failure' ? record.failure.code : record));
    assert.deepEqual(codes, ['privilege', 'btf', 'load', 'attach', 'protocol', 'internal']);
  });

  test('a pass that begins, a program that is attached or optional, a feature that is absent', () => {
    const begin = decode('pass', (v) => v.setUint16(cause, layout.PASS_EDGE.PASS_BEGIN, true)).record;
    assert.equal(begin?.type === 'pass' && begin.pass.edge, 'begin');
    const attached = decode('program', (v) => v.setUint32(status, 1, true)).record;
    assert.equal(attached?.type === 'program' && attached.program.attached, true);
    const optional = decode('program', (v) => v.setUint32(layout.PROGRAM_RECORD.required, 0, true)).record;
    assert.equal(optional?.type === 'program' && optional.program.required, false);
    const absent = decode('feature', (v) => v.setUint32(layout.FEATURE_RECORD.available, 0, true)).record;
    assert.equal(absent?.type === 'feature' && absent.feature.available, false);
  });

  test('a TCP state that no kernel has today goes through as a number', () => {
    assert.equal(decodeSocket((view) => view.setUint8(layout.SOCKET_RECORD.state, 200)).state, 200);
  });
});

describe('64-bit values', () => {
  test('the largest exact time is read, the next one is refused', () => {
    const at = layout.SOCKET_RECORD.monoUs;
    const largest = decodeSocket((view) => view.setBigUint64(at, 2n ** 53n - 1n, true));
    assert.equal(largest.monoUs, Number.MAX_SAFE_INTEGER);
    for (const value of [2n ** 53n, 2n ** 64n - 1n]) {
      const { record, error } = decode('socket', (view) => view.setBigUint64(at, value, true));
      assert.equal(record, undefined);
      assert.equal(error?.code, 'out_of_range');
      assert.equal(error.offset, at);
    }
  });

  test('a count above 2^53 is rounded, and ends nothing', () => {
    const socket = decodeSocket((view) => view.setBigUint64(layout.SOCKET_RECORD.bytesSent, 2n ** 64n - 1n, true));
    assert.equal(socket.bytesSent, 2 ** 64);
  });
});

describe('text', () => {
  const { offset, length } = layout.PROCESS_RECORD.comm;
  const filled = (text: Uint8Array): Uint8Array => concatenate([text, new Uint8Array(length - text.length)]);
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  const cases: { what: string; bytes: Uint8Array; text: string }[] = [
    { what: 'nothing', bytes: filled(ascii('')), text: '' },
    { what: 'what is after the NUL', bytes: ascii('node\0leftover!!!'), text: 'node' },
    { what: 'a missing NUL', bytes: ascii('0123456789abcdef'), text: '0123456789abcdef' },
    { what: 'UTF-8', bytes: filled(ascii('größe')), text: 'größe' },
    { what: 'a byte that is no UTF-8', bytes: filled(Uint8Array.of(0x61, 0xff, 0x62)), text: 'a\ufffdb' },
    { what: 'a character cut in half', bytes: filled(Uint8Array.of(0x61, 0xc3)), text: 'a\ufffd' },
    { what: 'a byte order mark', bytes: filled(ascii('\ufeffa')), text: '\ufeffa' },
    { what: 'control characters', bytes: filled(ascii('\u001b[2J')), text: '\u001b[2J' },
  ];
  for (const { what, bytes, text } of cases) {
    test(`of ${what}`, () => {
      const { record } = decode('process', (view) => new Uint8Array(view.buffer).set(bytes, offset));
      assert.equal(record?.type === 'process' && record.process.comm, text);
    });
  }
});

describe('RecordStream', () => {
  test('gives the records before an error, then nothing but the error', () => {
    const bad = goldenBytes('pass');
    new DataView(bad.buffer).setUint32(layout.PASS_RECORD.passKind, 99, true);
    const stream = new RecordStream();
    // The header after the bad record is broken too; the earlier error counts.
    const chunk = concatenate([goldenBytes('clock'), bad, goldenBytes('clock'), new Uint8Array(8)]);
    const { records, error } = stream.push(chunk);
    assert.deepEqual(
      records.map(({ type }) => type),
      ['clock'],
    );
    assert.equal(error?.code, 'unknown_value');
    assert.equal(error.offset, layout.CLOCK_RECORD_SIZE + layout.PASS_RECORD.passKind);
    assert.deepEqual(stream.push(goldenBytes('clock')), { records: [], error });
    assert.equal(stream.end(), error);
  });

  test('gives the records before a header that is broken, and the error with them', () => {
    const stream = new RecordStream();
    const { records, error } = stream.push(concatenate([goldenBytes('clock'), new Uint8Array(8)]));
    assert.equal(records.length, 1);
    assert.equal(error?.code, 'bad_size');
    assert.deepEqual(stream.push(goldenBytes('clock')), { records: [], error });
  });

  test('end() reports a stream that ended within a record', () => {
    const stream = new RecordStream();
    stream.push(goldenBytes('clock').subarray(0, 20));
    assert.equal(stream.end()?.code, 'truncated');
    assert.equal(new RecordStream().end(), null);
  });
});
