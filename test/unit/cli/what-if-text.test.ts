// Proves the sentences that answer `--what-if`: past and future, windows, other days, ends that never come, and what makes no
// difference. The answers themselves are made up here.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whatIfText } from '../../../daemon/cli/what-if-text.js';
import type { Connection } from '../../../daemon/cli/connection-text.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { timestampFromUs } from '../../../daemon/rpc/proto-time.js';

const v1 = stuckd.v1;
type GiveUp = stuckd.v1.GiveUp.$Properties;

const NOW_MS = Date.UTC(2026, 10, 21, 20, 15, 0);
const at = (seconds: number): ReturnType<typeof timestampFromUs> => timestampFromUs((NOW_MS + seconds * 1000) * 1000);

function end(seconds: number, more: GiveUp = {}): GiveUp {
  const reason = v1.GiveUpReason.GIVE_UP_REASON_TCP_RETRIES2;
  return { time: at(seconds), reason, expectedError: 'ETIMEDOUT', retransmitsLeft: 3, ...more };
}

const OPEN: Connection = { giveUp: end(800) };
const ENDED: Connection = { outcome: v1.Outcome.OUTCOME_TIMED_OUT, endTime: at(-10), giveUp: end(-10) };
const WORDS = 'tcp_retries2=8';

const table: readonly (readonly [string, Connection, GiveUp | null, GiveUp | null, string])[] = [
  [
    'over long ago, and soon',
    OPEN,
    end(-123),
    end(42, { retransmitsLeft: 0 }),
    'With tcp_retries2=8 from the start the kernel would have given up at 20:12:57 UTC, 2m 3s ago (ETIMEDOUT, by tcp_retries2). Set now, it gives up when its timer runs next, at 20:15:42 UTC, in 42s (ETIMEDOUT, by tcp_retries2).',
  ],
  [
    'later than now',
    OPEN,
    end(60),
    end(65),
    'With tcp_retries2=8 from the start the kernel would give up at 20:16:00 UTC, in 1m 0s (ETIMEDOUT, by tcp_retries2). Set now, it gives up at 20:16:05 UTC, in 1m 5s (ETIMEDOUT, by tcp_retries2).',
  ],
  [
    'a window, and another day',
    OPEN,
    end(60, { latestTime: at(64) }),
    end(14_400),
    'With tcp_retries2=8 from the start the kernel would give up between 20:16:00 and 20:16:04 UTC, in 1m 0s (ETIMEDOUT, by tcp_retries2). Set now, it gives up at 2026-11-22 00:15:00 UTC, in 4h 0m (ETIMEDOUT, by tcp_retries2).',
  ],
  [
    'at once, or even a moment before the answer is shown',
    OPEN,
    end(-60),
    end(-0.02, { retransmitsLeft: 0 }),
    'With tcp_retries2=8 from the start the kernel would have given up at 20:14:00 UTC, 1m 0s ago (ETIMEDOUT, by tcp_retries2). Set now, it gives up at once (ETIMEDOUT, by tcp_retries2).',
  ],
  [
    'no difference',
    OPEN,
    end(800),
    end(800.05),
    'With tcp_retries2=8 from the start the kernel would give up at 20:28:20 UTC, in 13m 20s (ETIMEDOUT, by tcp_retries2). Set now, it changes nothing: it still gives up at 20:28:20 UTC.',
  ],
  [
    'the same time, but only a window is known now',
    OPEN,
    { never: true },
    end(800, { latestTime: at(810) }),
    'With tcp_retries2=8 from the start the kernel would never give up. Set now, it gives up between 20:28:20 and 20:28:30 UTC, in 13m 20s (ETIMEDOUT, by tcp_retries2).',
  ],
  [
    'never, and still never',
    { giveUp: { never: true } },
    { never: true },
    { never: true },
    'With tcp_retries2=8 from the start the kernel would never give up. Set now, it changes nothing: the kernel still never gives up.',
  ],
  [
    'never from now on',
    OPEN,
    { never: true },
    { never: true },
    'With tcp_retries2=8 from the start the kernel would never give up. Set now, it never gives up.',
  ],
  [
    'not known',
    OPEN,
    null,
    null,
    'When the kernel would have given up with tcp_retries2=8 from the start cannot be told. What it changes if it is set now cannot be told.',
  ],
  [
    'an ended one, earlier',
    ENDED,
    end(-100),
    null,
    'With tcp_retries2=8 from the start the kernel would have given up at 20:13:20 UTC, 1m 30s before it ended (ETIMEDOUT, by tcp_retries2).',
  ],
  [
    'an ended one, later',
    ENDED,
    end(50),
    null,
    'With tcp_retries2=8 from the start the kernel would have given up at 20:15:50 UTC, 1m 0s after it ended (ETIMEDOUT, by tcp_retries2).',
  ],
  [
    'an ended one, at its end',
    ENDED,
    end(-10.01),
    null,
    'With tcp_retries2=8 from the start the kernel would have given up at 20:14:49 UTC, which is when it ended (ETIMEDOUT, by tcp_retries2).',
  ],
];
for (const [name, connection, fromStart, fromNow, expected] of table) {
  test(name, () => {
    assert.equal(whatIfText(WORDS, { fromStart, fromNow }, connection, NOW_MS), expected);
  });
}

test('what the user typed reaches the terminal escaped', () => {
  assert.match(whatIfText('a\x1b[2J', { fromStart: { never: true } }, OPEN, NOW_MS), /^With a\\x1b\[2J from/);
});
