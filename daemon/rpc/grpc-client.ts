/** Typed calls to a running stuckd, for stuckctl and the demo. */
import { Client, credentials, status } from '@grpc/grpc-js';
import type { ChannelOptions, ServiceError } from '@grpc/grpc-js';
import { formatAddress, parseAddress } from './address.js';
import type { stuckd } from './gen/stuckd.js';
import type { RpcMethod } from './service-definition.js';
import { ALERT_SERVICE, CONNECTION_SERVICE, NODE_SERVICE } from './services.js';

/** A unary call that takes longer is given up. */
const DEADLINE_MS = 5000;

/** A receiver may take up to 30 s to answer a test alert. */
const TEST_DEADLINE_MS = 40_000;

/** Without keepalive, a call to a daemon that froze or vanished would wait for ever. */
const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.initial_reconnect_backoff_ms': 500,
  'grpc.max_reconnect_backoff_ms': 5000,
  // The daemon is on this machine; a proxy from the environment would only break the way to it.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
};

/** What went wrong, as far as the caller can act on it. */
export type CallFailure = 'unreachable' | 'not_found' | 'invalid' | 'refused' | 'failed';

/** A call that did not succeed; the message is the server's, or grpc-js's reason why it was not reached. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly failure: CallFailure;
  constructor(failure: CallFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

const FAILURES: ReadonlyMap<status, CallFailure> = new Map([
  [status.UNAVAILABLE, 'unreachable'],
  [status.DEADLINE_EXCEEDED, 'unreachable'],
  [status.NOT_FOUND, 'not_found'],
  [status.INVALID_ARGUMENT, 'invalid'],
  [status.RESOURCE_EXHAUSTED, 'refused'],
]);

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}

/** What grpc-js says around the one thing that matters: `connect ENOENT /run/stuckd/stuckd.sock`. */
function connectionReason(details: string): string {
  return /Last error: (?:Error: )?(.*?)\. Resolution note:/s.exec(details)?.[1] ?? details;
}

function callError(error: unknown, deadlineMs = DEADLINE_MS): CallError {
  if (!isServiceError(error)) {
    return new CallError('failed', error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (error.code === status.DEADLINE_EXCEEDED) {
    return new CallError('unreachable', `no answer within ${deadlineMs / 1000} s`, { cause: error });
  }
  if (error.code === status.UNIMPLEMENTED) {
    const message = `what answers there is not stuckd, or another version of it (${error.details})`;
    return new CallError('failed', message, { cause: error });
  }
  return new CallError(FAILURES.get(error.code) ?? 'failed', connectionReason(error.details), { cause: error });
}

export type ListRequest = stuckd.v1.ListStuckConnectionsRequest.$Properties;
export type ListResponse = stuckd.v1.ListStuckConnectionsResponse;
export type GetResponse = stuckd.v1.GetStuckConnectionResponse;
export type WhatIfRequest = stuckd.v1.WhatIf.$Properties;
export type StatusResponse = stuckd.v1.GetStatusResponse;
export type ConnectionFilterRequest = stuckd.v1.ConnectionFilter.$Properties;
export type WatchChange = stuckd.v1.Change.$Properties;

/** All calls reject with CallError. */
export interface StuckdClient {
  /** One page. */
  listStuckConnections(request: ListRequest): Promise<ListResponse>;
  /** @param whatIf settings to suppose; null for none. */
  getStuckConnection(id: string, whatIf?: WhatIfRequest | null): Promise<GetResponse>;
  getStatus(): Promise<StatusResponse>;
  /** One page. */
  listDeliveries(request: stuckd.v1.ListDeliveriesRequest.$Properties): Promise<stuckd.v1.ListDeliveriesResponse>;
  retryDelivery(id: string): Promise<stuckd.v1.RetryDeliveryResponse>;
  testReceiver(name: string): Promise<stuckd.v1.TestReceiverResponse>;
  /**
   * Changes as they come: a snapshot, its end, then what happens. The daemon is read no faster than the changes are taken.
   * @param signal ends the watch without an error.
   */
  watch(filter: ConnectionFilterRequest, signal: AbortSignal): AsyncIterable<WatchChange>;
  close(): void;
}

async function unaryCall<RequestIn, RequestOut, ResponseIn, ResponseOut>(
  client: Client,
  method: RpcMethod<RequestIn, RequestOut, ResponseIn, ResponseOut>,
  request: RequestIn,
  deadlineMs = DEADLINE_MS,
): Promise<ResponseOut> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      { deadline: Date.now() + deadlineMs },
      (error, response) => {
        if (response === undefined) {
          reject(callError(error, deadlineMs));
        } else {
          resolve(response);
        }
      },
    );
  });
}

async function* watchCall(
  client: Client,
  filter: ConnectionFilterRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchChange> {
  const method = CONNECTION_SERVICE.watchStuckConnections;
  const call = client.makeServerStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, {
    filter,
  });
  const cancel = (): void => {
    call.cancel();
  };
  signal.addEventListener('abort', cancel);
  if (signal.aborted) {
    cancel();
  }
  try {
    for await (const response of call as AsyncIterable<stuckd.v1.WatchStuckConnectionsResponse>) {
      yield* response.changes;
    }
  } catch (error) {
    if (!signal.aborted) {
      throw callError(error);
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    call.cancel();
  }
}

/**
 * Nothing is connected until the first call.
 * @param address `unix:PATH` or `HOST:PORT`.
 * @throws AddressError
 */
export function createStuckdClient(address: string): StuckdClient {
  const parsed = parseAddress(address);
  const client = new Client(formatAddress(parsed), credentials.createInsecure(), CHANNEL_OPTIONS);
  return {
    listStuckConnections: (request) => unaryCall(client, CONNECTION_SERVICE.listStuckConnections, request),
    getStuckConnection: (id, whatIf = null) => unaryCall(client, CONNECTION_SERVICE.getStuckConnection, { id, whatIf }),
    getStatus: () => unaryCall(client, NODE_SERVICE.getStatus, {}),
    listDeliveries: (request) => unaryCall(client, ALERT_SERVICE.listDeliveries, request),
    retryDelivery: (id) => unaryCall(client, ALERT_SERVICE.retryDelivery, { id }),
    testReceiver: (name) => unaryCall(client, ALERT_SERVICE.testReceiver, { name }, TEST_DEADLINE_MS),
    watch: (filter, signal) => watchCall(client, filter, signal),
    close: () => {
      client.close();
    },
  };
}
