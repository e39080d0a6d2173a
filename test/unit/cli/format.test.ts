// Proves the exact text of tables, pages and watch lines, also at the widths of small terminals and for hostile names.
// Diagnoses are made up here; what real ones say is proved with core/.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatConnectionPage } from '../../../daemon/cli/connection-page.js';
import { formatConnections } from '../../../daemon/cli/connection-table.js';
import type { Connection } from '../../../daemon/cli/connection-text.js';
import { durationText, sizeText } from '../../../daemon/cli/quantity-text.js';
import { formatTable } from '../../../daemon/cli/text-table.js';
import { formatWatchLine } from '../../../daemon/cli/watch-lines.js';
import { createStyle, displayWidth } from '../../../daemon/lib/terminal.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { recordToProto } from '../../../daemon/rpc/proto-mapping.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import {
  createClock,
  createRecord,
  createWorkloads,
  EPOCH_MONO_US,
  EPOCH_REAL_US,
  OWNER,
} from '../rpc/sample-records.js';

process.env['TZ'] = 'UTC';

const v1 = stuckd.v1;
const clock = createClock();
const NOW_MS = EPOCH_REAL_US / 1000;
const plain = createStyle(false);

/** As stuckctl gets it. */
function received(changes: Partial<StuckRecord>): Connection {
  const message = recordToProto(createRecord(changes), EPOCH_MONO_US, clock, createWorkloads());
  message.diagnosis = {
    summary: 'node[12900] waits for 10.0.0.2:8000.',
    effect: 'Its requests hang.',
    advice: [{ layer: 'library', text: 'Give the agent a timeout.' }],
  };
  return v1.StuckConnection.decode(v1.StuckConnection.encode(message).finish());
}

const giveUp = createRecord().giveUp;
const connections = [
  received({}),
  received({
    id: 'c000000002',
    kind: 'keepalive_unanswered',
    owner: {
      ...OWNER,
      pid: 7,
      comm: 'ev\x1b[31mil\nname',
      holders: [7, 8, 9].map((pid) => ({ pid, comm: 'x', fd: 1 })),
    },
    remote: { address: '2001:db8:1:2:3:4:5:6', port: 65535 },
    retransmits: 0,
    probes: 2,
    unackedBytes: 0,
    sinceAtLeast: true,
    giveUp: { never: true },
  }),
  received({
    id: 'c000000003',
    kind: 'closing',
    state: 'FIN_WAIT1',
    ownerType: 'orphan',
    owner: null,
    lastOwner: OWNER,
    unackedBytes: 70_000,
    giveUp: giveUp?.never === false ? { ...giveUp, timeUs: EPOCH_MONO_US - 1 } : null,
  }),
  received({
    id: 'c000000004',
    kind: 'connecting',
    state: 'SYN_SENT',
    ownerType: 'pending',
    owner: null,
    retransmits: 3,
    unackedBytes: 0,
    giveUp: null,
  }),
];

describe('list', () => {
  test('without a limit', () => {
    assert.equal(
      formatConnections(connections, NOW_MS, Infinity, false),
      [
        'ID          KIND                  PROCESS                   LOCAL           PEER                          STATE        STUCK FOR   RETRANS  UNACKED  GIVES UP',
        'c000000001  retransmitting        node[12900]               10.0.0.1:41000  10.0.0.2:8000                 ESTABLISHED  1m 20s            7    412 B  in 14m 3s',
        'c000000002  keepalive_unanswered  ev\\x1b[31mil\\nname[7] +2  10.0.0.1:41000  [2001:db8:1:2:3:4:5:6]:65535  ESTABLISHED  >1m 20s    2 probes      0 B  never',
        'c000000004  connecting            unknown yet               10.0.0.1:41000  10.0.0.2:8000                 SYN_SENT     1m 20s            3      0 B  -',
        'c000000003  closing               orphan (node[12900])      10.0.0.1:41000  10.0.0.2:8000                 FIN_WAIT1    1m 20s            7   68 KiB  now',
        '',
      ].join('\n'),
    );
  });

  test('at 120 columns', () => {
    assert.equal(
      formatConnections(connections, NOW_MS, 120, false),
      [
        'ID          KIND                  PROCESS                   PEER                          STUCK FOR   RETRANS  GIVES UP',
        'c000000001  retransmitting        node[12900]               10.0.0.2:8000                 1m 20s            7  in 14m 3s',
        'c000000002  keepalive_unanswered  ev\\x1b[31mil\\nname[7] +2  [2001:db8:1:2:3:4:5:6]:65535  >1m 20s    2 probes  never',
        'c000000004  connecting            unknown yet               10.0.0.2:8000                 1m 20s            3  -',
        'c000000003  closing               orphan (node[12900])      10.0.0.2:8000                 1m 20s            7  now',
        '',
      ].join('\n'),
    );
  });

  test('at 80 columns', () => {
    assert.equal(
      formatConnections(connections, NOW_MS, 80, false),
      [
        'ID          KIND                  PROCESS           PEER               STUCK FOR',
        'c000000001  retransmitting        node[12900]       10.0.0.2:8000      1m 20s',
        'c000000002  keepalive_unanswered  ev\\x1b[31mil\\nn~  [2001:db~6]:65535  >1m 20s',
        'c000000004  connecting            unknown yet       10.0.0.2:8000      1m 20s',
        'c000000003  closing               orphan (node[12~  10.0.0.2:8000      1m 20s',
        '',
      ].join('\n'),
    );
  });

  test('with outcomes', () => {
    const ended = received({ outcome: 'reset_by_peer', endUs: EPOCH_MONO_US - 40_000_000 });
    assert.equal(
      formatConnections([ended], NOW_MS, 120, true),
      [
        'ID          KIND            PROCESS      PEER           STUCK FOR  RETRANS  UNACKED  GIVES UP  OUTCOME',
        'c000000001  retransmitting  node[12900]  10.0.0.2:8000  40s              7    412 B  -         reset by peer',
        '',
      ].join('\n'),
    );
  });

  test('what is for information stands below and says so; a listener is known by its port', () => {
    const unread = received({ id: 'c1', kind: 'unread', informational: true, ownerType: 'orphan' });
    const acceptQueue = { waiting: 9, limit: 8, handshakes: 0, unanswered: 0 };
    const full = received({ id: 'c2', kind: 'accept_queue_full', acceptQueue, remote: { address: '', port: 0 } });
    const [, first = '', second = ''] = formatConnections([unread, full], NOW_MS, 100, false).split('\n');
    assert.match(first, /^c2 +accept_queue_full +node\[12900\] +listens on 10\.0\.0\.1:41000 /);
    assert.match(second, /^c1 +unread \(i\) /);
  });

  test('of nothing', () => {
    assert.equal(formatConnections([], NOW_MS, 120, false), 'No stuck connections.\n');
  });

  test('more lines than a call takes arguments', () => {
    const lines = formatTable([{ header: 'N', cell: String }], new Array<number>(200_000).fill(7), 80);
    assert.equal(lines.split('\n').length, 200_002);
  });

  test('fits any terminal of 76 columns and more', () => {
    for (let width = 76; width < 200; width += 1) {
      for (const line of formatConnections(connections, NOW_MS, width, true).split('\n')) {
        assert.ok(displayWidth(line) <= width, `${width.toString()}: ${line}`);
      }
    }
  });
});

describe('get', () => {
  test('a stuck connection', () => {
    assert.equal(
      formatConnectionPage({ stuckConnection: received({}) }, '', NOW_MS, 80, plain),
      [
        'node[12900] waits for 10.0.0.2:8000.',
        'Its requests hang.',
        '',
        'What to do:',
        '  - library: Give the agent a timeout.',
        '',
        'Facts:',
        '  id             c000000001',
        '  kind           retransmitting, TCP state ESTABLISHED',
        '  process        node[12900]',
        '  program        /usr/bin/node, user 1000',
        '  local          10.0.0.1:41000, outbound',
        '  peer           10.0.0.2:8000',
        '  network        namespace 4026531840, socket cookie 9007199254740993',
        '  stuck          1m 20s, since 2026-11-21 20:13:40 UTC',
        '  last progress  2026-11-21 20:13:39 UTC',
        '  retransmits    7, timeout now 26s',
        '  probes         0',
        '  bytes          412 B unacknowledged, 0 B unsent, 0 B unread',
        '  keepalive      off',
        '  user timeout   not set',
        '  gives up       in 14m 3s, at 2026-11-21 20:29:03 UTC, with ETIMEDOUT',
        '  limited by     tcp_retries2, 8 transmissions left',
        '',
        'Timeline:',
        '  2026-11-21 20:13:41 UTC  detected after 3 retransmission timeouts',
        '',
      ].join('\n'),
    );
  });

  test('one that was seen by polling says what that does not show', () => {
    const none = { keepalive: null, keepaliveIdleMs: null, keepaliveIntervalMs: null, keepaliveProbes: null };
    const { giveUp } = createRecord();
    const changes: Partial<StuckRecord> = {
      polled: true,
      unknown: ['user_timeout', 'keepalive'],
      options: { ...none, userTimeoutMs: null },
      giveUp: giveUp === null ? null : { ...giveUp, supposes: ['user_timeout'] },
    };
    const pageOf = (more: Partial<StuckRecord>): string[] =>
      formatConnectionPage({ stuckConnection: received({ ...changes, ...more }) }, '', NOW_MS, 120, plain).split('\n');
    const lines = pageOf({});
    const start = lines.findIndex((line) => line.startsWith('  bytes'));
    assert.deepEqual(lines.slice(start + 1, start + 5), [
      '  gives up       in 14m 3s, at 2026-11-21 20:29:03 UTC, with ETIMEDOUT',
      '  limited by     tcp_retries2, 8 transmissions left',
      '  supposing      that nobody has set TCP_USER_TIMEOUT, which polling cannot see',
      '  seen by        polling, without BPF; that does not show TCP_USER_TIMEOUT, SO_KEEPALIVE',
    ]);
    const known = pageOf({ unknown: ['user_timeout'], options: { ...none, keepalive: true, userTimeoutMs: null } });
    assert.ok(known.includes('  keepalive      on'));
    const ended = pageOf({ outcome: 'lost_track', endUs: EPOCH_MONO_US });
    assert.equal(
      ended.some((line) => line.startsWith('  supposing')),
      false,
    );
  });

  test('a shared one that ended', () => {
    const shared = received({
      previousId: 'c000000000',
      direction: 'inbound',
      owner: { ...OWNER, holders: [...OWNER.holders, { pid: 13000, comm: 'work\u202eer', fd: 5 }] },
      options: { ...createRecord().options, keepalive: true, userTimeoutMs: 30_000 },
      outcome: 'timed_out',
      endUs: EPOCH_MONO_US - 10_000_000,
    });
    assert.equal(
      formatConnectionPage({ stuckConnection: shared }, '', NOW_MS, 80, plain),
      [
        'node[12900] waits for 10.0.0.2:8000.',
        'Its requests hang.',
        '',
        'What to do:',
        '  - library: Give the agent a timeout.',
        '',
        'Facts:',
        '  id             c000000001',
        '  kind           retransmitting, TCP state ESTABLISHED',
        '  process        node[12900] +1',
        '  program        /usr/bin/node, user 1000',
        '  held by        node[12900] fd 21, work\\u{202e}er[13000] fd 5',
        '  local          10.0.0.1:41000, inbound',
        '  peer           10.0.0.2:8000',
        '  network        namespace 4026531840, socket cookie 9007199254740993',
        '  stuck          1m 10s, since 2026-11-21 20:13:40 UTC',
        '  last progress  2026-11-21 20:13:39 UTC',
        '  retransmits    7, timeout now 26s',
        '  probes         0',
        '  bytes          412 B unacknowledged, 0 B unsent, 0 B unread',
        '  keepalive      after 2h 0m idle, every 1m 15s, 9 probes',
        '  user timeout   30s',
        '  ended          2026-11-21 20:14:50 UTC, timed out',
        '  previous id    c000000000',
        '',
        'Timeline:',
        '  2026-11-21 20:13:41 UTC  detected after 3 retransmission timeouts',
        '',
      ].join('\n'),
    );
  });
});

describe('watch', () => {
  const line = (sign: 'STUCK' | 'UPDATE' | 'END', changes: Partial<StuckRecord>): string =>
    formatWatchLine(sign, received(changes), NOW_MS, plain);

  test('lines', () => {
    assert.deepEqual(
      [
        line('STUCK', {}),
        line('UPDATE', { kind: 'closing', ownerType: 'orphan', owner: null, lastOwner: OWNER, giveUp: null }),
        line('STUCK', {
          kind: 'keepalive_unanswered',
          direction: 'inbound',
          retransmits: 0,
          probes: 1,
          giveUp: { never: true },
        }),
        line('END', { outcome: 'recovered', endUs: EPOCH_MONO_US }),
      ],
      [
        '20:15:00  STUCK   retransmitting  node[12900] -> 10.0.0.2:8000  stuck for 1m 20s, 7 retransmits, gives up in 14m 3s with ETIMEDOUT\n',
        '20:15:00  UPDATE  closing  orphan (node[12900]) -> 10.0.0.2:8000  stuck for 1m 20s, 7 retransmits\n',
        '20:15:00  STUCK   keepalive_unanswered  node[12900] (port 41000) <- 10.0.0.2:8000  stuck for 1m 20s, 1 probe, never gives up\n',
        '20:15:00  END     retransmitting  node[12900] -> 10.0.0.2:8000  recovered after 1m 20s\n',
      ],
    );
  });
});

describe('quantities', () => {
  test('durations', () => {
    const table: readonly [number, string][] = [
      [-5, '0.0s'],
      [0, '0.0s'],
      [1234, '1.2s'],
      [9949, '9.9s'],
      [9951, '10s'],
      [59_499, '59s'],
      [59_500, '1m 0s'],
      [80_000, '1m 20s'],
      [3_599_499, '59m 59s'],
      [3_599_500, '1h 0m'],
      [7_875_000, '2h 11m'],
      [86_399_500, '1d 0h'],
      [273_600_000, '3d 4h'],
    ];
    for (const [ms, expected] of table) {
      assert.equal(durationText(ms), expected);
    }
  });

  test('sizes', () => {
    assert.deepEqual([0, 1023, 1024, 1536, 10_240, 1024 ** 3].map(sizeText), [
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '10 KiB',
      '1.0 GiB',
    ]);
  });
});
