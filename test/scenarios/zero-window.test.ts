/**
 * Proves when a closed window becomes a record, how grave it is as the peer answers or falls silent, what it turns into and
 * how it ends. Window probes raise no event, so the story is told by sweeps and refreshes. It cannot prove that a kernel
 * reports what these lines say; the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TRACKER_CONFIG } from '../../daemon/core/tracker-config.js';
import { playScenario } from '../support/scenario.js';

/** 500 bytes wait; the window has been closed since second 0, and was probed first at 0.204. */
const CLOSED = 'seq=1500 wnd=0 pending=3 acked=0 firstprobe=0.204';

/** Found by the first sweep; it answers every probe. */
const ANSWERING = `
    0.0     up                                          =>
    2.0     sweep A backoff=3 timer=3.06 held 100/21    =>
    2.0     deadline                                    => 60.204
    60.204  tick                                        => request refresh
    60.21   refresh                                     => A opened zero_window since=0.204 proc100[100/21]
`;

const OFF = { ...DEFAULT_TRACKER_CONFIG.kinds };

void test('a peer that answers gets a minute, and is information', () => {
  const record = playScenario(ANSWERING, { sockets: CLOSED }).records.get('A');
  assert.equal(record?.informational, true);
  assert.deepEqual(record.giveUp, { never: true });
  assert.equal(record.unsentBytes, 500);
});

void test('a peer that does not answer is found out by the third probe', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    2.0     sweep A probes=3 backoff=3 timer=3.06 held 100/21   =>
    2.0     deadline                                    => 2.428
    2.428   tick                                        => request refresh
    2.43    refresh                                     => A opened zero_window since=0.204 proc100[100/21]`,
    { sockets: CLOSED },
  );
  assert.equal(story.records.get('A')?.informational, false);
});

void test('one record: it falls silent, answers again, and takes data in the end', () => {
  const story = playScenario(
    `${ANSWERING}
    64.0    refresh A probes=1 backoff=7 timer=90       => A updated probes=1
    91.0    refresh A probes=2 backoff=8 timer=144      => A updated probes=2 informational=false
    145.0   refresh A probes=0 backoff=9 acked=144 timer=250   => A updated probes=0 informational=true
    160.0   refresh A una=1500 nxt=1500 backoff=0 pending=0 acked=159 wnd=500 cleared   => A ended recovered at 160`,
    { sockets: CLOSED },
  );
  assert.deepEqual(
    story.records.get('A')?.timeline.map(({ text }) => text),
    [
      'first probe of the closed window',
      'detected: the peer has kept its window closed for 60 s',
      'the peer has stopped answering',
      'the peer answers again, and keeps its window closed',
      'the peer takes data again',
    ],
  );
});

const ENDINGS: Readonly<Record<string, string>> = {
  'the kernel gives up': `
    90.0    A state state=CLOSE err=110 probes=15       => A ended timed_out at 90`,
  'the peer resets it': `
    90.0    A reset_received rst                        =>
    90.0    A state state=CLOSE err=104                 => A ended reset_by_peer at 90`,
  'part of what waited got through, and the window closed again: that is another one': `
    90.0    refresh A una=1100 nxt=1100 acked=89 firstprobe=89.5 backoff=1   => A ended recovered at 90
    150.0   tick                                        => request refresh
    150.1   refresh                                     => A opened zero_window since>=90 pending; request sweep`,
  'a late report changes nothing': `
    91.0    refresh A probes=2 backoff=8 timer=144      => A updated probes=2 informational=false
    91.1    A sweep probes=0 taken=60.5                 =>`,
  'the application closes it: the same record, with a FIN behind the data': `
    90.0    A state state=FIN_WAIT1 closer=100          => A updated kind=closing state=FIN_WAIT1 informational=false
    91.0    refresh A dead seq=1501                     => A updated orphan(was proc100)
    95.0    refresh A state=FIN_WAIT2 una=1501 nxt=1501 => A ended recovered at 95`,
  'the window opened, but what was sent is not acknowledged': `
    90.0    refresh A inflight nxt=1500 seq=1500 wnd=5000 pending=1 retransmits=1 acked=80   => A updated kind=retransmitting retransmits=1 unackedBytes=500 unsentBytes=0 informational=false`,
};

for (const [title, ending] of Object.entries(ENDINGS)) {
  void test(`a closed window: ${title}`, () => {
    playScenario(ANSWERING + ending, { sockets: CLOSED });
  });
}

void test('closed behind the window: an orphan is known from its FIN on', () => {
  playScenario(
    `
    0.0     up                                          =>
    3.0     A state state=FIN_WAIT1 closer=100 backoff=3   =>
    3.0     deadline                                    => 18
    18.0    tick                                        => request refresh
    18.0    refresh A dead seq=1501                     => A opened closing since=3 orphan`,
    { sockets: CLOSED },
  );
});

void test('the window shrank with data in flight: the RTO backs off, but the peer answers or does not', () => {
  const shrunk = 'inflight wnd=0 stamp=1.0 acked=0.8 pending=1';
  const story = playScenario(
    `
    0.0     up                                          =>
    62.0    sweep A backoff=7 rto=26.1 sentat=51 acked=51.1 timer=77 held 100/21   => A opened zero_window since=1 pending; A updated proc100[100/21]
    78.0    refresh A backoff=8 rto=52.2 sentat=77 acked=77.1 timer=129   => A updated details
    130.0   refresh A backoff=9 rto=104.4 sentat=129 timer=233   => A updated details
    234.0   refresh A backoff=10 rto=120 sentat=233 timer=353    => A updated informational=false`,
    { sockets: shrunk },
  );
  assert.equal(story.records.get('A')?.timeline.at(-1)?.text, 'the peer has stopped answering');
});

void test('corked data waits for the same timer', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    2.0     sweep A held 100/21                         =>`,
    { sockets: 'seq=1100 pending=3' },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('switched off it hides nothing else: a half-closed one is told all the same', () => {
  const kinds = { ...OFF, zero_window: { ...OFF.zero_window, enabled: false } };
  playScenario(
    `
    0.0     up                                          =>
    70.0    sweep A held 100/21                         =>
    70.0    B sweep state=CLOSE_WAIT                    => B opened close_wait since>=0 pending; request sweep`,
    { sockets: CLOSED, config: { kinds } },
  );
});

void test('both restarts keep the record, and how grave it was', () => {
  const story = playScenario(
    `${ANSWERING}
    61.0    down                                        =>
    62.0    up                                          => watch A
    62.1    sweep A held 100/21                         => unwatch A
    63.0    restart                                     =>
    64.0    up                                          => A opened zero_window since=0.204 proc100[100/21]; watch A
    65.0    sweep A probes=2 backoff=8 held 100/21      => unwatch A; A updated probes=2 informational=false
    66.0    refresh A una=1500 nxt=1500 pending=0 probes=0 acked=65.5 wnd=500 cleared   => A ended recovered at 66`,
    { sockets: CLOSED },
  );
  assert.equal(story.state.counters.restored, 1);
});
