// Proves how `--what-if` is read, and that what cannot be asked is refused with what can.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCommand } from '../../../daemon/cli/arguments.js';
import { UsageError } from '../../../daemon/cli/cli-io.js';
import type { WhatIfRequest } from '../../../daemon/rpc/grpc-client.js';
import { durationFromUs } from '../../../daemon/rpc/proto-time.js';

const NONE = { tcpRetries2: null, tcpSynRetries: null, tcpOrphanRetries: null, userTimeout: null, keepalive: null };
const seconds = (count: number): ReturnType<typeof durationFromUs> => durationFromUs(count * 1e6);

function asked(line: string): unknown {
  const command = parseCommand(['get', 'c1', ...line.split(' ')], {});
  return command.name === 'get' ? command.whatIf : null;
}

describe('what can be asked', () => {
  const table: readonly (readonly [string, string, WhatIfRequest])[] = [
    ['--what-if tcp_retries2=8', 'tcp_retries2=8', { ...NONE, tcpRetries2: 8 }],
    ['--what-if=TCP-RETRIES2=0', 'TCP-RETRIES2=0', { ...NONE, tcpRetries2: 0 }],
    [
      '--what-if tcp_syn_retries=2 --what-if tcp_orphan_retries=3',
      'tcp_syn_retries=2, tcp_orphan_retries=3',
      { ...NONE, tcpSynRetries: 2, tcpOrphanRetries: 3 },
    ],
    [
      '--what-if tcp_retries2=8,user-timeout=30s',
      'tcp_retries2=8, user-timeout=30s',
      { ...NONE, tcpRetries2: 8, userTimeout: seconds(30) },
    ],
    ['--what-if user_timeout=0', 'user_timeout=0', { ...NONE, userTimeout: seconds(0) }],
    ['--what-if user-timeout=1.5s', 'user-timeout=1.5s', { ...NONE, userTimeout: seconds(1.5) }],
    [
      '--what-if keepalive=20s/1m/3',
      'keepalive=20s/1m/3',
      { ...NONE, keepalive: { idle: seconds(20), interval: seconds(60), probes: 3 } },
    ],
    ['--what-if tcp_retries2=8,tcp_retries2=5', 'tcp_retries2=8, tcp_retries2=5', { ...NONE, tcpRetries2: 5 }],
  ];
  for (const [line, words, request] of table) {
    test(line, () => {
      assert.deepEqual(asked(line), { words, request });
    });
  }
});

describe('what cannot', () => {
  const table: readonly (readonly [string, RegExp])[] = [
    [
      '--what-if tcp_fin_timeout=3',
      /"tcp_fin_timeout=3": this setting cannot be supposed; possible are tcp_retries2=N/,
    ],
    ['--what-if tcp_retries2', /this setting cannot be supposed/],
    ['--what-if =8', /this setting cannot be supposed/],
    ['--what-if tcp_retries2=', /"tcp_retries2=": write tcp_retries2=N/],
    ['--what-if tcp_retries2=many', /write tcp_retries2=N/],
    ['--what-if tcp_retries2=-1', /write tcp_retries2=N/],
    [
      '--what-if tcp_retries2=256',
      /tcp_retries2 cannot be 256: the kernel takes whole numbers from 0 to 255; possible/,
    ],
    ['--what-if tcp_retries2=99999999999', /write tcp_retries2=N/],
    ['--what-if user-timeout=30', /write user-timeout=30s/],
    ['--what-if user-timeout=600h', /user_timeout cannot be 2160000000 ms/],
    ['--what-if keepalive=20s/10s', /write keepalive=20s\/10s\/3/],
    ['--what-if keepalive=20s/10s/3/4', /write keepalive=/],
    ['--what-if keepalive=20s/10s/x', /write keepalive=/],
    ['--what-if keepalive=500ms/10s/3', /keepalive idle cannot be 0.5 s/],
    ['--what-if tcp_retries2=8,,', /"": this setting/],
  ];
  for (const [line, message] of table) {
    test(line, () => {
      assert.throws(
        () => asked(line),
        (error) =>
          error instanceof UsageError && message.test(error.message) && error.message.includes('keepalive=20s'),
      );
    });
  }

  test('of other commands', () => {
    assert.throws(() => parseCommand(['list', '--what-if', 'tcp_retries2=8'], {}), /list has no option --what-if/);
  });
});
