/** The part of AlertService that is about receivers: what was sent to them, again, and a test. */
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Delivery, DeliveryEvent, DeliverySource, DeliveryState, TestAnswer } from '../core/delivery.js';
import { pageSizeOf } from './fill-page.js';
import { stuckd } from './gen/stuckd.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import { durationFromUs, timestampFromUs } from './proto-time.js';
import { invalidArgument, RpcError, unary, type RpcLog } from './status.js';

type ListRequest = stuckd.v1.ListDeliveriesRequest;
type ListResponse = stuckd.v1.ListDeliveriesResponse.$Properties;

const PAGE_DEFAULT = 100;
const PAGE_MAX = 500;
const US_PER_MS = 1000;

const STATES: Readonly<Record<DeliveryState, stuckd.v1.DeliveryState>> = {
  pending: stuckd.v1.DeliveryState.DELIVERY_STATE_PENDING,
  delivered: stuckd.v1.DeliveryState.DELIVERY_STATE_DELIVERED,
  dead: stuckd.v1.DeliveryState.DELIVERY_STATE_DEAD,
};

const EVENTS: Readonly<Record<DeliveryEvent, stuckd.v1.DeliveryEvent>> = {
  fired: stuckd.v1.DeliveryEvent.DELIVERY_EVENT_FIRED,
  updated: stuckd.v1.DeliveryEvent.DELIVERY_EVENT_UPDATED,
  resolved: stuckd.v1.DeliveryEvent.DELIVERY_EVENT_RESOLVED,
};

function timeOf(realMs: number | null): ReturnType<typeof timestampFromUs> | null {
  return realMs === null ? null : timestampFromUs(realMs * US_PER_MS);
}

export function deliveryToProto(delivery: Delivery): stuckd.v1.Delivery.$Properties {
  const { id, receiver, replica, alertId, attempts, httpStatus, lastError, summary, state } = delivery;
  return {
    ...{ id, receiver, replica, alertId, attempts, httpStatus, lastError, summary },
    event: EVENTS[delivery.event],
    state: STATES[state],
    acceptedTime: timeOf(delivery.acceptedMs),
    lastAttemptTime: timeOf(delivery.lastAttemptMs),
    nextAttemptTime: timeOf(state === 'pending' ? delivery.nextAttemptMs : null),
    endTime: timeOf(delivery.endMs),
  };
}

function answerToProto({
  replica,
  delivered,
  httpStatus,
  error,
  durationMs,
}: TestAnswer): stuckd.v1.TestAnswer.$Properties {
  return { replica, delivered, httpStatus, error, duration: durationFromUs(durationMs * US_PER_MS) };
}

/** Where a delivery stands in the list. Never changes, so that a page goes on behind one that is gone. */
interface DeliveryPlace {
  readonly acceptedMs: number;
  readonly id: string;
}

function comparePlaces(a: DeliveryPlace, b: DeliveryPlace): number {
  return a.acceptedMs - b.acceptedMs || (a.id < b.id ? -1 : Number(a.id > b.id));
}

/** @returns null for the first page. @throws RpcError INVALID_ARGUMENT for a page token of another list. */
function parsePlace(pageToken: string, query: string): DeliveryPlace | null {
  const place = decodePageToken(pageToken, query);
  if (place === '') {
    return null;
  }
  const [, acceptedMs, id] = /^(\d+) (.+)$/s.exec(place) ?? [];
  if (acceptedMs === undefined || id === undefined) {
    throw invalidArgument('page_token is not a token of this list; start again without one', 'PAGE_TOKEN_INVALID');
  }
  return { acceptedMs: Number(acceptedMs), id };
}

/** @throws RpcError INVALID_ARGUMENT for an unknown state, or a page token of another list. */
export function listDeliveries(source: DeliverySource, request: ListRequest): ListResponse {
  const { receivers, states, alertIds } = request;
  const known: readonly number[] = Object.values(STATES);
  if (states.some((state) => !known.includes(state))) {
    throw invalidArgument('states: there is no such state');
  }
  const query = JSON.stringify([receivers, states, alertIds]);
  const after = parsePlace(request.pageToken, query);
  const matches = (delivery: Delivery): boolean =>
    (receivers.length === 0 || receivers.includes(delivery.receiver)) &&
    (states.length === 0 || states.includes(STATES[delivery.state])) &&
    (alertIds.length === 0 || alertIds.includes(delivery.alertId)) &&
    (after === null || comparePlaces(delivery, after) > 0);
  const rest = source.deliveries().filter(matches).sort(comparePlaces);
  const size = pageSizeOf(request.pageSize, PAGE_DEFAULT, PAGE_MAX);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return {
    deliveries: page.map(deliveryToProto),
    nextPageToken:
      last !== undefined && rest.length > size ? encodePageToken(query, `${last.acceptedMs} ${last.id}`) : '',
  };
}

/** @throws RpcError NOT_FOUND or FAILED_PRECONDITION */
export function retryDelivery(source: DeliverySource, id: string): stuckd.v1.RetryDeliveryResponse.$Properties {
  const result = source.retry(id);
  switch (result) {
    case 'unknown':
      throw new RpcError(
        status.NOT_FOUND,
        `there is no delivery ${JSON.stringify(id)}, or no longer`,
        'RECORD_NOT_FOUND',
        { id },
      );
    case 'delivered':
      throw new RpcError(status.FAILED_PRECONDITION, `delivery ${id} was delivered; only its id is kept`);
    case 'no_receiver':
      throw new RpcError(status.FAILED_PRECONDITION, `the receiver of delivery ${id} is not configured any more`);
    default:
      return { delivery: deliveryToProto(result) };
  }
}

/** @throws RpcError NOT_FOUND or RESOURCE_EXHAUSTED */
export async function testReceiver(
  source: DeliverySource,
  name: string,
): Promise<stuckd.v1.TestReceiverResponse.$Properties> {
  const answers = await source.test(name);
  if (answers === 'unknown') {
    const message = `there is no receiver ${JSON.stringify(name)} in the configuration`;
    throw new RpcError(status.NOT_FOUND, message, 'NAME_NOT_FOUND', { name });
  }
  if (answers === 'busy') {
    const message = `a test of receiver ${name} is under way`;
    throw new RpcError(status.RESOURCE_EXHAUSTED, message, 'LIMIT_REACHED', { limit: '1' });
  }
  return { answers: answers.map(answerToProto) };
}

/** To be added to the other methods of AlertService. */
export function deliveryHandlers(source: DeliverySource, log: RpcLog): UntypedServiceImplementation {
  return {
    listDeliveries: unary(log, (request: ListRequest) => listDeliveries(source, request)),
    retryDelivery: unary(log, ({ id }: stuckd.v1.RetryDeliveryRequest) => retryDelivery(source, id)),
    testReceiver: unary(log, ({ name }: stuckd.v1.TestReceiverRequest) => testReceiver(source, name)),
  };
}
