// Proves every command of stuckctl, as a process, against nine nodes at once: real gRPC servers with what they hold given by
// the test. What is shown in tables, JSON and JSON lines, that one address gives what it always gave, the exit codes, --node
// and --limit, watches that merge, and a node whose answer is cut off. Ten real daemons, frozen, killed and lost, are in
// kernel/many-nodes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { NO_PEER_TOTALS, type PeerTotals } from '../../daemon/core/sweep-totals.js';
import { FakeAudits } from '../support/fake-audits.js';
import { waitFor } from '../support/wait-for.js';
import { createAlert, FakeAlerts } from '../unit/rpc/sample-alerts.js';
import {
  createRecord,
  createStatus,
  createStatusSource,
  EPOCH_MONO_US,
  FakeRecords,
} from '../unit/rpc/sample-records.js';
import { RpcBench, startStuckctl, type StuckctlProcess } from './rpc-harness.js';

const NODES = 9;
const HOLED = 7;
const PEER = '10.0.0.2:8000';

/** All connections to the peer are stuck, and new ones fail. */
const DEAD: PeerTotals = {
  ...NO_PEER_TOTALS,
  ofPeer: () => 1,
  ofDestination: () => 1,
  ofProcess: () => 12,
  newConnections: () => ({ succeeded: 0, failed: 3, lastSuccessUs: null, lastFailureUs: EPOCH_MONO_US - 4e6 }),
  signsOf: () => ({ lastHeardUs: null, connecting: 0 }),
};

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Line {
  readonly node: string;
  readonly address: string;
  readonly item?: Readonly<Record<string, unknown>>;
  readonly unreachable?: string;
  readonly event?: string;
}

/** What `-o json` writes. */
interface Document {
  readonly peers: readonly Readonly<Record<string, unknown>>[];
  readonly nodes: readonly { readonly node: string; readonly address: string; readonly response: unknown }[];
  readonly unreachable: readonly { readonly node: string; readonly reason: string }[];
}

type Counts = Readonly<Record<string, number>>;

interface AuditDocument {
  readonly summary: { readonly outbound: { readonly worst: Counts } };
  readonly nodes: readonly { readonly response: Pick<AuditDocument, 'summary'> }[];
}

const parse = (text: string): unknown => JSON.parse(text);
const parseDocument = (text: string): Document => JSON.parse(text) as Document;
const lines = (stdout: string): Line[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => parse(line) as Line);

describe('nine nodes', () => {
  let bench: RpcBench;
  let addresses: readonly string[];
  const records: FakeRecords[] = [];

  before(async () => {
    bench = new RpcBench();
    addresses = Array.from({ length: NODES }, (_, index) => `unix:${bench.directory.path}/${String(index + 1)}.sock`);
    for (const [index, address] of addresses.entries()) {
      // Later nodes detected earlier, so that the order of a list is not that of the nodes.
      const detectedUs = EPOCH_MONO_US - (index + 1) * 1e6;
      const held = new FakeRecords(index < HOLED ? [createRecord({ id: `c${String(index + 1)}`, detectedUs })] : []);
      records.push(held);
      const { node } = createStatus();
      const status = createStatus({ node: { ...node, hostname: `web-${String(index + 1)}` } });
      const alerts = new FakeAlerts(index === 0 ? [createAlert()] : []);
      const audits = new FakeAudits();
      const setup = { records: held, alerts, audits, totals: DEAD, status: createStatusSource(status) };
      await bench.serve(setup, address);
    }
  });

  after(() => {
    bench.clean();
  });

  const start = (args: readonly string[], nodes: readonly string[] = addresses): StuckctlProcess => {
    const stuckctl = startStuckctl(args, { STUCKD_ADDRESS: nodes.join(',') });
    bench.onClean(() => {
      stuckctl.child.kill('SIGKILL');
    });
    return stuckctl;
  };
  const run = async (...args: readonly string[]): Promise<Run> => start(args).ended;
  const lost = (): string => `unix:${bench.directory.path}/lost.sock`;

  test('peers: from how many nodes', async () => {
    const { code, stdout } = await run('peers');
    assert.equal(code, 0);
    const [header = '', row = '', ...sentences] = stdout.split('\n');
    assert.match(header, /^PEER +NODES +VERDICT +STUCK /);
    assert.match(row, /^10\.0\.0\.2:8000 +7 of 9 +dead_from_some +7 of 7 /);
    assert.match(
      sentences.join(' ').replaceAll(/\s+/g, ' '),
      /Black-holed from 7 of 9 nodes \(web-\d, .* and 2 more\), and new connections fail/,
    );
  });

  test('peers as JSON', async () => {
    const { stdout } = await run('peers', '-o', 'json');
    const { peers, nodes, unreachable } = parseDocument(stdout);
    assert.deepEqual([peers.length, nodes.length, unreachable.length], [1, NODES, 0]);
    const { nodeCount, answeredCount, askedCount, stuckCount, verdict } = peers[0] ?? {};
    assert.deepEqual(
      { nodeCount, answeredCount, askedCount, stuckCount, verdict },
      {
        ...{ nodeCount: HOLED, answeredCount: NODES, askedCount: NODES, stuckCount: HOLED },
        verdict: 'dead_from_some',
      },
    );
    const [line] = (await run('peers', '-o', 'jsonl')).stdout.trimEnd().split('\n');
    assert.deepEqual(parse(line ?? ''), peers[0]);
  });

  test('list: a column for the node, the oldest detection first', async () => {
    const { code, stdout } = await run('list');
    assert.equal(code, 0);
    const names = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    assert.deepEqual(names, ['NODE', 'web-7', 'web-6', 'web-5', 'web-4', 'web-3', 'web-2', 'web-1']);
  });

  test('each answer as JSON is what the node alone gives', async () => {
    for (const command of ['list', 'processes', 'peers', 'alerts', 'deliveries', 'status']) {
      const all = parseDocument((await run(command, '-o', 'json')).stdout);
      const first = all.nodes.find(({ node }) => node === 'web-1');
      const alone = await start([command, '-o', 'json'], addresses.slice(0, 1)).ended;
      assert.deepEqual(first, { node: 'web-1', address: addresses[0], response: parse(alone.stdout) }, command);
    }
  });

  test('each item as a line says its node', async () => {
    const found = lines((await run('list', '-o', 'jsonl')).stdout);
    assert.deepEqual(
      found.map(({ node, item }) => `${node} ${String(item?.['id'])}`).sort(),
      Array.from({ length: HOLED }, (_, index) => `web-${String(index + 1)} c${String(index + 1)}`),
    );
  });

  test('--limit is for all of them together', async () => {
    assert.equal((await run('list', '--limit', '3')).stdout.trimEnd().split('\n').length, 1 + 3);
    assert.equal(lines((await run('list', '--limit', '3', '-o', 'jsonl')).stdout).length, 3);
  });

  test('get finds the node that knows the record', async () => {
    const found = await run('get', 'c5');
    assert.match(found.stdout, /^Node web-5:\n/);
    assert.equal(found.code, 0);
    const none = await run('get', 'c99');
    assert.match(none.stderr, /no node that answered knows c99/);
    assert.equal(none.code, 1);
  });

  test('status and alerts', async () => {
    const status = (await run('status')).stdout;
    assert.match(status, /^NODE .*HEALTHY +STUCK/);
    assert.equal(status.match(/^web-\d /gm)?.length, NODES);
    assert.match((await run('alerts')).stdout, /^NODE .*\nweb-1 .*retransmitting/);
  });

  test('--node', async () => {
    const { code, stdout } = await run('status', '--node', 'web-2,web-3', '-o', 'jsonl');
    assert.equal(code, 0);
    assert.deepEqual(
      lines(stdout).map(({ node }) => node),
      ['web-2', 'web-3'],
    );
    const missing = await run('status', '--node', 'web-2', '--node', 'web-77');
    assert.equal(missing.code, 5);
    assert.match(missing.stderr, /web-77: no node that answers has this name$/m);
    // It is not known to be away: all of those that there are have said that they are others.
    assert.equal((await run('status', '--node', 'web-77')).code, 1);
    const silent = await start(['status', '--node', 'web-77'], [...addresses, lost()]).ended;
    assert.match(silent.stderr, /web-77: no node that answers has this name; 1 did not say theirs$/m);
    assert.equal(silent.code, 3);
  });

  test('--node with an address asks nobody else', async () => {
    const asked: Socket[] = [];
    const path = `${bench.directory.path}/frozen.sock`;
    const frozen = createServer((socket) => {
      asked.push(socket);
      // It hangs up, so that a stuckctl which asks does not wait for long.
      socket.destroy();
    }).listen(path);
    await once(frozen, 'listening');
    bench.onClean(() => frozen.close());
    const [first = ''] = addresses;
    const { code, stdout } = await start(['status', '--node', first, '-o', 'jsonl'], [first, `unix:${path}`]).ended;
    assert.equal(code, 0);
    assert.deepEqual(
      lines(stdout).map(({ address }) => address),
      [first],
    );
    assert.equal(asked.length, 0);
    const both = await start(['status', '-o', 'jsonl'], [first, `unix:${path}`]).ended;
    assert.match(lines(both.stdout).at(-1)?.unreachable ?? '', /^it hangs up: perhaps it asks for TLS/);
    assert.notEqual(asked.length, 0);
  });

  test('a node that is silent holds up the others for as long as --timeout says', async () => {
    const path = `${bench.directory.path}/silent.sock`;
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket)).listen(path);
    await once(silent, 'listening');
    bench.onClean(() => {
      for (const socket of sockets) {
        socket.destroy();
      }
      silent.close();
    });
    const nodes = [addresses[0] ?? '', `unix:${path}`];
    const { code, stdout } = await start(['list', '--timeout', '2s', '-o', 'jsonl'], nodes).ended;
    assert.equal(code, 5);
    assert.match(lines(stdout).at(-1)?.unreachable ?? '', /no answer within 2 s/);
  });

  test('peers: who does not answer is not counted among those that are well', async () => {
    const { code, stdout } = await start(['peers'], [...addresses.slice(0, 2), lost()]).ended;
    assert.equal(code, 5);
    assert.match(stdout, /^10\.0\.0\.2:8000 +2 of 3 +dead_from_some /m);
    assert.match(stdout.replaceAll(/\s+/g, ' '), /from all 2 nodes that answered, .* 1 node did not answer\./);
    const [line = ''] = (await start(['peers', '-o', 'jsonl'], [...addresses.slice(0, 2), lost()]).ended).stdout.split(
      '\n',
    );
    const { nodeCount, answeredCount, askedCount } = parse(line) as Readonly<Record<string, unknown>>;
    assert.deepEqual([nodeCount, answeredCount, askedCount], [2, 2, 3]);
    const one = await start(['peers'], [...addresses.slice(0, 1), lost()]).ended;
    assert.match(one.stdout, /^10\.0\.0\.2:8000 +web-1 +dead_from_some /m);
  });

  test('a file that names no node', async () => {
    const path = `${bench.directory.path}/empty`;
    writeFileSync(path, '# none yet\n');
    for (const command of ['list', 'watch']) {
      const { code, stderr } = await start([command], [`@${path}`]).ended;
      assert.equal(code, 2);
      assert.match(stderr, /empty names no node/);
    }
  });

  test('blanks around an address mean nothing, of one as of many', async () => {
    const { code, stderr } = await start(['status', '--address', ` ${addresses[0] ?? ''} `]).ended;
    assert.equal(code, 0, stderr);
  });

  test('a node that is not there', async () => {
    const some = await start(['list', '-o', 'json'], [...addresses, lost()]).ended;
    const { nodes, unreachable } = parseDocument(some.stdout);
    assert.equal(nodes.length, NODES);
    assert.deepEqual(
      unreachable.map(({ node }) => node),
      [lost()],
    );
    assert.match(unreachable[0]?.reason ?? '', /ENOENT/);
    assert.equal(some.code, 5);
    const line = lines((await start(['list', '-o', 'jsonl'], [...addresses, lost()]).ended).stdout).at(-1);
    assert.match(line?.unreachable ?? '', /ENOENT/);
    assert.equal((await start(['list'], [lost(), `${lost()}2`]).ended).code, 3);
    assert.equal((await start(['watch'], [lost(), `${lost()}2`]).ended).code, 3);
  });

  test('what makes one node do something is refused', async () => {
    for (const args of [['alerts', '--test', 'ops'], ['deliveries', '--retry', 'd1'], ['top']]) {
      const { code, stderr } = await run(...args);
      assert.match(stderr, /is for one node/);
      assert.equal(code, 2);
    }
  });

  test('audit: a column for the node, worst first, and the sums', async () => {
    const { code, stdout } = await run('audit', '--limit', '30');
    assert.equal(code, 0);
    assert.match(stdout, /^NODE +PROCESS +LEADING TO +CONNS/);
    const rows = stdout.match(/^web-\d .*$/gm) ?? [];
    assert.equal(rows.length, 30);
    // Each of nine has three or more that nothing ends: they come before those that keepalive ends, of whichever node.
    const bounded = rows.map((row) => !/ never +\d/.test(row));
    assert.ok(bounded.includes(true) && bounded.includes(false));
    assert.deepEqual(bounded, [...bounded].sort());
    assert.match(stdout, /^ {2}web-\d: \S+ has 1 connection to /m);
    assert.match(stdout, /on these 9 nodes\s+would hang a request\s+for more than\s+15 min/);
  });

  test('audit as JSON, and --fail-on, which comes before a node that is not there', async () => {
    const { nodes, summary } = parse((await run('audit', '-o', 'json')).stdout) as AuditDocument;
    const counts = nodes.map(({ response }) => response.summary.outbound.worst);
    const sum = (name: string): number => counts.reduce((total, each) => total + (each[name] ?? 0), 0);
    assert.equal(counts.length, NODES);
    for (const name of ['neverCount', 'overThresholdCount']) {
      assert.ok(sum(name) > NODES);
      assert.equal(summary.outbound.worst[name], sum(name), name);
    }
    const found = lines((await run('audit', '-o', 'jsonl', '--limit', '4')).stdout);
    assert.equal(found.length, 4);
    const some = [...addresses.slice(0, 2), lost()];
    assert.equal((await start(['audit', '--fail-on', 'never'], some).ended).code, 4);
    assert.equal((await start(['audit', '--fail-on', 'one_lost_probe'], some).ended).code, 5);
    const typo = ['audit', '--fail-on', 'never', '--unit', 'typo.service'];
    assert.equal((await start(typo, some).ended).code, 5);
    const { code, stderr } = await start(typo, addresses.slice(0, 2)).ended;
    assert.match(stderr, /no established connection matches the filters/);
    assert.equal(code, 1);
    assert.equal((await start(['audit', '-o', 'json'], [lost(), `${lost()}2`]).ended).code, 3);
  });

  test('watch merges, as text and as JSON', async () => {
    const [text, json] = [start(['watch']), start(['watch', '-o', 'jsonl'])];
    await waitFor(() => text.stderr().match(/following changes/g)?.length === NODES, { what: 'all nodes' });
    await waitFor(
      () =>
        json
          .stdout()
          .split('\n')
          .filter((line) => line.includes('snapshotEnd')).length === NODES,
      {
        what: 'all nodes as JSON',
      },
    );
    for (const [index, held] of records.slice(HOLED).entries()) {
      held.change('opened', createRecord({ id: `new${String(index)}` }));
    }
    for (const name of ['web-8', 'web-9']) {
      await waitFor(() => new RegExp(`^${name} +\\S+ +STUCK .*-> ${PEER}`, 'm').test(text.stdout()), { what: name });
      await waitFor(() => lines(json.stdout()).some(({ node, item }) => node === name && item?.['opened']), {
        what: `${name} as JSON`,
      });
    }
    for (const { child, ended } of [text, json]) {
      child.kill('SIGINT');
      assert.equal((await ended).code, 0);
    }
  });
});
