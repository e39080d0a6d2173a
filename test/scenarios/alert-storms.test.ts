// Proves what becomes of many alerts at once: one peer's alerts collapse into one and come apart again without a flood,
// conditions that come and go fire later and later but never stay unheard, and every table has a bound that is counted.
// It cannot prove what a storm of real connections costs; the bench does.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_ALERT_CONFIG } from '../../daemon/core/alerts/alert-config.js';
import { alertProblems } from '../../daemon/core/alerts/alert-problems.js';
import { nextDeadlineUs } from '../../daemon/core/alerts/alerts.js';
import { AlertPlayer, playAlerts } from '../support/alert-scenario.js';

const PEER = 'peer=10.0.0.2:80';

describe('collapse', () => {
  test('five processes and one peer: one alert', () => {
    playAlerts(
      `
      0   open A*5 pid=each
      1   open B*5 pid=each
      15  -        => fired 5 processes retransmitting>10.0.0.2:80 x10/240 @15
      20  end A*5
      21  -        => updated 5 processes retransmitting>10.0.0.2:80 x5/240 @20.25
      30  end B*5
      41  -        => resolved 5 processes retransmitting>10.0.0.2:80 x5/240 @40.25
      `,
      { records: PEER, totals: { ofPeer: () => 240 } },
    );
  });

  test('four processes: four alerts; with the fifth they become one', () => {
    playAlerts(
      `
      0    open A*4 pid=each
      16   -         => ${[1, 2, 3, 4].map((pid) => `fired ${pid} retransmitting>10.0.0.2:80 x1 @15`).join('; ')}
      100  open B pid=5
      114  -         =>
      116  -         => fired 5 processes retransmitting>10.0.0.2:80 x5 @115; ${[1, 2, 3, 4].map((pid) => `resolved ${pid} retransmitting>10.0.0.2:80 x1 @115`).join('; ')}
      `,
      { records: PEER },
    );
  });

  test('it stays one alert with three processes, and comes apart when two are left for a while', () => {
    playAlerts(
      `
      0   open A*6 pid=each
      15  -        => fired 6 processes retransmitting>10.0.0.2:80 x6 @15
      30  end A1
      30  end A2
      30  end A3
      60  -        => updated 3 processes retransmitting>10.0.0.2:80 x3 @30.25
      70  end A4
      79  -        => updated 2 processes retransmitting>10.0.0.2:80 x2 @70.25
      81  -        => resolved 2 processes retransmitting>10.0.0.2:80 x2 @80.25; fired 5 retransmitting>10.0.0.2:80 x1 @80.25; fired 6 retransmitting>10.0.0.2:80 x1 @80.25
      `,
      { records: PEER },
    );
  });

  test('a storm of 1000 processes with 50 connections each is one alert, told a few times', () => {
    const player = new AlertPlayer({ records: PEER });
    for (let round = 0; round < 50; round += 1) {
      player.unheard(`${round / 10} open R${round}-*1000 pid=each`);
    }
    player.runTo(60);
    assert.equal(player.count('fired'), 1);
    assert.ok(player.count('updated') <= 2, `${player.count('updated')} updates`);
    assert.equal(player.effects.at(-1)?.alert.stuckCount, 50_000);
    assert.equal(player.effects.at(-1)?.alert.processCount, 1000);
    for (let round = 0; round < 50; round += 1) {
      player.unheard(`${60 + round / 10} end R${round}-*1000`);
    }
    player.runTo(200);
    assert.equal(player.count('resolved'), 1);
    assert.equal(player.effects.length, player.count('updated') + 2);
    assert.ok(player.count('updated') <= 6);
    assert.equal(player.state.targets.size + player.state.places.size, 0, 'nothing is left');
    assert.equal(nextDeadlineUs(player.state), null);
  });

  test('processes that get stuck one after the other fire four alerts at most before they are one', () => {
    const player = new AlertPlayer({ records: PEER });
    for (let pid = 1; pid <= 200; pid += 1) {
      player.unheard(`${pid * 20} open A${pid} pid=${pid}`);
    }
    player.runTo(5000);
    assert.equal(player.count('fired'), 5);
    assert.equal(player.count('resolved'), 4);
  });

  test('never, if it is switched off; at once, if it is switched off while it is one', () => {
    const player = playAlerts('0 open A*6 pid=each\n16 - => fired 6 processes retransmitting>10.0.0.2:80 x6 @15', {
      records: PEER,
    });
    player.configure({ collapseProcesses: 0 });
    player.runTo(40);
    assert.equal(player.count('fired'), 7);
    assert.equal(player.state.firing, 6);
  });

  test('the same loopback address in two namespaces is two peers; any other address is one', () => {
    playAlerts(`
      0   open A*3 pid=each peer=127.0.0.1:80 netns=1
      0   open B*2 pid=each peer=127.0.0.1:80 netns=2
      0   open C*3 pid=each peer=10.0.0.1:80 netns=1
      0   open D*2 pid=each peer=10.0.0.1:80 netns=2
      0   open E pid=4 peer=10.0.0.1:80 netns=2
      0   open F pid=5 peer=10.0.0.1:80 netns=1
      15  -  => ${[
        'fired 1 retransmitting>127.0.0.1:80 x1 @15',
        'fired 2 retransmitting>127.0.0.1:80 x1 @15',
        'fired 3 retransmitting>127.0.0.1:80 x1 @15',
        'fired 1 retransmitting>127.0.0.1:80 x1 @15',
        'fired 2 retransmitting>127.0.0.1:80 x1 @15',
        'fired 5 processes retransmitting>10.0.0.1:80 x7 @15',
      ].join('; ')}
    `);
  });

  test('the same port in two namespaces is two services', () => {
    playAlerts(`
      0    open A*12 in=443 netns=1
      0    open B*12 in=443 netns=2
      0    open C*3 pid=each kind=accept_queue_full in=80 netns=1
      0    open D*3 pid=each kind=accept_queue_full in=80 netns=2
      999  -  => ${[1, 2, 3, 1, 2, 3].map((pid) => `fired ${pid} accept_queue_full<80 x1 @15`).join('; ')}
    `);
  });

  test('what only the number in one process makes a problem is told by process', () => {
    playAlerts(`
      0  open A*5 kind=closing pid=1
      0  open B*250 kind=zombie pid=each
      1  -       =>
      2  open C*5 kind=zombie pid=1
      2  open D*5 kind=zombie pid=2
      2  open E*5 kind=zombie pid=3
      2  open F*5 kind=zombie pid=4
      2  open G*5 kind=zombie pid=5
      3  -       => ${[1, 2, 3, 4, 5].map((pid) => `fired ${pid} zombie x6 @2.25`).join('; ')}
    `);
  });

  test('where no process is known, none is counted', () => {
    playAlerts(
      `
      0   open A*4 pid=each
      0   open B unowned
      15  -  => ${[1, 2, 3, 4].map((pid) => `fired ${pid} retransmitting>10.0.0.2:80 x1 @15`).join('; ')}; fired pending retransmitting>10.0.0.2:80 x1 @15
      `,
      { records: PEER },
    );
  });
});

describe('flapping', () => {
  test('a condition that comes back fires later each time; the first time it is not delayed', () => {
    const player = new AlertPlayer({ records: PEER });
    const delays: number[] = [];
    let second = 0;
    for (let round = 0; round < 8; round += 1) {
      const before = player.count('fired');
      player.unheard(`${second} open A${round}`);
      const openUs = second;
      while (player.count('fired') === before) {
        second += 1;
        player.runTo(second);
      }
      delays.push(second - openUs);
      player.unheard(`${second} end A${round}`);
      second += 20;
      player.runTo(second);
    }
    assert.deepEqual(delays, [15, 45, 75, 135, 255, 495, 915, 915]);
  });

  test('four processes that lose a peer once: that was one time, however many alerts told of it', () => {
    const fired = (second: number): string =>
      [1, 2, 3, 4].map((pid) => `fired ${pid} retransmitting>10.0.0.2:80 x1 @${second}`).join('; ');
    const player = playAlerts(`0 open A*4 pid=each\n20 - => ${fired(15)}`, { records: PEER });
    player.unheard('20 end A1');
    player.unheard('25 end A2');
    player.unheard('60 end A3');
    player.unheard('60 end A4');
    assert.equal(player.count('resolved'), 2);
    player.unheard('99 -');
    assert.equal(player.count('resolved'), 4);
    player.playAll(`100 open B*4 pid=each\n144 - =>\n145 - => ${fired(145)}`);
    player.unheard('150 end B*4');
    // The second time is counted once as well.
    player.unheard('199 -');
    player.playAll(`200 open C*4 pid=each\n274 - =>\n275 - => ${fired(275)}`);
  });

  test('what recovers during the delay is told to nobody', () => {
    playAlerts(
      `
      0    open A
      15   -         => fired 1 retransmitting>10.0.0.2:80 x1 @15
      16   end A
      30   -         => resolved 1 retransmitting>10.0.0.2:80 x1 @26.25
      31   open B
      75   end B
      200  -         =>
      `,
      { records: PEER },
    );
  });

  test('after an hour of quiet it is new again', () => {
    playAlerts(
      `
      0     open A
      16    end A    => fired 1 retransmitting>10.0.0.2:80 x1 @15
      30    -        => resolved 1 retransmitting>10.0.0.2:80 x1 @26.25
      3630  open B
      3646  -        => fired 1 retransmitting>10.0.0.2:80 x1 @3645
      `,
      { records: PEER },
    );
  });

  test('a process that crashes and comes back with another pid is the same condition; another program is not', () => {
    playAlerts(
      `
      0   open A unit=web.service
      16  end A               => fired 1 retransmitting>10.0.0.2:80 x1 @15
      30  -                   => resolved 1 retransmitting>10.0.0.2:80 x1 @26.25
      40  open B pid=2 unit=web.service
      40  open C pid=3 unit=api.service
      56  -                   => fired 3 retransmitting>10.0.0.2:80 x1 @55
      86  -                   => fired 2 retransmitting>10.0.0.2:80 x1 @85
      `,
      { records: PEER },
    );
  });
});

describe('bounds', () => {
  test('alerts that find no room are counted once, and fire when there is room', () => {
    const player = new AlertPlayer({ config: { maxFiring: 2 } });
    for (let port = 1; port <= 3; port += 1) {
      player.unheard(`0 open A${port} peer=10.0.0.2:${port}`);
    }
    player.runTo(60);
    assert.equal(player.count('fired'), 2);
    assert.equal(player.state.counters.alertsRefused, 1);
    player.unheard('60 end A1');
    player.runTo(100);
    assert.equal(player.count('fired'), 3);
    assert.equal(player.state.firing, 2);
  });

  test('an alert for several processes that finds no room is counted once, and fires when there is room', () => {
    const player = new AlertPlayer({ config: { maxFiring: 1 } });
    player.unheard('0 open A peer=10.0.0.3:80');
    player.unheard('1 open B*5 pid=each peer=10.0.0.2:80');
    player.runTo(60);
    assert.equal(player.count('fired'), 1);
    assert.equal(player.state.counters.alertsRefused, 1);
    player.unheard('60 end A');
    player.runTo(100);
    assert.equal(player.effects.at(-1)?.alert.processCount, 5);
    assert.equal(player.state.counters.alertsRefused, 1);
    assert.deepEqual(alertProblems(player.state), [
      '1 alerts are firing, and no more can ("alerts.maxFiring"); since the start 1 had to wait for room',
    ]);
    player.unheard('100 end B*5');
    player.runTo(120);
    assert.deepEqual(alertProblems(player.state), [], 'there is room again');
  });

  test('records that find no room are counted, each once', () => {
    const player = new AlertPlayer({ config: { maxMembers: 10 } });
    player.unheard('0 open A*12');
    player.unheard('1 update A*12');
    player.unheard('2 update A*12');
    player.runTo(20);
    assert.equal(player.state.counters.membersRefused, 2);
    assert.deepEqual(alertProblems(player.state), [
      'the alert rules look at 10 stuck connections, and at no more; since the start 2 were left out',
    ]);
    assert.equal(player.effects[0]?.alert.stuckCount, 10);
  });

  test('ends of conditions are forgotten, the oldest first', () => {
    const damping = DEFAULT_ALERT_CONFIG.damping;
    const player = new AlertPlayer({ config: { maxDamped: 3, damping } });
    for (let port = 1; port <= 5; port += 1) {
      player.unheard(`${port * 100} open A${port} peer=10.0.0.2:${port}`);
      player.unheard(`${port * 100 + 50} end A${port}`);
    }
    player.runTo(1000);
    assert.equal(player.count('resolved'), 5);
    assert.equal(player.state.ends.size, 3);
  });
});
