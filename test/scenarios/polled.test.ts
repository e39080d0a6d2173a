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
