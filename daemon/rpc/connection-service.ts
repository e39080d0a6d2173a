/** ConnectionService: list, get and watch stuck connections. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { RecordChange, RecordSource, WallClock } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import { parseConnectionFilter } from './connection-filter.js';
import type { stuckd } from './gen/stuckd.js';
import { ladderToProto, parseWhatIf, whatIfToProto } from './get-connection.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import { changeToProto, recordToProto } from './proto-mapping.js';
import { timestampFromUs } from './proto-time.js';
import type { MalformedRequest } from './service-definition.js';
import { RpcError, acceptRequest, invalidArgument, stopping, toStatus, unary } from './status.js';
import type { RpcLog } from './status.js';
import { WATCH_LIMITS, WatchSession } from './watch-session.js';
import type { WatchLimits, WatchMapper } from './watch-session.js';

type Change = stuckd.v1.Change.$Properties;
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

/** Watches at a time, unless the configuration says otherwise. */
export const SUBSCRIBERS_MAX = 64;

export interface ConnectionServiceOptions {
  readonly records: RecordSource;
  readonly clock: WallClock;
  readonly log: RpcLog;
  readonly watchLimits?: Partial<WatchLimits>;
  readonly subscribersMax?: number;
}

interface Subscription {
  /** Ends the call with a status. */
  end(error: RpcError): void;
}

function byId(a: StuckRecord, b: StuckRecord): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

export class ConnectionService {
  readonly implementation: UntypedServiceImplementation;
  readonly #records: RecordSource;
  readonly #clock: WallClock;
  readonly #log: RpcLog;
  readonly #limits: WatchLimits;
  readonly #subscribersMax: number;
  readonly #mapper: WatchMapper;
  readonly #subscriptions = new Set<Subscription>();
  #draining = false;

  constructor(options: ConnectionServiceOptions) {
    this.#records = options.records;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#limits = { ...WATCH_LIMITS, ...options.watchLimits };
    this.#subscribersMax = options.subscribersMax ?? SUBSCRIBERS_MAX;
    this.#mapper = this.#createMapper();
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
      subscription.end(stopping());
    }
  }

  async #list(request: ListRequest): Promise<ListResponse> {
    const filter = parseConnectionFilter(request.filter);
    const includeEnded = request.includeEnded ?? false;
    const query = `${filter.fingerprint}${includeEnded ? '+ended' : ''}`;
    const afterId = decodePageToken(request.pageToken ?? '', query);
    const pageSize = Math.min(
      request.pageSize === 0 ? PAGE_SIZE_DEFAULT : (request.pageSize ?? PAGE_SIZE_DEFAULT),
      PAGE_SIZE_MAX,
    );

    const all = includeEnded ? [...this.#records.recentlyEnded(), ...this.#records.open()] : this.#records.open();
    const rest = all.filter((record) => record.id > afterId && filter.matches(record)).sort(byId);
    const page = rest.slice(0, pageSize);
    const stuckConnections = [];
    const nowUs = this.#clock.nowUs();
    for (const [index, record] of page.entries()) {
      if (index > 0 && index % MAPPED_PER_TURN === 0) {
        await nextTurn();
      }
      stuckConnections.push(recordToProto(record, nowUs, this.#clock));
    }
    const last = page.at(-1);
    const more = last !== undefined && rest.length > page.length;
    return { stuckConnections, nextPageToken: more ? encodePageToken(query, last.id) : '' };
  }

  #get(request: GetRequest): GetResponse {
    const id = request.id ?? '';
    if (id === '' || id.length > ID_LENGTH_MAX) {
      throw invalidArgument('id must be the id of a record, as ListStuckConnections gives it');
    }
    const settings = request.whatIf ? parseWhatIf(request.whatIf) : null;
    const record = this.#records.find(id);
    if (record === undefined) {
      throw new RpcError(
        status.NOT_FOUND,
        `no stuck connection has the id ${JSON.stringify(id)}; ended ones are kept for a while only`,
        'RECORD_NOT_FOUND',
        { id },
      );
    }
    const nowUs = this.#clock.nowUs();
    const observed = this.#records.observed(id);
    return {
      stuckConnection: recordToProto(record, nowUs, this.#clock),
      ladder: ladderToProto(record, observed, nowUs, this.#clock),
      whatIf: settings === null ? null : whatIfToProto(record, observed, settings, nowUs, this.#clock),
    };
  }

  #createMapper(): WatchMapper {
    const mapped = new WeakMap<RecordChange, Partial<Record<RecordChange['kind'], Change>>>();
    return {
      nowTime: () => timestampFromUs(this.#clock.monoToRealUs(this.#clock.nowUs())),
      snapshotItem: (record) => {
        const nowUs = this.#clock.nowUs();
        const time = timestampFromUs(this.#clock.monoToRealUs(nowUs));
        return { time, snapshotItem: recordToProto(record, nowUs, this.#clock) };
      },
      change: (change, kind) => {
        const known = mapped.get(change);
        const message = known?.[kind] ?? changeToProto(change, kind, this.#clock);
        mapped.set(change, { ...known, [kind]: message });
        return message;
      },
    };
  }

  #watch(call: WatchCall): void {
    const fail = (error: unknown): void => {
      call.emit('error', toStatus(error, call.getPath(), this.#log));
    };
    try {
      const filter = parseConnectionFilter(acceptRequest(call.request).filter);
      if (this.#draining) {
        throw stopping();
      }
      if (this.#subscriptions.size >= this.#subscribersMax) {
        const limit = this.#subscribersMax.toString();
        const details = `${limit} watches are open, which is the most; end one and try again`;
        throw new RpcError(status.RESOURCE_EXHAUSTED, details, 'TOO_MANY_SUBSCRIBERS', { limit });
      }
      const end = (error: RpcError): void => {
        session.close();
        fail(error);
      };
      const subscription: Subscription = { end };
      const session = new WatchSession(
        this.#records,
        filter,
        this.#mapper,
        {
          write: (changes, flushed) => call.write({ changes }, flushed),
          tooSlow: () => {
            const seconds = (this.#limits.slowMs / 1000).toString();
            this.#log.warn(`ended a watch whose client read nothing for ${seconds} s`);
            const details = `the client read nothing for ${seconds} s; watch again`;
            end(new RpcError(status.RESOURCE_EXHAUSTED, details, 'SUBSCRIBER_TOO_SLOW', { seconds }));
          },
          failed: fail,
        },
        this.#limits,
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
}
