// Proves how a question about other settings is read from the wire and answered, when it cannot be, and that a ladder
// becomes messages. What the answers are worth is for the tests of core/.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ObservedSocket } from '../../../daemon/core/observation.js';
import type { WhatIfSettings } from '../../../daemon/core/what-if.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { ladderToProto, parseWhatIf, whatIfToProto } from '../../../daemon/rpc/get-connection.js';
import { durationFromUs } from '../../../daemon/rpc/proto-time.js';
import { RpcError } from '../../../daemon/rpc/status.js';
import { Moment } from '../core/give-up-sockets.js';
import { createClock, createRecord } from './sample-records.js';

const v1 = stuckd.v1;
const Kind = v1.LadderStepKind;

/** As the server gets it. */
function received(request: stuckd.v1.WhatIf.$Properties): stuckd.v1.WhatIf {
  return v1.WhatIf.decode(v1.WhatIf.encode(request).finish());
}

const seconds = (count: number): ReturnType<typeof durationFromUs> => durationFromUs(count * 1e6);

describe('settings from the wire', () => {
  const table: readonly (readonly [string, stuckd.v1.WhatIf.$Properties, WhatIfSettings])[] = [
    ['tcp_retries2', { tcpRetries2: 8 }, { tcpRetries2: 8 }],
    ['a zero is a setting', { tcpRetries2: 0, userTimeout: seconds(0) }, { tcpRetries2: 0, userTimeoutMs: 0 }],
    ['the counts', { tcpSynRetries: 3, tcpOrphanRetries: 2 }, { tcpSynRetries: 3, tcpOrphanRetries: 2 }],
    ['user_timeout', { userTimeout: seconds(30) }, { userTimeoutMs: 30_000 }],
    [
      'keepalive',
      { keepalive: { idle: seconds(20), interval: seconds(10), probes: 3 } },
      { keepalive: { idleMs: 20_000, intervalMs: 10_000, probes: 3 } },
    ],
  ];
  for (const [name, request, expected] of table) {
    test(name, () => {
      assert.deepEqual(parseWhatIf(received(request)), expected);
    });
  }

  const refused: readonly (readonly [string, stuckd.v1.WhatIf.$Properties, RegExp])[] = [
    ['none', {}, /^what_if: there is nothing to suppose/],
    ['one above', { tcpRetries2: 256 }, /^what_if: tcp_retries2 cannot be 256: .* from 0 to 255$/],
    ['a negative time', { userTimeout: seconds(-1) }, /user_timeout cannot be -1000 ms/],
    ['half a millisecond', { userTimeout: durationFromUs(500) }, /user_timeout cannot be 0.5 ms/],
    [
      'keepalive without an interval',
      { keepalive: { idle: seconds(20), probes: 3 } },
      /keepalive interval cannot be 0 s/,
    ],
    ['keepalive without anything', { keepalive: {} }, /keepalive idle cannot be 0 s/],
  ];
  for (const [name, request, message] of refused) {
    test(`${name} is refused`, () => {
      assert.throws(
        () => parseWhatIf(received(request)),
        (error) => error instanceof RpcError && error.code === status.INVALID_ARGUMENT && message.test(error.message),
      );
    });
  }
});

const moment = new Moment(250, 9);
const OBSERVED: ObservedSocket = {
  socket: moment.idle(20, 10, 3, {
    probesOut: 1,
    keepaliveTimer: moment.timer(2500),
    rcvTstampJiffies32: moment.jiffies32(20),
    lrcvtimeJiffies32: moment.jiffies32(20),
  }),
  closedUs: null,
  kernel: moment.kernel,
  clock: moment.clock,
};
const clock = createClock(moment.monoUs);
const ENDED = { outcome: 'timed_out', endUs: moment.monoUs } as const;

describe('answers', () => {
  test('of a record that is open, and of one that has ended', () => {
    const open = whatIfToProto(createRecord(), OBSERVED, { userTimeoutMs: 25_000 }, moment.monoUs, clock);
    assert.equal(open.fromStart?.reason, v1.GiveUpReason.GIVE_UP_REASON_USER_TIMEOUT);
    assert.equal(open.fromNow?.reason, v1.GiveUpReason.GIVE_UP_REASON_USER_TIMEOUT);
    const ended = whatIfToProto(createRecord(ENDED), OBSERVED, { userTimeoutMs: 25_000 }, moment.monoUs, clock);
    assert.notEqual(ended.fromStart, null);
    assert.equal(ended.fromNow, null);
  });

  for (const [name, record, message] of [
    ['open', createRecord(), /since the sensor has not been up yet$/],
    ['ended', createRecord(ENDED), /since it ended before the machine was rebooted$/],
  ] as const) {
    test(`none where nothing is known of the socket: ${name}`, () => {
      assert.throws(
        () => whatIfToProto(record, null, { tcpRetries2: 8 }, moment.monoUs, clock),
        (error) =>
          error instanceof RpcError && error.code === status.FAILED_PRECONDITION && message.test(error.message),
      );
    });
  }
});

describe('the ladder', () => {
  test('of a record that is open', () => {
    const ladder = ladderToProto(createRecord(), OBSERVED, moment.monoUs, clock);
    assert.deepEqual(
      ladder.map(({ kind, ordinal }) => [kind, ordinal]),
      [
        [Kind.LADDER_STEP_KIND_PAST, 1],
        [Kind.LADDER_STEP_KIND_NEXT, 2],
        [Kind.LADDER_STEP_KIND_NEXT, 3],
        [Kind.LADDER_STEP_KIND_GIVE_UP, 0],
      ],
    );
  });

  test('none for what has ended, and where nothing is known of the socket', () => {
    assert.deepEqual(ladderToProto(createRecord(ENDED), OBSERVED, moment.monoUs, clock), []);
    assert.deepEqual(ladderToProto(createRecord(), null, moment.monoUs, clock), []);
  });
});
