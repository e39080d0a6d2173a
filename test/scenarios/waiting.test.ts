/**
 * Proves when a connection on which an application waits, or fails to act, becomes a record: CLOSE_WAIT, FIN_WAIT, UNREAD
 * and ZOMBIE; that any progress begins it anew, what it turns into and back, and how it ends. It cannot prove that a kernel
 * reports what these lines say; the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TRACKER_CONFIG } from '../../daemon/core/tracker-config.js';
import type { StuckKind } from '../../daemon/core/kinds.js';
import { playScenario, type ScenarioPlayer } from '../support/scenario.js';

/** The peer closed at second 0; nothing had been sent for long. */
const PEER_CLOSED = 'state=CLOSE_WAIT acked=0 sentat=-100 keepalive -keepalive';
const CLOSE_WAIT = `
    0.0     up                                          =>
    2.0     sweep A held 100/21                         =>
    2.0     deadline                                    => 60
    60.0    tick                                        => request refresh
    60.1    refresh                                     => A opened close_wait since=0 proc100[100/21]
`;

function texts(story: ScenarioPlayer): readonly string[] | undefined {
  return story.records.get('A')?.timeline.map(({ text }) => text);
}

function without(...kinds: readonly StuckKind[]): { config: object } {
  const off = kinds.map((kind) => [kind, { ...DEFAULT_TRACKER_CONFIG.kinds[kind], enabled: false }] as const);
  return { config: { kinds: { ...DEFAULT_TRACKER_CONFIG.kinds, ...Object.fromEntries(off) } } };
}

const CLOSE_WAIT_ENDINGS: Readonly<Record<string, string>> = {
  'the application closes': `
    70.0    A state state=LAST_ACK closer=100           => A ended closed_by_application at 70
    70.01   A state state=CLOSE dead una=1001 nxt=1001 seq=1001   =>`,
  'its process exits': `
    70.0    A state state=LAST_ACK closer=100 exiting   => A ended owner_exited at 70`,
  'the application goes on sending, and the peer acknowledges': `
    70.0    refresh A una=1100 nxt=1100 seq=1100 acked=70   => A ended recovered at 70`,
  'the peer resets it': `
    70.0    A reset_received rst                        =>
    70.0    A state state=CLOSE err=32                  => A ended reset_by_peer at 70`,
  'an administrator destroys it': `
    70.0    A state state=CLOSE err=103                 => A ended destroyed at 70`,
  'it was closed while the sensor was down': `
    70.0    down                                        =>
    71.0    up                                          => watch A
    71.1    sweep                                       =>
    80.0    sweep                                       => unwatch A; A ended lost_track at 80`,
};

for (const [title, ending] of Object.entries(CLOSE_WAIT_ENDINGS)) {
  void test(`CLOSE_WAIT: ${title}`, () => {
    playScenario(CLOSE_WAIT + ending, { sockets: PEER_CLOSED });
  });
}

void test('CLOSE_WAIT: while the application sends, its time does not begin', () => {
  playScenario(
    `
    0.0     up                                          =>
    2.0     sweep A held 100/21                         =>
    50.0    refresh A una=1100 nxt=1100 seq=1100 acked=50   =>
    50.0    deadline                                    => 110
    60.0    tick                                        =>
    70.0    sweep A held 100/21                         =>
    110.0   tick                                        => request refresh
    110.1   refresh                                     => A opened close_wait since>=50 proc100[100/21]`,
    { sockets: PEER_CLOSED },
  );
});

void test('CLOSE_WAIT: data had been sent just before, so that the ACK may not be the FIN', () => {
  playScenario(
    `
    0.0     up                                          =>
    70.0    sweep A sentat=-0.5 held 100/21             => A opened close_wait since>=0 pending; A updated proc100[100/21]`,
    { sockets: PEER_CLOSED },
  );
});

void test('CLOSE_WAIT: the peer vanishes, and is back: one record that tells so', () => {
  const story = playScenario(
    `${CLOSE_WAIT}
    61.0    refresh A keepalive probes=1 katimer=71     => A updated probes=1
    72.0    refresh A probes=2 katimer=81               => A updated kind=keepalive_unanswered probes=2
    82.0    refresh A probes=0 acked=81.5 katimer=200   => A updated kind=close_wait probes=0
    90.0    A state state=LAST_ACK closer=100           => A ended closed_by_application at 90`,
    { sockets: PEER_CLOSED },
  );
  assert.deepEqual(texts(story), [
    'the peer closed the connection',
    'detected: the application has not closed its side for 60 s',
    'keepalive probes are not answered any more',
    'the peer answers again; the application has still not closed its side',
    'closed by the application; nothing of it remains',
  ]);
  assert.equal(story.records.get('A')?.sinceUs, 1_000_000_000, 'stuck since the FIN, all the time');
});

void test('CLOSE_WAIT: written to after the peer has vanished, in the same record; an ACK of it ends it', () => {
  const written = `${CLOSE_WAIT}
    61.0    refresh A inflight pending=1                => A updated unackedBytes=100
    62.5    A retransmit retransmits=3 rto=0.816 stamp=61.3   => A updated kind=retransmitting retransmits=3`;
  playScenario(`${written}\n 70.0 A state state=CLOSE err=110 => A ended timed_out at 70`, { sockets: PEER_CLOSED });
  playScenario(
    `${written}
    64.0    A congestion retransmits=0 una=1100 packets=0 acked=64   => A ended recovered at 64
    124.0   tick                                        => request refresh
    124.1   refresh                                     => A opened close_wait since>=64 pending; request sweep`,
    { sockets: PEER_CLOSED },
  );
});

void test('CLOSE_WAIT: a report that arrives late does not end it', () => {
  playScenario(`${CLOSE_WAIT}\n 61.0 A sweep state=ESTABLISHED taken=1.0 =>`, { sockets: PEER_CLOSED });
});

void test('CLOSE_WAIT: both restarts keep it', () => {
  playScenario(
    `${CLOSE_WAIT}
    61.0    restart                                     =>
    62.0    up                                          => A opened close_wait since=0 proc100[100/21]; watch A
    63.0    sweep A held 100/21                         => unwatch A
    64.0    down                                        =>
    65.0    up                                          => watch A
    65.1    sweep A held 100/21                         => unwatch A
    70.0    A state state=LAST_ACK closer=100           => A ended closed_by_application at 70`,
    { sockets: PEER_CLOSED },
  );
});

/** Our FIN was acknowledged at second 0. */
const HALF_CLOSED = 'state=FIN_WAIT2 acked=0 shutdown=2';
const FIN_WAIT = `
    0.0     up                                          =>
    2.0     sweep A held 100/21                         =>
    600.0   tick                                        => request refresh
    600.1   refresh                                     => A opened fin_wait since>=0 proc100[100/21]
`;

const FIN_WAIT_ENDINGS: Readonly<Record<string, string>> = {
  'the peer sends': `
    700.0   refresh A received=6000 rcvnxt=6000 acked=699   => A ended recovered at 700`,
  'the peer closes': `
    700.0   A state state=CLOSE                         => A ended recovered at 700`,
  'the application closes': `
    700.0   A state state=CLOSE dead closer=100         => A ended closed_by_application at 700`,
  'the application closes, and nobody knows who': `
    700.0   A state state=CLOSE dead                    => A ended closed_by_application at 700`,
  'its process exits': `
    700.0   A state state=CLOSE dead closer=100 exiting => A ended owner_exited at 700`,
  'the application closes, and the kernel goes on waiting for the peer': `
    700.0   refresh A dead closer=100                   => A ended closed_by_application at 700`,
};

for (const [title, ending] of Object.entries(FIN_WAIT_ENDINGS)) {
  void test(`FIN_WAIT: ${title}`, () => {
    const story = playScenario(FIN_WAIT + ending, { sockets: HALF_CLOSED });
    assert.equal(story.records.get('A')?.informational, true);
  });
}

/** 1000 bytes came at second 0. */
const ARRIVED = 'rcvnxt=6000 data=0 queue=2000 buffer=100000';
const UNREAD = `
    0.0     up                                          =>
    2.0     sweep A held 100/21                         =>
    60.0    tick                                        => request refresh
    60.1    refresh                                     => A opened unread since>=0 proc100[100/21]
`;

const UNREAD_ENDINGS: Readonly<Record<string, string>> = {
  'it is read': `
    70.0    refresh A copied=6000 cleared               => A ended recovered at 70`,
  'part of it is read': `
    70.0    refresh A copied=5500                       => A ended recovered at 70
    130.0   tick                                        => request refresh
    130.1   refresh                                     => A opened unread since>=70 pending; request sweep`,
  'more arrives: half of the buffer is full, and then the window is closed': `
    70.0    refresh A rcvnxt=7000 data=69 queue=4000    => A updated unreadBytes=2000
    71.0    refresh A rcvnxt=40000 data=70 queue=60000  => A updated unreadBytes=35000 informational=false
    72.0    refresh A rcvwnd=0 queue=40000              =>
    73.0    refresh A rcvwnd=1000                       => A updated informational=true`,
  'the application closes: what was not read makes it a RST': `
    70.0    A state state=CLOSE closer=100              => A ended closed_by_application at 70`,
  'the peer closes as well: CLOSE_WAIT in the end, in the same record': `
    70.0    A state state=CLOSE_WAIT rcvnxt=6001        => A updated state=CLOSE_WAIT informational=false
    80.0    sweep A held 100/21                         =>
    131.0   sweep A held 100/21                         => A updated kind=close_wait`,
};

for (const [title, ending] of Object.entries(UNREAD_ENDINGS)) {
  void test(`UNREAD: ${title}`, () => {
    playScenario(UNREAD + ending, { sockets: ARRIVED });
  });
}

void test('UNREAD: a reader who is slow, but reads, is none', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    2.0     sweep A held 100/21                         =>
    40.0    refresh A copied=5500                       =>
    60.0    tick                                        =>
    80.0    refresh A copied=6000 cleared               =>
    100.0   tick                                        =>`,
    { sockets: ARRIVED },
  );
  assert.equal(story.state.entries.size, 0);
});

const BLACK_HOLE = 'inflight acked=-0.05 stamp=0.204 sent=20 lost=3';
const TIMED_OUT = `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
    30.0    A state state=CLOSE err=110 packets=0       => A ended timed_out at 30
    30.0    A error shutdown=3                          =>
    30.0    deadline                                    => 90
`;
const ZOMBIE = `${TIMED_OUT}
    31.0    sweep A held 100/21                         =>
    90.0    tick                                        => request refresh
    90.1    refresh                                     => A opened zombie since=30 proc100[100/21]
`;

const ZOMBIE_ENDINGS: Readonly<Record<string, string>> = {
  'the application closes it': `
    95.0    A destroy dead closer=100                   => A ended closed_by_application at 95`,
  'its process exits': `
    95.0    A destroy dead closer=100 exiting           => A ended owner_exited at 95`,
  'the application fetches the error': `
    95.0    refresh A err=0 cleared                     => A ended recovered at 95`,
  'the same socket connects anew': `
    95.0    A state state=SYN_SENT err=0 retransmits=0 stamp=95   => A ended closed_by_application at 95`,
  'a report from before its end arrives late': `
    95.0    A sweep state=ESTABLISHED err=0 packets=1 taken=29   =>`,
  'both restarts keep it': `
    95.0    restart                                     =>
    96.0    up                                          => A opened zombie since=30 proc100[100/21]; watch A
    97.0    sweep A held 100/21                         => unwatch A
    98.0    down                                        =>
    99.0    up                                          => watch A
    99.1    sweep A held 100/21                         => unwatch A
    99.5    A destroy dead closer=100                   => A ended closed_by_application at 99.5`,
};

for (const [title, ending] of Object.entries(ZOMBIE_ENDINGS)) {
  void test(`ZOMBIE: ${title}`, () => {
    const before = playScenario(TIMED_OUT, { sockets: BLACK_HOLE }).records.get('A')?.id;
    const story = playScenario(ZOMBIE + ending, { sockets: BLACK_HOLE });
    assert.equal(story.records.get('A')?.previousId, before);
  });
}

void test('ZOMBIE: an application that looks in time is none', () => {
  const story = playScenario(`${TIMED_OUT}\n 30.5 refresh A err=0 cleared =>`, { sockets: BLACK_HOLE });
  assert.equal(story.state.entries.size, 0);
  const closed = playScenario(`${TIMED_OUT}\n 30.5 A destroy dead closer=100 =>`, { sockets: BLACK_HOLE });
  assert.equal(closed.state.entries.size, 0);
});

void test('ZOMBIE: found by a sweep, after a timeout that nobody saw: when the timer ran, at least', () => {
  playScenario(
    `
    0.0     up                                          =>
    90.0    sweep A timer=20 held 100/21                => A opened zombie since>=20 pending; A updated proc100[100/21]`,
    { sockets: 'state=CLOSE err=110 shutdown=3 acked=-100' },
  );
});

void test('switched off, each of them is nothing', () => {
  for (const [kind, sockets] of [
    ['close_wait', PEER_CLOSED],
    ['fin_wait', HALF_CLOSED],
    ['unread', ARRIVED],
    ['zombie', 'state=CLOSE err=110 shutdown=3'],
  ] as const) {
    const story = playScenario(`0.0 up =>\n 700.0 sweep A held 100/21 =>`, { sockets, ...without(kind) });
    assert.equal(story.state.entries.size, 0, kind);
  }
});
