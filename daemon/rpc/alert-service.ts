/** AlertService: list and watch alerts, and what receivers are told of them. */
import type { ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Alert, AlertSource } from '../core/alert.js';
import type { DeliverySource } from '../core/delivery.js';
import type { WallClock, WorkloadSource } from '../core/ports.js';
import { alertFeed, type AlertMapper, createAlertChangeMapper } from './alert-change-mapper.js';
import { type AlertFilter, parseAlertFilter } from './alert-filter.js';
import type { AlertHistory } from './alert-history.js';
import { alertToProto } from './alert-mapping.js';
import { deliveryHandlers } from './delivery-service.js';
import { fillPageById, pageSizeOf } from './fill-page.js';
import { stuckd } from './gen/stuckd.js';
import { decodePageToken } from './page-token.js';
import { timestampToMs } from './proto-time.js';
import type { MalformedRequest } from './service-definition.js';
import { acceptRequest, unary } from './status.js';
import type { RpcLog } from './status.js';
import { decodeAlertChange } from './stored-alert.js';
import type { WatchPlace } from './watch-backlog.js';
import { placeWithoutHistory, type WatchCalls, type WatchMessages } from './watch-calls.js';

type Change = stuckd.v1.AlertChange.$Properties;
type AlertMessage = stuckd.v1.Alert.$Properties;
type ListRequest = stuckd.v1.ListAlertsRequest.$Properties;
type ListResponse = stuckd.v1.ListAlertsResponse.$Properties;
type WatchRequest = stuckd.v1.WatchAlertsRequest.$Properties;
type WatchCall = ServerWritableStream<WatchRequest | MalformedRequest, WatchMessages<Change>>;

const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 500;

const US_PER_MS = 1000;

export interface AlertServiceOptions {
  readonly alerts: AlertSource;
  readonly clock: WallClock;
  readonly workloads: WorkloadSource;
  readonly deliveries: DeliverySource;
  readonly log: RpcLog;
  readonly watches: WatchCalls;
  /** What is kept on disk; without it watches cannot be resumed. */
  readonly alertHistory?: AlertHistory;
}

export class AlertService {
  readonly implementation: UntypedServiceImplementation;
  readonly #alerts: AlertSource;
  readonly #clock: WallClock;
  readonly #workloads: WorkloadSource;
  readonly #mapper: AlertMapper;
  readonly #history: AlertHistory | null;

  constructor({ alerts, clock, workloads, deliveries, log, watches, alertHistory }: AlertServiceOptions) {
    this.#alerts = alerts;
    this.#clock = clock;
    this.#workloads = workloads;
    this.#history = alertHistory ?? null;
    this.#mapper = this.#history?.mapper ?? createAlertChangeMapper(clock, workloads);
    const feed = alertFeed(alerts);
    this.implementation = {
      listAlerts: unary(log, (request: ListRequest) => this.#list(request)),
      watchAlerts: (call: WatchCall) => {
        watches.serve(call, (request) => {
          const { filter: wanted, resumeToken } = acceptRequest(request);
          const filter = parseAlertFilter(wanted);
          const place = this.#placeOf(filter, resumeToken ?? '');
          return { stream: 'alerts', feed, filter, mapper: this.#mapper, place };
        });
      },
      ...deliveryHandlers(deliveries, log),
    };
  }

  async #list(request: ListRequest): Promise<ListResponse> {
    const filter = parseAlertFilter(request.filter);
    const includeResolved = request.includeResolved ?? false;
    const firingAfterMs = request.firingAfter ? timestampToMs(request.firingAfter) : -Infinity;
    const query = `${filter.fingerprint} ${includeResolved ? firingAfterMs.toString() : ''}`;
    const afterId = decodePageToken(request.pageToken ?? '', query);
    const pageSize = pageSizeOf(request.pageSize, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);

    const wasFiring = ({ endUs }: Alert): boolean =>
      endUs !== null && this.#clock.monoToRealUs(endUs) / US_PER_MS >= firingAfterMs;
    const all = [...(includeResolved ? this.#alerts.resolved().filter(wasFiring) : []), ...this.#alerts.firing()];
    const inMemory = all.filter((alert) => alert.id > afterId && filter.matches(alert));
    const onDisk = includeResolved ? await this.#history?.resolved(filter, firingAfterMs, afterId, pageSize + 1) : [];
    const nowUs = this.#clock.nowUs();
    const { page, nextPageToken } = await fillPageById([...inMemory, ...(onDisk ?? [])], {
      ...{ pageSize, query },
      toMessage: (item): AlertMessage =>
        'decode' in item ? item.decode() : alertToProto(item, nowUs, this.#clock, this.#workloads),
      sizeOf: (alert) => stuckd.v1.Alert.encode(alert).pos,
    });
    return { alerts: page, nextPageToken };
  }

  /** @throws RpcError for a token from which nothing can be resumed. */
  #placeOf(filter: AlertFilter, resumeToken: string): WatchPlace<Change> {
    return this.#history?.stream.place(filter, resumeToken, decodeAlertChange) ?? placeWithoutHistory(resumeToken);
  }
}
