/** The gRPC server of the daemon: its services, where they can be reached, and how it ends. */
import type { TableFill, WatchedStream } from '../core/agent-facts.js';
import type { AlertSource } from '../core/alert.js';
import type { AuditSource } from '../core/audit/source.js';
import type { DeliverySource } from '../core/delivery.js';
import type { RecordSource, StatusSource, WallClock, WorkloadSource } from '../core/ports.js';
import type { PeerTotals } from '../core/sweep-totals.js';
import type { AlertHistory } from './alert-history.js';
import { AlertService } from './alert-service.js';
import type { ConnectionHistory } from './connection-history.js';
import { ConnectionService } from './connection-service.js';
import { type Endpoint, type EndpointOptions, openEndpoint, type ServedService } from './endpoint.js';
import { HealthService } from './health-service.js';
import { nodeServiceImplementation } from './node-service.js';
import { reflectionServices } from './reflection-service.js';
import { ALERT_SERVICE, CONNECTION_SERVICE, HEALTH_SERVICE, NODE_SERVICE, SERVICE_NAMES } from './services.js';
import type { RpcLog } from './status.js';
import type { TlsFiles } from './tls-certificates.js';
import { WatchCalls } from './watch-calls.js';
import type { WatchLimits } from './watch-session.js';

/** The TCP listener beside the first address. */
export interface TcpOptions {
  /** `HOST:PORT`. */
  readonly address: string;
  /** Files for mTLS; without them only a loopback address is served, or with `insecure` any. */
  readonly tls?: TlsFiles | undefined;
  readonly insecure: boolean;
  readonly reflection: boolean;
}

export interface GrpcServerOptions {
  /** `unix:PATH` or `HOST:PORT`; of the latter, loopback only. */
  readonly address: string;
  readonly tcp?: TcpOptions | undefined;
  /** Serve reflection on `address`. Default: yes on a unix socket, no on TCP. */
  readonly reflection?: boolean;
  /** Watches at a time. */
  readonly subscribersMax?: number;
  /** Connections at a time, of each address. */
  readonly connectionsMax?: number;
  /** How often the files of `tcp.tls` are looked at. */
  readonly certificateCheckMs?: number;
  readonly services: {
    readonly records: RecordSource;
    readonly alerts: AlertSource;
    readonly deliveries: DeliverySource;
    readonly status: StatusSource;
    readonly clock: WallClock;
    readonly workloads: WorkloadSource;
    readonly totals: PeerTotals;
    readonly audits: AuditSource;
    /** What is kept of connections on disk; without it watches cannot be resumed. */
    readonly history?: ConnectionHistory;
    /** The same of alerts. */
    readonly alertHistory?: AlertHistory;
  };
  readonly log: RpcLog;
  /** Limits of watches, where they differ from the defaults. */
  readonly watchLimits?: Partial<WatchLimits>;
}

export interface GrpcServer {
  /** Where it listens; for port 0 with the port that the kernel chose. */
  readonly address: string;
  /** Where else it listens. */
  readonly tcpAddress: string | null;
  /** Watches that are open. */
  subscribers(): number;
  /** Watches: how many are open of each stream, how many there can be, and changes that were given up for slow ones. */
  watches(): {
    readonly open: Readonly<Record<WatchedStream, number>>;
    readonly fill: TableFill;
    readonly lost: number;
  };
  /** What is wrong with it at present, in words. */
  problems(): readonly string[];
  /**
   * Says NOT_SERVING, ends all watches, accepts nothing new and waits for calls under way; what is not done after
   * `deadlineMs` is cut off.
   */
  drain(deadlineMs: number): Promise<void>;
  /** Ends at once. */
  close(): void;
}

function closeAll(endpoints: readonly Endpoint[]): void {
  for (const endpoint of endpoints) {
    endpoint.close();
  }
}

/** Where the services are to be reached. */
function endpointOptions(options: GrpcServerOptions, services: readonly ServedService[]): readonly EndpointOptions[] {
  const { address, tcp, log, connectionsMax, certificateCheckMs } = options;
  const withReflection = [...services, ...reflectionServices(SERVICE_NAMES, log)];
  const common = {
    log,
    ...(connectionsMax === undefined ? {} : { connectionsMax }),
    ...(certificateCheckMs === undefined ? {} : { certificateCheckMs }),
  };
  const reflection = options.reflection !== false && address.startsWith('unix:');
  const first = { ...common, address, tls: null, insecure: false, services: reflection ? withReflection : services };
  if (tcp === undefined) {
    return [first];
  }
  if (tcp.insecure && tcp.tls === undefined) {
    log.warn(`${tcp.address} is served without TLS (insecure): whoever reaches it sees processes and peers`);
  }
  return [first, { ...common, ...tcp, tls: tcp.tls ?? null, services: tcp.reflection ? withReflection : services }];
}

/** Opens all of them, or none. */
async function openAll(options: readonly EndpointOptions[]): Promise<readonly Endpoint[]> {
  const endpoints: Endpoint[] = [];
  try {
    for (const each of options) {
      endpoints.push(await openEndpoint(each));
    }
  } catch (error) {
    closeAll(endpoints);
    throw error;
  }
  return endpoints;
}

/**
 * @throws AddressError if an address or its certificates cannot be used.
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { log } = options;
  const { status, clock } = options.services;
  const watches = new WatchCalls(log, options.watchLimits, options.subscribersMax);
  const connections = new ConnectionService({ ...options.services, log, watches });
  const alertService = new AlertService({ ...options.services, log, watches });
  const health = new HealthService(SERVICE_NAMES, log);
  const services: readonly ServedService[] = [
    [CONNECTION_SERVICE, connections.implementation],
    [ALERT_SERVICE, alertService.implementation],
    [NODE_SERVICE, nodeServiceImplementation(status, () => watches.subscribers, clock, log)],
    [HEALTH_SERVICE, health.implementation],
  ];
  const endpoints = await openAll(endpointOptions(options, services));
  const [first, tcp] = endpoints;
  return {
    address: first?.address ?? options.address,
    tcpAddress: tcp?.address ?? null,
    subscribers: () => watches.subscribers,
    watches: () => ({
      open: { connections: watches.subscribersOf('connections'), alerts: watches.subscribersOf('alerts') },
      fill: { entries: watches.subscribers, capacity: watches.subscribersMax },
      lost: watches.lost,
    }),
    problems: () => endpoints.map((endpoint) => endpoint.problem()).filter((problem) => problem !== null),
    drain: async (deadlineMs) => {
      health.drain();
      watches.drain();
      await Promise.all(endpoints.map((endpoint) => endpoint.drain(deadlineMs)));
    },
    close: () => {
      watches.drain();
      closeAll(endpoints);
    },
  };
}
