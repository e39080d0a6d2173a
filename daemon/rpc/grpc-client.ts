/** Typed calls to a running stuckd, for stuckctl and the demo. */
import { Client, credentials, status } from '@grpc/grpc-js';
import type { ChannelOptions, ServiceError } from '@grpc/grpc-js';
import { formatAddress, parseAddress } from './address.js';
import type { stuckd } from './gen/stuckd.js';
import type { RpcMethod } from './service-definition.js';
import { ALERT_SERVICE, CONNECTION_SERVICE, NODE_SERVICE } from './services.js';

/** A unary call that takes longer is given up. */
const DEADLINE_MS = 5000;

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
export type CallFailure = 'unreachable' | 'not_found' | 'invalid' | 'refused' | 'expired' | 'failed';

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
  // Of a watch: what followed the token is not kept any more.
  [status.OUT_OF_RANGE, 'expired'],
]);

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}

/** What grpc-js says around the one thing that matters: `connect ENOENT /run/stuckd/stuckd.sock`. */
function connectionReason(details: string): string {
  return /Last error: (?:Error: )?(.*?)\. Resolution note:/s.exec(details)?.[1] ?? details;
}

function callError(error: unknown): CallError {
  if (!isServiceError(error)) {
    return new CallError('failed', error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (error.code === status.DEADLINE_EXCEEDED) {
    return new CallError('unreachable', `no answer within ${DEADLINE_MS / 1000} s`, { cause: error });
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
export type ListGroupsRequest = stuckd.v1.ListProcessesRequest.$Properties;
export type ListProcessesResponse = stuckd.v1.ListProcessesResponse;
export type ListPeersResponse = stuckd.v1.ListPeersResponse;
export type StatusResponse = stuckd.v1.GetStatusResponse;
export type ConnectionFilterRequest = stuckd.v1.ConnectionFilter.$Properties;
export type WatchChange = stuckd.v1.Change.$Properties;
export type WatchResponse = stuckd.v1.WatchStuckConnectionsResponse;
export type AlertFilterRequest = stuckd.v1.AlertFilter.$Properties;
export type AlertWatchChange = stuckd.v1.AlertChange.$Properties;
export type AlertWatchResponse = stuckd.v1.WatchAlertsResponse;

/** All calls reject with CallError. */
export interface StuckdClient {
  /** One page. */
  listStuckConnections(request: ListRequest): Promise<ListResponse>;
  /** @param whatIf settings to suppose; null for none. */
  getStuckConnection(id: string, whatIf?: WhatIfRequest | null): Promise<GetResponse>;
  /** One page. */
  listProcesses(request: ListGroupsRequest): Promise<ListProcessesResponse>;
  /** One page. */
  listPeers(request: ListGroupsRequest): Promise<ListPeersResponse>;
  getStatus(): Promise<StatusResponse>;
  /**
   * Changes as they come: a snapshot, its end, then what happens. The daemon is read no faster than the changes are taken.
   * @param signal ends the watch without an error.
   */
  watch(filter: ConnectionFilterRequest, signal: AbortSignal): AsyncIterable<WatchChange>;
  /**
   * The same, response by response, with the token of each.
   * @param resumeToken of the last response; empty to begin with a snapshot
   */
  watchResponses(
    filter: ConnectionFilterRequest,
    resumeToken: string,
    signal: AbortSignal,
  ): AsyncIterable<WatchResponse>;
  /** One page. */
  listAlerts(request: stuckd.v1.ListAlertsRequest.$Properties): Promise<stuckd.v1.ListAlertsResponse>;
  /** As `watch`, of alerts. */
  watchAlerts(filter: AlertFilterRequest, signal: AbortSignal): AsyncIterable<AlertWatchChange>;
  /** As `watchResponses`, of alerts. */
  watchAlertResponses(
    filter: AlertFilterRequest,
    resumeToken: string,
    signal: AbortSignal,
  ): AsyncIterable<AlertWatchResponse>;
  close(): void;
}

async function unaryCall<RequestIn, RequestOut, ResponseIn, ResponseOut>(
  client: Client,
  method: RpcMethod<RequestIn, RequestOut, ResponseIn, ResponseOut>,
  request: RequestIn,
): Promise<ResponseOut> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      { deadline: Date.now() + DEADLINE_MS },
      (error, response) => {
        if (response === undefined) {
          reject(callError(error));
        } else {
          resolve(response);
        }
      },
    );
  });
}

async function* watchCall<RequestIn, RequestOut, ResponseIn, Response>(
  client: Client,
  method: RpcMethod<RequestIn, RequestOut, ResponseIn, Response>,
  request: RequestIn,
  signal: AbortSignal,
): AsyncGenerator<Response> {
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
  );
  const cancel = (): void => {
    call.cancel();
  };
  signal.addEventListener('abort', cancel);
  if (signal.aborted) {
    cancel();
  }
  try {
    yield* call as AsyncIterable<Response>;
  } catch (error) {
    if (!signal.aborted) {
      throw callError(error);
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    call.cancel();
  }
}

async function* changesOf<Change>(
  responses: AsyncIterable<{ readonly changes: readonly Change[] }>,
): AsyncGenerator<Change> {
  for await (const { changes } of responses) {
    yield* changes;
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
  const watchConnections: StuckdClient['watchResponses'] = (filter, resumeToken, signal) =>
    watchCall(client, CONNECTION_SERVICE.watchStuckConnections, { filter, resumeToken }, signal);
  const watchAlerts: StuckdClient['watchAlertResponses'] = (filter, resumeToken, signal) =>
    watchCall(client, ALERT_SERVICE.watchAlerts, { filter, resumeToken }, signal);
  return {
    listStuckConnections: (request) => unaryCall(client, CONNECTION_SERVICE.listStuckConnections, request),
    getStuckConnection: (id, whatIf = null) => unaryCall(client, CONNECTION_SERVICE.getStuckConnection, { id, whatIf }),
    listProcesses: (request) => unaryCall(client, CONNECTION_SERVICE.listProcesses, request),
    listPeers: (request) => unaryCall(client, CONNECTION_SERVICE.listPeers, request),
    getStatus: () => unaryCall(client, NODE_SERVICE.getStatus, {}),
    watch: (filter, signal) => changesOf(watchConnections(filter, '', signal)),
    watchResponses: watchConnections,
    listAlerts: (request) => unaryCall(client, ALERT_SERVICE.listAlerts, request),
    watchAlerts: (filter, signal) => changesOf(watchAlerts(filter, '', signal)),
    watchAlertResponses: watchAlerts,
    close: () => {
      client.close();
    },
  };
}
