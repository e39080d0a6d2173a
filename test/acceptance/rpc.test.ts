// Proves the gRPC server with a real client over a real unix socket: list, get, watch, health, limits, slow consumers, the
// socket file, and how it ends. The records come from memory: what the kernel side finds is proved elsewhere.
import assert from 'node:assert/strict';
import { existsSync, linkSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Client, credentials, status } from '@grpc/grpc-js';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { AddressError } from '../../daemon/rpc/address.js';
import { grpc, stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { CallError, createStuckdClient } from '../../daemon/rpc/grpc-client.js';
import type { StuckdClient, WatchChange } from '../../daemon/rpc/grpc-client.js';
import type { GrpcServer } from '../../daemon/rpc/grpc-server.js';
import { CONNECTION_SERVICE, HEALTH_SERVICE } from '../../daemon/rpc/services.js';
import { createRecord, createRecords, FakeRecords } from '../unit/rpc/sample-records.js';
import { waitFor } from '../support/wait-for.js';
import { createTemporaryDirectory, startServer } from './rpc-harness.js';
import type { ServerSetup, TemporaryDirectory } from './rpc-harness.js';

const v1 = stuckd.v1;
const Serving = grpc.health.v1.HealthCheckResponse.ServingStatus;

type WatchStream = ClientReadableStream<stuckd.v1.WatchStuckConnectionsResponse>;

let directory: TemporaryDirectory;
let address = '';
let cleanups: (() => void)[] = [];

beforeEach(() => {
  directory = createTemporaryDirectory();
  address = `unix:${join(directory.path, 'run', 'stuckd.sock')}`;
  cleanups = [];
});

afterEach(() => {
  for (const cleanup of cleanups.reverse()) {
    cleanup();
  }
  directory.remove();
});

async function serve(setup: Omit<ServerSetup, 'address'> = {}): Promise<GrpcServer> {
  const server = await startServer({ address, ...setup });
  cleanups.push(() => {
    server.close();
  });
  return server;
}

function connect(): StuckdClient {
  const client = createStuckdClient(address);
  cleanups.push(() => {
    client.close();
  });
  return client;
}

/** grpc-js itself, for what the typed client would not do. */
function connectRaw(): Client {
  const client = new Client(address, credentials.createInsecure());
  cleanups.push(() => {
    client.close();
  });
  return client;
}

function openWatch(client: Client): WatchStream {
  const method = CONNECTION_SERVICE.watchStuckConnections;
  const stream = client.makeServerStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, {});
  // Each test looks at the errors that it expects; the others come from the server's end.
  stream.on('error', () => undefined);
  return stream;
}

/** Reads the first response and then no more. grpc-js before its first read takes whatever comes. */
async function stopReading(stream: WatchStream): Promise<void> {
  await new Promise((resolve) => stream.once('data', resolve));
  stream.pause();
}

async function statusOf(stream: WatchStream): Promise<{ code: status; details: string }> {
  return new Promise((resolve) => {
    stream.on('error', (error) => {
      const { code, details } = error as ServiceError;
      resolve({ code, details });
    });
  });
}

/** Which change it is, and of which record. */
function words(change: WatchChange): string {
  const name = new v1.Change(change).change ?? 'nothing';
  const connection = change.snapshotItem ?? change.opened ?? change.updated ?? change.ended;
  return connection ? `${name} ${connection.id ?? ''}` : name;
}

/** Collects the changes of a watch until it is stopped or fails. */
function follow(client: StuckdClient): { seen: WatchChange[]; stop: () => void; done: Promise<unknown> } {
  const seen: WatchChange[] = [];
  const controller = new AbortController();
  const run = async (): Promise<void> => {
    for await (const change of client.watch({}, controller.signal)) {
      seen.push(change);
    }
  };
  const done = run().then(
    () => 'stopped',
    (error: unknown) => error,
  );
  const stop = (): void => {
    controller.abort();
  };
  cleanups.push(stop);
  return { seen, stop, done };
}

/** What a client knows that follows the contract: after a loss it forgets everything and takes the new snapshot. */
class View {
  ids = new Set<string>();
  snapshots = 0;
  lost = 0;
  delivered = 0;

  accept(changes: readonly WatchChange[]): void {
    for (const { snapshotItem, snapshotEnd, opened, updated, ended, lost } of changes) {
      if (lost) {
        this.lost += lost.count?.toNumber() ?? 0;
        this.ids.clear();
      }
      if (snapshotEnd) {
        this.snapshots += 1;
      }
      if (opened ?? updated ?? ended) {
        this.delivered += 1;
      }
      const known = (snapshotItem ?? opened ?? updated)?.id;
      if (known) {
        this.ids.add(known);
      }
      this.ids.delete(ended?.id ?? '');
    }
  }
}

async function rejection(promise: Promise<unknown>): Promise<CallError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CallError, `rejects with a CallError, not ${String(error)}`);
  return error;
}

describe('list', () => {
  test('pages in order of ids, each record once, while others come and go', async () => {
    const records = new FakeRecords(createRecords(25).reverse());
    await serve({ records });
    const client = connect();
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

  test('page sizes: 0 is 1000, more than 10000 is lowered', async () => {
    await serve({ records: new FakeRecords(createRecords(10_001)) });
    const client = connect();
    assert.equal((await client.listStuckConnections({})).stuckConnections.length, 1000);
    const page = await client.listStuckConnections({ pageSize: 4_000_000_000 });
    assert.equal(page.stuckConnections.length, 10_000);
    assert.notEqual(page.nextPageToken, '');
  });

  test('a filter, and ended records when asked', async () => {
    const records = new FakeRecords(createRecords(3));
    records.change('ended', createRecord({ id: 'c000000002', outcome: 'timed_out', endUs: 1 }));
    await serve({ records });
    const client = connect();
    const ids = async (request: Parameters<StuckdClient['listStuckConnections']>[0]): Promise<unknown> =>
      (await client.listStuckConnections(request)).stuckConnections.map((connection) => connection.id);
    assert.deepEqual(await ids({}), ['c000000001', 'c000000003']);
    assert.deepEqual(await ids({ includeEnded: true }), ['c000000001', 'c000000002', 'c000000003']);
    assert.deepEqual(await ids({ filter: { peers: ['10.0.0.2:8003'] } }), ['c000000003']);
  });

  test('wrong requests are refused with a reason', async () => {
    await serve({ records: new FakeRecords(createRecords(3)) });
    const client = connect();
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
    await serve();
    const raw = connectRaw();
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
    assert.equal((await connect().listStuckConnections({})).stuckConnections.length, 0);
  });

  test('a request of more than 256 KiB is refused', async () => {
    await serve();
    const error = await rejection(connect().listStuckConnections({ pageToken: 'x'.repeat(300_000) }));
    assert.equal(error.failure, 'refused');
  });
});

describe('get and status', () => {
  test('a record, stuck or ended; NOT_FOUND names the id', async () => {
    const records = new FakeRecords(createRecords(2));
    records.change('ended', createRecord({ id: 'c000000002', outcome: 'recovered', endUs: 1 }));
    await serve({ records });
    const client = connect();
    assert.equal((await client.getStuckConnection('c000000001')).stuckConnection?.retransmits, 7);
    assert.equal(
      (await client.getStuckConnection('c000000002')).stuckConnection?.outcome,
      v1.Outcome.OUTCOME_RECOVERED,
    );
    const missing = await rejection(client.getStuckConnection('c9\n'));
    assert.equal(missing.failure, 'not_found');
    assert.match(missing.message, /"c9\\n"/);
    assert.equal((await rejection(client.getStuckConnection(''))).failure, 'invalid');
  });

  test('status counts the subscribers', async () => {
    const server = await serve();
    const client = connect();
    const { seen } = follow(client);
    await waitFor(() => seen.length > 0, { what: 'the end of the snapshot' });
    const response = await client.getStatus();
    assert.equal(response.subscribers, 1);
    assert.equal(response.node?.hostname, 'web-1');
    assert.equal(server.subscribers(), 1);
  });
});

describe('watch', () => {
  test('snapshot, its end, then what happens; the subscription ends with the client', async () => {
    const records = new FakeRecords([createRecord({ id: 'c1' })]);
    const server = await serve({ records });
    const { seen, stop, done } = follow(connect());
    await waitFor(() => seen.length === 2, { what: 'the snapshot' });
    records.change('opened', createRecord({ id: 'c2' }));
    records.change('updated', createRecord({ id: 'c2', retransmits: 8 }));
    records.change('ended', createRecord({ id: 'c1', outcome: 'reset_by_peer' }));
    await waitFor(() => seen.length === 5, { what: 'the changes' });
    assert.deepEqual(seen.map(words), ['snapshotItem c1', 'snapshotEnd', 'opened c2', 'updated c2', 'ended c1']);
    assert.equal(seen[1]?.snapshotEnd?.count, 1);
    assert.equal(seen[4]?.ended?.outcome, v1.Outcome.OUTCOME_RESET_BY_PEER);
    stop();
    assert.equal(await done, 'stopped');
    await waitFor(() => server.subscribers() === 0 && records.listeners === 0, { what: 'the subscription to end' });
  });

  test('a heartbeat is an empty response', async () => {
    await serve({ watchLimits: { heartbeatMs: 20 } });
    const stream = openWatch(connectRaw());
    const sizes: number[] = [];
    stream.on('data', (response: stuckd.v1.WatchStuckConnectionsResponse) => sizes.push(response.changes.length));
    await waitFor(() => sizes.length >= 3, { what: 'two heartbeats' });
    assert.deepEqual(sizes.slice(0, 3), [1, 0, 0]);
  });

  test('a subscriber that stops reading is told what it lost and gets a fresh snapshot; memory stays bounded', async () => {
    const records = new FakeRecords();
    await serve({ records, watchLimits: { queueMax: 4096 } });
    const stream = openWatch(connectRaw());
    const view = new View();
    stream.on('data', (response: stuckd.v1.WatchStuckConnectionsResponse) => {
      view.accept(response.changes);
    });
    await waitFor(() => view.snapshots === 1, { what: 'the first snapshot' });

    stream.pause();
    const storm = createRecords(200_000);
    const heapBefore = process.memoryUsage().heapUsed;
    // In turns, as a daemon would: it is flow control that stops the writer, not the burst.
    for (let next = 0; next < storm.length; next += 500) {
      for (const record of storm.slice(next, next + 500)) {
        records.change('opened', record);
        records.change('ended', { ...record, outcome: 'recovered' });
      }
      await new Promise(setImmediate);
    }
    const heapGrowth = process.memoryUsage().heapUsed - heapBefore;
    records.change('opened', createRecord({ id: 'd1' }));
    assert.ok(view.delivered < 50_000, `${view.delivered.toString()} changes reached a client that does not read`);
    // The fake itself keeps 200000 records; 400000 queued messages would take more than a gigabyte.
    assert.ok(heapGrowth < 400e6, `${(heapGrowth / 1e6).toFixed(0)} MB`);

    stream.resume();
    await waitFor(() => view.snapshots > 1 && view.ids.has('d1'), { what: 'a snapshot that is true again' });
    assert.deepEqual([...view.ids], ['d1']);
    assert.ok(view.lost > 0);
    assert.equal(view.lost + view.delivered, 400_001, 'every change was delivered or counted as lost');

    records.change('ended', createRecord({ id: 'd1', outcome: 'recovered' }));
    await waitFor(() => view.ids.size === 0, { what: 'the watch to go on' });
  });

  test('a subscriber that reads nothing for the limit is ended', async () => {
    const records = new FakeRecords();
    const server = await serve({ records, watchLimits: { slowMs: 500 } });
    const stream = openWatch(connectRaw());
    const ended = statusOf(stream);
    await stopReading(stream);
    // More than the client takes in advance: 16 responses of 128 changes and a window.
    for (const record of createRecords(10_000)) {
      records.change('opened', record);
    }
    await waitFor(() => records.listeners === 0, { what: 'the session to be ended' });
    assert.equal(server.subscribers(), 1, 'what it did not read is still there, and counted');
    stream.resume();
    const { code, details } = await ended;
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /read nothing/);
    await waitFor(() => server.subscribers() === 0, { what: 'the call to be over' });
  });

  test('there is a most of subscribers', async () => {
    const server = await serve();
    const raw = connectRaw();
    const streams = Array.from({ length: 64 }, () => openWatch(raw).resume());
    await waitFor(() => server.subscribers() === 64, { what: '64 subscribers' });
    const { code, details } = await statusOf(openWatch(raw).resume());
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /64 watches/);
    streams[0]?.cancel();
    await waitFor(() => server.subscribers() === 63, { what: 'a free place' });
    const { seen } = follow(connect());
    await waitFor(() => seen.length > 0, { what: 'the place to be taken' });
  });

  test('a filter that is nonsense is refused', async () => {
    await serve();
    const watch = connect().watch({ peers: ['x'] }, new AbortController().signal);
    const first = async (): Promise<unknown> => {
      for await (const change of watch) {
        return change;
      }
      return null;
    };
    assert.equal((await rejection(first())).failure, 'invalid');
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
    await serve();
    const raw = connectRaw();
    for (const service of ['', 'stuckd.v1.ConnectionService', 'stuckd.v1.NodeService', 'grpc.health.v1.Health']) {
      assert.equal(await check(raw, service), Serving.SERVING, service);
    }
    assert.equal(await check(raw, 'stuckd.v1.Nothing'), status.NOT_FOUND);
  });

  test('watch: the state at once, NOT_SERVING when the server drains, then the end', async () => {
    const server = await serve();
    const raw = connectRaw();
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
  const path = (): string => address.slice('unix:'.length);

  test('is open to owner and group only, whatever the umask, and is gone after the end', async () => {
    const umask = process.umask(0);
    try {
      const server = await serve();
      assert.equal(statSync(path()).mode & 0o777, 0o660);
      assert.equal(process.umask(), 0, 'the umask is as it was');
      server.close();
      await waitFor(() => !existsSync(path()), { what: 'the socket file to go' });
    } finally {
      process.umask(umask);
    }
  });

  test('that a killed daemon left behind is taken over', async () => {
    await serve();
    // Bound elsewhere and moved here: nobody listens, as after SIGKILL.
    const other = createServer().listen(join(directory.path, 'other.sock'));
    await new Promise((resolve) => other.once('listening', resolve));
    const stale = join(directory.path, 'stale.sock');
    linkSync(join(directory.path, 'other.sock'), stale);
    await new Promise((resolve) => other.close(resolve));
    assert.equal(statSync(stale).isSocket(), true);

    const server = await startServer({ address: `unix:${stale}` });
    cleanups.push(() => {
      server.close();
    });
    const client = createStuckdClient(`unix:${stale}`);
    cleanups.push(() => {
      client.close();
    });
    assert.equal((await client.getStatus()).pid, 4711);
  });

  test('of a daemon that lives is left alone', async () => {
    await serve();
    await assert.rejects(startServer({ address }), (error) => {
      assert.ok(error instanceof AddressError);
      assert.match(error.message, /another stuckd answers on .*stuckd\.sock/);
      return true;
    });
    assert.equal((await connect().getStatus()).pid, 4711);
  });

  test('a file that is no socket is left alone', async () => {
    const file = join(directory.path, 'file');
    writeFileSync(file, 'precious');
    await assert.rejects(startServer({ address: `unix:${file}` }), /is not a socket/);
    assert.equal(existsSync(file), true);
  });

  test('TCP: loopback with the port that the kernel chose; nothing that others can reach', async () => {
    address = '127.0.0.1:0';
    const server = await serve();
    assert.match(server.address, /^127\.0\.0\.1:[1-9]\d*$/);
    address = server.address;
    assert.equal((await connect().getStatus()).pid, 4711);
    await assert.rejects(startServer({ address: server.address }), /cannot listen on .*EADDRINUSE/);
    await assert.rejects(startServer({ address: '0.0.0.0:0' }), /mTLS/);
  });
});

describe('the end', () => {
  test('drain ends watches with UNAVAILABLE and lets calls finish', async () => {
    const records = new FakeRecords(createRecords(5000));
    const server = await serve({ records });
    const client = connect();
    const { seen, done } = follow(client);
    await waitFor(() => seen.some(({ snapshotEnd }) => snapshotEnd), { what: 'the snapshot' });
    const list = Promise.allSettled([client.listStuckConnections({ pageSize: 5000 })]);
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
        ? outcome.value.stuckConnections.length === 5000
        : outcome.reason instanceof CallError && outcome.reason.failure === 'unreachable',
    );
    assert.equal((await rejection(connect().getStatus())).failure, 'unreachable');
  });

  test('drain does not wait for a client that reads nothing', async () => {
    const records = new FakeRecords(createRecords(10_000));
    const server = await serve({ records });
    const stream = openWatch(connectRaw());
    const ended = statusOf(stream);
    await stopReading(stream);
    const started = performance.now();
    await server.drain(100);
    assert.ok(performance.now() - started < 5000);
    stream.resume();
    assert.notEqual((await ended).code, status.OK);
  });

  test('a client of a daemon that is not there learns it at once', async () => {
    const error = await rejection(connect().getStatus());
    assert.equal(error.failure, 'unreachable');
    assert.match(error.message, /ENOENT/);
  });
});
