/**
 * Proves that the table of the sweep compares each size with every peer that is there, says which peer is missing, and that
 * the contract's figure is that of the largest size.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListingTool, ToolName } from '../../bench/listing-tools.js';
import { type SizeResult, summarize } from '../../bench/sweep-table.js';

function tool(title: string): ListingTool {
  return { title, items: 'things', argv: [], count: Number };
}

/** A sweep of 1 us a socket after 1 ms; `ss` is quadratic. */
function size(connections: number, tools: readonly ToolName[]): SizeResult {
  const listing = { wallMs: connections ** 2 / 1000, count: connections };
  return {
    connections,
    rounds: 3,
    tools: new Map(tools.map((name) => [name, listing])),
    sweep: { wallMs: 1 + (2 * connections) / 1000, count: 2 * connections },
    countingMs: 3 * (1 + (2 * connections) / 1000),
    emptyMs: 0.5 + connections / 1000,
  };
}

const TOOLS = new Map<ToolName, ListingTool>([
  ['ss', tool('ss')],
  ['lsof', tool('lsof')],
]);

test('each size is compared with every peer, and so is what one more adds', () => {
  const sizes = [size(100, ['ss', 'lsof']), size(1000, ['ss', 'lsof'])];
  const { rows, figures, headline } = summarize(sizes, TOOLS);
  assert.deepEqual(
    rows.map(({ compared }) => compared.split(':')[0]),
    [
      ...['ss', 'lsof', 'iterator that reads nothing', 'where nothing is stuck'],
      ...['ss', 'lsof', 'iterator that reads nothing', 'where nothing is stuck'],
      ...['ss', 'lsof', 'iterator'],
    ],
  );
  assert.deepEqual(figures['slopes'], {
    '100-1000': { sweepUs: 1, emptyIteratorUs: 0.5, ssUs: 1100, lsofUs: 1100 },
  });
  // 1,000 us a connection against 1.5 us a socket.
  assert.deepEqual(headline, { ratioVsSs: 666.7 });
});

test('a peer that is not installed is left out with a line that says so', () => {
  const { rows, headline } = summarize([size(100, ['ss'])], new Map([['ss', tool('ss')]]));
  assert.deepEqual(rows.at(-1), { what: 'lsof', measured: 'not installed', compared: '', ratio: '' });
  assert.deepEqual(headline, { ratioVsSs: 16.67 });
});
