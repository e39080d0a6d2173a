/**
 * Proves how a request on a connection that was no more becomes a record, and how its process is found: as holder of the
 * descriptor, or as who closed it. It cannot prove that a kernel reports what these lines say; the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TRACKER_CONFIG } from '../../daemon/core/tracker-config.js';
import { playScenario } from '../support/scenario.js';

/** The last answer came at 0, the request left at 5. */
const REQUEST = 'data=0 acked=0 sentat=5 inflight';

const RESET = `
    0.0     up                                          =>
    5.02    A reset_received                            => request sweep
`;

void test('the process that still holds it is named, and the record opens and ends at once', () => {
  const story = playScenario(
    `${RESET}
    5.03    sweep A state=CLOSE err=104 rst held 100/21 => A opened stale_reuse since=5 proc100[100/21]; A ended reset_by_peer at 5.02`,
    { sockets: REQUEST },
  );
  const record = story.records.get('A');
  assert.equal(record?.reuse, 'forgotten');
  assert.equal(record.idleBeforeUs, 5_000_000);
  assert.deepEqual(
    record.timeline.map(({ text }) => text),
    [
      'the last data before it was idle',
      'used again after 5.0 s, but the peer, or something on the path, had forgotten it',
      'the peer answered with RST',
    ],
  );
});

void test('who closed it meanwhile is named, if the sweep knows that process', () => {
  const story = playScenario(
    `${RESET}
    5.021   A destroy state=CLOSE rst closer=100         =>
    5.03    begin sweep                                  =>
    5.03    B sweep                                      =>
    5.03    B held 100/7                                 =>
    5.04    end sweep => A opened stale_reuse since=5 proc100[]; A ended reset_by_peer at 5.02`,
    { sockets: REQUEST },
  );
  assert.equal(story.records.get('A')?.owner?.pid, 100);
});

void test('the event that says who closed it may come after the sweep that says who that is', () => {
  playScenario(
    `${RESET}
    5.03    begin sweep                                  =>
    5.03    B held 100/7                                 =>
    5.04    end sweep                                    => request sweep
    5.05    A destroy state=CLOSE rst closer=100 taken=5.021 =>
    5.06    sweep => A opened stale_reuse since=5 proc100[]; A ended reset_by_peer at 5.02`,
    { sockets: REQUEST },
  );
});

void test('a sweep that began before the event, and met the process all the same, is good enough', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    5.01    begin sweep                                 =>
    5.02    A reset_received                            => request sweep
    5.025   B held 100/7                                =>
    5.028   A destroy state=CLOSE rst closer=100        =>
    5.03    end sweep => A opened stale_reuse since=5 proc100[]; A ended reset_by_peer at 5.02`,
    { sockets: REQUEST },
  );
  assert.equal(story.records.get('A')?.owner?.pid, 100);
});

void test('two sweeps are asked for; whoever is slower to close it is still found', () => {
  playScenario(
    `
    0.0     up                                          =>
    5.01    begin sweep                                 =>
    5.02    A reset_received                            => request sweep
    5.03    end sweep                                   =>
    5.04    sweep                                       => request sweep
    5.06    sweep                                       =>
    6.0     A destroy state=CLOSE rst closer=100        => request sweep
    7.06    begin sweep                                 =>
    7.06    B held 100/7                                =>
    7.07    end sweep => A opened stale_reuse since=5 proc100[]; A ended reset_by_peer at 5.02`,
    { sockets: REQUEST },
  );
});

void test('after 3 s without anybody, and after two sweeps without the process that closed it, nobody is named', () => {
  playScenario(
    `${RESET}
    5.03    sweep                                       => request sweep
    5.06    sweep                                       =>
    8.01    sweep                                       =>
    8.02    tick                                        => request sweep
    8.03    sweep                                       => A opened stale_reuse since=5 unknown; A ended reset_by_peer at 5.02`,
    { sockets: REQUEST },
  );
  playScenario(
    `${RESET}
    5.021   A destroy state=CLOSE rst closer=100        =>
    5.03    sweep                                       => request sweep
    5.06    sweep                                       => A opened stale_reuse since=5 unknown; A ended reset_by_peer at 5.02`,
    { sockets: REQUEST },
  );
});

void test('who closed it became known during the last sweep: one more looks for that process', () => {
  playScenario(
    `${RESET}
    5.03    sweep                                       => request sweep
    5.06    sweep                                       =>
    6.0     begin sweep                                 =>
    6.01    A destroy state=CLOSE rst closer=100        => request sweep
    6.02    end sweep                                   =>
    6.05    begin sweep                                 =>
    6.05    B held 100/7                                =>
    6.06    end sweep => A opened stale_reuse since=5 proc100[]; A ended reset_by_peer at 5.02`,
    { sockets: REQUEST },
  );
});

void test('a request that crossed the FIN on a long path is one record, though its RST comes when that is told', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    5.05    A state from=CLOSE_WAIT state=LAST_ACK acked=5.04 closer=100 => request sweep
    5.06    begin sweep                                 =>
    5.06    B held 100/7                                =>
    5.07    end sweep => A opened stale_reuse since=5 proc100[]; A ended closed_by_application at 5.05; request refresh
    5.15    A reset_received state=LAST_ACK acked=5.04  =>`,
    { sockets: `${REQUEST} srtt=150000` },
  );
  assert.equal(story.records.get('A')?.reuse, 'closed_during');
});

void test('what the peer closed when idle teaches its limit, which then tells a race', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    5.1     B idle_close                                =>
    5.2     C idle_close                                =>
    5.3     A reset_received sentat=5.28               => request sweep
    5.4     sweep A state=CLOSE err=104 held 100/21     => A opened stale_reuse since=5.28 proc100[100/21]; A ended reset_by_peer at 5.3`,
    { sockets: 'data=0 acked=0 sentat=-0.1 inflight' },
  );
  const record = story.records.get('A');
  assert.equal(record?.reuse, 'closed_during');
  assert.equal(record.peerIdleLimitUs, 5_100_000);
});

void test('what the peer closed before stuckd came teaches as well, where the socket still tells when', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    0.1     begin sweep                                 =>
    0.1     A sweep                                     =>
    0.1     B sweep                                     =>
    0.1     C sweep keepalive                           =>
    0.2     end sweep                                   =>`,
    { sockets: 'state=CLOSE_WAIT data=-10 sentat=-10 acked=-4' },
  );
  const known = story.state.idleLimits.all();
  assert.deepEqual(
    known.map(({ limitUs, seen }) => [limitUs, seen]),
    [[6_000_000, 2]],
  );
});

void test('switched off, nothing is told', () => {
  const kinds = { ...DEFAULT_TRACKER_CONFIG.kinds, stale_reuse: { enabled: false, open: { idleMs: 1000 } } };
  playScenario(
    `
    0.0     up                                          =>
    5.02    A reset_received                            =>
    5.03    sweep A state=CLOSE err=104 held 100/21     =>`,
    { sockets: REQUEST, config: { kinds } },
  );
});

void test('what finds no room is counted', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    5.02    A reset_received                            => request sweep
    5.02    B reset_received                            =>`,
    { sockets: REQUEST, config: { maxReuses: 1 } },
  );
  assert.equal(story.state.counters.reusesDropped, 1);
});
