/**
 * Proves that what is still stuck keeps its id when the sensor or the daemon is restarted, and that what ended meanwhile
 * ends with the outcome that can be known. It cannot prove that saved records survive the disk; the tests of the store
 * do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playScenario } from '../support/scenario.js';

const BLACK_HOLE = 'inflight acked=-0.05 stamp=0.204 sent=20 lost=3';
const DETECTED = `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
`;
const SENSOR_RESTARTED = `${DETECTED}
    2.0     down                                        =>
    2.1     deadline                                    => none
    5.0     up                                          => watch A
`;
const DAEMON_RESTARTED = `${DETECTED}
    2.0     restart                                     =>
    5.0     up                                          => A opened retransmitting since=0.204 proc100[100/21]; watch A
`;

const MEANWHILE: Readonly<Record<string, string>> = {
  'still stuck': `
    5.1     sweep A retransmits=4 rto=3.264 timer=6.324 held 100/21   => unwatch A; A updated retransmits=4
    6.5     refresh A retransmits=5 rto=6.528 timer=12.9   => A updated retransmits=5`,
  'recovered: the watched socket looks healthy': `
    5.1     sweep A retransmits=0 una=1100 packets=0 acked=3.0 held 100/21   => unwatch A; A ended recovered at 5.1`,
  'recovered, and idle with nothing to tell it by but its silence': `
    5.1     sweep A retransmits=0 packets=0 held 100/21 => unwatch A; A ended recovered at 5.1`,
  'timed out, and the error is not read yet': `
    5.1     sweep A state=CLOSE err=110 packets=0 held 100/21   => unwatch A; A ended timed_out at 5.1`,
  'reset, and the error is not read yet': `
    5.1     sweep A state=CLOSE err=104 packets=0 held 100/21   => unwatch A; A ended reset_by_peer at 5.1`,
  'ended, and the error was read': `
    5.1     sweep A state=CLOSE packets=0 held 100/21   => unwatch A; A ended lost_track at 5.1`,
  'closed, and left behind as an orphan: it is reported as it retransmits': `
    5.1     sweep                                       =>
    6.5     A retransmit state=FIN_WAIT1 dead retransmits=5 seq=1101 nxt=1101   => unwatch A; A updated kind=closing state=FIN_WAIT1 retransmits=5 orphan(was proc100)`,
  'closed and gone: its next retransmission is overdue': `
    5.1     sweep                                       =>
    6.3     refresh                                     =>
    8.0     refresh                                     =>
    8.5     refresh                                     =>
    9.2     refresh                                     => unwatch A; A ended lost_track at 9.2`,
};

for (const [title, story] of Object.entries(MEANWHILE)) {
  void test(`while the sensor was down a connection: ${title}`, () => {
    playScenario(SENSOR_RESTARTED + story, { sockets: BLACK_HOLE });
  });
  void test(`while the daemon was down a connection: ${title}`, () => {
    playScenario(DAEMON_RESTARTED + story, { sockets: BLACK_HOLE });
  });
}

void test('the id, the owner and the timeline survive both restarts', () => {
  const story = playScenario(DETECTED, { sockets: BLACK_HOLE });
  const before = story.records.get('A');
  story.play('2.0 down =>');
  story.play('5.0 up => watch A');
  story.play('5.1 sweep A retransmits=4 rto=3.264 timer=6.324 held 100/21 => unwatch A; A updated retransmits=4');
  story.play('5.2 restart =>');
  story.play('5.5 up => A opened retransmitting since=0.204 proc100[100/21]; watch A');
  story.play('5.6 sweep A held 100/21 => unwatch A');
  const after = story.records.get('A');
  assert.equal(after?.id, before?.id);
  assert.deepEqual(after?.timeline, before?.timeline);
  assert.deepEqual(after?.owner, before?.owner);
  assert.equal(after?.detectedUs, before?.detectedUs);
  assert.equal(story.state.counters.restored, 1);
  assert.equal(story.state.counters.opened, 0);
});

void test('a sweep that began before the sensor was up, or failed, or one refresh, proves nothing', () => {
  playScenario(
    `${SENSOR_RESTARTED}
    5.1     begin sweep                                 =>
    5.2     end sweep failed                            =>
    50.0    refresh                                     =>
    51.0    sweep A retransmits=7 rto=26 timer=52 held 100/21   => unwatch A; A updated retransmits=7`,
    { sockets: BLACK_HOLE },
  );
});

void test('an orphan is waited for until its next retransmission, far along its backoff', () => {
  // RTOs at 1.4, 3.1, 6.3, 12.9, 26.0, 52.1 s: the one at 52 s is the first that the new sensor can see.
  const story = `
    0.0     up                                          =>
    17.0    A retransmit dead state=FIN_WAIT1 retransmits=6 rto=6.528 stamp=0.2   => A opened closing since>=0.2 orphan
    18.0    down                                        =>
    31.0    up                                          => watch A
    31.1    sweep                                       =>
    40.0    refresh                                     =>
    43.0    sweep                                       =>`;
  playScenario(`${story}\n 43.5 A retransmit retransmits=7 rto=13.056 => unwatch A; A updated retransmits=7`, {
    sockets: 'inflight acked=-0.05',
  });
  playScenario(`${story}\n 70.0 refresh => unwatch A; A ended lost_track at 70`, { sockets: 'inflight acked=-0.05' });
});

void test('a connection attempt that no descriptor refers to any more was closed', () => {
  playScenario(
    `
    0.0     up                                          =>
    3.0     A retransmit retransmits=3                  => A opened connecting since=0 pending; request sweep
    3.01    sweep A retransmits=3 timer=4.0 held 100/21 => A updated proc100[100/21]
    3.1     down                                        =>
    5.0     up                                          => watch A
    5.1     sweep                                       => unwatch A; A ended lost_track at 5.1`,
    { sockets: 'state=SYN_SENT stamp=0 acked=-1000 nxt=1001 seq=1001 packets=1 rto=1 srtt=0' },
  );
});

void test('an idle connection that was closed meanwhile: its FIN is reported at its third RTO, or never', () => {
  const story = `
    0.0     up                                          =>
    11.0    sweep A probes=2 katimer=20 held 100/21     => A opened keepalive_unanswered since=-0.352 pending; A updated proc100[100/21]
    12.0    down                                        =>
    15.0    up                                          => watch A
    15.1    sweep                                       =>
    18.6    refresh                                     =>`;
  const sockets = 'keepalive acked=-60';
  playScenario(`${story}\n 18.8 refresh => unwatch A; A ended lost_track at 18.8`, { sockets });
  playScenario(
    `${story}\n 18.7 A retransmit dead state=FIN_WAIT1 retransmits=3 stamp=16 nxt=1001 seq=1001 packets=1 => ` +
      'unwatch A; A updated kind=closing state=FIN_WAIT1 retransmits=3 orphan(was proc100)',
    { sockets },
  );
});

void test('suspects are not carried over as records, and vanish if they are not seen again', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816 lost=500   =>
    2.0     down                                        =>
    5.0     up                                          =>
    5.1     sweep                                       =>
    15.0    refresh                                     =>`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('a reboot ends what was open: no connection survives it, and its times stay right as wall time', () => {
  const story = playScenario(DETECTED, { sockets: BLACK_HOLE });
  const before = story.records.get('A');
  story.play('60.0 reboot =>');
  story.play('60.0 up => A opened retransmitting since=0.204 proc100[100/21]; A ended lost_track at 60');
  const after = story.records.get('A');
  assert.ok(after);
  assert.equal(after.id, before?.id);
  assert.equal(story.state.entries.size, 0);
  // The clock of this boot began to run as the story was 60 s old.
  assert.equal(after.timeline[0]?.timeUs, 204_000 - 60_000_000);
  assert.equal(after.owner?.startBootUs, 100_000_000 - 1_060_500_000);
  assert.equal(after.detectedUs, 1_428_000 - 60_000_000);
  assert.equal(after.lastProgressUs, (before?.lastProgressUs ?? 0) - 1_060_000_000);
  const [detected, detectedBefore] = [after.detectedGiveUp, before?.detectedGiveUp];
  assert.ok(detected?.never === false && detectedBefore?.never === false);
  assert.equal(detected.timeUs, detectedBefore.timeUs - 1_060_000_000);
  assert.equal(after.forecastErrorUs, null);
  // The cookie of the next socket may be the same.
  story.play(
    '70.0 A retransmit retransmits=3 acked=68 stamp=68.776 rto=0.816 => A opened retransmitting since=68.776 pending; request sweep',
  );
  assert.equal(story.records.get('A')?.previousId, null);
});

void test('the forecast at detection survives restarts of the daemon, and is what the end is measured against', () => {
  const story = playScenario(DETECTED, { sockets: BLACK_HOLE });
  const detected = story.records.get('A')?.detectedGiveUp;
  assert.ok(detected?.never === false);
  story.play('10.0 restart =>');
  story.play('10.1 up => A opened retransmitting since=0.204 proc100[100/21]; watch A');
  story.play('12.7 refresh A retransmits=6 rto=13.056 timer=25.7 => unwatch A; A updated retransmits=6');
  const second = (detected.timeUs - 2000 - 1_000_000_000) / 1e6;
  story.play(`${second} A state state=CLOSE err=110 => A ended timed_out at ${second}`);
  assert.deepEqual(story.records.get('A')?.detectedGiveUp, detected);
  assert.equal(story.records.get('A')?.forecastErrorUs, -2000);
});

void test('what was saved is kept for the next save while no sensor has been up', () => {
  const story = playScenario(`${DETECTED} 2.0 restart =>\n 3.0 restart =>\n 4.0 restart =>`, { sockets: BLACK_HOLE });
  story.play('5.0 up => A opened retransmitting since=0.204 proc100[100/21]; watch A');
});

void test('reports while no sensor is up are not used', () => {
  const story = playScenario(
    `
    0.5     A retransmit retransmits=3                  =>
    1.0     up                                          =>
    1.1     down                                        =>
    1.428   A retransmit retransmits=3                  =>`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.state.counters.unexpectedIgnored, 2);
});
