/** AlertService: list and watch alerts, and what receivers are told of them. */
import type { ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import Long from 'long';
import type { Alert, AlertChange, AlertSource } from '../core/alert.js';
import type { DeliverySource } from '../core/delivery.js';
import type { WallClock, WorkloadSource } from '../core/ports.js';
import { parseAlertFilter } from './alert-filter.js';
import { alertChangeToProto, alertToProto } from './alert-mapping.js';
import { deliveryHandlers } from './delivery-service.js';
import { fillPage } from './fill-page.js';
import { stuckd } from './gen/stuckd.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import { timestampFromUs, timestampToMs } from './proto-time.js';
import type { MalformedRequest } from './service-definition.js';
import { acceptRequest, unary } from './status.js';
import type { RpcLog } from './status.js';
import { placeWithoutHistory, type WatchCalls, type WatchMessages } from './watch-calls.js';
import type { WatchKind } from './followed-items.js';
import type { WatchFeed, WatchMapper } from './watch-session.js';

type Change = stuckd.v1.AlertChange.$Properties;
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
}

const WATCH_KINDS: Readonly<Record<AlertChange['kind'], WatchKind>> = {
  fired: 'opened',
  updated: 'updated',
  resolved: 'ended',
};

/** Alerts as watches follow them. */
export function alertFeed(alerts: AlertSource): WatchFeed<Alert, AlertChange> {
  return {
    current: () => alerts.firing(),
    kindOf: ({ kind }) => WATCH_KINDS[kind],
    itemOf: ({ alert }) => alert,
    subscribe: (listener) => alerts.subscribe(listener),
  };
}

function byId(a: Alert, b: Alert): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

export class AlertService {
  readonly implementation: UntypedServiceImplementation;
  readonly #alerts: AlertSource;
  readonly #clock: WallClock;
  readonly #workloads: WorkloadSource;

  constructor({ alerts, clock, workloads, deliveries, log, watches }: AlertServiceOptions) {
    this.#alerts = alerts;
    this.#clock = clock;
    this.#workloads = workloads;
    const feed = alertFeed(alerts);
    const mapper = this.#createMapper();
    this.implementation = {
      listAlerts: unary(log, (request: ListRequest) => this.#list(request)),
      watchAlerts: (call: WatchCall) => {
        watches.serve(call, (request) => {
          const { filter, resumeToken } = acceptRequest(request);
          return { feed, filter: parseAlertFilter(filter), mapper, place: placeWithoutHistory(resumeToken ?? '') };
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
    const pageSize = Math.min(
      request.pageSize === 0 ? PAGE_SIZE_DEFAULT : (request.pageSize ?? PAGE_SIZE_DEFAULT),
      PAGE_SIZE_MAX,
    );

    const wasFiring = ({ endUs }: Alert): boolean =>
      endUs !== null && this.#clock.monoToRealUs(endUs) / US_PER_MS >= firingAfterMs;
    const all = [...(includeResolved ? this.#alerts.resolved().filter(wasFiring) : []), ...this.#alerts.firing()];
    const rest = all.filter((alert) => alert.id > afterId && filter.matches(alert)).sort(byId);
    const nowUs = this.#clock.nowUs();
    const page = await fillPage(
      rest,
      pageSize,
      (alert) => alertToProto(alert, nowUs, this.#clock, this.#workloads),
      (alert) => stuckd.v1.Alert.encode(alert).pos,
    );
    const last = rest[page.length - 1];
    return {
      alerts: page,
      nextPageToken: last !== undefined && rest.length > page.length ? encodePageToken(query, last.id) : '',
    };
  }

  #createMapper(): WatchMapper<Alert, AlertChange, Change> {
    const mapped = new WeakMap<AlertChange, Partial<Record<WatchKind, Change>>>();
    const nowTime = (): NonNullable<Change['time']> => timestampFromUs(this.#clock.monoToRealUs(this.#clock.nowUs()));
    return {
      snapshotItem: (alert) => ({
        time: nowTime(),
        snapshotItem: alertToProto(alert, this.#clock.nowUs(), this.#clock, this.#workloads),
      }),
      snapshotEnd: (count) => ({ time: nowTime(), snapshotEnd: { count } }),
      change: (change, kind) => {
        const known = mapped.get(change);
        const message = known?.[kind] ?? alertChangeToProto(change, kind, this.#clock, this.#workloads);
        mapped.set(change, { ...known, [kind]: message });
        return message;
      },
      lost: (count) => ({ time: nowTime(), lost: { count: Long.fromNumber(count, true) } }),
    };
  }
}
