// Proves the gRPC server with a real client over a real unix socket: list, get, health, refusals, the socket file, and how it
// ends; watches are in rpc-watch.test.ts. The records come from memory: what the kernel side finds is proved elsewhere.
import assert from 'node:assert/strict';
import { existsSync, linkSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Client, ServiceError } from '@grpc/grpc-js';
import { AddressError } from '../../daemon/rpc/address.js';
import { grpc, stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { CallError } from '../../daemon/rpc/grpc-client.js';
import type { StuckdClient } from '../../daemon/rpc/grpc-client.js';
import { CONNECTION_SERVICE, HEALTH_SERVICE } from '../../daemon/rpc/services.js';
import { createRecord, createRecords, FakeRecords } from '../unit/rpc/sample-records.js';
import { waitFor } from '../support/wait-for.js';
import { rejection, RpcBench } from './rpc-harness.js';

const v1 = stuckd.v1;
const Serving = grpc.health.v1.HealthCheckResponse.ServingStatus;

let bench: RpcBench;

beforeEach(() => {
  bench = new RpcBench();
});

afterEach(() => {
  bench.clean();
});

describe('list', () => {
  test('pages in order of ids, each record once, while others come and go', async () => {
    const records = new FakeRecords(createRecords(25).reverse());
    await bench.serve({ records });
    const client = bench.connect();
    const ids: string[] = [];
    let pageToken = '';
    do {
      const page = await client.listStuckConnections({ pageSize: 10, pageToken });
      ids.push(...page.stuckConnections.map((connection) => connection.id ?? ''));
      pageToken = page.nextPageToken;
      records.change('ended', createRecord({ id: 'c000000003', outcome: 'recovered' }));
      records.change('opened', createRecord({ id: `c00000002${ids.length === 10 ? '6' : '7'}` }));
    } while (pageToken !== '');
    const expected = createRecords(25).map((record) => record.id);
    assert.deepEqual(ids, [...expected, 'c000000026', 'c000000027']);
  });

  test('page sizes: 0 is 500, more than 1000 is lowered', async () => {
    await bench.serve({ records: new FakeRecords(createRecords(1001)) });
    const client = bench.connect();
    assert.equal((await client.listStuckConnections({})).stuckConnections.length, 500);
    const page = await client.listStuckConnections({ pageSize: 4_000_000_000 });
    assert.equal(page.stuckConnections.length, 1000);
    assert.notEqual(page.nextPageToken, '');
  });

  test('a filter, and ended records when asked', async () => {
    const records = new FakeRecords(createRecords(3));
    records.change('ended', createRecord({ id: 'c000000002', outcome: 'timed_out', endUs: 1 }));
    await bench.serve({ records });
    const client = bench.connect();
    const ids = async (request: Parameters<StuckdClient['listStuckConnections']>[0]): Promise<unknown> =>
      (await client.listStuckConnections(request)).stuckConnections.map((connection) => connection.id);
    assert.deepEqual(await ids({}), ['c000000001', 'c000000003']);
    assert.deepEqual(await ids({ includeEnded: true }), ['c000000001', 'c000000002', 'c000000003']);
    assert.deepEqual(await ids({ filter: { peers: ['10.0.0.2:8003'] } }), ['c000000003']);
  });

  test('wrong requests are refused with a reason', async () => {
    await bench.serve({ records: new FakeRecords(createRecords(3)) });
    const client = bench.connect();
    const { nextPageToken } = await client.listStuckConnections({ pageSize: 1 });
    const refused = async (request: Parameters<StuckdClient['listStuckConnections']>[0]): Promise<string> => {
      const error = await rejection(client.listStuckConnections(request));
      assert.equal(error.failure, 'invalid');
      return error.message;
    };
    assert.match(await refused({ pageToken: nextPageToken, filter: { pids: [1] } }), /another filter/);
    assert.match(await refused({ pageToken: nextPageToken, includeEnded: true }), /another filter/);
    assert.match(await refused({ pageToken: 'garbage' }), /page_token/);
    assert.match(await refused({ filter: { kinds: [99 as stuckd.v1.StuckKind] } }), /99/);
    assert.match(await refused({ filter: { peers: ['nonsense'] } }), /"nonsense"/);
  });

  test('bytes that are no message are the fault of the client, and the server goes on', async () => {
    await bench.serve();
    const raw = bench.connectRaw();
    for (const method of [CONNECTION_SERVICE.listStuckConnections, CONNECTION_SERVICE.getStuckConnection]) {
      const code = await new Promise((resolve) => {
        const garbage = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x01]);
        raw.makeUnaryRequest(
          method.path,
          () => garbage,
          (bytes: Buffer) => bytes,
          {},
          (error) => {
            resolve(error?.code);
          },
        );
      });
      assert.equal(code, status.INVALID_ARGUMENT);
    }
    assert.equal((await bench.connect().listStuckConnections({})).stuckConnections.length, 0);
  });

  test('a request of more than 256 KiB is refused', async () => {
    await bench.serve();
    const error = await rejection(bench.connect().listStuckConnections({ pageToken: 'x'.repeat(300_000) }));
    assert.equal(error.failure, 'refused');
  });
});

describe('get and status', () => {
  test('a record, stuck or ended; NOT_FOUND names the id', async () => {
    const records = new FakeRecords(createRecords(2));
    records.change('ended', createRecord({ id: 'c000000002', outcome: 'recovered', endUs: 1 }));
    await bench.serve({ records });
    const client = bench.connect();
    assert.equal((await client.getStuckConnection('c000000001')).stuckConnection?.retransmits, 7);
    assert.equal(
      (await client.getStuckConnection('c000000002')).stuckConnection?.outcome,
      v1.Outcome.OUTCOME_RECOVERED,
    );
    const missing = await rejection(client.getStuckConnection('c9\n'));
    assert.equal(missing.failure, 'not_found');
    assert.match(missing.message, /"c9\\n"/);
    assert.equal((await rejection(client.getStuckConnection(''))).failure, 'invalid');
    const outOfRange = await rejection(client.getStuckConnection('c000000001', { tcpSynRetries: 0 }));
    assert.equal(outOfRange.failure, 'invalid');
    assert.equal(
      outOfRange.message,
      'what_if: tcp_syn_retries cannot be 0: the kernel takes whole numbers from 1 to 127',
    );
  });

  test('status counts the subscribers', async () => {
    const server = await bench.serve();
    const client = bench.connect();
    const { seen } = bench.follow(client);
    await waitFor(() => seen.length > 0, { what: 'the end of the snapshot' });
    const response = await client.getStatus();
    assert.equal(response.subscribers, 1);
    assert.equal(response.node?.hostname, 'web-1');
    assert.equal(server.subscribers(), 1);
  });
});

describe('health', () => {
  async function check(client: Client, service: string): Promise<unknown> {
    const method = HEALTH_SERVICE.check;
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        { service },
        (error, response) => {
          resolve(response?.status ?? error?.code);
        },
      );
    });
  }

  test('check: the server, each service, and no other', async () => {
    await bench.serve();
    const raw = bench.connectRaw();
    for (const service of ['', 'stuckd.v1.ConnectionService', 'stuckd.v1.NodeService', 'grpc.health.v1.Health']) {
      assert.equal(await check(raw, service), Serving.SERVING, service);
    }
    assert.equal(await check(raw, 'stuckd.v1.Nothing'), status.NOT_FOUND);
  });

  test('watch: the state at once, NOT_SERVING when the server drains, then the end', async () => {
    const server = await bench.serve();
    const raw = bench.connectRaw();
    const follower = (service: string): { seen: unknown[]; ended: Promise<unknown> } => {
      const method = HEALTH_SERVICE.watch;
      const stream = raw.makeServerStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, {
        service,
      });
      const seen: unknown[] = [];
      stream.on('data', (response: grpc.health.v1.HealthCheckResponse) => seen.push(response.status));
      return {
        seen,
        ended: new Promise((resolve) => stream.on('error', (error) => resolve((error as ServiceError).code))),
      };
    };
    const known = follower('stuckd.v1.NodeService');
    const unknown = follower('no.such.Service');
    await waitFor(() => known.seen.length === 1 && unknown.seen.length === 1, { what: 'the first states' });
    await server.drain(5000);
    assert.deepEqual([await known.ended, await unknown.ended], [status.UNAVAILABLE, status.UNAVAILABLE]);
    assert.deepEqual(known.seen, [Serving.SERVING, Serving.NOT_SERVING]);
    assert.deepEqual(unknown.seen, [Serving.SERVICE_UNKNOWN]);
  });
});

describe('the socket', () => {
  test('is open to owner and group only, whatever the umask, and is gone after the end', async () => {
    const umask = process.umask(0);
    try {
      const server = await bench.serve();
      assert.equal(statSync(bench.socketPath).mode & 0o777, 0o660);
      assert.equal(process.umask(0), 0, 'the umask is as it was');
      server.close();
      await waitFor(() => !existsSync(bench.socketPath), { what: 'the socket file to go' });
    } finally {
      process.umask(umask);
    }
  });

  test('that a killed daemon left behind is taken over', async () => {
    await bench.serve();
    // Bound elsewhere and moved here: nobody listens, as after SIGKILL.
    const other = createServer().listen(join(bench.directory.path, 'other.sock'));
    await new Promise((resolve) => other.once('listening', resolve));
    const stale = join(bench.directory.path, 'stale.sock');
    linkSync(join(bench.directory.path, 'other.sock'), stale);
    await new Promise((resolve) => other.close(resolve));
    assert.equal(statSync(stale).isSocket(), true);

    await bench.serve({}, `unix:${stale}`);
    assert.equal((await bench.connect(`unix:${stale}`).getStatus()).pid, 4711);
  });

  test('of a daemon that lives is left alone', async () => {
    await bench.serve();
    await assert.rejects(bench.serve(), (error) => {
      assert.ok(error instanceof AddressError);
      assert.match(error.message, /another stuckd answers on .*stuckd\.sock/);
      return true;
    });
    assert.equal((await bench.connect().getStatus()).pid, 4711);
  });

  test('a file that is no socket is left alone', async () => {
    const file = join(bench.directory.path, 'file');
    writeFileSync(file, 'precious');
    await assert.rejects(bench.serve({}, `unix:${file}`), /is not a socket/);
    assert.equal(existsSync(file), true);
  });

  test('TCP: loopback with the port that the kernel chose; nothing that others can reach', async () => {
    const server = await bench.serve({}, '127.0.0.1:0');
    assert.match(server.address, /^127\.0\.0\.1:[1-9]\d*$/);
    assert.equal((await bench.connect(server.address).getStatus()).pid, 4711);
    await assert.rejects(bench.serve({}, server.address), /cannot listen on .*EADDRINUSE/);
    await assert.rejects(bench.serve({}, '0.0.0.0:0'), /mTLS/);
  });
});

describe('the end', () => {
  test('drain ends watches with UNAVAILABLE and lets calls finish', async () => {
    const records = new FakeRecords(createRecords(5000));
    const server = await bench.serve({ records });
    const client = bench.connect();
    const { seen, done } = bench.follow(client);
    await waitFor(() => seen.some(({ snapshotEnd }) => snapshotEnd), { what: 'the snapshot' });
    const list = Promise.allSettled([client.listStuckConnections({ pageSize: 1000 })]);
    await server.drain(5000);
    const error = await done;
    assert.ok(error instanceof CallError);
    assert.equal(error.failure, 'unreachable');
    assert.match(error.message, /stopping/);
    assert.equal(server.subscribers(), 0);
    assert.equal(records.listeners, 0);
    const [outcome] = await list;
    // The call may not have begun before the drain did; then it is refused, not lost.
    assert.ok(
      outcome.status === 'fulfilled'
        ? outcome.value.stuckConnections.length === 1000
        : outcome.reason instanceof CallError && outcome.reason.failure === 'unreachable',
    );
    assert.equal((await rejection(bench.connect().getStatus())).failure, 'unreachable');
  });

  test('drain does not wait for a client that is frozen', { timeout: 20_000 }, async () => {
    const records = new FakeRecords(createRecords(10_000));
    const server = await bench.serve({ records });
    // Plain HTTP/2, since grpc-js gives its flow control up when the server goes away.
    const session = connectHttp2('http://localhost', { createConnection: () => connectSocket(bench.socketPath) });
    bench.onClean(() => {
      session.destroy();
    });
    session.on('error', () => undefined);
    const stream = session.request({
      ':method': 'POST',
      ':path': CONNECTION_SERVICE.watchStuckConnections.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    stream.end(Buffer.alloc(5));
    await once(stream, 'response');
    await server.drain(100);
    await waitFor(() => stream.destroyed, { what: 'the stream to be cut off' });
    assert.equal(server.subscribers(), 0);
  });

  test('a client of a daemon that is not there learns it at once', async () => {
    const error = await rejection(bench.connect().getStatus());
    assert.equal(error.failure, 'unreachable');
    assert.match(error.message, /ENOENT/);
  });
});
