/** The services of stuckd as grpc-js sees them, for the server and for the client. */
import { grpc, stuckd } from './gen/stuckd.js';
import { rpcService } from './service-definition.js';
import { encodeWatchResponse } from './shared-change.js';

const connectionService = rpcService(stuckd.v1, stuckd.v1.ConnectionService);

/** Its watches send changes that are encoded already: what serves them gives `EncodedChange`s. */
export const CONNECTION_SERVICE = {
  ...connectionService,
  watchStuckConnections: { ...connectionService.watchStuckConnections, responseSerialize: encodeWatchResponse },
};
export const NODE_SERVICE = rpcService(stuckd.v1, stuckd.v1.NodeService);
export const ALERT_SERVICE = rpcService(stuckd.v1, stuckd.v1.AlertService);
export const HEALTH_SERVICE = rpcService(grpc.health.v1, grpc.health.v1.Health);
export const REFLECTION_SERVICE = rpcService(grpc.reflection.v1, grpc.reflection.v1.ServerReflection);

/** Full names, as `grpc.health.v1` knows them. */
export const SERVICE_NAMES = [
  'stuckd.v1.ConnectionService',
  'stuckd.v1.AlertService',
  'stuckd.v1.NodeService',
  'grpc.health.v1.Health',
] as const;
