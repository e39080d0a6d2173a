// Proves what asking many nodes costs when some of them take too long: an answer as a whole is given up after its time, and so
// is what was still under way for it; one that is written as it comes is not. The servers are real, and answer at once; what
// takes long is the question. And that --limit of peers is applied when all have been heard.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { NodeGroup } from '../../daemon/cli/nodes/node-group.js';
import { parseNodeSpecs } from '../../daemon/cli/nodes/node-specs.js';
import { createRecord, FakeRecords } from '../unit/rpc/sample-records.js';
import { RpcBench, startStuckctl } from './rpc-harness.js';

let bench: RpcBench;

beforeEach(() => {
  bench = new RpcBench();
});

afterEach(() => {
  bench.clean();
});

/** Two nodes, called by their addresses. */
async function open(timeoutMs: number): Promise<NodeGroup> {
  const addresses = ['a', 'b'].map((name) => `unix:${bench.directory.path}/${name}.sock`);
  for (const address of addresses) {
    await bench.serve({}, address);
  }
  const question = { specs: parseNodeSpecs(addresses), only: [], timeoutMs, auditTimeoutMs: timeoutMs };
  const group = await NodeGroup.open(question, undefined, () => Promise.resolve([]));
  bench.onClean(() => {
    group.close();
  });
  assert.equal(group.nodes.length, 2);
  return group;
}

test('an answer that does not end is given up, and its question hears of it', async () => {
  const group = await open(2000);
  const [slow] = group.nodes;
  let expiry: AbortSignal | undefined;
  const ended = group.ask(async (node, expired) => {
    if (node !== slow) {
      return 'answer';
    }
    expiry = expired;
    return new Promise<string>(() => undefined);
  });
  // What is written while it comes may take longer than all that.
  const written = group.ask(async () => (await ended).length, 'call');
  assert.deepEqual(
    (await ended).map(({ value }) => value),
    ['answer'],
  );
  assert.equal(expiry?.aborted, true);
  assert.deepEqual(
    group.unreachable.map(({ address, reason }) => [address, reason]),
    [[slow?.address, 'no complete answer within 2 s']],
  );
  assert.deepEqual(
    (await written).map(({ value }) => value),
    [1, 1],
  );
});

test('all are asked at the same time', async () => {
  const group = await open(60_000);
  let asked = 0;
  let everybody: () => void = () => undefined;
  const together = new Promise<void>((resolve) => {
    everybody = resolve;
  });
  const answers = await group.ask(async () => {
    asked += 1;
    if (asked === group.nodes.length) {
      everybody();
    }
    await together;
  });
  assert.equal(answers.length, 2);
});

test("peers --limit: the peer that most nodes are stuck to is no node's first", async () => {
  const serve = async (name: string, peers: readonly string[]): Promise<string> => {
    const records = peers.map((address, index) =>
      createRecord({ id: `${name}${String(index)}`, remote: { address, port: 80 } }),
    );
    const address = `unix:${bench.directory.path}/${name}.sock`;
    await bench.serve({ records: new FakeRecords(records) }, address);
    return address;
  };
  const addresses = [
    await serve('a', ['10.0.0.1', '10.0.0.1', '10.0.0.9']),
    await serve('b', ['10.0.0.2', '10.0.0.2', '10.0.0.9']),
  ];
  const { code, stdout } = await startStuckctl(['peers', '--limit', '1', '-o', 'jsonl'], {
    STUCKD_ADDRESS: addresses.join(','),
  }).ended;
  assert.equal(code, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /"address":"10\.0\.0\.9"/);
});
