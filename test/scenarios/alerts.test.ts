// Proves, story by story, when the alert of each kind fires, changes and is resolved, with the thresholds of the design:
// how old, how many, how grave; and that what a person is told in between is bounded. It cannot prove that records of real
// connections look like this; the kernel tests do.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { playAlerts } from '../support/alert-scenario.js';

const PEER = 'peer=10.0.0.2:80';

describe('each kind', () => {
  for (const kind of ['retransmitting', 'keepalive_unanswered']) {
    test(`${kind}: 15 s`, () => {
      playAlerts(
        `
        0     open A kind=${kind}
        14.9  -     =>
        15    -     => fired 1 ${kind}>10.0.0.2:80 x1 @15
        20    end A =>
        30.25 -     => resolved 1 ${kind}>10.0.0.2:80 x1 @30.25
        `,
        { records: PEER },
      );
    });
  }

  test('what recovers within 15 s is told to nobody', () => {
    playAlerts(`
      0   open A
      14  end A
      100 -      =>
    `);
  });

  test('zero window: a silent peer after 15 s, one that answers after 5 min and for information', () => {
    playAlerts(
      `
      0     open A kind=zero_window info
      299   -             =>
      300   -             => fired 1 zero_window>10.0.0.2:80 x1 info @300
      400   update A -info
      401   -             => updated 1 zero_window>10.0.0.2:80 x1 @400.25
      402   open B kind=zero_window pid=2
      417   -             => fired 2 zero_window>10.0.0.2:80 x1 @417
      `,
      { records: PEER },
    );
  });

  test('a peer that falls silent after it has answered for long has 15 s from then on', () => {
    playAlerts(
      `
      0    open A kind=zero_window info
      100  update A -info
      114  -             =>
      115  -             => fired 1 zero_window>10.0.0.2:80 x1 @115
      `,
      { records: PEER },
    );
  });

  test('connecting: three to one peer at once, or one for 30 s', () => {
    playAlerts(
      `
      0     open A kind=connecting
      29    -            =>
      30    -            => fired 1 connecting>10.0.0.2:80 x1 @30
      40    open B*2 kind=connecting pid=2
      41    -            =>
      42    open C kind=connecting pid=2
      43    -            => fired 2 connecting>10.0.0.2:80 x3 @42.25
      `,
      { records: PEER },
    );
  });

  test('connecting: attempts to several peers do not add up', () => {
    playAlerts(`
      0   open A*4 kind=connecting peer=10.0.0.1:1
      0   open B*2 kind=connecting peer=10.0.0.2:2
      29  -              => fired 1 connecting>10.0.0.1:1 x4 @0.25
    `);
  });

  test('accept queue full: 15 s, known by its port', () => {
    playAlerts(`
      0   open A kind=accept_queue_full in=8080
      15  -              => fired 1 accept_queue_full<8080 x1 @15
    `);
  });

  test('closing: 50 of one process, wherever they go', () => {
    playAlerts(`
      0   open A*30 kind=closing peer=10.0.0.1:1
      60  open B*19 kind=closing peer=10.0.0.2:2
      61  -              =>
      62  open C kind=closing peer=10.0.0.3:3
      63  -              => fired 1 closing x50 @62.25
    `);
  });

  test('closing: orphans of one program, whichever of its processes left them', () => {
    playAlerts(`
      0   open A*49 kind=closing orphan pid=each
      60  -              =>
      61  open B kind=closing orphan pid=99
      62  -              => fired orphan closing x50 @61.25
    `);
  });

  test('closing: orphans of one program in two containers are those of two services, and are told of by its name', () => {
    const player = playAlerts(
      `
      0   open A*49 pid=each container=aa
      1   open B*49 pid=each container=bb
      10  -              =>
      11  open C pid=99 container=aa
      12  -              => fired orphan closing x50 @11.25
      `,
      { records: 'kind=closing orphan' },
    );
    const { program, fingerprint } = player.alert('orphan');
    assert.equal(program?.executable, '/bin/app');
    assert.equal(program.workload?.containerId, 'aa');
    player.playAll('20 open D pid=98 container=bb\n21 - => fired orphan closing x50 @20.25');
    assert.equal(player.alert('orphan').program?.workload?.containerId, 'bb');
    assert.equal(player.alert('orphan').fingerprint, fingerprint, 'it is the same on every node');
  });

  test('closing: what orphans of one service belong to does not change to and fro', () => {
    const player = playAlerts(
      `
      0   open A*25 pid=each container=aa
      0   open B*25 pid=each container=bb
      1   -              => fired orphan closing x50 @0.25
      10  update A1
      20  update B1
      30  update A2
      40  -              =>
      `,
      { records: 'kind=closing orphan unit=web.service' },
    );
    assert.equal(player.alert('orphan').program?.workload?.containerId, 'aa');
    assert.equal([...player.state.targets.values()][0]?.groups.size, 1);
  });

  test('close wait: ten of one process and peer for 5 min', () => {
    playAlerts(
      `
      0    open A*9 kind=close_wait
      400  open B kind=close_wait
      699  -             =>
      700  -             => fired 1 close_wait>10.0.0.2:80 x10 @700
      `,
      { records: PEER },
    );
  });

  test('close wait: rising for three minutes, and then for as long as there are ten', () => {
    playAlerts(
      `
      0    open A*7 kind=close_wait
      50   open B kind=close_wait
      110  open C kind=close_wait
      179  -             =>
      180  open D*2 kind=close_wait
      181  -             => fired 1 close_wait>10.0.0.2:80 x11 @180.25
      290  -             =>
      295  end D1
      296  -             => updated 1 close_wait>10.0.0.2:80 x10 @295.25
      297  end D2
      310  -             => resolved 1 close_wait>10.0.0.2:80 x10 @307.25
      `,
      { records: PEER },
    );
  });

  test('close wait: two minutes of growth are no trend', () => {
    playAlerts('0 open A*9 kind=close_wait\n50 open B*3 kind=close_wait\n170 - =>', { records: PEER });
  });

  test('unread: at once where it hurts the peer, never for information', () => {
    playAlerts(
      `
      0     open A kind=unread info
      9000  open B kind=unread pid=2
      9001  -            => fired 2 unread>10.0.0.2:80 x1 @9000.25
      `,
      { records: PEER },
    );
  });

  test('zombie: five of one process', () => {
    playAlerts(`
      0  open A*4 kind=zombie peer=10.0.0.1:1
      1  open B*4 kind=zombie pid=2
      2  open C kind=zombie peer=10.0.0.2:2
      3  -              => fired 1 zombie x5 @2.25
    `);
  });

  test('what the kernel has closed, or no process holds, is a part of the total as well', () => {
    playAlerts(
      `
      0   open A*5 kind=zombie closed
      0   open B*5 kind=retransmitting pid=each
      1   -             => fired 1 zombie x5/15 @0.25
      15  -             => fired 5 processes retransmitting>10.0.0.2:80 x5/7 @15
      16  open C*2 unowned
      16  update C*2 pid=6
      17  open D*3 closed pid=1
      21  -             => updated 6 processes retransmitting>10.0.0.2:80 x10/10 @20
      `,
      { records: PEER, totals: { ofProcess: () => 10, ofPeer: () => 7 } },
    );
  });

  test('fin_wait and accepting: off', () => {
    playAlerts(`
      0     open A*100 kind=fin_wait info
      0     open B*100 kind=accepting in=80 info
      9000  -           =>
    `);
  });

  test('stale reuse: three within 5 min; resolved when there was none for 5 min', () => {
    playAlerts(
      `
      0    open A kind=stale_reuse
      0    end A
      200  open B kind=stale_reuse
      200  end B
      301  open C kind=stale_reuse
      301  end C
      302  -             =>
      400  open D kind=stale_reuse
      400  end D
      401  -             => fired 1 stale_reuse>10.0.0.2:80 x3/10 @400.25
      699  -             => updated 1 stale_reuse>10.0.0.2:80 x2/10 @500; updated 1 stale_reuse>10.0.0.2:80 x1/10 @601
      700  -             => resolved 1 stale_reuse>10.0.0.2:80 x1/10 @700
      `,
      { records: `${PEER} closed`, totals: { ofDestination: () => 10 } },
    );
  });
});

describe('the life of an alert', () => {
  test('it lasts 10 s longer than its condition, and goes on if that comes back meanwhile', () => {
    playAlerts(
      `
      0   open A
      15  -         => fired 1 retransmitting>10.0.0.2:80 x1 @15
      20  end A
      29  open B
      50  -         => updated 1 retransmitting>10.0.0.2:80 x1 @29.25
      `,
      { records: PEER },
    );
  });

  test('the number of a resolved alert is that of its last moment', () => {
    const player = playAlerts(
      `
      0   open A*4
      15  -         => fired 1 retransmitting>10.0.0.2:80 x4 @15
      20  end A*4
      40  -         => resolved 1 retransmitting>10.0.0.2:80 x4 @30.25
      `,
      { records: PEER },
    );
    assert.equal(player.alert('1').connections.length, 4);
  });

  test('changes are told every 5 s at most', () => {
    const player = playAlerts('0 open A\n15 - => fired 1 retransmitting>10.0.0.2:80 x1 @15', { records: PEER });
    for (let second = 16; second < 116; second += 0.5) {
      player.unheard(`${second} open B${second}`);
    }
    assert.ok(player.count('updated') <= 20, `${player.count('updated')} updates in 100 s`);
    assert.ok(player.count('updated') >= 18);
  });

  test('totals, earliest end and a sample of the oldest', () => {
    const player = playAlerts(
      `
      0   open A gives=900
      1   open B*6 gives=700
      16  -         => fired 1 retransmitting>10.0.0.2:80 x7/10 @15
      `,
      { records: PEER, totals: { ofDestination: () => 10 } },
    );
    const alert = player.alert('1');
    assert.deepEqual(
      alert.connections.map(({ id }) => id),
      ['A', 'B1', 'B2', 'B3', 'B4'],
    );
    assert.equal(alert.startUs, alert.connections[0]?.sinceUs);
    assert.equal((alert.earliestGiveUpUs ?? 0) - alert.fireUs, 685_000_000);
  });

  test('a socket whose process is still being looked up joins the alert of its process', () => {
    playAlerts(
      `
      0   open A unowned
      2   update A pid=1
      14  -         =>
      15  -         => fired 1 retransmitting>10.0.0.2:80 x1 @15
      `,
      { records: PEER },
    );
  });

  test('where no process is found for long, it is told without one', () => {
    playAlerts(
      `
      0    open A*3 unowned kind=connecting
      4.9  -        =>
      5    -        => fired pending connecting>10.0.0.2:80 x3 @5
      `,
      { records: PEER },
    );
  });

  test('it began with its first connection, also when that is gone', () => {
    const player = playAlerts(
      `
      0   open A
      10  open B
      16  -      => fired 1 retransmitting>10.0.0.2:80 x2 @15
      20  end A
      30  -      => updated 1 retransmitting>10.0.0.2:80 x1 @20.25
      `,
      { records: PEER },
    );
    assert.equal(player.effects[0]?.alert.startUs, player.effects[1]?.alert.startUs);
  });

  test('a connection that becomes an orphan leaves the alert of its process', () => {
    playAlerts(
      `
      0   open A
      15  -         => fired 1 retransmitting>10.0.0.2:80 x1 @15
      20  update A kind=closing orphan
      40  -         => resolved 1 retransmitting>10.0.0.2:80 x1 @30.25
      `,
      { records: PEER },
    );
  });
});
