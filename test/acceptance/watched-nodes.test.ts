// Proves that a watch of many nodes follows a name: nodes that appear under it, nodes that are lost and gone from it, and
// nodes that answer only later, each told in words and as JSON. The servers are real and on loopback; the name server is a
// table of the test, and asked far more often than in life.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { parseCommand } from '../../daemon/cli/arguments.js';
import type { CliIo } from '../../daemon/cli/cli-io.js';
import { watchNodes } from '../../daemon/cli/nodes/nodes-watch.js';
import type { GrpcServer } from '../../daemon/rpc/grpc-server.js';
import { freePort } from '../support/free-port.js';
import { waitFor } from '../support/wait-for.js';
import { createRecord, createStatus, createStatusSource, FakeRecords } from '../unit/rpc/sample-records.js';
import { RpcBench } from './rpc-harness.js';

let bench: RpcBench;
let port: number;
/** What the name resolves to. */
let hosts: readonly string[];
let resolves: boolean;
/** How often it was asked for. */
let lookups: number;

beforeEach(async () => {
  bench = new RpcBench();
  port = await freePort();
  hosts = [];
  resolves = true;
  lookups = 0;
});

afterEach(() => {
  bench.clean();
});

interface Served {
  readonly server: GrpcServer;
  readonly records: FakeRecords;
  /** How often it was asked who it is. */
  asked(): number;
}

async function serve(host: string, hostname: string): Promise<Served> {
  const records = new FakeRecords();
  let asked = 0;
  const source = createStatusSource(createStatus({ node: { ...createStatus().node, hostname } }));
  const status: typeof source = {
    ...source,
    status: () => {
      asked += 1;
      return source.status();
    },
  };
  return { asked: () => asked, server: await bench.serve({ records, status }, `${host}:${String(port)}`), records };
}

function lookup(): Promise<readonly string[]> {
  lookups += 1;
  return resolves ? Promise.resolve(hosts) : Promise.reject(new Error('no name server'));
}

interface Watch {
  stdout(): string;
  stderr(): string;
  says(what: RegExp): Promise<void>;
  /** The error that it ends with by itself. */
  failure(): Promise<Error>;
  /** @returns the exit code. */
  stop(): Promise<number>;
}

interface WatchSetup {
  readonly options?: readonly string[];
  /** Resolves when the text has left. */
  readonly written?: (text: string) => Promise<void>;
}

function watch(...options: readonly string[]): Watch {
  return startWatch({ options });
}

function startWatch({ options = [], written = () => Promise.resolve() }: WatchSetup): Watch {
  const command = parseCommand(['watch', '--address', `dns:///nodes.test:${String(port)}`, ...options], {});
  assert.ok(command.name === 'watch' && command.nodes);
  const interrupt = new AbortController();
  bench.onClean(() => {
    interrupt.abort();
  });
  const output = { stdout: '', stderr: '' };
  const io: CliIo = {
    ...{ env: {}, isTerminal: false, terminal: null, columns: Infinity },
    ...{ nowMs: Date.now, interruptSignal: () => interrupt.signal },
    write: (text) => {
      output.stdout += text;
      return written(text);
    },
    writeError: (text) => {
      output.stderr += text;
    },
  };
  let failure: Error | null = null;
  const ended = watchNodes(command, command.nodes, io, { ask: lookup, intervalMs: 20 });
  ended.catch((error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  return {
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    says: async (what) => {
      await waitFor(() => what.test(output.stdout + output.stderr), { what: String(what), timeoutMs: 60_000 });
    },
    failure: () => waitFor(() => failure, { what: 'the watch to fail', timeoutMs: 60_000 }),
    stop: () => {
      interrupt.abort();
      return ended;
    },
  };
}

test('nodes come and go with the name', async () => {
  const first = await serve('127.0.0.1', 'web-1');
  hosts = ['127.0.0.1'];
  const text = watch();
  await text.says(/^web-1: 0 stuck connections now/m);
  const second = await serve('127.0.0.2', 'web-2');
  hosts = ['127.0.0.1', '127.0.0.2'];
  await text.says(/^web-2: 0 stuck connections now/m);
  second.records.change('opened', createRecord());
  await text.says(/^web-2 +\S+ +STUCK/m);

  hosts = ['127.0.0.1'];
  const lookupsBefore = lookups;
  await waitFor(() => lookups > lookupsBefore + 2, { what: 'two lookups without the second node' });
  second.records.change('ended', createRecord({ outcome: 'recovered', endUs: second.records.timeUs }));
  await text.says(/^web-2 +\S+ +END/m); // whoever answers is followed, whatever a name server says
  hosts = ['127.0.0.1', '127.0.0.2'];

  first.server.close();
  await text.says(/^web-1: connection lost \(.*\); trying again until Ctrl-C; 1 other node is followed$/m);
  assert.doesNotMatch(text.stderr(), /no longer among/, 'a node that is lost may come back');
  resolves = false;
  const failuresFrom = lookups;
  await waitFor(() => lookups > failuresFrom + 2, { what: 'two lookups in vain' });
  assert.doesNotMatch(text.stderr(), /no longer among/, 'a name server that fails says nothing about nodes');
  resolves = true;
  hosts = ['127.0.0.2'];
  await text.says(/^web-1: it is no longer among the addresses, and not followed any more$/m);
  const again = await serve('127.0.0.1', 'web-1');
  const before = lookups;
  await waitFor(() => lookups > before + 100, { what: 'a hundred lookups' });
  assert.equal(again.records.listeners, 0, 'what is given up is left alone');
  hosts = ['127.0.0.1', '127.0.0.2'];
  await text.says(/^web-1: connected, with a new snapshot/m);
  assert.equal(await text.stop(), 0);
});

test('a node that answers later is followed from then on, under its name', async () => {
  await serve('127.0.0.1', 'web-1');
  hosts = ['127.0.0.1', '127.0.0.2'];
  const json = watch('-o', 'jsonl');
  await json.says(/1 node of 2 did not answer/);
  await json.says(/^\{"node":"127\.0\.0\.2:\d+","address":"127\.0\.0\.2:\d+","event":"lost","reason":".+"\}$/m);
  await serve('127.0.0.2', 'web-2');
  await json.says(/^\{"node":"web-2","address":"127\.0\.0\.2:\d+","event":"back","resumed":false\}$/m);
  await json.says(/^\{"node":"web-2",.*"item":\{.*"snapshotEnd"/m);
  assert.equal(await json.stop(), 0);
});

test('a name that another node has: the address tells them apart', async () => {
  await serve('127.0.0.1', 'twin');
  hosts = ['127.0.0.1'];
  const text = watch();
  await text.says(/^twin: 0 stuck/m);
  await serve('127.0.0.2', 'twin');
  hosts = ['127.0.0.1', '127.0.0.2'];
  await text.says(/^127\.0\.0\.2:\d+: 0 stuck/m);
  assert.equal(await text.stop(), 0);
});

test('who answers has the name of one that is lost: a pod has come back under another address', async () => {
  const old = await serve('127.0.0.1', 'web-1');
  hosts = ['127.0.0.1'];
  const text = watch();
  await text.says(/^web-1: 0 stuck/m);
  old.server.close();
  await text.says(/^web-1: connection lost/m);
  const pod = await serve('127.0.0.2', 'web-1');
  hosts = ['127.0.0.1', '127.0.0.2'];
  await text.says(/^web-1: connected, with a new snapshot/m);
  pod.records.change('opened', createRecord());
  await text.says(/^web-1 +\S+ +STUCK/m);
  const back = await serve('127.0.0.1', 'web-1');
  await text.says(/^127\.0\.0\.1:\d+: connected/m);
  back.records.change('opened', createRecord());
  await text.says(/^127\.0\.0\.1:\d+ +\S+ +STUCK/m);
  assert.equal(await text.stop(), 0);
});

test('what is told of a node waits for a slow reader, as its changes do', async () => {
  const first = await serve('127.0.0.1', 'web-1');
  hosts = ['127.0.0.1'];
  let isBusy = false;
  let overtaken = 0;
  const json = startWatch({
    options: ['-o', 'jsonl'],
    written: async (text) => {
      overtaken += isBusy ? 1 : 0;
      if (text.includes('"event":"lost"')) {
        isBusy = true;
        // Long enough for the node to come back: names are looked up every 20 ms, and it is tried again after 250 ms.
        const before = lookups;
        await waitFor(() => overtaken > 0 || lookups > before + 100, { what: 'the reader' });
        isBusy = false;
      }
    },
  });
  await json.says(/snapshotEnd/);
  first.server.close();
  await json.says(/"event":"lost"/);
  await serve('127.0.0.1', 'web-1');
  await json.says(/"event":"back"/);
  assert.equal(overtaken, 0);
  assert.equal(await json.stop(), 0);
});

test('names stand in a column', async () => {
  const short = await serve('127.0.0.1', 'a');
  await serve('127.0.0.2', 'web-12');
  hosts = ['127.0.0.1', '127.0.0.2'];
  const text = watch();
  await text.says(/^a: 0 stuck/m);
  await text.says(/^web-12: 0 stuck/m);
  short.records.change('opened', createRecord());
  await text.says(/^a {7}\d/m);
  assert.equal(await text.stop(), 0);
});

test('a question that a node does not take ends the watch of all', async () => {
  await serve('127.0.0.1', 'web-1');
  await serve('127.0.0.2', 'web-2');
  hosts = ['127.0.0.1', '127.0.0.2'];
  const tooMany = Array.from({ length: 1001 }, (_, index) => String(index + 1)).join(',');
  const text = watch('--pid', tooMany);
  assert.match((await text.failure()).message, /1001 values; 1000 is the most/);
});

test('--node with an address: nobody else is followed', async () => {
  await serve('127.0.0.1', 'web-1');
  const other = await serve('127.0.0.2', 'web-2');
  hosts = ['127.0.0.1', '127.0.0.2'];
  const text = watch('--node', `127.0.0.1:${String(port)}`);
  await text.says(/^web-1: 0 stuck/m);
  const before = lookups;
  await waitFor(() => lookups > before + 2, { what: 'two lookups' });
  assert.equal(other.asked(), 0);
  assert.equal(await text.stop(), 0);
});

test('--node: what appears under another name is not followed', async () => {
  await serve('127.0.0.1', 'web-1');
  const other = await serve('127.0.0.2', 'web-2');
  hosts = ['127.0.0.1'];
  const text = watch('--node', 'web-1,web-3');
  await text.says(/^web-1: 0 stuck/m);
  await text.says(/web-3: no node that answers has this name/);
  hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  await serve('127.0.0.3', 'web-3');
  await text.says(/^web-3: 0 stuck/m);
  other.records.change('opened', createRecord());
  assert.doesNotMatch(text.stdout() + text.stderr(), /web-2/);
  assert.equal(await text.stop(), 0);
});
