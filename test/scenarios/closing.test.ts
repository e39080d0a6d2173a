/**
 * Proves what becomes of a FIN that is not acknowledged, with a process and without one, and of the record of a stuck
 * connection whose process closes it or exits. It cannot prove that a kernel reports what these lines say; the kernel
 * tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playScenario } from '../support/scenario.js';

const BLACK_HOLE = 'inflight acked=-0.05 stamp=0.204 sent=20 lost=3';

/** A black hole whose process exits: the story's own client does that after its timeout. */
const LEFT_BEHIND = `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
    2.0     A state state=FIN_WAIT1 closer=100 exiting  => A updated kind=closing state=FIN_WAIT1
    2.5     refresh A dead seq=1101 nxt=1101            => A updated orphan(was proc100)
`;

void test('a stuck connection whose process exits goes on as closing, with its id and its last owner', () => {
  const story = playScenario(LEFT_BEHIND, { sockets: BLACK_HOLE });
  const record = story.records.get('A');
  assert.equal(record?.owner, null);
  assert.equal(record.lastOwner?.pid, 100);
  assert.equal(record.sinceUs, 1_000_204_000);
  assert.equal(record.unackedBytes, 100);
  assert.deepEqual(
    record.timeline.map(({ text }) => text),
    [
      'first retransmission; no answer since',
      'detected: 3 retransmission timeouts in a row without any answer',
      'process 100 exited; data and FIN are not acknowledged',
      'no process holds it any more; the kernel goes on trying',
    ],
  );
});

const ORPHAN_ENDINGS: Readonly<Record<string, string>> = {
  'the kernel gives up': `
    2.9     A state state=CLOSE err=110                 => A ended timed_out at 2.9
    2.9     A destroy                                   =>`,
  'the kernel has too many orphans, which leaves no error': `
    2.9     A state state=CLOSE                         => A ended timed_out at 2.9`,
  'the peer answers RST': `
    2.9     A reset_received                            =>
    2.9     A state state=CLOSE err=104 rst             => A ended reset_by_peer at 2.9`,
  'the peer answers with data, which nobody reads any more': `
    2.9     A reset_received acked=2.9 una=1100         => A ended recovered at 2.9
    2.9     A state state=CLOSE err=104 rst             =>
    2.9     A destroy                                   =>`,
  'data and FIN are acknowledged after all': `
    2.9     A state state=FIN_WAIT2 una=1101 packets=0 retransmits=0   => A ended recovered at 2.9
    2.9     A state state=CLOSE                         =>
    2.9     A destroy                                   =>`,
  'acknowledged, and the event of it was lost': `
    2.9     A state state=CLOSE una=1101                => A ended recovered at 2.9`,
  'only the last record of it got through': `
    2.9     A destroy state=CLOSE err=110               => A ended timed_out at 2.9`,
};

for (const [title, ending] of Object.entries(ORPHAN_ENDINGS)) {
  void test(`an orphan ends: ${title}`, () => {
    playScenario(LEFT_BEHIND + ending, { sockets: BLACK_HOLE });
  });
}

void test('progress of what is queued before the FIN does not end it: the FIN is still unacknowledged', () => {
  playScenario(
    `${LEFT_BEHIND}
    2.9     refresh A una=1050 acked=2.8 retransmits=1  => A updated retransmits=1 unackedBytes=50
    3.0     A state state=FIN_WAIT2 una=1101 packets=0 retransmits=0   => A ended recovered at 3`,
    { sockets: BLACK_HOLE },
  );
});

void test('a process that closes, but does not exit', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
    2.0     A state state=CLOSE_WAIT                    => A updated state=CLOSE_WAIT
    2.2     A state state=LAST_ACK closer=100           => A updated kind=closing state=LAST_ACK
    2.5     refresh A dead seq=1101 nxt=1101            => A updated orphan(was proc100)
    2.9     A state state=CLOSE una=1101                => A ended recovered at 2.9`,
    { sockets: BLACK_HOLE },
  );
  assert.ok(
    story.records
      .get('A')
      ?.timeline.some(({ text }) => text === 'process 100 closed it; data and FIN are not acknowledged'),
  );
});

void test('a FIN is told after 15 s without progress, and only when the kernel was looked at then', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.0     A retransmit dead state=FIN_WAIT1 retransmits=3 stamp=0.2   =>
    1.0     deadline                                    => 15.2
    14.0    refresh A retransmits=6 rto=13 timer=26     =>
    15.2    tick                                        => request refresh
    15.3    refresh                                     => A opened closing since>=0.2 orphan`,
    { sockets: 'nxt=1001 seq=1001 packets=1 acked=-0.05' },
  );
  assert.equal(story.records.get('A')?.timeline[0]?.text, 'detected: the FIN has not been acknowledged for 15 s');
});

void test('a FIN whose sending was seen counts from there', () => {
  playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816 lost=500   =>
    2.0     A state state=FIN_WAIT1 closer=100          =>
    2.0     deadline                                    => 17
    17.0    tick                                        => request refresh
    17.0    refresh A dead retransmits=6 seq=1101 nxt=1101   => A opened closing since=2 orphan`,
    { sockets: BLACK_HOLE },
  );
});

void test('half-closed, held by a process, silent: told, since what the timer shows', () => {
  // shutdown() at -20 s was acknowledged by nobody: the RTO timer shows when the FIN left.
  playScenario(
    `
    0.0     up                                          =>
    0.1     sweep A retransmits=6 stamp=-19.8 rto=13 timer=6 held 100/21   => A opened closing since>=-19.8 pending; A updated proc100[100/21]`,
    { sockets: 'state=FIN_WAIT1 nxt=1001 seq=1001 packets=1 acked=-21' },
  );
});

void test('a large upload that drains slowly after shutdown() is not stuck', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    2.0     sweep A held 100/21                         =>
    9.0     refresh A una=20000 acked=8.9               =>
    17.0    deadline                                    => 24
    17.0    refresh A una=40000 acked=16.9              =>
    24.0    refresh A una=60000 acked=23.9              =>
    31.0    A state state=FIN_WAIT2 una=900001 packets=0   =>`,
    { sockets: 'state=FIN_WAIT1 nxt=65000 seq=900001 packets=40 acked=-0.1' },
  );
  assert.equal(story.records.size, 0);
});

void test('an upload that drained, then stopped, is stuck since its last progress', () => {
  playScenario(
    `
    0.0     up                                          =>
    2.0     sweep A held 100/21                         =>
    9.0     refresh A una=20000 acked=8.9               =>
    24.0    tick                                        => request refresh
    24.0    refresh                                     => A opened closing since>=9 proc100[100/21]`,
    { sockets: 'state=FIN_WAIT1 nxt=65000 seq=900001 packets=40 acked=-0.1' },
  );
});

void test('an ordinary close that a sweep happens to see is forgotten', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    2.0     sweep A held 100/21                         =>
    2.01    A state state=FIN_WAIT2 una=1001 packets=0  =>
    2.02    refresh A cleared                           =>`,
    { sockets: 'state=FIN_WAIT1 nxt=1001 seq=1001 packets=1' },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('both sides close at once: CLOSING keeps the time of the FIN', () => {
  playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816 lost=500   =>
    2.0     A state state=FIN_WAIT1 closer=100          =>
    4.0     A state state=CLOSING                       =>
    17.0    tick                                        => request refresh
    17.0    refresh A dead retransmits=6                => A opened closing since=2 orphan
    18.0    A state state=CLOSE una=1100                => A ended recovered at 18`,
    { sockets: BLACK_HOLE },
  );
});

void test('a half-closed socket that the application aborts', () => {
  playScenario(
    `
    0.0     up                                          =>
    0.1     sweep A retransmits=6 stamp=-19.8 rto=13 timer=6 held 100/21   => A opened closing since>=-19.8 pending; A updated proc100[100/21]
    1.0     A state state=CLOSE                         => A ended closed_by_application at 1`,
    { sockets: 'state=FIN_WAIT1 nxt=1001 seq=1001 packets=1 acked=-21' },
  );
});
