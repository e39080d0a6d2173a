// Lists what is stuck, then follows it, with nothing of stuckd but its .proto files, which are read at run time.
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const SILENCE_MS = 45_000; // three heartbeats
const RETRY_MS = 1000;

const protoFolder = fileURLToPath(new URL('../../../proto', import.meta.url));
const definition = loadSync('stuckd/v1/connection_service.proto', { includeDirs: [protoFolder], enums: String });
const { ConnectionService } = grpc.loadPackageDefinition(definition).stuckd.v1;

const address = process.argv[2] ?? process.env.STUCKD_ADDRESS ?? 'unix:/run/stuckd/stuckd.sock';
const client = new ConnectionService(address, grpc.credentials.createInsecure(), {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
});

function say(what, { id, kind, owner, remote }) {
  const holder = owner ? `${JSON.stringify(owner.comm)}[${owner.pid}]` : 'no process';
  process.stdout.write(`${what} ${id} ${kind} ${holder} -> ${remote.address}:${remote.port ?? 0}\n`);
}

/** One page; `nextPageToken` would lead to the next. */
function list() {
  return new Promise((resolve, reject) => {
    client.listStuckConnections({}, { deadline: Date.now() + 5000 }, (error, response) =>
      error ? reject(error) : resolve(response.stuckConnections ?? []),
    );
  });
}

let resumeToken = '';

/** Until the stream ends, which it does by an error. */
async function follow() {
  const call = client.watchStuckConnections({ resumeToken });
  const silence = setTimeout(() => call.cancel(), SILENCE_MS);
  try {
    for await (const response of call) {
      silence.refresh(); // also for a heartbeat, which has no changes
      resumeToken = response.resumeToken ?? '';
      for (const { snapshotItem, snapshotEnd, opened, ended, lost } of response.changes ?? []) {
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
    process.stdout.write(`lost the daemon (${error.details}); trying again\n`);
    if (error.code === grpc.status.OUT_OF_RANGE) {
      resumeToken = ''; // too long ago: begin with a snapshot
    }
  }
  await delay(RETRY_MS);
}
