// Proves which of a client's reports the demo tells, and when it takes the client for healthy. It cannot prove that Node's
// agents behave so; the demo itself shows it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientNarrator } from '../../../daemon/demo/client-narrator.js';
import type { ClientEvent, ClientKind } from '../../../daemon/demo/programs/client-event.js';

/** An event, the sentences that are expected, and whether the client is healthy afterwards. */
type Step = readonly [ClientEvent, readonly RegExp[], boolean];

const tick = (waiting: number, oldestMs: number): ClientEvent => ({ event: 'tick', waiting, oldestMs });
const response = (ms: number, waiting: number): ClientEvent => ({ event: 'response', ms, waiting });
const error = (code: string, ms: number, waiting: number): ClientEvent => ({ event: 'error', code, ms, waiting });

const FIRST: readonly Step[] = [
  [tick(0, 0), [], false],
  [response(12, 0), [/^gets answers; the first took 12 ms\.$/], true],
  [response(2, 0), [], true],
];

const STORIES: readonly (readonly [string, ClientKind, readonly Step[]])[] = [
  [
    'without a timeout: waits, waits, and is served',
    'no-timeout',
    [
      [tick(1, 1000), [], true],
      [tick(2, 2001), [/^gets no answer any more\. It has no timeout/], false],
      [tick(3, 3001), [], false],
      [tick(10, 10_002), [/^still waits: 10 requests by now, the oldest for 10s\.$/], false],
      [tick(11, 11_002), [], false],
      [response(12_000, 1), [], false],
      [
        response(11_000, 0),
        [/^is served again\. 2 requests that had waited got an answer, the oldest after 12s\.$/],
        true,
      ],
    ],
  ],
  [
    'with a timeout: fails, fails again, and is served',
    'with-timeout',
    [
      [tick(2, 2001), [/^gets no answer any more\. Its timeout of 5 s is running\.$/], false],
      [
        error('request timeout', 5003, 4),
        [/^A request fails after 5\.0s: request timeout\. The client destroys/],
        false,
      ],
      [tick(5, 5000), [], false],
      [error('request timeout', 9000, 3), [], false],
      [error('E\u001b', 9000, 2), [/^A request fails again after 9\.0s: E\\x1b\./], false],
      [
        response(30, 0),
        [/1 request that had waited got an answer, the oldest after 0\.0s\. 3 requests failed\.$/],
        true,
      ],
      [response(1, 0), [], true],
    ],
  ],
];

for (const [name, kind, steps] of STORIES) {
  test(name, () => {
    const narrator = new ClientNarrator(kind);
    for (const [index, [event, expected, healthy]] of [...FIRST, ...steps].entries()) {
      const told = narrator.tell(event);
      assert.equal(told.length, expected.length, `step ${index}: ${told.join(' | ')}`);
      for (const [line, pattern] of expected.entries()) {
        assert.match(told[line] ?? '', pattern, `step ${index}`);
      }
      assert.equal(narrator.healthy, healthy, `step ${index}`);
    }
  });
}

test('the status line counts what waits and what failed', () => {
  const narrator = new ClientNarrator('agentkeepalive');
  assert.equal(narrator.status, 'agentkeepalive: fine');
  narrator.tell(error('ERR_SOCKET_TIMEOUT', 8000, 7));
  assert.equal(narrator.status, 'agentkeepalive: 7 waiting, 1 failed');
});
