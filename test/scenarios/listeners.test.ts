/**
 * Proves when a listener becomes a record: a full accept queue and incomplete handshakes, with the numbers of its queues,
 * and how either turns into the other and ends. It cannot prove that a kernel reports what these lines say; the kernel
 * tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TRACKER_CONFIG } from '../../daemon/core/tracker-config.js';
import { playScenario } from '../support/scenario.js';

const LISTENER = 'listens limit=128';
const FULL = `
    0.0     up                                          =>
    2.0     sweep A waiting=129 held 100/21             =>
    2.0     deadline                                    => 12
    12.0    tick                                        => request refresh
    12.0    refresh A                                   => A opened accept_queue_full since>=2 proc100[100/21]
`;

void test('a full queue has ten seconds; the record has no peer, and numbers', () => {
  const record = playScenario(FULL, { sockets: LISTENER }).records.get('A');
  assert.deepEqual(record?.acceptQueue, { waiting: 129, limit: 128, handshakes: 0, unanswered: 0 });
  assert.deepEqual(record.remote, { address: '', port: 0 });
  assert.equal(record.direction, 'inbound');
  assert.equal(record.lastProgressUs, null);
  assert.equal(record.informational, false);
});

const FULL_ENDINGS: Readonly<Record<string, string>> = {
  'the process accepts one': `
    13.0    refresh A waiting=127 cleared               => A ended recovered at 13`,
  'listen() with a longer queue': `
    13.0    refresh A limit=256 cleared                 => A ended recovered at 13`,
  'the listener is closed': `
    13.0    A state state=CLOSE closer=100              => A ended closed_by_application at 13`,
  'the process exits': `
    13.0    A state state=CLOSE closer=100 exiting      => A ended owner_exited at 13`,
  'it was closed while the sensor was down': `
    13.0    down                                        =>
    14.0    up                                          => watch A
    14.1    sweep                                       =>
    20.0    sweep                                       => unwatch A; A ended lost_track at 20`,
  'it is kept over restarts of both': `
    13.0    restart                                     =>
    14.0    up                                          => A opened accept_queue_full since>=2 proc100[100/21]; watch A
    15.0    sweep A held 100/21                         => unwatch A
    16.0    down                                        =>
    17.0    up                                          => watch A
    17.1    sweep A held 100/21                         => unwatch A
    18.0    refresh A waiting=0 cleared                 => A ended recovered at 18`,
  'a late report changes nothing': `
    13.0    A sweep waiting=0 taken=1.0                 =>`,
};

for (const [title, ending] of Object.entries(FULL_ENDINGS)) {
  void test(`a full queue: ${title}`, () => {
    playScenario(FULL + ending, { sockets: LISTENER });
  });
}

void test('a queue that is full for a moment, or not quite full, is none', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    2.0     sweep A waiting=129 held 100/21             =>
    5.0     refresh A waiting=100 cleared               =>
    6.0     sweep A waiting=127                         =>`,
    { sockets: LISTENER },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('incomplete handshakes count from a quarter of the backlog on, if they are sent again', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    2.0     sweep A handshakes=41 young=10              =>`,
    { sockets: LISTENER },
  );
  assert.equal(story.state.entries.size, 0);
  story.play('4.0 sweep A handshakes=42 =>');
  story.play('4.0 deadline => 34');
});

const ACCEPTING = `
    0.0     up                                          =>
    4.0     sweep A handshakes=50 young=10 held 100/21  =>
    4.0     deadline                                    => 34
    34.0    tick                                        => request refresh
    34.0    refresh A                                   => A opened accepting since>=4 proc100[100/21]
`;

const ACCEPTING_ENDINGS: Readonly<Record<string, string>> = {
  'half of them complete: it goes on': `
    40.0    refresh A handshakes=20 young=0             => A updated unanswered=20`,
  'all complete': `
    40.0    refresh A handshakes=5 young=5 cleared      => A ended recovered at 40`,
  'the listener is closed': `
    40.0    A state state=CLOSE closer=100              => A ended closed_by_application at 40`,
  'those that completed fill the accept queue; then it is emptied': `
    40.0    refresh A waiting=129                       => A updated waiting=129
    49.0    refresh A                                   =>
    50.0    refresh A                                   => A updated kind=accept_queue_full informational=false
    55.0    refresh A waiting=0 handshakes=0 young=0 cleared   => A ended recovered at 55`,
};

for (const [title, ending] of Object.entries(ACCEPTING_ENDINGS)) {
  void test(`incomplete handshakes: ${title}`, () => {
    playScenario(ACCEPTING + ending, { sockets: LISTENER });
  });
}

void test('a kind that is switched off hides no other one', () => {
  const { kinds } = DEFAULT_TRACKER_CONFIG;
  const config = { kinds: { ...kinds, accept_queue_full: { ...kinds.accept_queue_full, enabled: false } } };
  playScenario(ACCEPTING.replace('handshakes=50', 'waiting=129 handshakes=50'), { sockets: LISTENER, config });
  const neither = { kinds: { ...config.kinds, accepting: { ...kinds.accepting, enabled: false } } };
  const story = playScenario(`0.0 up =>\n 4.0 sweep A waiting=129 handshakes=50 young=0 held 100/21 =>`, {
    sockets: LISTENER,
    config: neither,
  });
  assert.equal(story.state.entries.size, 0);
});
