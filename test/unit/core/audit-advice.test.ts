/**
 * Proves: that the advice of the audit follows from what is wrong (nothing is advised that is set already, and whatever is wrong
 * has its advice), that what helps most connections comes first, and that the command which needs no developer has a place.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { auditAdvice } from '../../../daemon/core/audit/advice.js';
import { auditedConnection } from '../../../daemon/core/audit/audited.js';
import type { PathIdleLimit } from '../../../daemon/core/audit/rules.js';
import type { Advice } from '../../../daemon/core/diagnosis/item.js';
import { clockAt, snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';
import { findingsOf } from '../../support/tallied.js';
import { OWNER } from '../rpc/sample-records.js';

const LIMIT_US = 900_000_000;
const LIMITS: readonly PathIdleLimit[] = [
  { name: 'a NAT', limitMs: 350_000 },
  { name: 'a load balancer', limitMs: 900_000 },
];
const { hz } = TEST_KERNEL;

const PROBED: SnapshotFacts = {
  ...{ keepalive: true, keepaliveTimeJiffies: 20 * hz, keepaliveIntvlJiffies: 5 * hz, keepaliveProbes: 3 },
};
const LIMITED: SnapshotFacts = { userTimeoutMs: 30_000 };
const RETRIES2_OF_12: SnapshotFacts = { sysctls: { ...snapshotAt(TEST_KERNEL, 0, {}).sysctls, retries2: 12 } };

const REQUEST = 'application: requests: pass timeout';
const PSYCOPG_REQUEST = 'library: psycopg: tcp_user_timeout=30000';
const POOL = 'application: Let the pool drop';
const PSYCOPG_IDLE = 'library: psycopg: keepalives_idle=20';
const KEEPALIVE = 'socket: Let keepalive notice within a minute';
const USER_TIMEOUT = 'socket: Set TCP_USER_TIMEOUT';
const COMMAND = 'system: nsenter -t 77 -n sysctl -w net.ipv4.tcp_retries2=8';

interface Setting {
  readonly facts: readonly SnapshotFacts[];
  readonly executable?: string;
  readonly peerLimitUs?: number;
  readonly limitUs?: number;
  readonly isUnknown?: boolean;
}

function advised(setting: Setting): readonly Advice[] {
  const { facts, executable = '/usr/bin/python3', peerLimitUs = null, limitUs = LIMIT_US, isUnknown = false } = setting;
  const owner = isUnknown ? null : { ...OWNER, pid: 77, executable, holders: [] };
  const context = { kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0), idleLimits: LIMITS };
  const connections = facts.map((one) => ({
    ...auditedConnection(snapshotAt(TEST_KERNEL, 0, one), { ...context, peerLimitUs: () => peerLimitUs }),
    ...{ owner, holderPids: new Set([77]) },
  }));
  const [finding, ...others] = findingsOf(connections, limitUs);
  assert.ok(finding !== undefined);
  assert.deepEqual(others, []);
  return auditAdvice(finding, LIMITS);
}

/** Each item as `layer: its first words`, by which it is known. */
function assertAdvised(setting: Setting, expected: readonly string[]): void {
  const texts = advised(setting).map(({ layer, text }) => `${layer}: ${text}`);
  assert.deepEqual(
    texts.map((text, index) => text.slice(0, expected[index]?.length ?? text.length)),
    expected,
  );
  assert.equal(new Set(texts).size, texts.length, 'nothing is said twice');
}

describe('advice', () => {
  const rows: readonly (readonly [string, Setting, readonly string[]])[] = [
    [
      'nothing set: requests, idle connections, and the command for the whole namespace',
      { facts: [{}] },
      [REQUEST, PSYCOPG_REQUEST, POOL, PSYCOPG_IDLE, KEEPALIVE, USER_TIMEOUT, COMMAND],
    ],
    [
      'a user timeout and no keepalive: a request does not hang, and only idle connections look alive',
      { facts: [LIMITED] },
      [POOL, PSYCOPG_IDLE, KEEPALIVE],
    ],
    [
      'keepalive and no user timeout: only requests hang',
      { facts: [PROBED] },
      [REQUEST, PSYCOPG_REQUEST, USER_TIMEOUT, COMMAND],
    ],
    ['both: all is well', { facts: [{ ...PROBED, ...LIMITED }] }, []],
    [
      'what helps most connections first: one nervous one among three that look alive for ever',
      { facts: [LIMITED, LIMITED, LIMITED, { ...PROBED, userTimeoutMs: 25_000 }] },
      [
        POOL,
        PSYCOPG_IDLE,
        KEEPALIVE,
        'socket: TCP_USER_TIMEOUT is 25 s, and keepalive probes after 20 s idle, every 5 s',
      ],
    ],
    [
      'and the other way round',
      { facts: [LIMITED, ...Array.from({ length: 3 }, () => ({ ...PROBED, userTimeoutMs: 25_000 }))] },
      ['socket: TCP_USER_TIMEOUT is 25 s', POOL, PSYCOPG_IDLE, KEEPALIVE],
    ],
    [
      'a user timeout that is too long is lowered, and no sysctl takes its place',
      { facts: [{ ...PROBED, userTimeoutMs: 3_600_000 }] },
      [REQUEST, PSYCOPG_REQUEST, 'socket: TCP_USER_TIMEOUT is 1 h and decides alone'],
    ],
    [
      'keepalive after the limits of the path: below the shortest that it breaks',
      { facts: [{ ...PROBED, ...LIMITED, keepaliveTimeJiffies: 400 * hz, userTimeoutMs: 500_000 }] },
      [`${KEEPALIVE}, well below 5 min 50 s: SO_KEEPALIVE`],
    ],
    [
      'the same, where it breaks two',
      { facts: [{ ...PROBED, ...LIMITED, keepaliveTimeJiffies: 1000 * hz, userTimeoutMs: 2_000_000 }], limitUs: 3e9 },
      [`${KEEPALIVE}, well below 5 min 50 s: SO_KEEPALIVE`],
    ],
    [
      'without data for longer than the peer keeps connections',
      { facts: [{ ...PROBED, ...LIMITED, dataAt: -61, sentAt: -61 }], peerLimitUs: 60_000_000 },
      [POOL, PSYCOPG_IDLE],
    ],
    [
      'sysctls that are lower, but not low enough for the threshold',
      { facts: [{ ...PROBED, ...RETRIES2_OF_12 }], limitUs: 300_000_000 },
      [REQUEST, PSYCOPG_REQUEST, USER_TIMEOUT, COMMAND],
    ],
    ['the same, where they are low enough', { facts: [{ ...PROBED, ...RETRIES2_OF_12 }] }, []],
    [
      'clients',
      { facts: [{ inbound: true }], executable: '/usr/sbin/nginx' },
      ['application: Lower send_timeout', KEEPALIVE, COMMAND],
    ],
    [
      'of nobody: no library, and no process to enter the namespace of',
      { facts: [{}], isUnknown: true },
      [
        'application: Give every request a deadline',
        POOL,
        KEEPALIVE,
        USER_TIMEOUT,
        'system: sysctl -w net.ipv4.tcp_retries2=8 in its network namespace',
      ],
    ],
    [
      'Node.js, whose advice about requests and idle connections is the same',
      { facts: [{}], executable: '/usr/bin/node' },
      [
        'application: Give every request a deadline: AbortSignal',
        'library: fetch and undici: lower headersTimeout',
        'library: Drop idle connections before the server',
        `${KEEPALIVE}: socket.setKeepAlive(true, 20_000)`,
        COMMAND,
      ],
    ],
  ];
  for (const [name, setting, expected] of rows) {
    test(name, () => {
      assertAdvised(setting, expected);
    });
  }

  test('a user timeout that is made as long as it is told breaks no rule any more', () => {
    const nervous = { ...PROBED, userTimeoutMs: 25_000 };
    const [text = ''] = advised({ facts: [nervous] }).map((one) => one.text);
    const seconds = Number(/make the user timeout (\d+) s or longer/.exec(text)?.[1]);
    assert.deepEqual(advised({ facts: [{ ...nervous, userTimeoutMs: seconds * 1000 }] }), []);
  });
});
