/** The open calls of all watches: how many there may be, how one begins, and how all of them end. */
import { status } from '@grpc/grpc-js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { WatchedStream } from '../core/agent-facts.js';
import { resetStream } from './reset-stream.js';
import { RpcError, stopping, toStatus } from './status.js';
import type { RpcLog } from './status.js';
import { NO_PLACE, WATCH_LIMITS, WatchSession } from './watch-session.js';
import type { WatchPlace } from './watch-backlog.js';
import type { WatchFeed, WatchFilter, WatchLimits, WatchMapper } from './watch-session.js';

/** Watches at a time, unless the configuration says otherwise. */
const SUBSCRIBERS_MAX = 64;

interface Subscription {
  readonly stream: WatchedStream;
  /** Ends the call with a status. */
  end(error: RpcError): void;
}

/** What one call wants to see, and how it is told. */
export interface WatchPlan<Item, Change, Message> {
  readonly stream: WatchedStream;
  readonly feed: WatchFeed<Item, Change>;
  readonly filter: WatchFilter<Item>;
  readonly mapper: WatchMapper<Item, Change, Message>;
  /** Where it begins. */
  readonly place: WatchPlace<Message>;
}

/** The responses of every watch. */
export interface WatchMessages<Message> {
  readonly changes: Message[];
  readonly resumeToken: string;
}

/**
 * Where a watch of something begins whose changes are not kept.
 * @throws RpcError OUT_OF_RANGE for any token.
 */
export function placeWithoutHistory(resumeToken: string): WatchPlace<never> {
  if (resumeToken !== '') {
    throw new RpcError(
      status.OUT_OF_RANGE,
      'this stuckd keeps no history of these changes; watch again without a resume_token',
    );
  }
  return NO_PLACE;
}

export class WatchCalls {
  readonly #log: RpcLog;
  readonly #limits: WatchLimits;
  readonly #subscribersMax: number;
  readonly #subscriptions = new Set<Subscription>();
  #lost = 0;
  #draining = false;

  constructor(log: RpcLog, limits: Partial<WatchLimits> = {}, subscribersMax = SUBSCRIBERS_MAX) {
    this.#log = log;
    this.#limits = { ...WATCH_LIMITS, ...limits };
    this.#subscribersMax = subscribersMax;
  }

  /** Watches that are open. */
  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** Watches of one stream that are open. */
  subscribersOf(stream: WatchedStream): number {
    return [...this.#subscriptions].filter((subscription) => subscription.stream === stream).length;
  }

  /** Watches that can be open. */
  get subscribersMax(): number {
    return this.#subscribersMax;
  }

  /** Changes that subscribers who read too slowly were not told one by one. */
  get lost(): number {
    return this.#lost;
  }

  /** Ends all watches and refuses new ones. */
  drain(): void {
    this.#draining = true;
    for (const subscription of this.#subscriptions) {
      subscription.end(stopping());
    }
  }

  /** @param plan reads the request; what it throws ends the call. */
  serve<Request, Item extends { readonly id: string }, Change, Message>(
    call: ServerWritableStream<Request, WatchMessages<Message>>,
    plan: (request: Request) => WatchPlan<Item, Change, Message>,
  ): void {
    const fail = (error: unknown): void => {
      call.emit('error', toStatus(error, call.getPath(), this.#log));
    };
    try {
      const { stream, feed, filter, mapper, place } = plan(call.request);
      this.#checkRoom();
      let reset: NodeJS.Timeout | undefined;
      const end = (error: unknown): void => {
        session.close();
        fail(error);
        // The status waits behind what was written: a client that does not read would keep its place for ever.
        clearTimeout(reset);
        reset = setTimeout(() => {
          this.#cutOff(call);
        }, this.#limits.statusMs);
      };
      const subscription: Subscription = { stream, end };
      const session = new WatchSession(
        feed,
        filter,
        mapper,
        {
          write: (changes, resumeToken, flushed) => call.write({ changes, resumeToken }, flushed),
          tooSlow: () => {
            const seconds = (this.#limits.slowMs / 1000).toString();
            this.#log.warn(`ended a watch whose client read nothing for ${seconds} s`);
            const details = `the client read nothing for ${seconds} s; watch again`;
            end(new RpcError(status.RESOURCE_EXHAUSTED, details, 'SUBSCRIBER_TOO_SLOW', { seconds }));
          },
          failed: end,
          lost: (count) => {
            this.#lost += count;
          },
        },
        this.#limits,
        place,
      );
      // Counted until the call is over, not until its session is: what a client did not read stays in memory till then.
      this.#subscriptions.add(subscription);
      const forget = (): void => {
        clearTimeout(reset);
        session.close();
        this.#subscriptions.delete(subscription);
      };
      call.once('cancelled', forget);
      call.once('close', forget);
    } catch (error) {
      fail(error);
    }
  }

  #cutOff(call: object): void {
    this.#log.warn(
      resetStream(call)
        ? 'cut off a watch whose client did not take that it was ended'
        : 'a watch whose client does not read cannot be cut off',
    );
  }

  #checkRoom(): void {
    if (this.#draining) {
      throw stopping();
    }
    if (this.#subscriptions.size >= this.#subscribersMax) {
      const limit = this.#subscribersMax.toString();
      const details = `${limit} watches are open, which is the most; end one and try again`;
      throw new RpcError(status.RESOURCE_EXHAUSTED, details, 'TOO_MANY_SUBSCRIBERS', { limit });
    }
  }
}
