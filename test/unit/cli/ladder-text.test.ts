// Proves how a ladder is drawn: order, words, bars, what is left out, and that it fits 80 columns. The steps are made up here;
// core/ladder.test.ts proves real ones.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from '../../../daemon/cli/connection-text.js';
import { forecastFacts } from '../../../daemon/cli/forecast-text.js';
import { ladderText } from '../../../daemon/cli/ladder-text.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { durationFromUs, timestampFromUs } from '../../../daemon/rpc/proto-time.js';

const v1 = stuckd.v1;
type Step = stuckd.v1.LadderStep.$Properties;

const NOW_MS = Date.UTC(2026, 10, 21, 20, 15, 0);
const KIND = {
  past: v1.LadderStepKind.LADDER_STEP_KIND_PAST,
  next: v1.LadderStepKind.LADDER_STEP_KIND_NEXT,
  end: v1.LadderStepKind.LADDER_STEP_KIND_GIVE_UP,
};
const at = (seconds: number): ReturnType<typeof timestampFromUs> =>
  timestampFromUs(Math.round((NOW_MS + seconds * 1000) * 1000));
const step = (kind: keyof typeof KIND, seconds: number, ordinal = 0): Step => ({
  time: at(seconds),
  kind: KIND[kind],
  ordinal,
});

const RETRANSMITTING: Connection = {
  kind: v1.StuckKind.STUCK_KIND_RETRANSMITTING,
  retransmits: 3,
  giveUp: { time: at(6.6), reason: v1.GiveUpReason.GIVE_UP_REASON_TCP_RETRIES2, expectedError: 'ETIMEDOUT' },
};

const TITLE = 'Retransmissions (bar: the wait that follows; one more = is twice as long):';

describe('drawn', () => {
  test('a short one, whole', () => {
    const steps = [
      step('past', -1.6, 1),
      step('past', -1.2, 2),
      step('past', -0.4, 3),
      step('next', 1.2, 4),
      step('end', 4.5),
    ];
    assert.equal(
      ladderText(steps, RETRANSMITTING, NOW_MS),
      [
        '',
        TITLE,
        '    1.6s ago  retransmission 1, no answer         ==',
        '    1.2s ago  retransmission 2, no answer         ===',
        '    0.4s ago  retransmission 3, no answer         ====',
        '         now  ----------------------------------',
        '     in 1.2s  retransmission 4                    =====',
        '     in 4.5s  the kernel gives up with ETIMEDOUT (tcp_retries2)',
        '',
      ].join('\n'),
    );
  });

  test('a long one, without its middles: what is nearest to now stays', () => {
    const past = Array.from({ length: 12 }, (_, index) => step('past', -200 + index * 10, index + 1));
    const next = Array.from({ length: 12 }, (_, index) => step('next', 10 + index * 120, index + 13));
    const lines = ladderText([...past, ...next, step('end', 1500)], RETRANSMITTING, NOW_MS).split('\n');
    assert.deepEqual(
      lines.slice(2, -1).map((line) => line.slice(14).replace(/ +=*$/, '')),
      [
        ...[1, 2, 3].map((ordinal) => `retransmission ${ordinal}, no answer`),
        '... 4 more',
        ...[8, 9, 10, 11, 12].map((ordinal) => `retransmission ${ordinal}, no answer`),
        '----------------------------------',
        ...[13, 14, 15, 16, 17].map((ordinal) => `retransmission ${ordinal}`),
        '... 5 more',
        ...[23, 24].map((ordinal) => `retransmission ${ordinal}`),
        'the kernel gives up with ETIMEDOUT (tcp_retries2)',
      ],
    );
    assert.ok(lines.length <= 24);
  });

  test('two ends are a window', () => {
    const lines = ladderText([step('past', -1, 3), step('end', 3), step('end', 6)], RETRANSMITTING, NOW_MS).split('\n');
    assert.deepEqual(lines.slice(4, 6), [
      '     in 3.0s  the kernel may end it from here on',
      '     in 6.0s  the kernel gives up by then with ETIMEDOUT (tcp_retries2)',
    ]);
  });

  test('no bar where the daemon left steps out', () => {
    const [, , first] = ladderText([step('past', -100, 1), step('past', -5, 9)], RETRANSMITTING, NOW_MS).split('\n');
    assert.equal(first, '  1m 40s ago  retransmission 1, no answer');
  });

  const others: readonly (readonly [string, Connection, RegExp])[] = [
    [
      'an orphan',
      { ...RETRANSMITTING, ownerType: v1.OwnerType.OWNER_TYPE_ORPHAN },
      /the kernel frees it \(tcp_retries2\)/,
    ],
    [
      'keepalive',
      { kind: v1.StuckKind.STUCK_KIND_KEEPALIVE_UNANSWERED },
      /^\nKeepalive probes [^]* probe 3, no answer/,
    ],
    ['SYNs', { kind: v1.StuckKind.STUCK_KIND_CONNECTING }, /^\nSYN retransmissions [^]* SYN retransmission 3, no/],
    [
      'a closed window',
      { kind: v1.StuckKind.STUCK_KIND_CLOSING, probes: 3 },
      /^\nWindow probes [^]* probe 3, no answer/,
    ],
  ];
  for (const [name, connection, expected] of others) {
    test(name, () => {
      assert.match(ladderText([step('past', -1, 3), step('end', 3)], connection, NOW_MS), expected);
    });
  }

  test('fits 80 columns, with the longest words there are', () => {
    const giveUp = { reason: v1.GiveUpReason.GIVE_UP_REASON_TCP_RETRIES2, expectedError: 'EADDRNOTAVAIL' };
    const connection = { kind: v1.StuckKind.STUCK_KIND_CONNECTING, giveUp };
    const steps = [
      step('past', -90_000, 254),
      step('past', -80_000, 255),
      step('next', 1e6, 256),
      step('end', 1.9e6),
      step('end', 2.1e6),
    ];
    for (const line of ladderText(steps, connection, NOW_MS).split('\n')) {
      assert.ok(line.length <= 80, `${line.length}: ${line}`);
    }
  });

  test('nothing where there are no steps', () => {
    assert.equal(ladderText([], RETRANSMITTING, NOW_MS), '');
  });
});

describe('the forecast at detection, among the facts', () => {
  const detectedGiveUp = { time: at(-60) };
  const ended = { outcome: v1.Outcome.OUTCOME_TIMED_OUT, detectedGiveUp };
  const table: readonly (readonly [string, Connection, readonly (readonly [string, string])[]])[] = [
    ['none known', { giveUp: { time: at(5) } }, []],
    ['still the same', { detectedGiveUp, giveUp: { time: at(-59.9) } }, []],
    [
      'another by now',
      { detectedGiveUp, giveUp: { time: at(100) } },
      [['at detection', 'it was to give up 2026-11-21 20:14:00 UTC']],
    ],
    ['ended otherwise', ended, []],
    [
      'ended, later',
      { ...ended, forecastError: durationFromUs(4000) },
      [['forecast', '2026-11-21 20:14:00 UTC at detection; it came 4 ms later']],
    ],
    [
      'ended, much earlier, of a window',
      { ...ended, detectedGiveUp: { time: at(-60), latestTime: at(-50) }, forecastError: durationFromUs(-75_000_000) },
      [['forecast', '2026-11-21 20:14:00 UTC to 2026-11-21 20:14:10 UTC at detection; it came 1m 15s earlier']],
    ],
    [
      'ended, to the point',
      { ...ended, forecastError: durationFromUs(0) },
      [['forecast', '2026-11-21 20:14:00 UTC at detection; so it came']],
    ],
  ];
  for (const [name, connection, expected] of table) {
    test(name, () => {
      assert.deepEqual(forecastFacts(connection), expected);
    });
  }
});
