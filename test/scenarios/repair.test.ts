/**
 * Proves that passes repair what events got wrong: lost, late and overtaken reports, clocks and sequence numbers that
 * wrap, and the bounds of the tracker. It cannot prove how often a kernel does that.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playScenario } from '../support/scenario.js';
import { TEST_KERNEL } from '../support/snapshot-builder.js';

const BLACK_HOLE = 'inflight acked=-0.05 stamp=0.204 sent=20 lost=3 rto=0.816';
const OPENED = `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3                  => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
`;

void test('its end was lost: a full refresh does not find it, and no event explains that', () => {
  playScenario(
    `${OPENED}
    2.0     full A held                                 =>
    30.0    full                                        =>
    30.5    refresh                                     =>
    31.1    refresh                                     => A ended lost_track at 31.1`,
    { sockets: BLACK_HOLE },
  );
});

void test('its end found no room: what was lost is counted, and all are looked at before their time', () => {
  playScenario(
    `${OPENED}
    2.0     lost 0                                      =>
    4.0     lost 7                                      => request refresh_full
    4.0     lost 8                                      =>
    4.02    full                                        =>
    5.1     refresh                                     => A ended lost_track at 5.1
    6.0     lost 8                                      =>
    8.0     lost 9                                      => request refresh_full
    9.0     down                                        =>
    9.1     up                                          =>
    11.0    lost 1                                      => request refresh_full`,
    { sockets: BLACK_HOLE },
  );
});

void test('its end was on its way while a full refresh did not find it any more', () => {
  playScenario(
    `${OPENED}
    2.9     full                                        =>
    2.95    A state state=CLOSE err=110 packets=0       => A ended timed_out at 2.95`,
    { sockets: BLACK_HOLE },
  );
});

void test('the RST was seen, the end was lost', () => {
  playScenario(
    `${OPENED}
    2.5     A reset_received rst                        =>
    30.0    full                                        =>
    31.1    refresh                                     => A ended reset_by_peer at 31.1`,
    { sockets: BLACK_HOLE },
  );
});

void test('a full refresh that failed, or began before the socket was marked, ends nothing', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.40    begin full                                  =>
    1.428   A retransmit retransmits=3                  => A opened retransmitting since=0.204 pending; request sweep
    1.429   end full                                    =>
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
    2.0     begin full                                  =>
    2.1     end full failed                             =>
    2.9     refresh                                     =>`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.state.entries.size, 1);
});

void test('a report from before the newest one changes nothing', () => {
  const story = playScenario(
    `${OPENED}
    2.0     A state state=FIN_WAIT1 closer=100          => A updated kind=closing state=FIN_WAIT1
    2.1     sweep A taken=1.9 state=ESTABLISHED held    =>
    2.2     refresh A taken=1.8 retransmits=0 una=1100  =>`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.state.counters.staleIgnored, 2);
  assert.equal(story.records.get('A')?.state, 'FIN_WAIT1');
});

void test('how long forgotten sockets are remembered: until no report of them can be on its way', () => {
  const story = playScenario(
    `${OPENED}
    2.5     A congestion retransmits=0 una=1100 packets=0 acked=2.5   => A ended recovered at 2.5
    12.4    sweep                                       =>`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.state.forgotten.size, 1);
  story.play('12.6 sweep =>');
  assert.equal(story.state.forgotten.size, 0);
});

void test('a full refresh that has begun answers the request for a refresh', () => {
  playScenario(
    `
    0.0     up                                          =>
    1.0     sweep A keepalive probes=2 katimer=10.5 acked=-60 retransmits=0 held 100/21   =>
    1.5     tick                                        => request refresh
    1.5     begin full                                  =>
    1.7     B retransmit dead state=FIN_WAIT1 retransmits=3 stamp=-13 acked=-14   =>
    2.1     tick                                        => request refresh`,
    { sockets: 'acked=-0.05' },
  );
});

void test('a report from before the end does not bring a socket back', () => {
  const story = playScenario(
    `${OPENED}
    2.0     begin sweep                                 =>
    2.1     A state state=CLOSE err=110 dead            => A ended timed_out at 2.1
    2.2     A sweep state=ESTABLISHED -dead taken=2.05 err=0   =>
    2.3     end sweep                                   =>`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('nor a suspect that turned out healthy', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 lost=500         =>
    2.0     refresh A retransmits=0 una=1100 packets=0 acked=1.9 cleared   =>
    2.1     A retransmit taken=1.95 una=1000 packets=1 acked=-0.05 lost=3 retransmits=3   =>`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('a sweep overtakes the event of a FIN: the state is the newer one, the time that of the event', () => {
  playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 lost=500         =>
    2.5     sweep A state=FIN_WAIT1 retransmits=3 rto=1.632 timer=3.06 held   =>
    2.5     deadline                                    => 15.204
    2.6     A state taken=2.0 from=ESTABLISHED closer=100   =>
    3.1     refresh A dead retransmits=4                =>
    3.1     deadline                                    => 17
    17.0    tick                                        => request refresh
    17.0    refresh                                     => A opened closing since=2 orphan`,
    { sockets: BLACK_HOLE },
  );
});

void test('sequence numbers wrap: progress across zero is progress, and bytes are counted', () => {
  const story = playScenario(OPENED, {
    sockets: `${BLACK_HOLE} una=4294967246 nxt=50 seq=80`,
  });
  assert.equal(story.records.get('A')?.unackedBytes, 100);
  assert.equal(story.records.get('A')?.unsentBytes, 30);
  story.play('2.5 refresh A retransmits=0 una=50 acked=2.4 cleared => A ended recovered at 2.5');
});

const WRAPS = {
  'the low half of jiffies': { jiffies: 2 ** 33 - 100 },
  milliseconds: { monoUs: (2 ** 32 - 500) * 1000 },
  microseconds: { monoUs: 2 ** 32 - 500_000 },
  'nothing, at HZ 1000': { hz: 1000 },
  'nothing, at HZ 100': { hz: 100 },
};

for (const [what, kernel] of Object.entries(WRAPS)) {
  void test(`the kernel's stamps wrap in the middle of an episode: ${what}`, () => {
    const opened = (words: string): string =>
      `0.0 up =>\n 1.428 A retransmit retransmits=3 ${words} => A opened retransmitting since=0.204 pending; request sweep`;
    const options = { kernel: { ...TEST_KERNEL, ...kernel }, sockets: BLACK_HOLE };
    playScenario(opened(''), options);
    playScenario(opened('usec'), options);
    playScenario(opened('firstrto=0.204'), options);
    playScenario('0.0 up =>\n 1.428 A retransmit retransmits=3 acked=0.3 =>', options);
  });
}

void test('a report of a healthy socket that we do not know begins nothing', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.0     A error inflight err=113 retransmits=0      =>
    1.1     A refresh retransmits=3 cleared             =>
    1.2     A destroy retransmits=3                     =>`,
    { sockets: 'acked=-0.05' },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('beyond the bound the oldest suspect makes room, an open record does not', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 lost=500         =>
    1.428   B retransmit retransmits=3                  => B opened retransmitting since=0.204 pending; request sweep
    1.428   C retransmit retransmits=3                  => C opened retransmitting since=0.204 pending
    1.428   D retransmit retransmits=3                  =>
    1.5     B state state=CLOSE err=110 dead            => B ended timed_out at 1.5
    1.6     D refresh retransmits=3 rto=1.632 timer=3.06   => D opened retransmitting since=0.204 pending`,
    { sockets: BLACK_HOLE, config: { maxTracked: 2 } },
  );
  assert.equal(story.state.counters.evicted, 1);
  assert.equal(story.state.counters.refused, 1);
  assert.equal(story.state.counters.opened, 3);
});

void test('the same cookie in another namespace is another socket', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3                  => A opened retransmitting since=0.204 pending; request sweep
    1.428   A retransmit retransmits=3 netns=7          => A opened retransmitting since=0.204 pending`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.state.entries.size, 2);
});

void test('an id sorts by time of detection, in wall time, and ends with the cookie', () => {
  const story = playScenario(OPENED, { sockets: BLACK_HOLE });
  const id = story.records.get('A')?.id ?? '';
  assert.equal(id, `${(1_800_000_001_428).toString(36)}-1`);
  story.play('2.0 A state state=CLOSE err=110 => A ended timed_out at 2');
  story.play(
    '4.0 B retransmit retransmits=3 acked=2 stamp=2.776 => B opened retransmitting since=2.776 pending; request sweep',
  );
  assert.ok(id < (story.records.get('B')?.id ?? ''));
});

void test('the last record of a socket is forgotten when too many others ended after it', () => {
  const END = ' => X ended timed_out at';
  const story = playScenario(
    `${OPENED}
    2.5     A congestion retransmits=0 una=1100 packets=0 acked=2.5   => A ended recovered at 2.5
    2.5     B retransmit retransmits=3 stamp=1.276      => B opened retransmitting since=1.276 pending; request sweep
    2.6     B state state=CLOSE err=110${END.replace('X', 'B')} 2.6
    9.0     A retransmit una=1100 nxt=1200 packets=1 acked=2.5 stamp=7.776 rto=0.816 retransmits=3 => A opened retransmitting since=7.776 pending`,
    { sockets: BLACK_HOLE, config: { maxRecentlyEnded: 1 } },
  );
  assert.equal(story.records.get('A')?.previousId, null);
});

void test('a long life keeps its beginning and its newest steps', () => {
  const story = playScenario(OPENED, { sockets: BLACK_HOLE, config: { maxTimeline: 6 } });
  for (let second = 0; second < 20; second++) {
    story.play(`${2 + second / 100} sweep => request refresh`);
    const length = story.records.get('A')?.timeline.length ?? 0;
    story.play(`${2.004 + second / 100} refresh => A updated unknown(was proc100)`);
    story.play(`${2.008 + second / 100} sweep A held 100/21 => A updated proc100[100/21](was proc100)`);
    assert.ok((story.records.get('A')?.timeline.length ?? 0) >= length);
  }
  const timeline = story.records.get('A')?.timeline ?? [];
  assert.equal(timeline.length, 6);
  assert.equal(timeline[0]?.text, 'first retransmission; no answer since');
  assert.equal(timeline.at(-1)?.timeUs, 1_002_198_000);
});
