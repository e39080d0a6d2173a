/** ConnectionService: list, get and watch stuck connections. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { RecordSource, WallClock } from '../core/ports.js';
import { createChangeMapper } from './change-mapper.js';
import { type ConnectionFilter, parseConnectionFilter } from './connection-filter.js';
import type { ConnectionHistory } from './connection-history.js';
import type { stuckd } from './gen/stuckd.js';
import { ladderToProto, parseWhatIf, whatIfToProto } from './get-connection.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import { recordToProto } from './proto-mapping.js';
import type { MalformedRequest } from './service-definition.js';
import { RpcError, acceptRequest, invalidArgument, toStatus, unary } from './status.js';
import type { RpcLog } from './status.js';
import { decodeChange } from './stored-change.js';
import type { WatchPlace } from './watch-backlog.js';
import { NO_PLACE, WATCH_LIMITS, WatchSession } from './watch-session.js';
import type { WatchLimits, WatchMapper } from './watch-session.js';

type ListRequest = stuckd.v1.ListStuckConnectionsRequest.$Properties;
type ListResponse = stuckd.v1.ListStuckConnectionsResponse.$Properties;
type GetRequest = stuckd.v1.GetStuckConnectionRequest.$Properties;
type GetResponse = stuckd.v1.GetStuckConnectionResponse.$Properties;
type WatchRequest = stuckd.v1.WatchStuckConnectionsRequest.$Properties;
type WatchResponse = stuckd.v1.WatchStuckConnectionsResponse.$Properties;
type WatchCall = ServerWritableStream<WatchRequest | MalformedRequest, WatchResponse>;

/** A page of the largest size stays below the 4 MiB that gRPC clients take by default. */
const PAGE_SIZE_DEFAULT = 500;
const PAGE_SIZE_MAX = 1000;
/** A long page is mapped in pieces, so that events and other calls get their turn in between. */
const MAPPED_PER_TURN = 500;
const ID_LENGTH_MAX = 256;

const SUBSCRIBERS_MAX = 64;

export interface ConnectionServiceOptions {
  readonly records: RecordSource;
  readonly clock: WallClock;
  readonly log: RpcLog;
  /** What is kept on disk; without it watches cannot be resumed. */
  readonly history?: ConnectionHistory;
  readonly watchLimits?: Partial<WatchLimits>;
}

interface Subscription {
  /** Ends the call with a status. */
  end(code: status, details: string): void;
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

export class ConnectionService {
  readonly implementation: UntypedServiceImplementation;
  readonly #records: RecordSource;
  readonly #clock: WallClock;
  readonly #log: RpcLog;
  readonly #limits: WatchLimits;
  readonly #mapper: WatchMapper;
  readonly #history: ConnectionHistory | null;
  readonly #subscriptions = new Set<Subscription>();
  #draining = false;

  constructor(options: ConnectionServiceOptions) {
    this.#records = options.records;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#limits = { ...WATCH_LIMITS, ...options.watchLimits };
    this.#history = options.history ?? null;
    this.#mapper = this.#history?.mapper ?? createChangeMapper(options.clock);
    this.implementation = {
      listStuckConnections: unary(this.#log, (request: ListRequest) => this.#list(request)),
      getStuckConnection: unary(this.#log, (request: GetRequest) => this.#get(request)),
      watchStuckConnections: (call: WatchCall) => {
        this.#watch(call);
      },
    };
  }

  /** Watches that are open. */
  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** Ends all watches and refuses new ones. */
  drain(): void {
    this.#draining = true;
    for (const subscription of this.#subscriptions) {
      subscription.end(status.UNAVAILABLE, 'stuckd is stopping');
    }
  }

  async #list(request: ListRequest): Promise<ListResponse> {
    const filter = parseConnectionFilter(request.filter, this.#clock);
    const includeEnded = request.includeEnded ?? false;
    const query = `${filter.fingerprint}${includeEnded ? '+ended' : ''}`;
    const afterId = decodePageToken(request.pageToken ?? '', query);
    const pageSize = Math.min(
      request.pageSize === 0 ? PAGE_SIZE_DEFAULT : (request.pageSize ?? PAGE_SIZE_DEFAULT),
      PAGE_SIZE_MAX,
    );

    const all = includeEnded ? [...this.#records.recentlyEnded(), ...this.#records.open()] : this.#records.open();
    const inMemory = all.filter((record) => record.id > afterId && filter.matches(record));
    const onDisk = includeEnded ? await this.#history?.ended(filter, afterId, pageSize + 1) : [];
    const rest = [...inMemory, ...(onDisk ?? [])].sort(byId);
    const page = rest.slice(0, pageSize);
    const stuckConnections = [];
    const nowUs = this.#clock.nowUs();
    for (const [index, item] of page.entries()) {
      if (index > 0 && index % MAPPED_PER_TURN === 0) {
        await nextTurn();
      }
      stuckConnections.push('decode' in item ? item.decode() : recordToProto(item, nowUs, this.#clock));
    }
    const last = page.at(-1);
    const more = last !== undefined && rest.length > page.length;
    return { stuckConnections, nextPageToken: more ? encodePageToken(query, last.id) : '' };
  }

  async #get(request: GetRequest): Promise<GetResponse> {
    const id = request.id ?? '';
    if (id === '' || id.length > ID_LENGTH_MAX) {
      throw invalidArgument('id must be the id of a record, as ListStuckConnections gives it');
    }
    const settings = request.whatIf ? parseWhatIf(request.whatIf) : null;
    const record = this.#records.find(id);
    if (record === undefined) {
      return this.#getStored(id, settings !== null);
    }
    const nowUs = this.#clock.nowUs();
    const observed = this.#records.observed(id);
    return {
      stuckConnection: recordToProto(record, nowUs, this.#clock),
      ladder: ladderToProto(record, observed, nowUs, this.#clock),
      whatIf: settings === null ? null : whatIfToProto(record, observed, settings, nowUs, this.#clock),
    };
  }

  async #getStored(id: string, asksWhatIf: boolean): Promise<GetResponse> {
    const stuckConnection = (await this.#history?.find(id)) ?? null;
    if (stuckConnection === null) {
      throw new RpcError(
        status.NOT_FOUND,
        `no stuck connection has the id ${JSON.stringify(id)}; ended ones are kept for a while only`,
      );
    }
    if (asksWhatIf) {
      throw new RpcError(
        status.FAILED_PRECONDITION,
        `what_if cannot be answered for ${id}: it ended a while ago, and nothing but the record is kept of it`,
      );
    }
    return { stuckConnection };
  }

  #watch(call: WatchCall): void {
    const fail = (error: unknown): void => {
      call.emit('error', toStatus(error, call.getPath(), this.#log));
    };
    try {
      const { filter: wanted, resumeToken } = acceptRequest(call.request);
      const filter = parseConnectionFilter(wanted, this.#clock);
      if (this.#draining) {
        throw new RpcError(status.UNAVAILABLE, 'stuckd is stopping');
      }
      if (this.#subscriptions.size >= SUBSCRIBERS_MAX) {
        const details = `${SUBSCRIBERS_MAX} watches are open, which is the most; end one and try again`;
        throw new RpcError(status.RESOURCE_EXHAUSTED, details);
      }
      const place = this.#placeOf(filter, resumeToken ?? '');
      const end = (code: status, details: string): void => {
        session.close();
        fail(new RpcError(code, details));
      };
      const subscription: Subscription = { end };
      const session = new WatchSession(
        this.#records,
        filter,
        this.#mapper,
        {
          write: (changes, token, flushed) => call.write({ changes: [...changes], resumeToken: token }, flushed),
          tooSlow: () => {
            const seconds = (this.#limits.slowMs / 1000).toString();
            this.#log.warn(`ended a watch whose client read nothing for ${seconds} s`);
            end(status.RESOURCE_EXHAUSTED, `the client read nothing for ${seconds} s; watch again`);
          },
          failed: fail,
        },
        this.#limits,
        place,
      );
      // Counted until the call is over, not until its session is: what a client did not read stays in memory till then.
      this.#subscriptions.add(subscription);
      const forget = (): void => {
        session.close();
        this.#subscriptions.delete(subscription);
      };
      call.once('cancelled', forget);
      call.once('close', forget);
    } catch (error) {
      fail(error);
    }
  }

  /** @throws RpcError for a token from which nothing can be resumed. */
  #placeOf(filter: ConnectionFilter, resumeToken: string): WatchPlace<stuckd.v1.Change.$Properties> {
    if (this.#history !== null) {
      return this.#history.stream.place(filter, resumeToken, decodeChange);
    }
    if (resumeToken !== '') {
      throw new RpcError(status.OUT_OF_RANGE, 'this stuckd keeps no history; watch again without a resume_token');
    }
    return NO_PLACE;
  }
}
