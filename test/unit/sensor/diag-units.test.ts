// Proves what the polling sensor makes of the messages of sock_diag (bpf/diag_message.c, bpf/diag_conditions.c), also of those
// that are cut short, lie about their length or come from other kernels, and that its tables keep what they were given
// (bpf/diag_table.c). Cannot prove that a kernel sends such messages; the kernel tests do.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { PolledSocket } from '../../../daemon/core/polled-socket.js';
import { CONDITION } from '../../../daemon/wire/layout.generated.js';
import { decodePolled } from '../../../daemon/wire/polled-decoder.js';
import { type DiagFacts, diagMessage, INFO_OF_NOW, polledFrame } from '../../support/diag-message.js';
import { testTool } from '../../support/test-tool.js';

const ALL_CONDITIONS = 0xff;

interface Look {
  readonly polled: PolledSocket;
  readonly atRest: boolean;
  readonly waiting: boolean;
  readonly overThreshold: boolean;
  readonly conditions: number;
  readonly unchanged: boolean;
}

interface Options {
  readonly conditions?: number;
  readonly lasting?: boolean;
  readonly then?: Buffer;
}

/** Thresholds: 3 RTOs, 4 SYNs, 2 keepalive probes, 5 window probes, 6 handshakes, data unread for 700 ms. */
async function lookAt(message: Buffer, options: Options = {}): Promise<Look | null> {
  const { conditions = ALL_CONDITIONS, lasting = false } = options;
  const program = await testTool('diag-look', 'test/support/sensor-units/diag_look.c');
  const values = ['3', '4', '2', '5', '6', '700', String(conditions), lasting ? '1' : '0', message.toString('hex')];
  const later = options.then === undefined ? [] : [options.then.toString('hex')];
  const { stdout } = await promisify(execFile)(program, [...values, ...later], { timeout: 60_000 });
  if (stdout === 'malformed\n') {
    return null;
  }
  const [record = '', ...rest] = stdout.trim().split(' ');
  const [atRest, waiting, overThreshold, found = 0, unchanged] = rest.map(Number);
  return {
    polled: decodePolled(polledFrame(Buffer.from(record, 'hex'))),
    ...{ atRest: atRest === 1, waiting: waiting === 1, overThreshold: overThreshold === 1 },
    ...{ conditions: found, unchanged: unchanged === 1 },
  };
}

async function mustLookAt(facts: DiagFacts, options: Options = {}): Promise<Look> {
  const look = await lookAt(diagMessage(facts), options);
  assert.ok(look !== null, 'the message can be read');
  return look;
}

describe('a message of sock_diag', () => {
  test('each field lands where it belongs', async () => {
    const { polled } = await mustLookAt({
      ...{ state: 1, timer: 1, retrans: 4, expiresMs: 5001, receiveQueue: 11, sendQueue: 12, uid: 1000, inode: 4711 },
      ...{ cookie: 0x1234_5678_9abc_def0n, cgroupId: 0xfedc_ba98_7654_3210n, shutdown: 2, memory: [777, 888] },
      ...{ local: '10.1.2.3', remote: '192.0.2.33', localPort: 40_001, remotePort: 5432 },
      info: {
        ...{ caState: 4, retransmits: 5, probes: 6, backoff: 7, rtoUs: 204_000, mss: 1448, unacked: 21, sacked: 22 },
        ...{ lastSentMs: 31, lastReceivedMs: 32, lastAckMs: 33, srttUs: 41, rttvarUs: 42, ssthresh: 43 },
        ...{ totalRetrans: 51, bytesAcked: 2 ** 33, bytesReceived: 2 ** 34, segsOut: 61, notsent: 62 },
        ...{ dataSegsIn: 63, dataSegsOut: 64, bytesSent: 2 ** 35, sndWnd: 71, rcvWnd: 72 },
        ...{ totalRto: 81, totalRtoRecoveries: 82, totalRtoTimeMs: 83 },
      },
    });
    const expected: Partial<PolledSocket> = {
      ...{ state: 1, timer: 1, retrans: 4, expiresMs: 5001, receiveQueue: 11, sendQueue: 12, uid: 1000, inode: 4711 },
      ...{ cookie: 0x1234_5678_9abc_def0n, cgroupId: 0xfedc_ba98_7654_3210n, shutdown: 2 },
      ...{ receiveMemoryBytes: 777, receiveBufferBytes: 888, infoSize: INFO_OF_NOW },
      ...{ local: { address: '10.1.2.3', port: 40_001 }, remote: { address: '192.0.2.33', port: 5432 } },
      ...{ caState: 4, retransmits: 5, probes: 6, backoff: 7, rtoUs: 204_000, sndMss: 1448, unacked: 21, sacked: 22 },
      ...{ lastDataSentMs: 31, lastDataRecvMs: 32, lastAckRecvMs: 33, srttUs: 41, rttvarUs: 42, sndSsthresh: 43 },
      ...{ totalRetrans: 51, bytesAcked: 2 ** 33, bytesReceived: 2 ** 34, segsOut: 61, notsentBytes: 62 },
      ...{ dataSegsIn: 63, dataSegsOut: 64, bytesSent: 2 ** 35, sndWnd: 71, rcvWnd: 72 },
      ...{ totalRto: 81, totalRtoRecoveries: 82, totalRtoTimeMs: 83, hasSysctls: false, inbound: false },
    };
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(polled[name as keyof PolledSocket], value, name);
    }
  });

  test('IPv6, and IPv4 in IPv6', async () => {
    const six = await mustLookAt({ state: 1, family: 10, local: 'fd77::1', remote: '::ffff:10.0.0.9' });
    assert.equal(six.polled.local.address, 'fd77::1');
    assert.equal(six.polled.remote.address, '10.0.0.9');
  });

  test('a short tcp_info of an old kernel, and a long one of a kernel to come', async () => {
    const old = await mustLookAt({ state: 1, info: { rtoUs: 7, sndWnd: 9, totalRto: 9 }, infoSize: 104 });
    assert.deepEqual([old.polled.infoSize, old.polled.rtoUs, old.polled.sndWnd, old.polled.totalRto], [104, 7, 0, 0]);
    const long = await mustLookAt({ state: 1, info: { sndWnd: 9, totalRtoTimeMs: 8 }, infoSize: 512 });
    assert.deepEqual([long.polled.infoSize, long.polled.sndWnd, long.polled.totalRtoTimeMs], [512, 9, 8]);
  });

  test('the tcp_info of a listener means something else, and is left out', async () => {
    const { polled } = await mustLookAt({ state: 10, receiveQueue: 2, sendQueue: 9, info: { unacked: 2, sacked: 9 } });
    assert.deepEqual([polled.unacked, polled.sacked, polled.receiveQueue, polled.sendQueue], [0, 0, 2, 9]);
  });

  test('attributes that nobody knows are skipped, and a flag on a known one is no other attribute', async () => {
    const strange = diagMessage({
      state: 1,
      info: { rtoUs: 7 },
      unknown: [
        [300, 5],
        [40, 0],
      ],
      flags: 0xc000,
    });
    const look = await lookAt(strange);
    assert.equal(look?.polled.rtoUs, 7);
  });

  test('cut short anywhere, it is read in part or refused, and nothing beyond its end is touched', async () => {
    const whole = diagMessage({ state: 1, info: { rtoUs: 7 }, cgroupId: 5n, shutdown: 3, memory: [1, 2] });
    const header = 72;
    const results = await Promise.all(
      Array.from({ length: whole.length }, async (_, length) => (await lookAt(whole.subarray(0, length))) !== null),
    );
    assert.deepEqual(
      results.slice(0, header).filter((isRead) => isRead),
      [],
    );
    assert.equal(results[header], true, 'without attributes it is one');
    assert.equal(results[header + 3], false, 'three bytes are no attribute');
  });

  test('an attribute that is longer than the message, or shorter than itself, is refused', async () => {
    for (const length of [0, 3, 0xffff]) {
      const message = diagMessage({ state: 1, info: { rtoUs: 7 } });
      message.writeUInt16LE(length, 72);
      assert.equal(await lookAt(message), null, `length ${length}`);
    }
    const message = diagMessage({ state: 1, family: 1 });
    assert.equal(await lookAt(message), null, 'a unix socket');
  });
});

describe('which sockets are worth a record', () => {
  const cases: readonly (readonly [string, DiagFacts, Partial<Look>, Options?])[] = [
    ['idle', { state: 1, inode: 1 }, { atRest: true, waiting: false, overThreshold: false, conditions: 0 }],
    ['idle with keepalive', { state: 1, inode: 1, timer: 2 }, { atRest: true }],
    ['2 RTOs', { state: 1, info: { retransmits: 2 } }, { atRest: false, waiting: true, overThreshold: false }],
    ['3 RTOs', { state: 1, info: { retransmits: 3 } }, { overThreshold: true }],
    ['3 SYNs', { state: 2, info: { retransmits: 3 } }, { waiting: true, overThreshold: false }],
    ['4 SYNs', { state: 2, info: { retransmits: 4 } }, { overThreshold: true }],
    ['1 probe', { state: 1, info: { probes: 1 } }, { atRest: false, overThreshold: false }],
    ['2 probes', { state: 1, info: { probes: 2 } }, { overThreshold: true }],
    ['2 probes behind data in flight', { state: 1, info: { probes: 2, unacked: 1 } }, { overThreshold: false }],
    ['an orphan that has just been closed', { state: 4 }, { waiting: true, overThreshold: false }],
    ['an orphan whose FIN is not answered', { state: 4, info: { retransmits: 1 } }, { overThreshold: true }],
    ['closing in its own time, and held', { state: 11, inode: 1 }, { overThreshold: true }],
    ['a listener never waits', { state: 10, info: { retransmits: 9 } }, { waiting: false, overThreshold: false }],
    [
      'unread for long',
      { state: 1, receiveQueue: 1, info: { lastReceivedMs: 700 } },
      { conditions: CONDITION.CONDITION_UNREAD },
    ],
    [
      'unread for a moment',
      { state: 1, receiveQueue: 1, info: { lastReceivedMs: 699 } },
      { atRest: false, conditions: 0 },
    ],
    ['still unread', { state: 1, receiveQueue: 1 }, { conditions: CONDITION.CONDITION_UNREAD }, { lasting: true }],
    [
      'nobody asked',
      { state: 1, receiveQueue: 1, info: { lastReceivedMs: 700 } },
      { conditions: 0 },
      { conditions: 1 },
    ],
    ['half closed', { state: 8, info: { lastAckMs: 1000 } }, { conditions: CONDITION.CONDITION_CLOSE_WAIT }],
    ['half closed for a moment', { state: 8, info: { lastAckMs: 999 } }, { conditions: 0 }],
    [
      'waits for a FIN',
      { state: 5, inode: 1, info: { lastAckMs: 1000 } },
      { conditions: CONDITION.CONDITION_FIN_WAIT2 },
    ],
    ['waits for a FIN, and nobody holds it', { state: 5, info: { lastAckMs: 1000 } }, { conditions: 0 }],
    [
      'window closed',
      { state: 1, timer: 4, info: { notsent: 9, lastSentMs: 1000 } },
      { conditions: CONDITION.CONDITION_WINDOW_CLOSED },
    ],
    ['window closed for a moment', { state: 1, timer: 4, info: { notsent: 9 } }, { conditions: 0 }],
    [
      'window probed often',
      { state: 1, timer: 4, info: { notsent: 9, probes: 5, sndWnd: 1 } },
      { conditions: CONDITION.CONDITION_WINDOW_CLOSED },
    ],
    ['corked data', { state: 1, timer: 4, info: { notsent: 9, lastSentMs: 9999, sndWnd: 1 } }, { conditions: 0 }],
    ['nothing left to send', { state: 1, timer: 4, info: { lastSentMs: 9999 } }, { conditions: 0 }],
    [
      'window shrunk with data in flight',
      { state: 1, info: { unacked: 1, caState: 4 } },
      { conditions: CONDITION.CONDITION_WINDOW_CLOSED },
    ],
    ['a window that is not told', { state: 1, info: { unacked: 1, caState: 4 }, infoSize: 192 }, { conditions: 0 }],
    [
      'full accept queue',
      { state: 10, receiveQueue: 9, sendQueue: 9 },
      { conditions: CONDITION.CONDITION_ACCEPT_QUEUE },
    ],
    ['accept queue with room', { state: 10, receiveQueue: 8, sendQueue: 9 }, { conditions: 0 }],
    ['empty accept queue of none', { state: 10 }, { conditions: 0 }],
  ];
  for (const [name, facts, expected, options] of cases) {
    test(name, async () => {
      const { polled, ...look } = await mustLookAt(facts, options);
      assert.equal(polled.state, facts.state);
      for (const [key, value] of Object.entries(expected)) {
        assert.equal(look[key as keyof typeof look], value, key);
      }
    });
  }

  test('only the clock has moved', async () => {
    const before = { state: 1, timer: 1, expiresMs: 900, info: { lastAckMs: 100, retransmits: 2, segsOut: 9 } };
    const later = { ...before, expiresMs: 700, info: { ...before.info, lastAckMs: 300 } };
    assert.equal((await mustLookAt(before, { then: diagMessage(later) })).unchanged, true);
  });

  test('anything else is a change', async () => {
    const before = { state: 1, timer: 1, inode: 5, info: { retransmits: 2, segsOut: 9 } };
    const changes: readonly DiagFacts[] = [
      { ...before, state: 4 },
      { ...before, inode: 0 },
      { ...before, sendQueue: 1 },
      { ...before, info: { ...before.info, retransmits: 3 } },
      { ...before, info: { ...before.info, segsIn: 1 } },
      { ...before, info: { ...before.info, bytesAcked: 1 } },
    ];
    for (const after of changes) {
      const { unchanged } = await mustLookAt(before, { then: diagMessage(after) });
      assert.equal(unchanged, false, JSON.stringify(after));
    }
  });
});

test('a table keeps what it was given, and refuses what is beyond its bound', async () => {
  const program = await testTool('diag-table', 'test/support/sensor-units/diag_table.c');
  const run = async (max: number): Promise<readonly number[]> => {
    const { stdout } = await promisify(execFile)(program, ['100000', String(max)], { timeout: 60_000 });
    return [...stdout.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  };
  const [added = 0, removed = 0, full] = await run(4096);
  assert.ok(added > 20_000 && removed > 20_000, `${added} were added, ${removed} removed`);
  assert.equal(full, 0);
  const [, , refused = 0] = await run(1000);
  assert.ok(refused > 1000, `${refused} were refused`);
});
