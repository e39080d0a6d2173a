// Proves when "3 of 10" is told anew as sweeps count connections: once it is known, and when a reader would judge otherwise,
// and never with every sweep. That sweeps count right is shown by kernel/grouping.test.ts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AlertPlayer } from '../support/alert-scenario.js';

/** Three connections to one peer are stuck; the first sweep after it fired says how many there are. */
function firing(total: { value: number | null }, stuck = 3): AlertPlayer {
  const player = new AlertPlayer({ records: 'peer=10.0.0.2:80', totals: { ofDestination: () => total.value } });
  const told = total.value === null ? '' : `/${total.value}`;
  player.playAll(`
    0   open A*${stuck}
    15  -  => fired 1 retransmitting>10.0.0.2:80 x${stuck}${told} @15
  `);
  return player;
}

describe('the total of an alert', () => {
  test('is told as soon as it is known, but no sooner than changes are told', () => {
    const total: { value: number | null } = { value: null };
    const player = firing(total);
    player.playAll('16 counted =>');
    total.value = 10;
    player.playAll(`
      17  counted =>
      19  counted =>
      21  -       => updated 1 retransmitting>10.0.0.2:80 x3/10 @20
      40  counted =>
    `);
  });

  test('that it is not known any more is no news', () => {
    const total: { value: number | null } = { value: 10 };
    const player = firing(total);
    total.value = null;
    player.playAll('30 counted =>\n60 - =>');
  });

  test('small changes are not told, until they add up to a fifth', () => {
    const total = { value: 10 };
    const player = firing(total);
    for (const [index, value] of [11, 9, 12, 10, 12].entries()) {
      total.value = value;
      player.playAll(`${30 + 10 * index} counted =>`);
    }
    total.value = 13;
    player.playAll('100 counted => updated 1 retransmitting>10.0.0.2:80 x3/13 @100');
    total.value = 10;
    player.playAll('110 counted => updated 1 retransmitting>10.0.0.2:80 x3/10 @110');
  });

  test('that it is all of them, or no longer, is told however little that is', () => {
    const total = { value: 40 };
    const player = firing(total, 40);
    total.value = 41;
    player.playAll('30 counted => updated 1 retransmitting>10.0.0.2:80 x40/41 @30');
    total.value = 40;
    player.playAll('40 counted => updated 1 retransmitting>10.0.0.2:80 x40/40 @40');
    total.value = 39;
    player.playAll('50 counted =>');
  });

  test('one that jumps with every sweep is told no more often than other changes', () => {
    const total = { value: 100 };
    const player = firing(total, 1);
    for (let second = 16; second < 116; second += 2) {
      total.value = second % 4 === 0 ? 10 : 100;
      player.unheard(`${second} counted`);
    }
    assert.ok(player.count('updated') <= 20, `${player.count('updated')} updates in 100 s`);
    assert.ok(player.count('updated') >= 10);
  });

  test('of one alert for several processes it is that of the peer', () => {
    const total: { value: number | null } = { value: null };
    const player = new AlertPlayer({
      records: 'peer=10.0.0.2:80 pid=each',
      totals: { ofPeer: () => total.value, ofDestination: () => 1 },
    });
    player.playAll('0 open A*6\n15 - => fired 6 processes retransmitting>10.0.0.2:80 x6 @15');
    total.value = 240;
    player.playAll('30 counted => updated 6 processes retransmitting>10.0.0.2:80 x6/240 @30');
  });

  test('what has ceased to hold is not told about', () => {
    const total = { value: 10 };
    const player = firing(total);
    player.playAll('30 end A*3 =>');
    total.value = 100;
    player.playAll(`
      32  counted =>
      60  -       => resolved 1 retransmitting>10.0.0.2:80 x3/10 @40.25
    `);
  });
});
