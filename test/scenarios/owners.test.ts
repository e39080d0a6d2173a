/**
 * Proves who is named as the holder of a stuck connection, as sweeps and the socket itself tell. It cannot prove that a
 * sweep sees every descriptor; the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TRACKER_CONFIG } from '../../daemon/core/tracker-config.js';
import { playScenario } from '../support/scenario.js';

const BLACK_HOLE = 'inflight acked=-0.05 stamp=0.204 sent=20 lost=3 rto=0.816';
const OPENED = `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3                  => A opened retransmitting since=0.204 pending; request sweep
    1.429   refresh A retransmits=3 rto=1.632 timer=3.06   =>
`;

void test('of a socket that is shared after fork() the oldest process is the owner, all descriptors are listed', () => {
  const record = playScenario(
    `${OPENED}
    1.430   sweep A held 300/21 100/21 100/22           => A updated proc100[100/21,100/22,300/21]`,
    { sockets: BLACK_HOLE },
  ).records.get('A');
  assert.equal(record?.owner?.executable, '/bin/proc100');
  assert.deepEqual(
    record.owner.holders.map(({ comm }) => comm),
    ['proc100', 'proc100', 'proc300'],
  );
});

void test('a worker whose master does not hold the socket is its owner, older or not', () => {
  playScenario(`${OPENED} 1.430 sweep A held 300/21 => A updated proc300[300/21]`, { sockets: BLACK_HOLE });
});

void test('descriptors come and go', () => {
  playScenario(
    `${OPENED}
    1.430   sweep A held 100/21                         => A updated proc100[100/21]
    1.5     sweep A held 100/21 101/21                  => A updated proc100[100/21,101/21]
    1.6     sweep A held 101/21                         => A updated proc101[101/21]
    1.7     sweep A held 101/21                         =>`,
    { sockets: BLACK_HOLE },
  );
});

void test('several descriptors beyond the bound are counted, not kept', () => {
  const story = playScenario(`${OPENED} 1.430 sweep A held 100/1 100/2 100/3 100/4 => A updated proc100[100/1,100/2]`, {
    sockets: BLACK_HOLE,
    config: { maxHolders: 2 },
  });
  assert.equal(story.state.counters.holdersDropped, 2);
});

void test('processes beyond the bound of a sweep are counted; the descriptor is kept without a name', () => {
  const story = playScenario(`${OPENED} 1.430 sweep A held 100/1 200/2 => A updated proc100[100/1,200/2]`, {
    sockets: BLACK_HOLE,
    config: { maxProcesses: 1 },
  });
  assert.equal(story.state.counters.holdersDropped, 1);
  assert.deepEqual(story.records.get('A')?.owner?.holders[1], { pid: 200, comm: '', fd: 2 });
});

void test('a sweep that began before the detection may have passed the socket already', () => {
  playScenario(
    `
    0.0     up                                          =>
    1.40    begin sweep                                 =>
    1.428   A retransmit retransmits=3                  => A opened retransmitting since=0.204 pending; request sweep
    1.429   end sweep                                   =>
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   => A updated proc100[100/21]`,
    { sockets: BLACK_HOLE },
  );
});

void test('a sweep that was cut short proves neither who holds a socket nor that nobody does', () => {
  playScenario(
    `${OPENED}
    1.430   begin sweep                                 =>
    1.431   A sweep                                     =>
    1.432   A held 100/21                               =>
    1.433   end sweep failed                            =>
    1.5     begin sweep                                 =>
    1.6     end sweep failed                            =>
    1.7     sweep A held 100/21                         => A updated proc100[100/21]`,
    { sockets: BLACK_HOLE },
  );
});

void test('without a descriptor, but with a file: somebody unknown, once the socket was seen after the sweep', () => {
  playScenario(
    `${OPENED}
    1.430   sweep                                       => request refresh
    1.435   refresh                                     => A updated unknown
    1.5     sweep A held 100/21                         => A updated proc100[100/21]
    1.6     sweep                                       => request refresh
    1.7     refresh                                     => A updated unknown(was proc100)`,
    { sockets: BLACK_HOLE },
  );
});

void test('a sweep just after close() does not call the orphan unknown', () => {
  playScenario(
    `${OPENED}
    1.430   sweep A held 100/21                         => A updated proc100[100/21]
    1.5     A state state=FIN_WAIT1 closer=100          => A updated kind=closing state=FIN_WAIT1
    1.6     sweep                                       => request refresh
    1.601   refresh A dead seq=1101 nxt=1101            => A updated orphan(was proc100)`,
    { sockets: BLACK_HOLE },
  );
});

void test('a suspect that was swept before opens with its owner', () => {
  playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3 sent=200 lost=30 =>
    1.430   sweep A retransmits=3 rto=1.632 timer=3.06 held 100/21   =>
    3.1     refresh A retransmits=4 lost=31 rto=3.264 timer=6.33   =>
    6.4     refresh A retransmits=5 lost=32 rto=6.528 timer=12.9   => A opened retransmitting since=0.204 proc100[100/21]`,
    { sockets: BLACK_HOLE },
  );
});

void test('an orphan needs no sweep to be called one', () => {
  playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit dead state=LAST_ACK retransmits=3 stamp=-20   => A opened closing since>=-0.052 orphan`,
    { sockets: BLACK_HOLE, config: { kinds: EARLY_CLOSING } },
  );
});

const EARLY_CLOSING = { ...DEFAULT_TRACKER_CONFIG.kinds, closing: { enabled: true, open: { afterMs: 1000 } } };
