/**
 * Proves: a program is recognised by its executable, or by its name where there is no path, and gets the options that it
 * has. Does not prove that the options are named rightly: their names come from the documentation of each program.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { programOf, type Program } from '../../../daemon/core/diagnosis/program.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import {
  CLOSE_WAIT,
  CLOSING,
  CONNECTING,
  INBOUND,
  KEEPALIVE,
  NODE,
  QUEUE_FULL,
  STUCK,
  UNREAD,
  of,
  running,
} from './diagnosis-records.js';

const PROGRAMS: readonly (readonly [executable: string, comm: string, program: Program])[] = [
  ['/usr/bin/node', 'node', 'node'],
  ['/opt/node/bin/node (deleted)', 'MainThread', 'node'],
  ['', 'nodejs', 'node'],
  ['/usr/bin/node_exporter', 'node', 'unknown'],
  ['/usr/lib/jvm/jre/bin/java', 'pool-1-thread-1', 'java'],
  ['/usr/bin/python3.11', 'gunicorn', 'python'],
  ['/usr/bin/python3', 'python3', 'python'],
  ['/usr/bin/python3-config', 'python3-config', 'unknown'],
  ['/usr/local/bin/envoy', 'wrk:worker_0', 'envoy'],
  ['/usr/sbin/nginx', 'nginx', 'nginx'],
  ['/usr/sbin/haproxy', 'haproxy', 'haproxy'],
  ['/usr/lib/postgresql/15/bin/postgres', 'postgres', 'postgres'],
  ['', 'redis-server', 'redis'],
  ['/app/server', 'node', 'unknown'],
  ['', '', 'unknown'],
];

for (const [executable, comm, program] of PROGRAMS) {
  test(`${executable || 'no path'} under the name "${comm}" is ${program}`, () => {
    assert.equal(programOf({ ...STUCK, owner: { ...NODE, executable, comm } }), program);
    assert.equal(programOf({ ...STUCK, owner: null, lastOwner: { ...NODE, executable, comm } }), program);
  });
}

test('where nobody is known no program is, and no library is named', () => {
  assert.equal(programOf({ ...STUCK, owner: null }), 'unknown');
  assert.ok(!of({ ownerType: 'unknown', owner: null }).advice.some(({ layer }) => layer === 'library'));
});

const SITUATIONS = {
  request: {},
  idle: KEEPALIVE,
  connect: CONNECTING,
  client: INBOUND,
  finish: CLOSING,
  leak: CLOSE_WAIT,
  read: UNREAD,
  serve: { ...UNREAD, ...INBOUND },
  accept: QUEUE_FULL,
} as const satisfies Record<string, Partial<StuckRecord>>;

const OPTIONS: readonly (readonly [
  executable: string,
  situation: keyof typeof SITUATIONS,
  options: readonly string[],
])[] = [
  [
    '/usr/bin/node',
    'request',
    [
      "Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'.",
      'fetch and undici: lower headersTimeout and bodyTimeout (300 s by default); agentkeepalive: timeout; grpc-js: grpc.keepalive_time_ms. All but the last also cut slow answers.',
    ],
  ],
  [
    '/usr/bin/node',
    'idle',
    [
      "Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'.",
      'Drop idle connections before the server or a load balancer does: freeSocketTimeout of agentkeepalive, keepAliveTimeout of undici.',
    ],
  ],
  [
    '/usr/bin/node',
    'connect',
    [
      'Give every request a deadline that covers the connect: AbortSignal.timeout(5000).',
      'fetch and undici: lower connect.timeout (10 s by default).',
    ],
  ],
  [
    '/usr/bin/node',
    'client',
    [
      'End connections of clients that went silent: server.timeout (milliseconds, off by default), or socket.setTimeout() and then socket.destroy().',
    ],
  ],
  [
    '/usr/bin/node',
    'finish',
    ['After socket.end(), wait with socket.setTimeout(5000) and then call socket.destroy().'],
  ],
  [
    '/usr/bin/node',
    'leak',
    [
      "Destroy a socket on 'end' and 'error'. Without a reader 'end' never comes: call resume() on a socket that nobody reads.",
    ],
  ],
  [
    '/usr/bin/node',
    'read',
    ['Read or drop every answer: res.resume(), or response.body.cancel() of fetch. A paused stream reads nothing.'],
  ],
  [
    '/usr/bin/node',
    'serve',
    [
      "A paused stream reads nothing: give it a 'data' handler or call resume(), or destroy its socket after a deadline.",
    ],
  ],
  [
    '/usr/bin/node',
    'accept',
    [
      'Keep the event loop free, as nothing is accepted while it is busy; or share the port among workers (node:cluster).',
    ],
  ],
  [
    '/usr/bin/java',
    'request',
    [
      'Give every request a deadline, and close its connection when the deadline passes.',
      'JDBC: socketTimeout (PostgreSQL: seconds, MySQL: milliseconds; off by default) and Jedis: socketTimeoutMillis also cut slow queries. lettuce: SocketOptions.TcpUserTimeoutOptions does not, but needs epoll or io_uring of netty.',
    ],
  ],
  [
    '/usr/bin/java',
    'idle',
    [
      'Let the pool drop connections that have been idle for long, and give every request a deadline.',
      'HikariCP: set keepaliveTime and lower maxLifetime (30 min by default); PostgreSQL: tcpKeepAlive=true, which is off by default.',
    ],
  ],
  [
    '/usr/bin/java',
    'connect',
    [
      'Set a connect timeout of a few seconds: Socket.connect(address, timeout).',
      'JDBC: connectTimeout (PostgreSQL: seconds, MySQL: milliseconds). Jedis: connectionTimeoutMillis.',
    ],
  ],
  [
    '/usr/bin/java',
    'client',
    [
      'End connections of clients that went silent by an idle timeout of the server; Socket.setSoTimeout() bounds reads only.',
    ],
  ],
  [
    '/usr/bin/java',
    'leak',
    [
      'Close a socket when read() returns -1. HikariCP: leakDetectionThreshold names who borrowed a connection and did not return it.',
    ],
  ],
  ['/usr/bin/java', 'read', ['Read or close every answer: try-with-resources.']],
  [
    '/usr/bin/python3.11',
    'request',
    [
      'requests: pass timeout=(3.05, 10) to every call, as there is none by default; it bounds each wait for data, not the whole answer.',
      'psycopg: tcp_user_timeout=30000 (milliseconds) does not cut slow queries. gRPC: grpc.keepalive_time_ms and grpc.keepalive_timeout_ms; the latter also becomes TCP_USER_TIMEOUT.',
    ],
  ],
  [
    '/usr/bin/python3.11',
    'idle',
    [
      'Let the pool drop connections that have been idle for long, and give every request a deadline.',
      'psycopg: keepalives_idle=20, keepalives_interval=5, keepalives_count=3 (seconds).',
    ],
  ],
  [
    '/usr/bin/python3.11',
    'connect',
    ['requests: pass timeout=(3.05, 10); the first bounds the connect.', 'psycopg: connect_timeout (seconds).'],
  ],
  ['/usr/bin/python3.11', 'leak', ['Close every response and session: use them in a with statement.']],
  [
    '/usr/bin/python3.11',
    'read',
    ['Read or close every answer: use it in a with statement, above all with stream=True.'],
  ],
  [
    '/usr/bin/envoy',
    'request',
    [
      'Cluster: upstream_connection_options.tcp_keepalive; it is silent while data is unacknowledged, so give the route a timeout too.',
    ],
  ],
  [
    '/usr/bin/envoy',
    'idle',
    [
      'Cluster: common_http_protocol_options.idle_timeout drops idle connections; upstream_connection_options.tcp_keepalive probes them.',
    ],
  ],
  ['/usr/bin/envoy', 'connect', ['Lower connect_timeout of the cluster.']],
  [
    '/usr/sbin/nginx',
    'request',
    ['proxy_read_timeout and proxy_send_timeout; they also cut answers that are merely slow.'],
  ],
  [
    '/usr/sbin/nginx',
    'idle',
    [
      'keepalive_timeout in the upstream block drops idle connections sooner; "proxy_socket_keepalive on" (off by default) probes them.',
    ],
  ],
  ['/usr/sbin/nginx', 'connect', ['Lower proxy_connect_timeout (60 s by default).']],
  ['/usr/sbin/nginx', 'client', ['Lower send_timeout (60 s by default), which bounds the wait between two writes.']],
  [
    '/usr/sbin/haproxy',
    'request',
    ['tcp-ut on the server line sets TCP_USER_TIMEOUT; "timeout server" works too, but also cuts slow answers.'],
  ],
  [
    '/usr/sbin/haproxy',
    'idle',
    [
      'pool-purge-delay on the server line drops idle connections sooner; "option srvtcpka" and srvtcpka-idle probe them.',
    ],
  ],
  ['/usr/sbin/haproxy', 'connect', ['Lower "timeout connect".']],
  [
    '/usr/sbin/haproxy',
    'client',
    ['tcp-ut on the bind line sets TCP_USER_TIMEOUT; "timeout client" ends idle clients too.'],
  ],
  [
    '/usr/lib/postgresql/15/bin/postgres',
    'client',
    ['Set tcp_user_timeout and tcp_keepalives_idle; client_connection_check_interval looks during a query only.'],
  ],
  [
    '/usr/bin/redis-server',
    'client',
    [
      'tcp-keepalive (300 s by default) and timeout (off by default) end idle clients; client-output-buffer-limit ends those that do not read.',
    ],
  ],
  [
    '/app/server',
    'request',
    [
      'Give every request a deadline, and close its connection when the deadline passes.',
      'In Go: http.Client.Timeout, or a context with a deadline. gRPC: keepalive, by which its C core and Go set TCP_USER_TIMEOUT too.',
    ],
  ],
  [
    '/app/server',
    'idle',
    ['Let the pool drop connections that have been idle for long, and give every request a deadline.'],
  ],
  [
    '/app/server',
    'connect',
    ['Set a connect timeout of a few seconds: a non-blocking connect() and poll(), or SO_SNDTIMEO.'],
  ],
  [
    '/app/server',
    'client',
    ['End connections of clients that went silent: an idle timeout, and a deadline for every write.'],
  ],
  ['/app/server', 'finish', ['After shutdown(), wait for the peer with a timeout and then close the socket.']],
  [
    '/app/server',
    'leak',
    [
      'Close a socket as soon as read() returns 0 or fails, and let the pool check a connection before it hands it out.',
    ],
  ],
  [
    '/app/server',
    'read',
    [
      'Read every answer to its end, or close the connection; a full queue in the process must not stop its reads for ever.',
    ],
  ],
  ['/app/server', 'serve', ['Go on reading while a request is worked on, or end the connection after a deadline.']],
  [
    '/app/server',
    'accept',
    ['Accept in a thread of its own that never waits for anything else, and let more workers do the rest.'],
  ],
];

for (const [executable, situation, options] of OPTIONS) {
  test(`the options of ${executable}: ${situation}`, () => {
    const { advice } = of({ ...SITUATIONS[situation], owner: running(executable) });
    const found = advice.filter(({ layer }) => layer === 'application' || layer === 'library').map(({ text }) => text);
    assert.deepEqual(found, options);
  });
}
