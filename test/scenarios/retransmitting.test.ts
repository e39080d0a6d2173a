/**
 * Proves what becomes of a connection whose data is not acknowledged: when the evidence suffices, how it ends, and what
 * it turns into. It cannot prove that a kernel reports what these lines say; the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playScenario, type ScenarioPlayer } from '../support/scenario.js';

/** 100 bytes were written at second 0 and vanish: RTOs at 0.204, 0.612, 1.428, 3.06, ... */
const BLACK_HOLE = 'inflight acked=-0.05 stamp=0.204 sent=20 lost=3';

void test('a black hole is detected at the third RTO, and its owner with the sweep that this asks for', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
    2.0     refresh                                     =>
    3.1     refresh A retransmits=4 rto=3.264 timer=6.32   => A updated retransmits=4
    4.0     sweep A held 100/21                         =>
    `,
    { sockets: BLACK_HOLE },
  );
  const record = story.records.get('A');
  assert.equal(record?.unackedBytes, 100);
  assert.equal(record.rtoMs, 3264);
  assert.equal(record.direction, 'outbound');
  assert.equal(record.giveUp?.never, false);
  assert.deepEqual(
    record.timeline.map(({ text }) => text),
    ['first retransmission; no answer since', 'detected: 3 retransmission timeouts in a row without any answer'],
  );
});

const DETECTED = `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
`;

const ENDINGS: Readonly<Record<string, string>> = {
  'recovered, told by the congestion state': `
    2.5     A congestion retransmits=0 una=1100 packets=0 acked=2.5   => A ended recovered at 2.5
    2.6     refresh A cleared                           =>`,
  'recovered, told by a refresh': `
    2.5     refresh A retransmits=0 una=1100 packets=0 acked=2.2 cleared   => A ended recovered at 2.5`,
  'partly acknowledged, then silent again: recovered, and stuck anew only by new evidence': `
    2.5     refresh A retransmits=1 una=1050 acked=2.2 stamp=2.4   => A ended recovered at 2.5
    2.9     A retransmit retransmits=3 sent=100 lost=5 rto=0.2 stamp=2.4   => A opened retransmitting since=2.4 pending; request sweep`,
  'reset by the peer': `
    2.5     A reset_received                            =>
    2.5     A state state=CLOSE err=104 rst packets=0   => A ended reset_by_peer at 2.5
    2.5     A error                                     =>
    2.9     A destroy dead                              =>`,
  'reset by the peer after it had sent FIN': `
    2.4     A state state=CLOSE_WAIT                    => A updated state=CLOSE_WAIT
    2.5     A reset_received                            =>
    2.5     A state state=CLOSE err=32 rst              => A ended reset_by_peer at 2.5`,
  'timed out': `
    939.0   A state state=CLOSE err=110 packets=0 retransmits=15   => A ended timed_out at 939
    939.0   A error                                     =>`,
  'timed out on a kernel that reports the error before the state': `
    2.5     A error err=110                             =>
    2.5     A state state=CLOSE packets=0               => A ended timed_out at 2.5`,
  'unreachable, as the neighbour is': `
    926.0   A state state=CLOSE err=113                 => A ended unreachable at 926`,
  'destroyed by an administrator': `
    2.5     A state state=CLOSE err=103                 => A ended destroyed at 2.5`,
  'aborted by the application: SO_LINGER 0 raises ECONNRESET, but nobody sent a RST to us': `
    2.5     A state state=CLOSE closer=100              => A ended closed_by_application at 2.5
    2.5     A reset_sent rstsent                        =>
    2.5     A error err=104 port=0                      =>`,
  'aborted, and only the error report got through': `
    2.5     A error state=CLOSE err=104 port=0          => A ended closed_by_application at 2.5`,
  'aborted by the exit of its process': `
    2.5     A state state=CLOSE closer=100 exiting      => A ended owner_exited at 2.5`,
  'timed out, but the application fetched the error before the state changed: no timer is set': `
    3.06    A retransmit retransmits=4                  => A updated retransmits=4
    13.0    A state state=CLOSE packets=0 closer=77     => A ended timed_out at 13`,
  'the same of a peer that was reported unreachable': `
    3.06    A retransmit retransmits=4 soft=113         => A updated retransmits=4
    13.0    A state state=CLOSE packets=0 closer=77     => A ended unreachable at 13`,
  'ended while the event was lost: the refresh finds the error': `
    2.5     refresh A state=CLOSE err=110 packets=0 cleared   =>
    3.4     refresh                                     =>
    3.6     refresh                                     => A ended timed_out at 2.5`,
  'ended while the event was lost, the error read meanwhile': `
    2.5     refresh A state=CLOSE packets=0 cleared     =>
    3.4     sweep A state=CLOSE packets=0 held 100/21   =>
    3.6     refresh                                     => A ended lost_track at 2.5`,
  'ended while a refresh was under way, which overtook the event; the error was read meanwhile': `
    2.500   refresh A state=CLOSE packets=0 cleared     =>
    2.501   A state taken=2.499 from=ESTABLISHED state=CLOSE err=110 packets=0   => A ended timed_out at 2.499`,
  'a hard ICMP error is told to the application, but the connection goes on': `
    2.5     A error err=113                             =>`,
};

for (const [title, ending] of Object.entries(ENDINGS)) {
  void test(`a black hole ends: ${title}`, () => {
    playScenario(DETECTED + ending, { sockets: BLACK_HOLE });
  });
}

void test('an ended record keeps the facts of its last stuck moment, with the last count of RTOs', () => {
  const story = playScenario(
    `${DETECTED}
    939.0   A state state=CLOSE err=110 packets=0 retransmits=15   => A ended timed_out at 939`,
    { sockets: BLACK_HOLE },
  );
  const record = story.records.get('A');
  assert.equal(record?.state, 'ESTABLISHED');
  assert.equal(record.retransmits, 15);
  assert.equal(record.unackedBytes, 100);
  assert.equal(record.owner?.comm, 'proc100');
});

void test('a lossy link: three RTOs in a row are no evidence, eight are', () => {
  // 60 of 197 segments were lost before, which is 30 %.
  playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 sent=200 lost=63 rto=0.816   =>
    4.0     refresh A retransmits=4 sent=201 lost=64 rto=3.264 timer=6.32   =>
    26.0    refresh A retransmits=7 sent=204 lost=67 rto=26.1 timer=52.0   =>
    53.0    refresh A retransmits=8 sent=205 lost=68 rto=52.2 timer=104.2   => A opened retransmitting since=0.204 pending; request sweep
    `,
    { sockets: 'inflight acked=-0.05 stamp=0.204' },
  );
});

void test('a lossy link that goes on is never told', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        =>
    2.0     refresh A retransmits=0 una=1100 nxt=1200 seq=1200 acked=1.9 cleared   =>
    3.5     A retransmit retransmits=3                  =>
    3.6     A congestion retransmits=0 una=1200 packets=0 acked=3.6   =>
    `,
    { sockets: 'inflight acked=-0.05 stamp=0.204 sent=100 lost=43' },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('any ACK since the first RTO speaks against a black hole, one within a jiffy of it does not', () => {
  const story = `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816 stamp=0.204 ACKED   =>`;
  playScenario(story.replace('ACKED', 'acked=0.3'), { sockets: BLACK_HOLE });
  const opens = ' A opened retransmitting since=0.204 pending; request sweep';
  playScenario(story.replace('ACKED', 'acked=0.208') + opens, { sockets: BLACK_HOLE });
  playScenario(story.replace('ACKED', 'acked=0.212'), { sockets: BLACK_HOLE });
});

void test('a duplicate ACK is a sign of life, not progress: the record stays open', () => {
  const story = playScenario(
    `${DETECTED}
    5.0     refresh A acked=4.9                         => A updated details
    6.0     refresh A retransmits=4 acked=4.9           => A updated retransmits=4`,
    { sockets: BLACK_HOLE },
  );
  const record = story.records.get('A');
  assert.ok(record?.lastProgressUs);
  assert.ok(Math.abs(record.lastProgressUs - 1_004_900_000) <= 4000);
});

void test('the first RTO after a partly successful fast retransmit is what counts as its beginning', () => {
  playScenario(
    `
    0.0     up                                          =>
    8.0     A retransmit retransmits=3 rto=0.816 stamp=1.0 acked=6.0 firstrto=6.7   => A opened retransmitting since=6.7 pending; request sweep
    `,
    { sockets: BLACK_HOLE },
  );
});

void test('the 8-bit count of RTOs passes zero on an unreachable neighbour: no recovery', () => {
  playScenario(
    `${DETECTED}
    800.0   refresh A retransmits=0 soft=113 cleared    => A updated retransmits=0; watch A
    800.5   sweep A held 100/21                         => unwatch A
    801.0   refresh A cleared                           => watch A
    810.0   A retransmit retransmits=3 soft=113         => unwatch A; A updated retransmits=3
    926.0   A state state=CLOSE err=113                 => A ended unreachable at 926`,
    { sockets: BLACK_HOLE },
  );
});

void test('what a listener accepted is inbound, also if only a later sweep knows the listener', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 inbound held 100/9   => A updated details; A updated proc100[100/9]`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.records.get('A')?.direction, 'inbound');
});

void test('what a listener accepted is inbound', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816 inbound   => A opened retransmitting since=0.204 pending; request sweep`,
    { sockets: BLACK_HOLE },
  );
  assert.equal(story.records.get('A')?.direction, 'inbound');
});

void test('a socket of a kernel client and one in an accept queue have no process, and need no sweep to know it', () => {
  playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816 nofile => A opened retransmitting since=0.204 kernel
    1.428   B retransmit retransmits=3 rto=0.816 unaccepted   => B opened retransmitting since=0.204 unaccepted
    2.0     sweep                                       =>
    2.5     sweep B retransmits=3 rto=1.632 timer=3.06 -unaccepted inbound held 100/9      => B updated proc100[100/9]
    `,
    { sockets: BLACK_HOLE },
  );
});

const LIMITED = `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 rto=0.816        => A opened retransmitting since=0.204 pending; request sweep
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]
`;

/** With tcp_retries2=15, as the scenarios have it. */
function detectedForecastUs(story: ScenarioPlayer): number {
  const { detectedGiveUp } = story.records.get('A') ?? {};
  assert.ok(detectedGiveUp?.never === false);
  return detectedGiveUp.timeUs;
}

void test('when the kernel gives up, the record says how far the forecast at detection was off', () => {
  const story = playScenario(LIMITED, { sockets: BLACK_HOLE });
  const forecastUs = detectedForecastUs(story);
  const second = (forecastUs + 4000 - 1_000_000_000) / 1e6;
  story.play(`${second - 100} refresh A retransmits=14 rto=120 timer=${second + 20} => A updated retransmits=14`);
  const renewed = story.records.get('A')?.giveUp;
  assert.ok(renewed?.never === false && renewed.timeUs !== forecastUs, 'the present forecast is another by now');
  assert.equal(detectedForecastUs(story), forecastUs);
  story.play(`${second} A state state=CLOSE err=110 => A ended timed_out at ${second}`);
  const record = story.records.get('A');
  assert.equal(record?.forecastErrorUs, 4000);
  assert.equal(record.timeline.at(-1)?.text, 'the kernel gave up, 4 ms later than forecast at detection');
});

void test('where something else ended it, or nobody saw when, there is no error of the forecast', () => {
  const endings = [
    '20 A state state=CLOSE err=104 rst => A ended reset_by_peer at 20',
    '20 refresh A una=1100 packets=0 retransmits=0 => A ended recovered at 20',
    '20 A state state=CLOSE closer=100 => A ended closed_by_application at 20',
    '20 refresh A state=CLOSE err=110 =>\n21.1 refresh => A ended timed_out at 20',
  ];
  for (const ending of endings) {
    const story = playScenario(LIMITED, { sockets: BLACK_HOLE });
    ending.split('\n').forEach((line) => {
      story.play(line);
    });
    const record = story.records.get('A');
    assert.notEqual(record?.detectedGiveUp, null, ending);
    assert.equal(record?.forecastErrorUs, null, ending);
    assert.doesNotMatch(record.timeline.at(-1)?.text ?? '', /forecast/);
  }
});
