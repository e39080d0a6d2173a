/** One address at which the services can be reached. Each has a grpc-js server of its own, since their rules differ. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerOptions, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { formatAddress, parseAddress } from './address.js';
import { openListenSocket } from './listen-socket.js';
import { TlsCertificates, type TlsFiles } from './tls-certificates.js';
import type { RpcLog } from './status.js';

const MEBIBYTE = 1024 * 1024;

/** A client that froze or vanished must not hold a stream for ever: the disease that this daemon finds in others. */
const SERVER_OPTIONS: ServerOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_connection_idle_ms': 300_000,
  'grpc.max_receive_message_length': 262_144,
  // What stuckctl takes; every list has pages, so nothing comes near it.
  'grpc.max_send_message_length': 16 * MEBIBYTE,
  'grpc.max_concurrent_streams': 100,
  // Nobody asks for it here, and it keeps a record of every call.
  'grpc.enable_channelz': 0,
};

/** A connection made with a certificate that was withdrawn since ends some day, and load finds new servers. */
const TCP_OPTIONS: ServerOptions = {
  ...SERVER_OPTIONS,
  'grpc.max_connection_age_ms': 3_600_000,
  'grpc.max_connection_age_grace_ms': 30_000,
};

/** What is served: definitions of methods and what carries them out. */
export type ServedService = readonly [ServiceDefinition, UntypedServiceImplementation];

export interface EndpointOptions {
  /** `unix:PATH` or `HOST:PORT`. */
  readonly address: string;
  /** For mTLS; null for none. */
  readonly tls: TlsFiles | null;
  /** Serve an address that other machines can reach also without TLS. */
  readonly insecure: boolean;
  readonly services: readonly ServedService[];
  readonly connectionsMax?: number;
  readonly certificateCheckMs?: number;
  readonly log: RpcLog;
}

export interface Endpoint {
  /** Where it listens; for port 0 with the port that the kernel chose. */
  readonly address: string;
  /** What is wrong with it at present; null if nothing is. */
  problem(): string | null;
  /** Accepts nothing new and waits for calls under way; what is not done after `deadlineMs` is cut off. */
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

/** @throws AddressError if the address or the certificates cannot be used. */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { tls, insecure, log } = options;
  const address = parseAddress(options.address);
  const server = new Server(address.kind === 'unix' ? SERVER_OPTIONS : TCP_OPTIONS);
  for (const [definition, implementation] of options.services) {
    server.addService(definition, implementation);
  }
  const certificates = tls === null ? null : new TlsCertificates(tls, log, options.certificateCheckMs);
  // Connections are accepted here and handed in, after their TLS handshake: grpc-js itself neither sets the mode of a unix
  // socket, nor copes with one that a killed daemon left behind, nor keeps certificates when their files break.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const open = openListenSocket(address, {
    certificates,
    insecure,
    ...(options.connectionsMax === undefined ? {} : { connectionsMax: options.connectionsMax }),
    onConnection: (connection) => {
      connection.on('error', () => {
        connection.destroy();
      });
      injector.injectConnection(connection);
    },
    warn: (message) => {
      log.warn(message);
    },
  });
  const socket = await open.catch((error: unknown) => {
    certificates?.close();
    throw error;
  });
  const end = (): void => {
    certificates?.close();
    server.forceShutdown();
    // Without channelz, grpc-js loses sight of its sessions and does not end them.
    socket.cut();
  };
  return {
    address: formatAddress(socket.address),
    problem: () => certificates?.problem() ?? null,
    drain: async (deadlineMs) => {
      socket.close();
      await tryShutdown(server, deadlineMs);
      end();
    },
    close: () => {
      socket.close();
      end();
    },
  };
}
