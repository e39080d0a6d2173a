/** One call of a watch: from its request to its end, whoever ends it. What it sends is the matter of its session. */
import { status } from '@grpc/grpc-js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { stuckd } from './gen/stuckd.js';
import type { MalformedRequest } from './service-definition.js';
import { RpcError, toStatus } from './status.js';
import type { RpcLog } from './status.js';
import type { WatchLimits, WatchPlace, WatchSession, WatchSink } from './watch-session.js';

type WatchRequest = stuckd.v1.WatchStuckConnectionsRequest.$Properties;
type WatchResponse = stuckd.v1.WatchStuckConnectionsResponse.$Properties;
export type WatchCall = ServerWritableStream<WatchRequest | MalformedRequest, WatchResponse>;

export class WatchCallSession {
  readonly #call: WatchCall;
  readonly #log: RpcLog;
  readonly #limits: WatchLimits;
  #session: WatchSession | null = null;
  #isOver = false;

  constructor(call: WatchCall, log: RpcLog, limits: WatchLimits) {
    this.#call = call;
    this.#log = log;
    this.#limits = limits;
    this.onOver(() => {
      this.#isOver = true;
      this.#session?.close();
    });
  }

  onOver(listener: () => void): void {
    this.#call.once('cancelled', listener);
    this.#call.once('close', listener);
  }

  /** @param place where it begins; finding that out can take time, in which the client may go away */
  start(place: Promise<WatchPlace>, open: (sink: WatchSink, place: WatchPlace) => WatchSession): void {
    place.then(
      (found) => {
        if (!this.#isOver) {
          this.#session = open(this.#sink(), found);
        }
      },
      (error: unknown) => {
        this.fail(error);
      },
    );
  }

  /** Ends the call with a status. */
  end(code: status, details: string): void {
    this.fail(new RpcError(code, details));
  }

  fail(error: unknown): void {
    this.#session?.close();
    if (!this.#isOver) {
      this.#isOver = true;
      this.#call.emit('error', toStatus(error, this.#call.getPath(), this.#log));
    }
  }

  #sink(): WatchSink {
    return {
      write: (changes, resumeToken, flushed) => this.#call.write({ changes: [...changes], resumeToken }, flushed),
      tooSlow: () => {
        const seconds = (this.#limits.slowMs / 1000).toString();
        this.#log.warn(`ended a watch whose client read nothing for ${seconds} s`);
        this.end(status.RESOURCE_EXHAUSTED, `the client read nothing for ${seconds} s; watch again`);
      },
      failed: (error) => {
        this.fail(error);
      },
    };
  }
}
