/**
 * Proves: advice, whole, follows the facts: owner, options, limits, cause. Does not prove that it cures: the demo and the
 * kernel tests show what the settings do. Each kind as such is in diagnosis-kinds.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StuckRecord } from '../../../daemon/core/record.js';
import {
  BUSY_WINDOW,
  CLOSING,
  CONNECTING,
  INBOUND,
  JAVA,
  KEEPALIVE,
  NEVER,
  NODE,
  ORPHAN,
  QUEUE_FULL,
  S,
  STALE_REUSE,
  STUCK,
  UNREAD,
  ZERO_WINDOW,
  ZOMBIE,
  adviceOf,
  givesUp,
  of,
  running,
} from './diagnosis-records.js';

const ADVICE: readonly (readonly [name: string, changes: Partial<StuckRecord>, advice: readonly string[]])[] = [
  [
    'a Node.js client',
    {},
    [
      'now: Free it: nsenter -t 12900 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart node[12900]). Whoever waits on it gets ECONNABORTED at once; the next request needs a new connection.',
      "application: Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'.",
      'library: fetch and undici: lower headersTimeout and bodyTimeout (300 s by default); agentkeepalive: timeout; grpc-js: grpc.keepalive_time_ms. All but the last also cut slow answers.',
      'system: nsenter -t 12900 -n sysctl -w net.ipv4.tcp_retries2=8, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'a client in Java, with a short tcp_retries2',
    { owner: JAVA, giveUp: givesUp(80) },
    [
      'now: Free it: nsenter -t 77 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart java[77]). Whoever waits on it gets ECONNABORTED at once; the next request needs a new connection.',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'library: JDBC: socketTimeout (PostgreSQL: seconds, MySQL: milliseconds; off by default) and Jedis: socketTimeoutMillis also cut slow queries. lettuce: SocketOptions.TcpUserTimeoutOptions does not, but needs epoll or io_uring of netty.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'a user timeout that is short',
    {
      owner: running('/app/server'),
      options: { ...STUCK.options, userTimeoutMs: 30_000 },
      giveUp: givesUp(16, { reason: 'user_timeout' }),
    },
    [
      'now: Free it: nsenter -t 77 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart server[77]). Whoever waits on it gets ECONNABORTED at once; the next request needs a new connection.',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'library: In Go: http.Client.Timeout, or a context with a deadline. gRPC: keepalive, by which its C core and Go set TCP_USER_TIMEOUT too.',
      'socket: TCP_USER_TIMEOUT is 30 s and ends this: nothing to change.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'a user timeout that is long',
    {
      owner: JAVA,
      options: { ...STUCK.options, userTimeoutMs: 600_000 },
      giveUp: givesUp(580, { reason: 'user_timeout' }),
    },
    [
      'now: Free it: nsenter -t 77 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart java[77]). Whoever waits on it gets ECONNABORTED at once; the next request needs a new connection.',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'library: JDBC: socketTimeout (PostgreSQL: seconds, MySQL: milliseconds; off by default) and Jedis: socketTimeoutMillis also cut slow queries. lettuce: SocketOptions.TcpUserTimeoutOptions does not, but needs epoll or io_uring of netty.',
      'socket: TCP_USER_TIMEOUT is 10 min and decides alone, whatever the sysctls say: lower it to about 30 s.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'an accepted connection whose client vanished, short keepalive',
    {
      ...KEEPALIVE,
      ...INBOUND,
      owner: running('/usr/sbin/sshd'),
      options: {
        ...STUCK.options,
        keepalive: true,
        keepaliveIdleMs: 20_000,
        keepaliveIntervalMs: 5000,
        keepaliveProbes: 3,
      },
    },
    [
      "now: Nothing is urgent on this node: the client [fd00::9]:51234 on port 443 is the side that vanished. To free it: nsenter -t 77 -n ss -tK src '[fd00::1]:443' dst '[fd00::9]:51234' (as root; needs CONFIG_INET_DIAG_DESTROY, else restart sshd[77]).",
      'application: End connections of clients that went silent: an idle timeout, and a deadline for every write.',
      'network: Check the path to [fd00::9]:51234: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'an idle connection of Python with keepalive by default',
    { ...KEEPALIVE, owner: running('/usr/bin/python3.11') },
    [
      'now: Free it: nsenter -t 77 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart python3.11[77]). Do it before a request is sent on it: the pool then opens a new one.',
      'application: Let the pool drop connections that have been idle for long, and give every request a deadline.',
      'library: psycopg: keepalives_idle=20, keepalives_interval=5, keepalives_count=3 (seconds).',
      'socket: Keepalive takes 2 h 11 min to notice; shorten it: TCP_KEEPIDLE 20, TCP_KEEPINTVL 5, TCP_KEEPCNT 3.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'a connect of a Python program',
    { ...CONNECTING, owner: running('/usr/bin/python3.11') },
    [
      'now: Check that 10.0.0.2:8000 is up and that no firewall drops the SYN: a port that is merely closed would refuse at once. To free it: nsenter -t 77 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart python3.11[77]).',
      'application: requests: pass timeout=(3.05, 10); the first bounds the connect.',
      'library: psycopg: connect_timeout (seconds).',
      'socket: TCP_USER_TIMEOUT (for example 10 s) bounds connect() as well.',
      'system: nsenter -t 77 -n sysctl -w net.ipv4.tcp_syn_retries=4, for all connections there: connect() then gives up after about 35 s, also where it hangs already.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall that drops the SYN.',
    ],
  ],
  [
    'an orphan',
    ORPHAN,
    [
      'now: Nothing to fix for this one: no process holds it any more, and the kernel frees it at 14:04:44. Sooner, if ps -p 123 still shows node[123]: nsenter -t 123 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY).',
      'system: Only if thousands of them pile up: sysctl -w net.ipv4.tcp_orphan_retries=4 in its network namespace frees them after about 15 s.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'an orphan that nobody is known to have left',
    { ...ORPHAN, lastOwner: null },
    [
      'now: Nothing to fix for this one: no process holds it any more, and the kernel frees it at 14:04:44.',
      'system: Only if thousands of them pile up: sysctl -w net.ipv4.tcp_orphan_retries=4 in its network namespace frees them after about 15 s.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'an owner that is being looked up',
    { ownerType: 'pending', owner: null },
    [
      'now: Close it, or restart the process that holds it.',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'socket: Set TCP_USER_TIMEOUT (for example 30 s): the kernel then ends a connection whose data stays unacknowledged that long. Slow queries are not cut.',
      'system: sysctl -w net.ipv4.tcp_retries2=8 in its network namespace, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'a socket of the kernel',
    { ownerType: 'kernel', owner: null },
    [
      'now: Find the network mount or block device that uses 10.0.0.2:8000, and bring its server back.',
      'system: sysctl -w net.ipv4.tcp_retries2=8 in its network namespace, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'a connection that waits to be accepted',
    { ...UNREAD, ...INBOUND, ownerType: 'unaccepted', owner: null },
    ['now: See why the listener on port 443 does not accept: its process may hang or have too few workers.'],
  ],
  [
    'a dead socket whose descriptors are many, held by nobody that is known',
    { ...ZOMBIE, ownerType: 'unknown', owner: null },
    [
      'now: Only the process that holds its descriptor can free it, by closing it: restart that process if it does not.',
      'application: Close a socket as soon as read() returns 0 or fails, and let the pool check a connection before it hands it out.',
    ],
  ],
  [
    'a listener whose process is not known',
    { ...QUEUE_FULL, ownerType: 'unknown', owner: null },
    [
      "now: See why its process does not accept: it may hang, or be overloaded. ss -ltn 'sport = :8080' in its network namespace shows the queue as Recv-Q and its limit as Send-Q; if the process hangs, restart it.",
      'application: Accept in a thread of its own that never waits for anything else, and let more workers do the rest.',
      'system: A longer queue helps against bursts only: its length is the smaller of the backlog of listen() and net.core.somaxconn, both as they were at listen().',
    ],
  ],
  [
    'a stale reuse that was forgotten on the path',
    { ...STALE_REUSE, owner: JAVA, reuse: 'forgotten', idleBeforeUs: 400 * S, peerIdleLimitUs: null },
    [
      'application: Let the pool drop idle connections before 6 min 40 s: by then this one was forgotten.',
      'library: HikariCP: keepaliveTime keeps idle connections in use, maxLifetime ends them.',
      'application: Send idempotent requests again, once and on a new connection, after such a failure.',
      'network: After 6 min 40 s idle a NAT or load balancer may have forgotten it; a common limit is 350 s (NAT gateway and Network Load Balancer of AWS). Keepalive is off: let it probe well below the limit, or drop idle connections sooner.',
    ],
  ],
  [
    'a stale reuse after an end that had come',
    { ...STALE_REUSE, reuse: 'closed_before', peerIdleLimitUs: null },
    [
      'application: Let the pool drop idle connections sooner than the peer does.',
      'library: agentkeepalive: freeSocketTimeout (4 s by default); undici: keepAliveTimeout (4 s, unless the server gives a hint). http.Agent of Node.js 20 heeds the Keep-Alive hint of a server only if it has a timeout of its own.',
      "application: Send an idempotent request again if req.reusedSocket is true and the error's code is ECONNRESET or EPIPE.",
      'application: The end of the connection had arrived here before: the pool must look for it before it hands a connection out. A blocked event loop notices it late.',
      'network: Or let the server behind 10.0.0.2:8000 wait longer than its clients do.',
    ],
  ],
  [
    'a stale reuse by nginx',
    { ...STALE_REUSE, owner: running('/usr/sbin/nginx') },
    [
      'application: Let keepalive_timeout of the upstream block end idle connections well before 5.0 s: after that idle time 10.0.0.2:8000 closes them.',
      'application: proxy_next_upstream (error and timeout by default) sends idempotent requests again.',
      'network: Or let the server behind 10.0.0.2:8000 wait longer than its clients do: 5 s is the default of Node.js (server.keepAliveTimeout).',
    ],
  ],
  [
    'segments that never left this host',
    { cause: 'not_sent', owner: running('/app/server') },
    [
      'now: Mend the cause first, as a new connection would hang too. To free it: nsenter -t 77 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart server[77]).',
      'system: This host drops the segments itself: look at its output rules and queues (nsenter -t 77 -n nft list ruleset; nsenter -t 77 -n tc -s qdisc) and at its route (nsenter -t 77 -n ip route get 10.0.0.2).',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'library: In Go: http.Client.Timeout, or a context with a deadline. gRPC: keepalive, by which its C core and Go set TCP_USER_TIMEOUT too.',
      'socket: Set TCP_USER_TIMEOUT (for example 30 s): the kernel then ends a connection whose data stays unacknowledged that long. Slow queries are not cut.',
      'system: nsenter -t 77 -n sysctl -w net.ipv4.tcp_retries2=8, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.',
    ],
  ],
  [
    'a next hop that is gone',
    { ...INBOUND, cause: 'neighbour_unreachable', owner: running('/app/server') },
    [
      "now: Mend the cause first, as a new connection would hang too. To free it: nsenter -t 77 -n ss -tK src '[fd00::1]:443' dst '[fd00::9]:51234' (as root; needs CONFIG_INET_DIAG_DESTROY, else restart server[77]).",
      'network: Nobody answers ARP or neighbour discovery for the next hop: nsenter -t 77 -n ip route get fd00::9 names it, nsenter -t 77 -n ip neigh shows it as FAILED or INCOMPLETE. Without "via" in the route it is the peer\'s own host that is down.',
      'application: End connections of clients that went silent: an idle timeout, and a deadline for every write.',
      'socket: Set TCP_USER_TIMEOUT (for example 30 s): the kernel then ends a connection whose data stays unacknowledged that long. Slow queries are not cut.',
      'system: nsenter -t 77 -n sysctl -w net.ipv4.tcp_retries2=8, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.',
    ],
  ],
  [
    'a path that takes smaller segments only',
    { cause: 'path_mtu', owner: running('/app/server') },
    [
      'now: Mend the cause first, as a new connection would hang too. To free it: nsenter -t 77 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart server[77]).',
      'network: A link on the path takes smaller packets than this host sends, and its ICMP message is lost: find it (nsenter -t 77 -n tracepath -n 10.0.0.2), let "fragmentation needed" (IPv6: "packet too big") through, or clamp the MSS.',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'library: In Go: http.Client.Timeout, or a context with a deadline. gRPC: keepalive, by which its C core and Go set TCP_USER_TIMEOUT too.',
      'socket: Set TCP_USER_TIMEOUT (for example 30 s): the kernel then ends a connection whose data stays unacknowledged that long. Slow queries are not cut.',
      'system: nsenter -t 77 -n sysctl -w net.ipv4.tcp_mtu_probing=1, for all connections there: the kernel then tries smaller segments by itself.',
    ],
  ],
  [
    'a cause without an owner',
    { cause: 'not_sent', ownerType: 'unknown', owner: null },
    [
      'now: Mend the cause first, as a new connection would hang too.',
      'system: This host drops the segments itself: look at its output rules and queues (nft list ruleset in its network namespace; tc -s qdisc in its network namespace) and at its route (ip route get 10.0.0.2 in its network namespace).',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'socket: Set TCP_USER_TIMEOUT (for example 30 s): the kernel then ends a connection whose data stays unacknowledged that long. Slow queries are not cut.',
      'system: sysctl -w net.ipv4.tcp_retries2=8 in its network namespace, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.',
    ],
  ],
];

for (const [name, changes, advice] of ADVICE) {
  test(`advice for ${name}`, () => {
    assert.deepEqual(adviceOf(changes), advice);
  });
}

function layerOf(changes: Partial<StuckRecord>, layer: string): string | undefined {
  return of(changes).advice.find((advice) => advice.layer === layer)?.text;
}

test('a window that closed or shrank before the peer fell silent points at the process behind the peer', () => {
  const text = 'Look at the process behind 10.0.0.2:8000: it stopped reading before it went silent.';
  assert.equal(layerOf({ giveUp: givesUp(300, { reason: 'shrunk_window' }) }, 'network'), text);
  assert.equal(layerOf(ZERO_WINDOW, 'network'), text);
});

test('a peer that answers and does not read is no matter of the network, and no sysctl helps', () => {
  const busy = { ...BUSY_WINDOW, owner: running('/app/server'), giveUp: givesUp(900) };
  assert.match(layerOf(busy, 'network') ?? '', /^The network is fine: /u);
  assert.equal(layerOf(busy, 'system'), undefined);
  assert.match(layerOf(busy, 'socket') ?? '', /also ends connections whose peer is merely slow to read\.$/u);
});

const IDLE_LIMITS: readonly (readonly [idleS: number, limit: string | null])[] = [
  [1.5, null],
  [59, null],
  [60, '60 s (Application Load Balancer of AWS)'],
  [239, '60 s (Application Load Balancer of AWS)'],
  [241, '240 s (load balancer of Azure)'],
  [350, '350 s (NAT gateway and Network Load Balancer of AWS)'],
  [4000, '900 s (Linux IPVS)'],
];

for (const [idleS, limit] of IDLE_LIMITS) {
  test(`${idleS} s idle before data hangs ${limit === null ? 'says nothing of a limit' : `names ${limit}`}`, () => {
    const changes = { idleBeforeUs: idleS * S };
    const text = layerOf(changes, 'network') ?? '';
    assert.equal(text.includes('a NAT or load balancer may have forgotten it'), limit !== null, text);
    assert.equal(/, after .* idle; /u.test(of(changes).summary), limit !== null);
    assert.ok(limit === null || text.includes(`a common limit is ${limit}. Keepalive is off: `), text);
  });
}

test('keepalive that begins late does not keep a connection in use, keepalive that begins early does', () => {
  const idle = (keepaliveIdleMs: number): string =>
    layerOf({ idleBeforeUs: 400 * S, options: { ...STUCK.options, keepalive: true, keepaliveIdleMs } }, 'network') ??
    '';
  assert.match(
    idle(7_200_000),
    /Keepalive would have begun after 2 h only: .*\(socket\.setKeepAlive\(true, 20_000\)\)/u,
  );
  assert.match(idle(20_000), /^Check the path to /u);
});

const SYSCTLS: readonly (readonly [name: string, changes: Partial<StuckRecord>, setting: string | null])[] = [
  ['a long wait by tcp_retries2', {}, 'tcp_retries2=8'],
  ['a short wait by tcp_retries2', { giveUp: givesUp(130) }, null],
  ['a wait by TCP_USER_TIMEOUT', { giveUp: givesUp(900, { reason: 'user_timeout' }) }, null],
  ['a wait without an end', { giveUp: NEVER }, null],
  ['a wait that is not known', { giveUp: null }, null],
  ['keepalive', { ...KEEPALIVE, giveUp: givesUp(900) }, null],
  ['a long connect', CONNECTING, 'tcp_syn_retries=4'],
  ['a short connect', { ...CONNECTING, giveUp: givesUp(40, { reason: 'syn_retries' }) }, null],
  ['a closed window', ZERO_WINDOW, 'tcp_retries2=8'],
  ['a socket that is being closed', CLOSING, 'tcp_retries2=8'],
];

for (const [name, changes, setting] of SYSCTLS) {
  test(`the sysctl for ${name}: ${setting ?? 'none'}`, () => {
    const text = layerOf(changes, 'system');
    const command =
      setting === null ? null : `nsenter -t 12900 -n sysctl -w net.ipv4.${setting}, for all connections there: `;
    assert.equal(text?.startsWith(command ?? '') ?? null, command === null ? null : true, text);
  });
}

test('an idle limit that is the default of Node.js is recognised on the other side', () => {
  const network = (limitS: number): string => layerOf({ ...STALE_REUSE, peerIdleLimitUs: limitS * S }, 'network') ?? '';
  assert.match(network(6.01), /server\.keepAliveTimeout/u);
  assert.doesNotMatch(network(60), /keepAliveTimeout/u);
  assert.match(
    layerOf({ ...STALE_REUSE, peerIdleLimitUs: 60 * S, owner: NODE }, 'application') ?? '',
    /well before 1 min:/u,
  );
});

test('a refused connect asks for the service', () => {
  assert.deepEqual(adviceOf({ ...CONNECTING, outcome: 'reset_by_peer', endUs: 1 }), [
    'network: The host answers, but nothing listens: start the service at 10.0.0.2:8000.',
  ]);
});

const REUSES: readonly (readonly [executable: string, text: string])[] = [
  [
    '/usr/bin/python3',
    'application: requests: HTTPAdapter(max_retries=Retry(1)) sends idempotent requests again; by default nothing is repeated.',
  ],
  [
    '/usr/bin/envoy',
    'application: Let common_http_protocol_options.idle_timeout of the cluster end idle connections sooner than the peer does.',
  ],
  [
    '/usr/sbin/haproxy',
    'application: Let pool-purge-delay of the server line end idle connections sooner than the peer does.',
  ],
];

for (const [executable, text] of REUSES) {
  test(`what ${executable} can do against stale reuses`, () => {
    const advice = adviceOf({ ...STALE_REUSE, owner: running(executable), peerIdleLimitUs: null });
    assert.ok(advice.includes(text), advice.join('\n'));
  });
}

test('how keepalive is set is said where the program can set it', () => {
  const how = (executable: string): string =>
    layerOf({ idleBeforeUs: 400 * S, owner: running(executable) }, 'network') ?? '';
  assert.match(how('/usr/bin/python3'), / below the limit \(SO_KEEPALIVE and TCP_KEEPIDLE\), or /u);
  assert.match(how('/app/server'), / below the limit \(SO_KEEPALIVE and TCP_KEEPIDLE\), or /u);
  assert.match(how('/usr/sbin/nginx'), / below the limit, or /u);
});

test('where the cause of a failing connect is known it comes first', () => {
  const changes: Partial<StuckRecord> = { ...CONNECTING, cause: 'not_sent' };
  assert.match(
    layerOf(changes, 'now') ?? '',
    /^Mend the cause first, as another attempt would hang too\. To free it: /u,
  );
  assert.match(of(changes).summary, /: 4 SYNs not sent, this host itself does not let them out; /u);
});
