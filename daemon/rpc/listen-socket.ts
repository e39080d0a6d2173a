/** The listening socket of the gRPC server: a unix socket whose file mode is its access control, or loopback TCP. */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Address } from './address.js';
import { AddressError, formatAddress, isLoopback } from './address.js';

/** Owner and group may connect. */
const SOCKET_MODE = 0o660;
const SOCKET_UMASK = 0o777 & ~SOCKET_MODE;
const CONNECTIONS_MAX = 128;
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
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
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

/**
 * @param onConnection gets every connection.
 * @param onAcceptError gets what keeps a connection from being accepted, for example ENFILE; those that stand go on.
 * @throws AddressError if the address cannot be used; the message says what to do.
 */
export async function openListenSocket(
  address: Address,
  onConnection: (socket: Socket) => void,
  onAcceptError: (error: Error) => void,
): Promise<ListenSocket> {
  if (!isLoopback(address)) {
    throw new AddressError(
      `${formatAddress(address)} can be reached from other machines, and stuckd cannot do mTLS yet; use unix:PATH or 127.0.0.1:PORT`,
    );
  }
  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
    onConnection(connection);
  });
  server.maxConnections = CONNECTIONS_MAX;
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
    throw new AddressError(`cannot listen on ${formatAddress(address)}: ${reason}`, { cause: error });
  }
  server.on('error', onAcceptError);
  const bound = server.address();
  return {
    address:
      address.kind === 'tcp' && bound !== null && typeof bound === 'object'
        ? { ...address, port: bound.port }
        : address,
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
