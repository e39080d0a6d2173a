// Proves the texts of which the lab is made: names that tell their maker, and firewall scripts. That the scripts do what
// they say is the matter of test/kernel/lab.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutScript, droppedPackets, lossScript } from '../../../daemon/demo/lab/firewall.js';
import { creatorOf, namespaceName } from '../../../daemon/demo/lab/names.js';

test('a name tells its maker, and names of others tell nothing', () => {
  assert.equal(namespaceName(4_194_304, 12, 'client'), 'stuckd-4194304-12-client');
  assert.equal(creatorOf(namespaceName(77, 1, 'a')), 77);
  const foreign = [
    'stuckd',
    'stuckd-1',
    'stuckd-prod',
    'stuckd-0-1-a',
    'x-stuckd-1-1-a',
    'stuckd-1-1-a-b',
    'stuckd-1-1-../a',
  ];
  for (const name of foreign) {
    assert.equal(creatorOf(name), undefined, name);
  }
  for (const label of ['', 'A', 'a/b', 'a b', 'x'.repeat(17)]) {
    assert.throws(() => namespaceName(1, 1, label), RangeError);
  }
});

test('a cut lets neighbour discovery pass before it drops', () => {
  const lines = cutScript('t', 'eth9').split('\n');
  const pass = lines.findIndex((line) => line.includes('nd-neighbor-solicit, nd-neighbor-advert } accept'));
  const drop = lines.findIndex((line) => line === 'iifname "eth9" counter drop');
  assert.ok(pass > 0 && drop > pass);
});

test('a loss is a share of 10000', () => {
  assert.match(lossScript('t', 'd', 30), /numgen random mod 10000 < 3000 counter drop/);
  assert.match(lossScript('t', 'd', 0.01), /< 1 counter drop/);
  for (const percent of [-1, 101, Number.NaN]) {
    assert.throws(() => lossScript('t', 'd', percent), RangeError);
  }
});

test('the count of dropped packets is found in a listing', () => {
  assert.equal(droppedPackets('iifname "d" counter packets 123 bytes 4567 drop'), 123);
  assert.equal(droppedPackets('nothing here'), 0);
});
