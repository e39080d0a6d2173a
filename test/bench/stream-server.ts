/**
 * The daemon's gRPC server as a process of its own, fed with changes of recorded incidents as fast as its subscribers take
 * them; and a grpc-js server that sends the same bytes and does nothing else, which no server in Node.js can beat.
 */
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordChange, RecordSource } from '../../daemon/core/ports.js';
import type { StuckRecord } from '../../daemon/core/record.js';
import { createChangeMapper } from '../../daemon/rpc/change-mapper.js';
import { startGrpcServer } from '../../daemon/rpc/grpc-server.js';
import { encodeWatchResponse } from '../../daemon/rpc/shared-change.js';
import { WATCH_LIMITS } from '../../daemon/rpc/watch-session.js';
import { createServices } from '../acceptance/rpc-harness.js';
import { createClock, createLog, createWorkloads } from '../unit/rpc/sample-records.js';
import { playIncident } from './recorded-incident.js';
import { type Feed, LIMIT_PATH, type ServerOrder, type ServerReport } from './stream-messages.js';

/** Changes that are published and not taken yet: less than what waits for one subscriber at most. */
const WINDOW = WATCH_LIMITS.queueMax / 4;
/** Changes that happen in one turn of the event loop: a response is full. */
const BURST = WATCH_LIMITS.batchMax;

type LimitCall = ServerWritableStream<object, Buffer>;

/** Nothing is stuck, and yet it changes. */
class ChangingRecords implements RecordSource {
  readonly #listeners = new Set<(change: RecordChange) => void>();

  open(): readonly StuckRecord[] {
    return [];
  }

  recentlyEnded(): readonly StuckRecord[] {
    return [];
  }

  find(): undefined {
    return undefined;
  }

  observed(): null {
    return null;
  }

  subscribe(listener: (change: RecordChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  publish(change: RecordChange): void {
    for (const listener of this.#listeners) {
      listener(change);
    }
  }
}

/** Publishes a burst a turn, as long as the slowest subscriber is not too far behind. */
class Publisher {
  readonly #records: ChangingRecords;
  readonly #samples: readonly StuckRecord[];
  readonly #encoded: readonly RecordChange[];
  readonly #calls: ReadonlySet<LimitCall>;
  readonly #response: Buffer;
  #feed: Feed = 'encoded';
  #wanted = 0;
  #published = 0;
  #taken = 0;
  #cpu = process.cpuUsage();

  constructor(records: ChangingRecords, samples: readonly StuckRecord[], calls: ReadonlySet<LimitCall>) {
    this.#records = records;
    this.#samples = samples;
    this.#calls = calls;
    this.#encoded = Array.from({ length: BURST }, (_, index) => this.#change(index));
    const mapper = createChangeMapper(createClock(), createWorkloads());
    const changes = this.#encoded.map((change) => mapper.change(change, change.kind));
    this.#response = Buffer.from(encodeWatchResponse({ changes, resumeToken: '' })); // it is used again
  }

  start(feed: Feed, changes: number): void {
    this.#feed = feed;
    this.#wanted = changes;
    this.#published = this.#taken = 0;
    this.#cpu = process.cpuUsage();
    this.#go();
  }

  take(changes: number): void {
    const wasStopped = this.#isTooFarAhead();
    this.#taken = changes;
    if (this.#taken >= this.#wanted) {
      const { user, system } = process.cpuUsage(this.#cpu);
      process.send?.({ type: 'published', cpuMs: (user + system) / 1000 } satisfies ServerReport);
    } else if (wasStopped) {
      this.#go();
    }
  }

  #change(index: number): RecordChange {
    const record = this.#samples[index % this.#samples.length];
    if (record === undefined) {
      throw new Error('the recording has no stuck connection; record it anew');
    }
    return { kind: 'updated', timeUs: record.detectedUs, record };
  }

  #isTooFarAhead(): boolean {
    return this.#published - this.#taken > WINDOW - BURST;
  }

  #go(): void {
    if (this.#published >= this.#wanted || this.#isTooFarAhead()) {
      return;
    }
    if (this.#feed === 'limit') {
      for (const call of this.#calls) {
        call.write(this.#response);
      }
    } else {
      for (let index = 0; index < BURST; index += 1) {
        this.#records.publish((this.#feed === 'encoded' ? this.#encoded[index] : undefined) ?? this.#change(index));
      }
    }
    this.#published += BURST;
    setImmediate(() => {
      this.#go();
    });
  }
}

async function startLimitServer(address: string, calls: Set<LimitCall>): Promise<void> {
  const server = new Server({ 'grpc.enable_channelz': 0 });
  const method = {
    path: LIMIT_PATH,
    requestStream: false,
    responseStream: true,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: () => ({}),
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  };
  server.addService(
    { watch: method },
    {
      watch: (call: LimitCall) => {
        calls.add(call);
        call.once('cancelled', () => calls.delete(call));
        call.write(Buffer.alloc(0)); // so that a subscriber knows that it is one
      },
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (error === null) {
        resolve();
      } else {
        reject(error);
      }
    });
  });
}

const directory = mkdtempSync(join(tmpdir(), 'stuckd-bench-stream-'));
process.once('exit', () => {
  rmSync(directory, { recursive: true, force: true });
});
process.once('disconnect', () => process.exit());
const records = new ChangingRecords();
const server = await startGrpcServer({
  address: `unix:${join(directory, 'stuckd.sock')}`,
  services: { ...createServices(), records },
  log: createLog(),
});
const calls = new Set<LimitCall>();
const limitAddress = `unix:${join(directory, 'limit.sock')}`;
await startLimitServer(limitAddress, calls);
const publisher = new Publisher(records, playIncident().open, calls);
process.on('message', (order: ServerOrder) => {
  if (order.type === 'publish') {
    publisher.start(order.feed, order.changes);
  } else {
    publisher.take(order.changes);
  }
});
process.send?.({ type: 'ready', address: server.address, limitAddress } satisfies ServerReport);
