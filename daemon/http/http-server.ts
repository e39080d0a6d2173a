/** The HTTP endpoint: metrics for Prometheus, and health for whoever supervises the daemon. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type HttpSources, type Page, pageOf, plain } from './pages.js';

export interface HttpServerOptions {
  readonly host: string;
  /** 0: one that the kernel chooses. */
  readonly port: number;
  readonly sources: HttpSources;
  /** Hears of defects; a request that fails must not end the daemon. */
  readonly onError: (message: string) => void;
  /** So many connections are open that the next one was refused; called once until there was room again. */
  readonly onCrowd: (connections: number) => void;
}

export interface HttpServer {
  /** `HOST:PORT`, with the port that the kernel chose. */
  readonly address: string;
  /** Connections that were refused, as too many were open. */
  readonly dropped: number;
  /** Requests under way get until `deadlineMs` to end. */
  close(deadlineMs: number): Promise<void>;
}

/** A Prometheus or two, probes, and a person; whoever opens more than this is not one of them. */
const CONNECTIONS_MAX = 64;
const HEADERS_MAX_MS = 5000;
const REQUEST_MAX_MS = 10_000;
/** How long a client may take to read its answer. */
const RESPONSE_MAX_MS = 10_000;
/** How often the first two are looked at, also where nobody is connected: a second would wake an idle machine for nothing. */
const CHECK_INTERVAL_MS = 5000;

/**
 * Idle connections stay open for longer than the usual 15 to 60 s between two scrapes: a server that closes them just as
 * they are used again makes the very failure that stuckd reports as STALE_REUSE.
 */
const KEEP_ALIVE_MS = 120_000;

function send(response: ServerResponse, { status, contentType, body }: Page): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(bytes); // which Node.js leaves out of the answer to HEAD
}

/** Also of a request as a proxy gets it: "GET http://host/metrics". */
function pathOf({ url }: IncomingMessage): string {
  return (url ?? '/').replace(/^https?:\/\/[^/]*/i, '').replace(/[?#].*$/s, '') || '/';
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpServerOptions): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, plain(405, ['only GET and HEAD']));
    return;
  }
  send(response, await pageOf(pathOf(request), options.sources));
}

/**
 * Sockets with an answer under way. Nobody whom we serve pipelines requests; whoever does and does not read makes us hold an
 * answer for each: with 64 such connections and 1,700 requests on each these were 4 GiB.
 */
const busy = new WeakSet<Socket>();

function handle(request: IncomingMessage, response: ServerResponse, options: HttpServerOptions): void {
  const { socket } = request;
  request.resume(); // a body is nothing to us, and must not stay in the way of the next request
  if (busy.has(socket)) {
    socket.destroy();
    return;
  }
  busy.add(socket);
  const tooSlow = setTimeout(() => {
    response.destroy();
  }, RESPONSE_MAX_MS);
  response.once('close', () => {
    clearTimeout(tooSlow);
    busy.delete(socket);
  });
  answer(request, response, options).catch((error: unknown) => {
    options.onError(
      `a request for ${request.url ?? ''} failed: ${error instanceof Error ? error.message : String(error)}`,
    );
    if (response.headersSent) {
      response.destroy();
    } else {
      response.writeHead(500).end();
    }
  });
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  server.listen({ host, port });
  await once(server, 'listening'); // an error before rejects
  return server.address() as AddressInfo;
}

function close(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    // Idle connections are closed at once; what has a request under way, or has yet to send one, has until the deadline.
    const cutOff = setTimeout(() => {
      server.closeAllConnections();
    }, deadlineMs);
    server.close(() => {
      clearTimeout(cutOff);
      resolve();
    });
  });
}

/** Makes room when there is none, by closing connections that nobody uses. @returns how many were refused */
function countDropped(server: Server, { onCrowd }: HttpServerOptions): () => number {
  let count = 0;
  let isCrowded = false;
  server.on('drop', () => {
    count += 1;
    if (!isCrowded) {
      isCrowded = true;
      onCrowd(CONNECTIONS_MAX);
    }
    server.closeIdleConnections();
  });
  server.on('connection', () => {
    isCrowded = false;
  });
  return () => count;
}

/** @throws Error of the system if it cannot listen there. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = createServer(
    {
      headersTimeout: HEADERS_MAX_MS,
      requestTimeout: REQUEST_MAX_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    },
    (request, response) => {
      handle(request, response, options);
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  const dropped = countDropped(server, options);
  const { address, port, family } = await listen(server, options.host, options.port);
  server.on('error', (error) => {
    options.onError(error.message);
  });
  return {
    address: `${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    get dropped() {
      return dropped();
    },
    close: (deadlineMs) => close(server, deadlineMs),
  };
}
