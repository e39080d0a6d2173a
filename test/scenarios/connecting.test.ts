/**
 * Proves what becomes of a connection attempt that nobody answers. It cannot prove that a kernel reports what these
 * lines say; the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TRACKER_CONFIG } from '../../daemon/core/tracker-config.js';
import { playScenario } from '../support/scenario.js';

/** connect() at second 0; the first four timeouts are linear: SYNs at 1, 2, 3, 4, 5, 7, 11 s, ... */
const SYN = 'state=SYN_SENT stamp=0 acked=-1000 nxt=1001 seq=1001 packets=1 rto=1 srtt=0 sent=0 lost=3';

const DETECTED = `
    0.0     up                                          =>
    3.0     A retransmit retransmits=3                  => A opened connecting since=0 pending; request sweep
    3.01    sweep A retransmits=3 timer=4.0 held 100/21 => A updated proc100[100/21]
`;

void test('a SYN without an answer is detected at its third retransmission, since connect()', () => {
  const record = playScenario(DETECTED, { sockets: SYN }).records.get('A');
  assert.equal(record?.state, 'SYN_SENT');
  assert.equal(record.direction, 'outbound');
  assert.equal(record.unackedBytes, 0);
  assert.equal(record.lastProgressUs, null);
});

const ENDINGS: Readonly<Record<string, string>> = {
  'the peer answers': `
    3.5     A state state=ESTABLISHED una=1001 retransmits=0 packets=0   => A ended recovered at 3.5`,
  'the peer refuses': `
    3.5     A reset_received                            =>
    3.5     A state state=CLOSE err=111 rst             => A ended reset_by_peer at 3.5
    3.5     A error                                     =>`,
  'a firewall refuses by ICMP, which has the same errno': `
    3.5     A state state=CLOSE err=111                 => A ended unreachable at 3.5`,
  'a firewall calls the host unreachable': `
    3.5     A error err=113                             =>
    3.5     A state state=CLOSE                         => A ended unreachable at 3.5`,
  'the kernel gives up': `
    3.9     A state state=CLOSE err=110                 => A ended timed_out at 3.9`,
  'the application gives up': `
    3.5     A state state=CLOSE closer=100              => A ended closed_by_application at 3.5
    3.5     A destroy dead                              =>`,
  'the process exits': `
    3.5     A state state=CLOSE closer=100 exiting      => A ended owner_exited at 3.5`,
};

for (const [title, ending] of Object.entries(ENDINGS)) {
  void test(`a connection attempt ends: ${title}`, () => {
    playScenario(DETECTED + ending, { sockets: SYN });
  });
}

void test('a connection that established slowly and then hangs is another record, with a link to the first', () => {
  const story = playScenario(
    `${DETECTED}
    3.5     A state state=ESTABLISHED una=1001 retransmits=0 packets=0   => A ended recovered at 3.5`,
    { sockets: SYN },
  );
  const first = story.records.get('A');
  story.play(
    '9.0 A retransmit retransmits=3 acked=3.5 stamp=7.776 packets=1 sent=200 lost=6 srtt=1000 rto=0.816 => ' +
      'A opened retransmitting since=7.776 pending; request sweep',
  );
  const second = story.records.get('A');
  assert.equal(second?.previousId, first?.id);
  assert.notEqual(second?.id, first?.id);
});

void test('a kind that is switched off is never told', () => {
  const story = playScenario(
    `
    0.0     up                                          =>
    3.0     A retransmit retransmits=3                  =>
    3.1     refresh A                                   =>`,
    {
      sockets: SYN,
      config: {
        kinds: {
          ...DEFAULT_TRACKER_CONFIG.kinds,
          connecting: { enabled: false, open: { retransmits: 3 } },
        },
      },
    },
  );
  assert.equal(story.state.entries.size, 0);
});
