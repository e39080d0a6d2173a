/** Typed calls to a running stuckd, for stuckctl and the demo. */
import { Client } from '@grpc/grpc-js';
import type { ChannelOptions } from '@grpc/grpc-js';
import { formatAddress, parseAddress } from './address.js';
import { AUDIT_DEADLINE_MS, callError, DEADLINE_MS } from './call-error.js';
import { type ClientTls, clientCredentials, tlsChannelOptions } from './client-tls.js';
import type { stuckd } from './gen/stuckd.js';
import type { RpcMethod } from './service-definition.js';
import { ALERT_SERVICE, CONNECTION_SERVICE, NODE_SERVICE } from './services.js';
import { withoutSilence } from './silence-guard.js';

/** A receiver may take up to 30 s to answer a test alert. */
const TEST_DEADLINE_MS = 40_000;

/** Without keepalive, a call to a daemon that froze or vanished would wait for ever. */
const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  // With HTTP/2's 64 KiB a burst of changes would take a round trip of both event loops for every 50 of them.
  'grpc-node.flow_control_window': 2 * 1024 * 1024,
  'grpc.initial_reconnect_backoff_ms': 500,
  'grpc.max_reconnect_backoff_ms': 5000,
  // The daemon is on this machine; a proxy from the environment would only break the way to it.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
};

export { CallError } from './call-error.js';
export type { ClientTls } from './client-tls.js';

export type ListRequest = stuckd.v1.ListStuckConnectionsRequest.$Properties;
export type ListResponse = stuckd.v1.ListStuckConnectionsResponse;
export type GetResponse = stuckd.v1.GetStuckConnectionResponse;
export type WhatIfRequest = stuckd.v1.WhatIf.$Properties;
export type ListGroupsRequest = stuckd.v1.ListProcessesRequest.$Properties;
export type ListProcessesResponse = stuckd.v1.ListProcessesResponse;
export type ListPeersResponse = stuckd.v1.ListPeersResponse;
export type AuditRequest = stuckd.v1.AuditConnectionsRequest.$Properties;
export type AuditResponse = stuckd.v1.AuditConnectionsResponse;
export type StatusResponse = stuckd.v1.GetStatusResponse;
export type ConnectionFilterRequest = stuckd.v1.ConnectionFilter.$Properties;
export type WatchChange = stuckd.v1.Change.$Properties;
export type WatchResponse = stuckd.v1.WatchStuckConnectionsResponse;
export type AlertFilterRequest = stuckd.v1.AlertFilter.$Properties;
export type AlertWatchChange = stuckd.v1.AlertChange.$Properties;
export type AlertWatchResponse = stuckd.v1.WatchAlertsResponse;

/** How long calls may take, by default. */
export interface ClientDeadlines {
  readonly deadlineMs?: number;
  readonly auditDeadlineMs?: number;
}

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
  /** One page. */
  auditConnections(request: AuditRequest): Promise<AuditResponse>;
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
  deadlineMs: number,
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
    yield* withoutSilence<Response>(call);
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
 * @param tls for a daemon that asks for it; null for none.
 * @param deadlineMs after which a call that is no stream is given up; `auditDeadlineMs` for an audit, which takes longer.
 * @throws AddressError, or Error if a file of `tls` cannot be used
 */
export function createStuckdClient(
  address: string,
  tls: ClientTls | null = null,
  { deadlineMs = DEADLINE_MS, auditDeadlineMs = AUDIT_DEADLINE_MS }: ClientDeadlines = {},
): StuckdClient {
  const parsed = parseAddress(address);
  const client = new Client(formatAddress(parsed), clientCredentials(tls), {
    ...CHANNEL_OPTIONS,
    ...tlsChannelOptions(tls),
  });
  const watchConnections: StuckdClient['watchResponses'] = (filter, resumeToken, signal) =>
    watchCall(client, CONNECTION_SERVICE.watchStuckConnections, { filter, resumeToken }, signal);
  const watchAlerts: StuckdClient['watchAlertResponses'] = (filter, resumeToken, signal) =>
    watchCall(client, ALERT_SERVICE.watchAlerts, { filter, resumeToken }, signal);
  return {
    listStuckConnections: (request) => unaryCall(client, CONNECTION_SERVICE.listStuckConnections, request, deadlineMs),
    getStuckConnection: (id, whatIf = null) =>
      unaryCall(client, CONNECTION_SERVICE.getStuckConnection, { id, whatIf }, deadlineMs),
    listProcesses: (request) => unaryCall(client, CONNECTION_SERVICE.listProcesses, request, deadlineMs),
    listPeers: (request) => unaryCall(client, CONNECTION_SERVICE.listPeers, request, deadlineMs),
    auditConnections: (request) => unaryCall(client, CONNECTION_SERVICE.auditConnections, request, auditDeadlineMs),
    getStatus: () => unaryCall(client, NODE_SERVICE.getStatus, {}, deadlineMs),
    listDeliveries: (request) => unaryCall(client, ALERT_SERVICE.listDeliveries, request, deadlineMs),
    retryDelivery: (id) => unaryCall(client, ALERT_SERVICE.retryDelivery, { id }, deadlineMs),
    testReceiver: (name) => unaryCall(client, ALERT_SERVICE.testReceiver, { name }, TEST_DEADLINE_MS),
    watch: (filter, signal) => changesOf(watchConnections(filter, '', signal)),
    watchResponses: watchConnections,
    listAlerts: (request) => unaryCall(client, ALERT_SERVICE.listAlerts, request, deadlineMs),
    watchAlerts: (filter, signal) => changesOf(watchAlerts(filter, '', signal)),
    watchAlertResponses: watchAlerts,
    close: () => {
      client.close();
    },
  };
}
