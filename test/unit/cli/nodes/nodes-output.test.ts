// Proves what is said of nodes that did not answer, and with which exit code; what is from outside is harmless on a terminal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CliIo, EXIT } from '../../../../daemon/cli/cli-io.js';
import type { Node, Unreachable } from '../../../../daemon/cli/nodes/node-group.js';
import { nodeColumn, tellUnreachable } from '../../../../daemon/cli/nodes/nodes-output.js';

const silent = (index: number, failed = false): Unreachable => ({
  ...{ node: `web-${index}\u001b[2J`, address: `h:${index}`, reason: `no\u0007 answer ${index}`, failed },
});

function tell(unreachable: readonly Unreachable[], answered: number): { code: number; told: string } {
  let told = '';
  const io = {
    writeError: (text: string) => {
      told += text;
    },
  } as unknown as CliIo;
  const nodes = Array.from({ length: answered }, () => ({}) as Node);
  return { code: tellUnreachable({ nodes, unreachable: [...unreachable] }, answered, io), told };
}

test('the first ten are named, the others counted', () => {
  const { code, told } = tell(
    Array.from({ length: 12 }, (_, index) => silent(index)),
    3,
  );
  assert.equal(code, EXIT.PARTIAL);
  assert.match(told, /^stuckctl: 12 nodes of 15 did not answer; what is shown is of the others\n/);
  assert.equal(told.match(/^ {2}web-/gm)?.length, 10);
  assert.match(told, /\n {2}and 2 more, see -o json\n$/);
  assert.ok(!told.includes('\u001b') && !told.includes('\u0007'));
});

test('nobody is there, or nobody takes the question', () => {
  assert.equal(tell([silent(1), silent(2, true)], 0).code, EXIT.UNREACHABLE);
  assert.match(tell([silent(1)], 0).told, /none answered/);
  assert.equal(tell([silent(1, true), silent(2, true)], 0).code, EXIT.FAILED);
  assert.equal(tell([], 0).code, EXIT.FAILED);
  assert.deepEqual(tell([], 2), { code: EXIT.OK, told: '' });
});

test('a node is named in a table as a terminal can show it', () => {
  const row = {};
  const { cell } = nodeColumn<object>(new Map([[row, { name: 'a\u001b[2Jb' } as Node]]));
  assert.ok(!cell(row).includes('\u001b'));
  assert.match(cell(row), /^a.*b$/);
  assert.equal(cell({}), '');
});
