/**
 * Proves when unanswered keepalive probes become a record, how it ends, and what it turns into. Probes have no
 * tracepoint of their own, so the story depends on timers and sweeps more than the others. It cannot prove that a kernel
 * reports what these lines say; the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playScenario } from '../support/scenario.js';

/** TCP_KEEPINTVL is 10 s: unanswered probes at 0, 10, 20 s, ...; the wheel rounds: before one at 10 s was one at -0.352. */
const IDLE = 'keepalive acked=-60';

const DETECTED = `
    0.0     up                                          =>
    10.0    A keepalive untrusted probes=1 katimer=10   =>
    10.0    deadline                                    => 11
    11.0    tick                                        => request sweep
    11.0    begin sweep                                 =>
    11.0    A sweep probes=2 katimer=20                 => A opened keepalive_unanswered since=-0.352 pending
    11.0    A held 100/21                               =>
    11.0    end sweep                                   => A updated proc100[100/21]
`;

void test('the second probe without an answer within a second is told, since the first one', () => {
  const record = playScenario(DETECTED, { sockets: IDLE }).records.get('A');
  assert.equal(record?.probes, 2);
  assert.equal(record.options.keepaliveIntervalMs, 10_000);
  assert.equal(record.options.keepaliveIdleMs, 7_200_000);
  assert.equal(record.options.keepaliveProbes, 9);
  assert.equal(record.sinceAtLeast, false);
});

void test('a distant peer gets four round trips to answer', () => {
  playScenario(
    `
    0.0     up                                          =>
    10.0    A keepalive untrusted probes=1 katimer=10 srtt=500000   =>
    10.0    deadline                                    => 12
    11.0    sweep A probes=2 katimer=20 held 100/21     =>
    11.0    deadline                                    => 12
    12.0    tick                                        => request refresh
    12.0    refresh                                     => A opened keepalive_unanswered since=-0.352 proc100[100/21]
    `,
    { sockets: IDLE },
  );
});

void test('a peer that answers the second probe is alive', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    10.0    A keepalive untrusted probes=1 katimer=10   =>
    11.0    tick                                        => request sweep
    11.0    sweep                                       =>`,
    { sockets: IDLE },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('a probe that is answered between the last report and the deadline opens nothing', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    10.2    sweep A probes=2 katimer=20 held 100/21     =>
    11.0    tick                                        => request refresh
    11.0    refresh A probes=0 acked=10.7 cleared       =>`,
    { sockets: IDLE },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('a pass that began before the deadline, or failed, proves nothing', () => {
  playScenario(
    `
    0.0     up                                          =>
    10.2    sweep A probes=2 katimer=20 held 100/21     =>
    10.9    begin refresh                               =>
    11.0    tick                                        => request refresh
    11.01   end refresh                                 =>
    11.02   begin refresh                               =>
    11.03   end refresh failed                          =>
    12.0    refresh                                     => A opened keepalive_unanswered since=-0.352 proc100[100/21]`,
    { sockets: IDLE },
  );
});

void test('a timer without a cookie only asks for a sweep', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    10.0    A keepalive untrusted nocookie probes=1     => request sweep
    10.0    A keepalive untrusted nocookie probes=1     =>
    10.0    begin sweep                                 =>
    10.0    A sweep probes=2 katimer=20                 =>
    10.0    end sweep                                   =>
    11.0    tick                                        => request refresh
    11.0    refresh                                     => A opened keepalive_unanswered since=-0.352 pending; request sweep`,
    { sockets: IDLE },
  );
  assert.equal(story.state.counters.untrustedIgnored, 2);
});

void test('what a timer says of a socket that is observed anyway is not used', () => {
  const story = playScenario(`${DETECTED} 20.0 A keepalive untrusted probes=2 katimer=20 =>`, { sockets: IDLE });
  assert.equal(story.state.counters.untrustedIgnored, 1);
});

const ENDINGS: Readonly<Record<string, string>> = {
  'the peer answers': `
    21.0    refresh A probes=0 acked=20.2 katimer=80 cleared   => A ended recovered at 21`,
  'the peer answers, and is silent again by the next look': `
    41.0    refresh A probes=1 acked=20.2 katimer=50    => A ended recovered at 41`,
  'the peer was rebooted and answers with RST': `
    20.1    A reset_received                            =>
    20.1    A state state=CLOSE err=104 rst             => A ended reset_by_peer at 20.1`,
  'the kernel gives up, with a RST of its own': `
    15.0    A reset_sent rstsent                        =>
    15.0    A state state=CLOSE err=110 probes=9        => A ended timed_out at 15`,
  'the kernel gives up, and the application fetched the error before the state changed': `
    15.0    A reset_sent rstsent                        =>
    15.0    A state state=CLOSE probes=9 closer=77      => A ended timed_out at 15`,
  'the application aborts it: the RST comes after the change of state': `
    15.0    A state state=CLOSE closer=100              => A ended closed_by_application at 15
    15.0    A reset_sent rstsent                        =>`,
  'the application closes a half-closed one': `
    12.0    refresh A state=FIN_WAIT2                   => A updated state=FIN_WAIT2
    15.0    A state state=CLOSE                         => A ended closed_by_application at 15`,
};

for (const [title, ending] of Object.entries(ENDINGS)) {
  void test(`unanswered keepalive ends: ${title}`, () => {
    playScenario(DETECTED + ending, { sockets: IDLE });
  });
}

void test('the count of probes at the timeout is the last one; a record that opens late says when', () => {
  const timedOut = playScenario(`${DETECTED} 19.0 A state state=CLOSE err=110 probes=9 => A ended timed_out at 19`, {
    sockets: IDLE,
  });
  assert.equal(timedOut.records.get('A')?.probes, 9);
  const late = playScenario(
    `
    0.0     up                                          =>
    2.9     sweep A probes=3 katimer=12                 => A opened keepalive_unanswered since=-18.528 pending`,
    { sockets: IDLE },
  );
  assert.equal(late.records.get('A')?.detectedUs, 1_002_900_000);
});

void test('data that is sent into it turns it to retransmitting: one record, the earliest since', () => {
  const story = playScenario(
    `${DETECTED}
    15.0    refresh A inflight rto=0.204                => A updated kind=retransmitting unackedBytes=100
    16.5    refresh A retransmits=3 rto=1.632 timer=18  => A updated retransmits=3
    18.0    A congestion retransmits=0 una=1100 packets=0 probes=0 acked=18   => A ended recovered at 18`,
    { sockets: IDLE },
  );
  const record = story.records.get('A');
  assert.equal(record?.sinceUs, 999_648_000);
  assert.deepEqual(
    record.timeline.map(({ text }) => text),
    [
      'first keepalive probe without an answer',
      'detected: 2 keepalive probes without an answer',
      'data was sent into it; it is retransmitted',
      'the peer answers again',
    ],
  );
});

void test('an ACK of the data that was sent into it ends it, though nothing was retransmitted yet', () => {
  playScenario(
    `${DETECTED}
    15.0    refresh A inflight                          => A updated kind=retransmitting unackedBytes=100
    15.1    refresh A una=1100 packets=0 probes=0 acked=15.05 cleared   => A ended recovered at 15.1`,
    { sockets: IDLE },
  );
});

void test('its process exits: FIN unanswered, the same record as closing', () => {
  playScenario(
    `${DETECTED}
    15.0    A state state=FIN_WAIT1 closer=100 exiting  => A updated kind=closing state=FIN_WAIT1
    16.0    refresh A dead probes=2 nxt=1001 seq=1001 packets=1 retransmits=2   => A updated retransmits=2 orphan(was proc100)
    30.0    A state state=CLOSE err=110 dead            => A ended timed_out at 30`,
    { sockets: IDLE },
  );
});

void test('a suspect into which data is sent is judged anew by its RTOs', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    10.2    sweep A probes=2 katimer=20 held 100/21     =>
    10.5    refresh A inflight                          =>
    10.5    deadline                                    => none`,
    { sockets: IDLE },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('the peer has closed its half already', () => {
  playScenario(
    `
    0.0     up                                          =>
    11.0    sweep A state=CLOSE_WAIT probes=2 katimer=20 held 100/21   => A opened keepalive_unanswered since=-0.352 pending; A updated proc100[100/21]`,
    { sockets: IDLE },
  );
});

void test('window probes share the counter of keepalive probes, and are none', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    11.0    sweep A probes=3 seq=1100 held 100/21       =>`,
    { sockets: IDLE },
  );
  assert.equal(story.state.entries.size, 0);
});

void test('with an interval of one second the second probe ages although newer ones follow', () => {
  playScenario(
    `
    0.0     up                                          =>
    2.9     sweep A probes=3 katimer=12 held 100/21     => A opened keepalive_unanswered since=-18.528 pending; A updated proc100[100/21]`,
    { sockets: IDLE },
  );
});
