// Proves what a process that talks to many peers has when all of them are gone: one alert, which comes apart again without a
// flood, survives a restart, and is as bounded as any other.
// It cannot prove what a storm of real connections costs; the bench does.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nextDeadlineUs } from '../../daemon/core/alerts/alerts.js';
import { AlertPlayer } from '../support/alert-scenario.js';

/** So that stories stay short. */
const SIX = { config: { collapsePeers: 6 } };

function openPeers(player: AlertPlayer, second: number, from: number, to: number, words = ''): void {
  for (let peer = from; peer <= to; peer += 1) {
    player.unheard(`${second} open P${peer}${words.replaceAll(/\W/gu, '')} peer=10.0.0.${peer}:80 ${words}`);
  }
}

function endPeers(player: AlertPlayer, second: number, from: number, to: number): void {
  for (let peer = from; peer <= to; peer += 1) {
    player.unheard(`${second} end P${peer}`);
  }
}

function each(kind: string, from: number, to: number, second: number): string {
  const peers = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return peers.map((peer) => `${kind} 1 retransmitting>10.0.0.${peer}:80 x1 @${second}`).join('; ');
}

describe('one process and many peers', () => {
  test('a crawler that loses a thousand peers: one alert, told a few times', () => {
    const player = new AlertPlayer({ totals: { ofDestination: () => 2 } });
    for (let peer = 0; peer < 1000; peer += 1) {
      player.unheard(`${peer / 500} open P${peer} peer=10.0.${peer >> 8}.${peer & 255}:80`);
    }
    player.runTo(60);
    assert.equal(player.count('fired'), 1);
    assert.ok(player.count('updated') <= 1, `${player.count('updated')} updates`);
    const alert = player.alert('1');
    assert.deepEqual([alert.peer, alert.peerCount, alert.stuckCount, alert.totalCount], [null, 1000, 1000, 2000]);
    assert.equal(alert.connections.length, 5);
    for (let peer = 0; peer < 1000; peer += 1) {
      player.unheard(`${60 + peer / 500} end P${peer}`);
    }
    player.runTo(100);
    assert.equal(player.count('resolved'), 1);
    assert.equal(player.effects.length, player.count('updated') + 2);
    const { targets, places, crowds, firing } = player.state;
    assert.equal(targets.size + places.size + crowds.size + firing, 0, 'nothing is left');
    assert.equal(nextDeadlineUs(player.state), null);
  });

  test('many processes and one peer are no crowd; other processes, and other kinds, have alerts of their own', () => {
    const player = new AlertPlayer({ config: { collapsePeers: 6, collapseProcesses: 0 } });
    player.unheard('0 open A*7 pid=each peer=10.0.0.1:80');
    openPeers(player, 0, 11, 15, 'pid=1');
    openPeers(player, 0, 21, 25, 'pid=2 kind=zero_window');
    openPeers(player, 0, 31, 35, 'pid=60');
    player.runTo(16);
    assert.equal(player.count('fired'), 6 + 1 + 5 + 5);
    assert.deepEqual(
      player.effects.filter(({ alert }) => alert.peerCount > 0).map(({ alert }) => alert.process?.pid),
      [1],
    );
  });

  test('how many connections there are is told when a sweep knows it', () => {
    const total: { value: number | null } = { value: null };
    const player = new AlertPlayer({ ...SIX, totals: { ofDestination: () => total.value } });
    openPeers(player, 0, 1, 8);
    player.playAll('16 - => fired 1 retransmitting>8 peers x8 @15');
    total.value = 3;
    player.playAll('30 counted => updated 1 retransmitting>8 peers x8/24 @30\n40 counted =>');
  });

  test('with the sixth peer five alerts become one; with two left it comes apart, and nothing waits', () => {
    const player = new AlertPlayer(SIX);
    openPeers(player, 0, 1, 5);
    player.playAll(`16 - => ${each('fired', 1, 5, 15)}`);
    openPeers(player, 20, 6, 6);
    player.playAll(`34 - =>
      36 - => fired 1 retransmitting>6 peers x6 @35; ${each('resolved', 1, 5, 35)}`);
    endPeers(player, 40, 1, 3);
    player.playAll('59 - => updated 1 retransmitting>3 peers x3 @40.5');
    endPeers(player, 60, 4, 4);
    player.playAll(
      `71 - => updated 1 retransmitting>2 peers x2 @60.5; resolved 1 retransmitting>2 peers x2 @70.5; ${each('fired', 5, 6, 70.5)}`,
    );
    assert.equal(player.state.firing, 2);
  });

  test('one alert for several processes goes on without the one that has a crowd, and takes it back', () => {
    const player = new AlertPlayer(SIX);
    player.unheard('0 open A*5 pid=each peer=10.0.0.1:80');
    player.playAll('16 - => fired 5 processes retransmitting>10.0.0.1:80 x5 @15');
    openPeers(player, 20, 2, 6, 'pid=1');
    player.playAll(
      '36 - => fired 1 retransmitting>6 peers x6 @35; updated 4 processes retransmitting>10.0.0.1:80 x4 @35',
    );
    for (let peer = 2; peer <= 6; peer += 1) {
      player.unheard(`40 end P${peer}pid1`);
    }
    player.unheard('49 -');
    player.playAll(
      '51 - => resolved 1 retransmitting>1 peers x1 @50.5; updated 5 processes retransmitting>10.0.0.1:80 x5 @50.5',
    );
  });

  test('it ends when all of its processes have crowds', () => {
    const player = new AlertPlayer({ config: { collapsePeers: 6, collapseProcesses: 2 } });
    player.unheard('0 open A*2 pid=each peer=10.0.0.1:80');
    player.playAll('16 - => fired 2 processes retransmitting>10.0.0.1:80 x2 @15');
    openPeers(player, 20, 2, 6, 'pid=1');
    openPeers(player, 20, 2, 6, 'pid=2');
    player.playAll(
      '36 - => fired 1 retransmitting>6 peers x6 @35; fired 2 retransmitting>6 peers x6 @35; resolved 2 processes retransmitting>10.0.0.1:80 x2 @35',
    );
    assert.equal(player.state.firing, 2);
  });

  test('what has been told in one form does not wait to be told in the other', () => {
    const player = new AlertPlayer(SIX);
    openPeers(player, 0, 11, 18);
    endPeers(player, 17, 11, 18);
    player.unheard('100 open Q peer=10.0.0.6:80');
    player.unheard('116 end Q');
    player.unheard('199 -');
    // By now the crowd and the sixth peer have had an alert that ended: each would wait for 30 s.
    openPeers(player, 200, 1, 5);
    player.playAll(`216 - => ${each('fired', 1, 5, 215)}`);
    openPeers(player, 220, 6, 6);
    player.playAll(`236 - => fired 1 retransmitting>6 peers x6 @235; ${each('resolved', 1, 5, 235)}`);
    endPeers(player, 240, 1, 4);
    player.unheard('250 -');
    player.playAll(`251 - => resolved 1 retransmitting>2 peers x2 @250.5; ${each('fired', 5, 6, 250.5)}`);
  });

  test('it comes back later each time, and is told once more', () => {
    const player = new AlertPlayer(SIX);
    for (const [second, fires] of [
      [0, 15],
      [100, 145],
      [300, 375],
    ] as const) {
      openPeers(player, second, second + 1, second + 8);
      player.playAll(`${fires - 0.5} - =>\n${fires + 1} - => fired 1 retransmitting>8 peers x8 @${fires}`);
      endPeers(player, fires + 2, second + 1, second + 8);
      player.unheard(`${fires + 20} -`);
    }
    assert.equal(player.count('fired'), 3);
    assert.equal(player.count('resolved'), 3);
  });

  test('never, if it is switched off; at once, if it is switched off while it is one', () => {
    const player = new AlertPlayer({ config: { collapsePeers: 0 } });
    openPeers(player, 0, 1, 40);
    player.runTo(20);
    assert.equal(player.count('fired'), 40);
    player.configure({ collapsePeers: 20 });
    player.runTo(30);
    assert.equal(player.state.firing, 1);
    player.configure({ collapsePeers: 0 });
    player.runTo(50);
    assert.equal(player.state.firing, 40);
  });

  test('over a restart of the daemon it stays one, while its connections come back one by one', () => {
    const player = new AlertPlayer(SIX);
    openPeers(player, 0, 1, 8);
    player.playAll(`16 - => fired 1 retransmitting>8 peers x8 @15
      100 restart => restored 1 retransmitting>8 peers x8 @100
      101 open P1
      130 - =>`);
    for (let peer = 2; peer <= 8; peer += 1) {
      player.unheard(`131 open P${peer}`);
    }
    player.playAll('132 settled => updated 1 retransmitting>8 peers x8 @132\n140 - =>');
    endPeers(player, 150, 1, 8);
    player.playAll('170 - => resolved 1 retransmitting>8 peers x8 @160.5');
    assert.equal(new Set(player.effects.map(({ alert }) => alert.id)).size, 1);
  });

  test('requests on connections that were gone already, to many peers', () => {
    const player = new AlertPlayer({ ...SIX, records: 'kind=stale_reuse' });
    for (let peer = 1; peer <= 8; peer += 1) {
      player.unheard(`0 open P${peer}*3 peer=10.0.0.${peer}:80`);
      player.unheard(`0 end P${peer}*3`);
    }
    player.playAll(`1 - => fired 1 stale_reuse>8 peers x24 @0.25
      299 - =>
      301 - => resolved 1 stale_reuse>8 peers x24 @300.25`);
  });

  test('where there is no room it is counted once, and fires when there is', () => {
    const player = new AlertPlayer({ config: { collapsePeers: 6, maxFiring: 1 } });
    player.unheard('0 open A kind=unread');
    openPeers(player, 0, 1, 8);
    player.runTo(60);
    assert.equal(player.count('fired'), 1);
    assert.equal(player.state.counters.alertsRefused, 1);
    player.unheard('60 end A');
    player.runTo(90);
    assert.equal(player.effects.at(-1)?.alert.peerCount, 8);
  });
});
