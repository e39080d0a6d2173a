// Proves that data which this host itself keeps from leaving is told apart from data behind a closed window and from data
// that is merely held back: which kind it is, since when, on what evidence, and with which cause.
// It cannot prove that a kernel looks like this when a firewall drops what is sent; a kernel test does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { causeOf } from '../../../daemon/core/circumstances.js';
import { classify, continued } from '../../../daemon/core/classify.js';
import { isRefusedLocally, isRetransmitting, isWindowClosed } from '../../../daemon/core/conditions.js';
import { tickClock } from '../../../daemon/core/jiffies.js';
import { PENDING, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { nextStanding } from '../../../daemon/core/standing.js';
import { detectionText } from '../../../daemon/core/timeline.js';
import { DEFAULT_TRACKER_CONFIG } from '../../../daemon/core/tracker-config.js';
import { clockAt, monoUsAt, snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';

const { kinds } = DEFAULT_TRACKER_CONFIG;
const ticks = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));

/** The jiffy of a second of the story, as the kernel keeps it. */
const jiffies32 = (second: number): number => (TEST_KERNEL.jiffies + second * TEST_KERNEL.hz) >>> 0;

/** Sent at second 0 and refused; probes at 0.204, 0.612 and 1.428. */
const REFUSED: SnapshotFacts = {
  writeSeq: 1100,
  pending: PENDING.PROBE0,
  probesOut: 3,
  backoff: 3,
  probesTstampJiffies32: jiffies32(0.204),
  writeTimerAt: 3.06,
  ackedAt: -0.05,
};

const seen = (facts: SnapshotFacts = {}): SocketSnapshot => snapshotAt(TEST_KERNEL, 2, { ...REFUSED, ...facts });

function candidateOf(socket: SocketSnapshot): ReturnType<typeof classify> {
  return classify(socket, nextStanding(null, socket, socket, kinds, ticks), kinds, ticks);
}

test('the window is open and nothing is in flight, yet probes are out: it is retransmitting, and not sent', () => {
  const socket = seen();
  assert.ok(isRetransmitting(socket) && !isWindowClosed(socket));
  const candidate = candidateOf(socket);
  assert.equal(candidate?.kind, 'retransmitting');
  assert.equal(candidate.qualifiesAtUs, socket.monoUs);
  assert.deepEqual(candidate.since, { timeUs: monoUsAt(TEST_KERNEL, 0.204), atLeast: false });
  assert.equal(causeOf('retransmitting', socket), 'not_sent');
  assert.match(detectionText('retransmitting', socket, 0, ticks), /refused to send it 3 times/);
});

test('a kernel without the stamp of the first probe gives a bound', () => {
  const since = candidateOf(seen({ probesTstampJiffies32: 0 }))?.since;
  assert.equal(since?.atLeast, true);
  assert.ok(since.timeUs >= monoUsAt(TEST_KERNEL, 0) && since.timeUs <= monoUsAt(TEST_KERNEL, 0.612));
});

const NO_EVIDENCE: Readonly<Record<string, SnapshotFacts>> = {
  'two attempts': { probesOut: 2, backoff: 2 },
  'a keepalive probe under way while data is corked': { probesOut: 1, backoff: 0 },
  'the local queue is full, which does not back off': { probesOut: 9, backoff: 0 },
  'a socket that loses much anyway': { totalRetrans: 90, dataSegsOut: 300 },
};

for (const [title, facts] of Object.entries(NO_EVIDENCE)) {
  test(`no record yet: ${title}`, () => {
    assert.equal(candidateOf(seen(facts))?.qualifiesAtUs, null);
  });
}

test('a closed window is another matter', () => {
  const socket = seen({ sndWnd: 0 });
  assert.ok(isWindowClosed(socket) && !isRefusedLocally(socket) && !isRetransmitting(socket));
  assert.equal(candidateOf(socket)?.kind, 'zero_window');
  assert.equal(causeOf('zero_window', socket), null);
});

test('corked data, of which no attempt has failed', () => {
  assert.equal(candidateOf(seen({ probesOut: 0, backoff: 0 })), null);
});

test('an idle connection with unanswered keepalive probes turns into it when data is refused', () => {
  const socket = seen();
  const stuck = { kind: 'keepalive_unanswered', since: { timeUs: 0, atLeast: false } } as const;
  assert.equal(continued(stuck, socket, null, kinds, ticks).kind, 'retransmitting');
});
