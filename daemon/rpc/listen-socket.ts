/** The listening socket of the gRPC server: a unix socket whose file mode is its access control, or TCP with mTLS. */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { dirname } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Address } from './address.js';
import { AddressError, formatAddress, isLoopback } from './address.js';
import { throttledWarning } from './throttled-warning.js';
import type { TlsCertificates } from './tls-certificates.js';

/** Owner and group may connect. */
const SOCKET_MODE = 0o660;
const SOCKET_UMASK = 0o777 & ~SOCKET_MODE;
/** Connections at a time, unless the configuration says otherwise. */
const CONNECTIONS_MAX = 128;
/** A client that connects and then says nothing holds one of those connections for no longer. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A live daemon accepts in microseconds; only one that is stopped or overwhelmed does not. */
const PROBE_TIMEOUT_MS = 2000;

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** @returns true if somebody listens on the socket file, or might. */
async function isLive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const timer = setTimeout(() => {
      finish(true);
    }, PROBE_TIMEOUT_MS);
    const finish = (live: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(live);
    };
    socket.once('connect', () => {
      finish(true);
    });
    socket.once('error', (error) => {
      const code = errorCode(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') {
        finish(false);
      } else if (code === 'EAGAIN') {
        // Its accept queue is full.
        finish(true);
      } else {
        clearTimeout(timer);
        reject(error);
      }
    });
  });
}

/** A daemon that was killed leaves its socket file behind, which would make bind fail with EADDRINUSE for ever. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    return;
  }
  if (!found.isSocket()) {
    throw new AddressError(`${path} exists and is not a socket; remove it or choose another address`);
  }
  if (await isLive(path)) {
    throw new AddressError(`another stuckd answers on ${path}; stop it or choose another address`);
  }
  unlinkSync(path);
}

async function listen(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    start();
  });
}

async function listenUnix(server: Server, path: string): Promise<void> {
  // What root makes is for the group of the socket as well; what anybody else makes is his own.
  mkdirSync(dirname(path), { recursive: true, mode: process.geteuid?.() === 0 ? 0o755 : 0o700 });
  await removeStaleSocket(path);
  await listen(server, () => {
    // listen() binds before it returns, so the umask holds for this one file and there is no instant at which the
    // socket is open to everybody.
    const umask = process.umask(SOCKET_UMASK);
    try {
      server.listen(path);
    } finally {
      process.umask(umask);
    }
  });
  chmodSync(path, SOCKET_MODE);
}

export interface ListenSocket {
  /** The address; for port 0 with the port that the kernel chose. */
  readonly address: Address;
  /** Accepts no more connections and removes the socket file; those that stand are not touched. */
  close(): void;
  /** Cuts off the connections that stand. */
  cut(): void;
}

export interface ListenOptions {
  /** With them a connection is one whose client has shown a certificate of theirs. */
  readonly certificates: TlsCertificates | null;
  /** Let in without certificates whoever reaches the address. */
  readonly insecure: boolean;
  readonly connectionsMax?: number;
  /** Gets every connection, ready to be used. */
  readonly onConnection: (socket: Socket) => void;
  readonly warn: (message: string) => void;
}

const TLS_OPTIONS: TlsOptions = {
  requestCert: true,
  rejectUnauthorized: true,
  ALPNProtocols: ['h2'],
  minVersion: 'TLSv1.2',
  handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
};

/** The address, for port 0 with the port that the kernel chose. */
function boundAddress(address: Address, server: Server): Address {
  const bound = server.address();
  return address.kind === 'tcp' && bound !== null && typeof bound === 'object'
    ? { ...address, port: bound.port }
    : address;
}

function createListener({ certificates, onConnection, warn }: ListenOptions, address: Address): Server {
  if (certificates === null) {
    return createServer(onConnection);
  }
  const server = createTlsServer({ ...TLS_OPTIONS, ...certificates.material }, onConnection);
  certificates.follow((material) => {
    server.setSecureContext({ ...TLS_OPTIONS, ...material });
  });
  const warnAboutClient = throttledWarning(warn);
  server.on('tlsClientError', ({ message }, { remoteAddress }) => {
    const where = formatAddress(boundAddress(address, server));
    warnAboutClient(`${where}: the TLS handshake of a client failed (${remoteAddress ?? 'it is gone'}): ${message}`);
  });
  return server;
}

function refuseOpenAddress(address: Address): never {
  throw new AddressError(
    `${formatAddress(address)} can be reached from other machines: use grpc.tcp, with its tls files (mTLS) or, ` +
      'if everybody there may see processes and peers, with insecure: true; without TLS, use unix:PATH or 127.0.0.1:PORT',
  );
}

/**
 * @throws AddressError if the address cannot be used; the message says what to do.
 */
export async function openListenSocket(address: Address, options: ListenOptions): Promise<ListenSocket> {
  const shown = formatAddress(address);
  if (!isLoopback(address) && options.certificates === null && !options.insecure) {
    refuseOpenAddress(address);
  }
  const connections = new Set<Socket>();
  const server = createListener(options, address);
  // Also those that are still in their TLS handshake.
  server.on('connection', (connection: Socket) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
  });
  server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX;
  const warnAboutDrop = throttledWarning(options.warn);
  server.on('drop', () => {
    warnAboutDrop(
      `${shown}: ${server.maxConnections} gRPC connections are open, which is the most; one more was refused`,
    );
  });
  try {
    if (address.kind === 'unix') {
      await listenUnix(server, address.path);
    } else {
      await listen(server, () => server.listen(address.port, address.host));
    }
  } catch (error) {
    if (error instanceof AddressError) {
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new AddressError(`cannot listen on ${shown}: ${reason}`, { cause: error });
  }
  // What keeps a connection from being accepted, for example ENFILE; those that stand go on.
  server.on('error', ({ message }) => {
    options.warn(`${shown}: a gRPC client could not be accepted: ${message}`);
  });
  return {
    address: boundAddress(address, server),
    close: () => {
      server.close();
    },
    cut: () => {
      for (const connection of connections) {
        connection.destroy();
      }
    },
  };
}
