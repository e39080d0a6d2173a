/**
 * Proves what the tracker makes of a sensor that polls: the same records as with BPF, a look later, without settings that
 * sock_diag does not tell; ends that are concluded, and said to be; and one record where the sensor changes its mode.
 * It cannot prove that a kernel tells what these stories say it does; the kernel tests in polling mode do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playScenario } from '../support/scenario.js';

const BLACK_HOLE = 'inflight acked=-0.05 data=-0.05 sentat=1.428 sent=20 lost=3 stamp=0.204 firstrto=0.204';

void test('a black hole opens at the first look with enough timeouts, since its first retransmission', () => {
  const story = playScenario(
    `
    0.0     up polling                                  =>
    1.0     refresh A retransmits=2 rto=0.816 timer=1.428   =>
    2.0     refresh A retransmits=3 rto=1.632 timer=3.06    => A opened retransmitting since=0.204 pending; request sweep
    2.1     sweep A held 100/21                         => A updated proc100[100/21]
    3.5     refresh A retransmits=4 rto=3.264 timer=6.324   => A updated retransmits=4`,
    { sockets: BLACK_HOLE },
  );
  const record = story.records.get('A');
  assert.equal(record?.polled, true);
  assert.deepEqual(record.unknown, [
    'user_timeout',
    'keepalive',
    'keepalive_idle',
    'keepalive_interval',
    'keepalive_probes',
  ]);
});

const OPENED = `
    0.0     up polling                                  =>
    2.0     sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21    => A opened retransmitting since=0.204 pending; A updated proc100[100/21]`;

/** With tcp_retries2=3 the kernel gives up as the timer runs that is due at 6.324 s, or at the one before it. */
const SHORT = { kernel: {}, sockets: BLACK_HOLE };

const ENDS: Readonly<Record<string, readonly [story: string, text: RegExp]>> = {
  'a look shows progress: the peer answers again': [
    '3.5 refresh A una=1100 ackedbytes=1100 packets=0 retransmits=0 acked=3.2 => A ended recovered at 3.5',
    /^the peer answers again$/,
  ],
  'not found any more, before its end was due: nobody can tell why': [
    '4.0 refresh =>\n 5.0 full => A ended lost_track at 5',
    /before its forecast: the peer reset it, or the application closed it; polling cannot tell which \(between two looks 3 s apart\)/,
  ],
  'a sweep that does not meet it proves as much': ['5.0 sweep => A ended lost_track at 5', /before its forecast/],
  'not found any more as its end was due: the kernel gave up': [
    '900 refresh A retransmits=14 rto=120 timer=938 => A updated retransmits=14\n 945 full => A ended timed_out at 945',
    /^the kernel gave up as forecast \(concluded: it was gone, between two looks 45 s apart\)$/,
  ],
  'only its descriptor is left, before its end was due': [
    '4.0 refresh A state=CLOSE => A ended lost_track at 4',
    /with its descriptor still open: a RST from the peer, an error from the network, TCP_USER_TIMEOUT; polling cannot tell/,
  ],
  'only its descriptor is left as its end was due': [
    '900 refresh A retransmits=14 rto=120 timer=938 => A updated retransmits=14\n 945 sweep A state=CLOSE held 100/21 => A ended timed_out at 945',
    /gave up as forecast/,
  ],
  'it is told that it was destroyed, and that all had been acknowledged': [
    '4.0 A destroy state=CLOSE una=1100 ackedbytes=1100 => A ended recovered at 4',
    /acknowledged what was sent, and it was closed/,
  ],
  'a pass that was cut short proves nothing': [
    '5.0 begin full =>\n 5.1 end full failed =>\n 6.0 full A retransmits=4 rto=3.264 timer=6.324 => A updated retransmits=4',
    /^detected/,
  ],
};

for (const [title, [story, text]] of Object.entries(ENDS)) {
  void test(`polled: ${title}`, () => {
    const { records } = playScenario(`${OPENED}\n ${story}`, SHORT);
    const record = records.get('A');
    assert.match(record?.timeline.at(-1)?.text ?? '', text);
    assert.equal(record?.forecastErrorUs, null);
  });
}

void test('the forecast supposes that no TCP_USER_TIMEOUT is set; the options of the record are not made up', () => {
  const record = playScenario(OPENED, SHORT).records.get('A');
  assert.deepEqual(record?.giveUp?.supposes, ['user_timeout']);
  assert.deepEqual(Object.values(record.options), [null, null, null, null, null]);
});

void test('an orphan is followed by dumps: closed, then freed as forecast, with who left it behind', () => {
  const story = playScenario(
    `${OPENED}
    3.5     refresh A state=FIN_WAIT1 dead retransmits=4 rto=3.264 timer=6.324 seq=1101 nxt=1101   => A updated kind=closing state=FIN_WAIT1 retransmits=4 orphan(was proc100)
    60.0    full A retransmits=8 rto=52.2 timer=105     => A updated retransmits=8
    110     full                                        => A ended timed_out at 110`,
    SHORT,
  );
  assert.equal(story.records.get('A')?.lastOwner?.pid, 100);
});

void test('a descriptor that must not be read: the socket is held by somebody who cannot be seen', () => {
  playScenario(
    `
    0.0     up polling                                  =>
    2.0     sweep A retransmits=3 rto=1.632 timer=3.06  => A opened retransmitting since=0.204 pending; A updated unknown
    4.0     sweep A retransmits=4 rto=3.264 timer=6.324 => A updated retransmits=4`,
    SHORT,
  );
});

void test('a half-closed connection that is gone was closed, by the application or with its process', () => {
  const story = playScenario(
    `
    0.0     up polling                                  =>
    0.5     sweep A state=CLOSE_WAIT held 100/21        => A opened close_wait since>=-60 pending; A updated proc100[100/21]`,
    { sockets: 'acked=-60 sent=0' },
  );
  story.play('70.0 full => A ended closed_by_application at 70');
  assert.match(story.records.get('A')?.timeline.at(-1)?.text ?? '', /its descriptor was closed/);
});

const MODES = `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
    2.0     down                                        =>
    2.1     up polling                                  => watch A
    2.2     sweep A held 100/21                         => unwatch A; A updated details
    4.0     refresh A retransmits=4 rto=3.264 timer=6.324   => A updated retransmits=4`;
/** Sequence numbers of the kernel have another origin than what was acknowledged so far. */
const FAR =
  'una=900001000 nxt=900001100 seq=900001100 packets=1 rcvnxt=77 copied=77 ackedbytes=1000 usertimeout=300000';

void test('the sensor goes on by polling, and by BPF again: one record, without a jump', () => {
  const story = playScenario(MODES, { sockets: `${BLACK_HOLE} ${FAR}` });
  const polled = story.records.get('A');
  assert.equal(polled?.polled, true);
  // What BPF had read is known still.
  assert.deepEqual(polled.unknown, []);
  assert.equal(polled.giveUp?.never === false && polled.giveUp.reason, 'user_timeout');
  story.play('4.5 down =>');
  story.play('4.6 up => watch A');
  story.play('4.7 sweep A held 100/21 => unwatch A; A updated details');
  story.play('6.33 refresh A retransmits=5 rto=6.528 timer=12.85 => A updated retransmits=5');
  const record = story.records.get('A');
  assert.equal(record?.id, polled.id);
  assert.equal(record.sinceUs, polled.sinceUs);
  assert.equal(record.polled, false);
  assert.deepEqual(
    record.timeline.slice(-2).map(({ text }) => text),
    ['seen by polling from here on', 'seen by BPF from here on'],
  );
  assert.equal(story.state.counters.opened, 1);
});

void test('progress while the mode changed is progress, whatever the origin of sequence numbers', () => {
  const story = MODES.split('\n').slice(0, 6).join('\n');
  playScenario(
    `${story}\n 2.2 sweep A una=900001100 ackedbytes=1100 packets=0 retransmits=0 acked=2.05 held 100/21 => unwatch A; A ended recovered at 2.2`,
    {
      sockets: `${BLACK_HOLE} ${FAR}`,
    },
  );
});

void test('the daemon restarts into the other mode: the record goes on', () => {
  const story = MODES.split('\n').slice(0, 4).join('\n');
  playScenario(
    `${story}
    2.0     restart                                     =>
    2.1     up polling                                  => A opened retransmitting since=0.204 proc100[100/21]; watch A
    2.2     sweep A held 100/21                         => unwatch A; A updated details
    4.0     refresh A retransmits=4 rto=3.264 timer=6.324   => A updated retransmits=4`,
    { sockets: `${BLACK_HOLE} ${FAR}` },
  );
});
