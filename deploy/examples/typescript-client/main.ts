/**
 * Lists what is stuck, then follows it. In a project of your own, generate the classes with
 *   npx pbjs -t static-module -w esm --force-long -p proto --dts -o stuckd.js proto/stuckd/v1/*.proto
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';

type Connection = stuckd.v1.StuckConnection.$Properties;
type WatchResponse = stuckd.v1.WatchStuckConnectionsResponse;
const { ListStuckConnectionsRequest, ListStuckConnectionsResponse, StuckKind } = stuckd.v1;
const { WatchStuckConnectionsRequest, WatchStuckConnectionsResponse } = stuckd.v1;

const SERVICE = '/stuckd.v1.ConnectionService';
const SILENCE_MS = 45_000; // three heartbeats
const RETRY_MS = 1000;

const address = process.argv[2] ?? process.env['STUCKD_ADDRESS'] ?? 'unix:/run/stuckd/stuckd.sock';
const client = new Client(address, credentials.createInsecure(), {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
});

function say(what: string, { id, kind, owner, remote }: Connection): void {
  const process_ = owner ? `${JSON.stringify(owner.comm)}[${owner.pid ?? 0}]` : 'no process';
  const peer = `${remote?.address ?? ''}:${remote?.port ?? 0}`;
  process.stdout.write(`${what} ${id ?? ''} ${StuckKind[kind ?? 0] ?? 'unknown'} ${process_} -> ${peer}\n`);
}

/** One page; `nextPageToken` would lead to the next. */
async function list(): Promise<readonly Connection[]> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `${SERVICE}/ListStuckConnections`,
      (request: stuckd.v1.ListStuckConnectionsRequest.$Properties) =>
        Buffer.from(ListStuckConnectionsRequest.encode(request).finish()),
      (bytes) => ListStuckConnectionsResponse.decode(bytes),
      {},
      { deadline: Date.now() + 5000 },
      (error, response) => {
        if (error === null) {
          resolve(response?.stuckConnections ?? []);
        } else {
          reject(error);
        }
      },
    );
  });
}

let resumeToken = '';

/** Until the stream ends, which it does by an error. */
async function follow(): Promise<void> {
  const call = client.makeServerStreamRequest(
    `${SERVICE}/WatchStuckConnections`,
    (request: stuckd.v1.WatchStuckConnectionsRequest.$Properties) =>
      Buffer.from(WatchStuckConnectionsRequest.encode(request).finish()),
    (bytes) => WatchStuckConnectionsResponse.decode(bytes),
    { resumeToken },
  );
  const silence = setTimeout(() => {
    call.cancel();
  }, SILENCE_MS);
  try {
    for await (const { changes, resumeToken: token } of call as AsyncIterable<WatchResponse>) {
      silence.refresh(); // also for a heartbeat, which has no changes
      resumeToken = token;
      for (const { snapshotItem, snapshotEnd, opened, ended, lost } of changes) {
        if (snapshotItem) {
          say('is stuck', snapshotItem);
        }
        if (snapshotEnd) {
          process.stdout.write('from here on as it happens\n');
        }
        if (opened) {
          say('stuck', opened);
        }
        if (ended) {
          say('ended', ended);
        }
        if (lost) {
          process.stdout.write('this client was too slow; a snapshot follows\n');
        }
      }
    }
  } finally {
    clearTimeout(silence);
  }
}

for (const connection of await list()) {
  say('listed', connection);
}
for (;;) {
  try {
    await follow();
  } catch (error) {
    const { code, details } = error as ServiceError;
    process.stdout.write(`lost the daemon (${details}); trying again\n`);
    if (code === status.OUT_OF_RANGE) {
      resumeToken = ''; // too long ago: begin with a snapshot
    }
  }
  await delay(RETRY_MS);
}
