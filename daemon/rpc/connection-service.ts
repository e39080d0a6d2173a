/** ConnectionService: list, get and watch stuck connections. */
import { status } from '@grpc/grpc-js';
import type { ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { RecordChange, RecordSource, WallClock, WorkloadSource } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import type { PeerTotals } from '../core/sweep-totals.js';
import type { AuditSource } from '../core/audit/source.js';
import { auditCall } from './audit-call.js';
import { createChangeMapper, type RecordMapper } from './change-mapper.js';
import { type ConnectionFilter, parseConnectionFilter } from './connection-filter.js';
import type { ConnectionHistory } from './connection-history.js';
import { fillPageById, pageSizeOf } from './fill-page.js';
import { stuckd } from './gen/stuckd.js';
import { ladderToProto, parseWhatIf, whatIfToProto } from './get-connection.js';
import { groupLists } from './group-lists.js';
import { decodePageToken } from './page-token.js';
import { recordToProto } from './proto-mapping.js';
import type { MalformedRequest } from './service-definition.js';
import type { EncodedChange } from './shared-change.js';
import { RpcError, acceptRequest, invalidArgument, unary } from './status.js';
import type { RpcLog } from './status.js';
import { storedChange } from './stored-change.js';
import type { WatchPlace } from './watch-backlog.js';
import { placeWithoutHistory, type WatchCalls, type WatchMessages } from './watch-calls.js';
import type { WatchFeed } from './watch-session.js';

type Connection = stuckd.v1.StuckConnection.$Properties;
type ListRequest = stuckd.v1.ListStuckConnectionsRequest.$Properties;
type ListResponse = stuckd.v1.ListStuckConnectionsResponse.$Properties;
type GetRequest = stuckd.v1.GetStuckConnectionRequest.$Properties;
type GetResponse = stuckd.v1.GetStuckConnectionResponse.$Properties;
type WatchRequest = stuckd.v1.WatchStuckConnectionsRequest.$Properties;
type WatchCall = ServerWritableStream<WatchRequest | MalformedRequest, WatchMessages<EncodedChange>>;

const PAGE_SIZE_DEFAULT = 500;
const PAGE_SIZE_MAX = 1000;
const ID_LENGTH_MAX = 256;

export interface ConnectionServiceOptions {
  readonly records: RecordSource;
  readonly clock: WallClock;
  readonly workloads: WorkloadSource;
  readonly totals: PeerTotals;
  readonly audits: AuditSource;
  readonly log: RpcLog;
  readonly watches: WatchCalls;
  /** What is kept on disk; without it watches cannot be resumed. */
  readonly history?: ConnectionHistory;
}

/** Records as watches follow them. */
export function recordFeed(records: RecordSource): WatchFeed<StuckRecord, RecordChange> {
  return {
    current: () => records.open(),
    kindOf: ({ kind }) => kind,
    itemOf: ({ record }) => record,
    subscribe: (listener) => records.subscribe(listener),
  };
}

export class ConnectionService {
  readonly implementation: UntypedServiceImplementation;
  readonly #records: RecordSource;
  readonly #clock: WallClock;
  readonly #workloads: WorkloadSource;
  readonly #log: RpcLog;
  readonly #mapper: RecordMapper;
  readonly #history: ConnectionHistory | null;

  constructor(options: ConnectionServiceOptions) {
    this.#records = options.records;
    this.#clock = options.clock;
    this.#workloads = options.workloads;
    this.#log = options.log;
    this.#history = options.history ?? null;
    this.#mapper = this.#history?.mapper ?? createChangeMapper(options.clock, options.workloads);
    const feed = recordFeed(options.records);
    this.implementation = {
      listStuckConnections: unary(this.#log, (request: ListRequest) => this.#list(request)),
      getStuckConnection: unary(this.#log, (request: GetRequest) => this.#get(request)),
      watchStuckConnections: (call: WatchCall) => {
        options.watches.serve(call, (request) => {
          const { filter: wanted, resumeToken } = acceptRequest(request);
          const filter = parseConnectionFilter(wanted, this.#clock, this.#workloads);
          const place = this.#placeOf(filter, resumeToken ?? '');
          return { stream: 'connections', feed, filter, mapper: this.#mapper, place };
        });
      },
      ...groupLists(options),
      ...auditCall(options),
    };
  }

  async #list(request: ListRequest): Promise<ListResponse> {
    const filter = parseConnectionFilter(request.filter, this.#clock, this.#workloads);
    const includeEnded = request.includeEnded ?? false;
    const query = `${filter.fingerprint}${includeEnded ? '+ended' : ''}`;
    const afterId = decodePageToken(request.pageToken ?? '', query);
    const pageSize = pageSizeOf(request.pageSize, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);

    const all = includeEnded ? [...this.#records.recentlyEnded(), ...this.#records.open()] : this.#records.open();
    const inMemory = all.filter((record) => record.id > afterId && filter.matches(record));
    const onDisk = includeEnded ? await this.#history?.ended(filter, afterId, pageSize + 1) : [];
    const nowUs = this.#clock.nowUs();
    const { page, nextPageToken } = await fillPageById([...inMemory, ...(onDisk ?? [])], {
      ...{ pageSize, query },
      toMessage: (item): Connection =>
        'decode' in item ? item.decode() : recordToProto(item, nowUs, this.#clock, this.#workloads),
      sizeOf: (connection) => stuckd.v1.StuckConnection.encode(connection).pos,
    });
    return { stuckConnections: page, nextPageToken };
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
      stuckConnection: recordToProto(record, nowUs, this.#clock, this.#workloads),
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
        'RECORD_NOT_FOUND',
        { id },
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

  /** @throws RpcError for a token from which nothing can be resumed. */
  #placeOf(filter: ConnectionFilter, resumeToken: string): WatchPlace<EncodedChange> {
    return this.#history?.stream.place(filter, resumeToken, storedChange) ?? placeWithoutHistory(resumeToken);
  }
}
