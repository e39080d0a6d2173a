/** The gRPC server of the daemon: its services, its socket, and how it ends. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerOptions } from '@grpc/grpc-js';
import type { AlertSource } from '../core/alert.js';
import type { RecordSource, StatusSource, WallClock, WorkloadSource } from '../core/ports.js';
import type { PeerTotals } from '../core/sweep-totals.js';
import { formatAddress, parseAddress } from './address.js';
import { AlertService } from './alert-service.js';
import type { ConnectionHistory } from './connection-history.js';
import { ConnectionService } from './connection-service.js';
import { HealthService } from './health-service.js';
import { openListenSocket } from './listen-socket.js';
import { nodeServiceImplementation } from './node-service.js';
import { ALERT_SERVICE, CONNECTION_SERVICE, HEALTH_SERVICE, NODE_SERVICE, SERVICE_NAMES } from './services.js';
import type { RpcLog } from './status.js';
import { WatchCalls } from './watch-calls.js';
import type { WatchLimits } from './watch-session.js';

/** A client that froze or vanished must not hold a stream for ever: the disease that this daemon finds in others. */
const SERVER_OPTIONS: ServerOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_connection_idle_ms': 300_000,
  'grpc.max_receive_message_length': 262_144,
  'grpc.max_concurrent_streams': 100,
  // Nobody asks for it here, and it keeps a record of every call.
  'grpc.enable_channelz': 0,
};

export interface GrpcServerOptions {
  /** `unix:PATH` or `HOST:PORT`; of the latter, loopback only. */
  readonly address: string;
  readonly services: {
    readonly records: RecordSource;
    readonly alerts: AlertSource;
    readonly status: StatusSource;
    readonly clock: WallClock;
    readonly workloads: WorkloadSource;
    readonly totals: PeerTotals;
    /** What is kept of connections on disk; without it watches cannot be resumed. */
    readonly history?: ConnectionHistory;
  };
  readonly log: RpcLog;
  /** Limits of watches, where they differ from the defaults. */
  readonly watchLimits?: Partial<WatchLimits>;
}

export interface GrpcServer {
  /** Where it listens; for port 0 with the port that the kernel chose. */
  readonly address: string;
  /** Watches that are open. */
  subscribers(): number;
  /**
   * Says NOT_SERVING, ends all watches, accepts nothing new and waits for calls under way; what is not done after
   * `deadlineMs` is cut off.
   */
  drain(deadlineMs: number): Promise<void>;
  /** Ends at once. */
  close(): void;
}

async function tryShutdown(server: Server, deadlineMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, deadlineMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * @throws AddressError if the address cannot be used.
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { log } = options;
  const { alerts, status, clock, workloads } = options.services;
  const watches = new WatchCalls(log, options.watchLimits);
  const connections = new ConnectionService({ ...options.services, log, watches });
  const health = new HealthService(SERVICE_NAMES, log);

  const server = new Server(SERVER_OPTIONS);
  server.addService(CONNECTION_SERVICE, connections.implementation);
  server.addService(ALERT_SERVICE, new AlertService({ alerts, clock, workloads, log, watches }).implementation);
  server.addService(
    NODE_SERVICE,
    nodeServiceImplementation(status, () => watches.subscribers, clock, log),
  );
  server.addService(HEALTH_SERVICE, health.implementation);

  // Connections are accepted here and handed in, since grpc-js itself neither sets the mode of a unix socket nor copes
  // with one that a killed daemon left behind.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const socket = await openListenSocket(
    parseAddress(options.address),
    (connection) => {
      connection.on('error', () => {
        connection.destroy();
      });
      injector.injectConnection(connection);
    },
    (error) => {
      log.warn(`a gRPC client could not be accepted: ${error.message}`);
    },
  );

  const end = (): void => {
    server.forceShutdown();
    // Without channelz, grpc-js loses sight of its sessions and does not end them.
    socket.cut();
  };

  return {
    address: formatAddress(socket.address),
    subscribers: () => watches.subscribers,
    drain: async (deadlineMs) => {
      health.drain();
      watches.drain();
      socket.close();
      await tryShutdown(server, deadlineMs);
      end();
    },
    close: () => {
      watches.drain();
      socket.close();
      end();
    },
  };
}
