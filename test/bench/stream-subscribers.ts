/**
 * Subscribers of `stream` in a process of their own, each with a connection of its own. They count changes and decode none:
 * what a client makes of a change is its own affair, and would be all that is measured.
 */
import { Client, credentials } from '@grpc/grpc-js';
import { CONNECTION_SERVICE } from '../../daemon/rpc/services.js';
import { WATCH_LIMITS } from '../../daemon/rpc/watch-session.js';
import { LIMIT_PATH, type SubscribersOrder, type SubscribersReport } from './stream-messages.js';

/** How often the server learns how far the slowest has come. */
const REPORT_CHANGES = 4 * WATCH_LIMITS.batchMax;
const LENGTH_DELIMITED_CHANGE = 0x0a;
/** As those of stuckctl. */
const FLOW_CONTROL_WINDOW = 2 * 1024 * 1024;

/** @returns how many `changes` there are in an encoded WatchStuckConnectionsResponse. */
function countChanges(bytes: Buffer): number {
  let count = 0;
  let position = 0;
  while (bytes[position] === LENGTH_DELIMITED_CHANGE) {
    position += 1;
    let length = 0;
    let byte = 0x80;
    for (let shift = 0; (byte & 0x80) !== 0; shift += 7) {
      byte = bytes[position] ?? 0;
      length |= (byte & 0x7f) << shift;
      position += 1;
    }
    position += length;
    count += 1;
  }
  return count;
}

function tell(report: SubscribersReport): void {
  process.send?.(report);
}

class Subscribers {
  readonly #order: SubscribersOrder;
  readonly #isLimit: boolean;
  readonly #counts: number[];
  #ready = 0;
  #told = 0;
  #bytes = 0;

  constructor(order: SubscribersOrder, isLimit: boolean) {
    this.#order = order;
    this.#isLimit = isLimit;
    this.#counts = Array.from({ length: order.subscribers }, () => 0);
    this.#counts.forEach((_, index) => {
      this.#subscribe(index);
    });
  }

  #subscribe(index: number): void {
    const client = new Client(this.#order.address, credentials.createInsecure(), {
      'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      'grpc.enable_channelz': 0,
    });
    const { path, requestSerialize } = CONNECTION_SERVICE.watchStuckConnections;
    const stream = client.makeServerStreamRequest(
      this.#isLimit ? LIMIT_PATH : path,
      requestSerialize,
      (bytes: Buffer) => bytes,
      {},
    );
    let isFirst = true;
    stream.on('error', (error) => {
      throw error;
    });
    stream.on('data', (bytes: Buffer) => {
      if (isFirst) {
        isFirst = false; // the end of an empty snapshot
        this.#ready += 1;
        if (this.#ready === this.#counts.length) {
          tell({ type: 'ready' });
        }
        return;
      }
      this.#bytes += bytes.length;
      this.#counts[index] = (this.#counts[index] ?? 0) + countChanges(bytes);
      this.#report();
    });
  }

  #report(): void {
    const { changes } = this.#order;
    const least = Math.min(...this.#counts);
    if (least >= this.#told + REPORT_CHANGES || (least >= changes && this.#told < changes)) {
      this.#told = least;
      tell({ type: 'taken', changes: least });
      if (least >= changes) {
        tell({ type: 'done', bytes: this.#bytes });
      }
    }
  }
}

process.once('disconnect', () => process.exit());
process.once('message', (order: SubscribersOrder & { readonly isLimit: boolean }) => {
  new Subscribers(order, order.isLimit);
});
