/**
 * What each program can set against each kind of trouble, by the names its documentation uses. Defaults are named where they
 * are part of the trouble, and so is what an option does not cover.
 */
import { item, type Advice } from './item.js';
import type { Program } from './program.js';
import type { StuckRecord } from '../record.js';

/**
 * What an application has to deal with. `request`: its peer fell silent in a request. `idle`: while the connection was idle.
 * `client`: a client of its own fell silent. `leak`: the peer or the kernel has ended it, the application has not. `read`
 * and `serve`: an answer, or a request, that is not read.
 */
export type Topic = 'request' | 'idle' | 'connect' | 'client' | 'finish' | 'leak' | 'read' | 'serve' | 'accept';

/** `unknown` is for every program that is not named. */
type Texts = Readonly<Partial<Record<Program, string>> & { unknown: string }>;

const APPLICATION: Readonly<Record<Topic, Texts>> = {
  request: {
    unknown: 'Give every request a deadline, and close its connection when the deadline passes.',
    node: "Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'.",
    python:
      'requests: pass timeout=(3.05, 10) to every call, as there is none by default; it bounds each wait for data, not the whole answer.',
    envoy:
      'Cluster: upstream_connection_options.tcp_keepalive; it is silent while data is unacknowledged, so give the route a timeout too.',
    nginx: 'proxy_read_timeout and proxy_send_timeout; they also cut answers that are merely slow.',
    haproxy: 'tcp-ut on the server line sets TCP_USER_TIMEOUT; "timeout server" works too, but also cuts slow answers.',
  },
  idle: {
    unknown: 'Let the pool drop connections that have been idle for long, and give every request a deadline.',
    node: "Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'.",
    envoy:
      'Cluster: common_http_protocol_options.idle_timeout drops idle connections; upstream_connection_options.tcp_keepalive probes them.',
    nginx:
      'keepalive_timeout in the upstream block drops idle connections sooner; "proxy_socket_keepalive on" (off by default) probes them.',
    haproxy:
      'pool-purge-delay on the server line drops idle connections sooner; "option srvtcpka" and srvtcpka-idle probe them.',
  },
  connect: {
    unknown: 'Set a connect timeout of a few seconds: a non-blocking connect() and poll(), or SO_SNDTIMEO.',
    node: 'Give every request a deadline that covers the connect: AbortSignal.timeout(5000).',
    java: 'Set a connect timeout of a few seconds: Socket.connect(address, timeout).',
    python: 'requests: pass timeout=(3.05, 10); the first bounds the connect.',
    envoy: 'Lower connect_timeout of the cluster.',
    nginx: 'Lower proxy_connect_timeout (60 s by default).',
    haproxy: 'Lower "timeout connect".',
  },
  client: {
    unknown: 'End connections of clients that went silent: an idle timeout, and a deadline for every write.',
    node: 'End connections of clients that went silent: server.timeout (milliseconds, off by default), or socket.setTimeout() and then socket.destroy().',
    java: 'End connections of clients that went silent by an idle timeout of the server; Socket.setSoTimeout() bounds reads only.',
    nginx: 'Lower send_timeout (60 s by default), which bounds the wait between two writes.',
    haproxy: 'tcp-ut on the bind line sets TCP_USER_TIMEOUT; "timeout client" ends idle clients too.',
    postgres:
      'Set tcp_user_timeout and tcp_keepalives_idle; client_connection_check_interval looks during a query only.',
    redis:
      'tcp-keepalive (300 s by default) and timeout (off by default) end idle clients; client-output-buffer-limit ends those that do not read.',
  },
  finish: {
    unknown: 'After shutdown(), wait for the peer with a timeout and then close the socket.',
    node: 'After socket.end(), wait with socket.setTimeout(5000) and then call socket.destroy().',
  },
  leak: {
    unknown:
      'Close a socket as soon as read() returns 0 or fails, and let the pool check a connection before it hands it out.',
    node: "Destroy a socket on 'end' and 'error'. Without a reader 'end' never comes: call resume() on a socket that nobody reads.",
    java: 'Close a socket when read() returns -1. HikariCP: leakDetectionThreshold names who borrowed a connection and did not return it.',
    python: 'Close every response and session: use them in a with statement.',
  },
  read: {
    unknown:
      'Read every answer to its end, or close the connection; a full queue in the process must not stop its reads for ever.',
    node: 'Read or drop every answer: res.resume(), or response.body.cancel() of fetch. A paused stream reads nothing.',
    java: 'Read or close every answer: try-with-resources.',
    python: 'Read or close every answer: use it in a with statement, above all with stream=True.',
  },
  serve: {
    unknown: 'Go on reading while a request is worked on, or end the connection after a deadline.',
    node: "A paused stream reads nothing: give it a 'data' handler or call resume(), or destroy its socket after a deadline.",
  },
  accept: {
    unknown: 'Accept in a thread of its own that never waits for anything else, and let more workers do the rest.',
    node: 'Keep the event loop free, as nothing is accepted while it is busy; or share the port among workers (node:cluster).',
  },
};

const LIBRARY: Readonly<Record<Topic, Readonly<Partial<Record<Program, string>>>>> = {
  request: {
    unknown:
      'In Go: http.Client.Timeout, or a context with a deadline. gRPC: keepalive, by which its C core and Go set TCP_USER_TIMEOUT too.',
    node: 'fetch and undici: lower headersTimeout and bodyTimeout (300 s by default); agentkeepalive: timeout; grpc-js: grpc.keepalive_time_ms. All but the last also cut slow answers.',
    java: 'JDBC: socketTimeout (PostgreSQL: seconds, MySQL: milliseconds; off by default) and Jedis: socketTimeoutMillis also cut slow queries. lettuce: SocketOptions.TcpUserTimeoutOptions does not, but needs epoll or io_uring of netty.',
    python:
      'psycopg: tcp_user_timeout=30000 (milliseconds) does not cut slow queries. gRPC: grpc.keepalive_time_ms and grpc.keepalive_timeout_ms; the latter also becomes TCP_USER_TIMEOUT.',
  },
  idle: {
    node: 'Drop idle connections before the server or a load balancer does: freeSocketTimeout of agentkeepalive, keepAliveTimeout of undici.',
    java: 'HikariCP: set keepaliveTime and lower maxLifetime (30 min by default); PostgreSQL: tcpKeepAlive=true, which is off by default.',
    python: 'psycopg: keepalives_idle=20, keepalives_interval=5, keepalives_count=3 (seconds).',
  },
  connect: {
    node: 'fetch and undici: lower connect.timeout (10 s by default).',
    java: 'JDBC: connectTimeout (PostgreSQL: seconds, MySQL: milliseconds). Jedis: connectionTimeoutMillis.',
    python: 'psycopg: connect_timeout (seconds).',
  },
  client: {},
  finish: {},
  leak: {},
  read: {},
  serve: {},
  accept: {},
};

/** @returns what the program and its usual libraries can set; no libraries where no program is known at all. */
export function optionAdvice(record: StuckRecord, program: Program): readonly Advice[] {
  const topic = topicOf(record);
  return topic === null ? [] : topicAdvice(topic, program, record.owner !== null || record.lastOwner !== null);
}

/** @param isKnown whether any process is known: libraries are those of its language. */
export function topicAdvice(topic: Topic, program: Program, isKnown: boolean): readonly Advice[] {
  const library = isKnown ? LIBRARY[topic][program] : undefined;
  return [
    item('application', APPLICATION[topic][program] ?? APPLICATION[topic].unknown),
    ...(library === undefined ? [] : [item('library', library)]),
  ];
}

function topicOf(record: StuckRecord): Topic | null {
  const isServer = record.direction === 'inbound';
  switch (record.kind) {
    case 'retransmitting':
    case 'zero_window':
      return isServer ? 'client' : 'request';
    case 'keepalive_unanswered':
      return isServer ? 'client' : 'idle';
    case 'connecting':
      return 'connect';
    case 'closing':
    case 'fin_wait':
      return 'finish';
    case 'close_wait':
    case 'zombie':
      return 'leak';
    case 'unread':
      return isServer ? 'serve' : 'read';
    case 'accept_queue_full':
      return 'accept';
    case 'accepting':
    case 'stale_reuse':
      return null;
  }
}
