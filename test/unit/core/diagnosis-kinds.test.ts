/**
 * Proves: one whole diagnosis of each kind, word for word, as a person reads it. Does not prove that each fact in the record
 * is right, nor that the advice cures.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STUCK_KINDS } from '../../../daemon/core/kinds.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import {
  ACCEPTING,
  BUSY_WINDOW,
  CLOSE_WAIT,
  CLOSING,
  CONNECTING,
  FIN_WAIT,
  INBOUND,
  JAVA,
  KEEPALIVE,
  QUEUE_FULL,
  S,
  STALE_REUSE,
  UNREAD,
  ZERO_WINDOW,
  ZOMBIE,
  adviceOf,
  of,
  running,
} from './diagnosis-records.js';

type Whole = readonly [
  name: string,
  changes: Partial<StuckRecord>,
  summary: string,
  effect: string,
  advice: readonly string[],
];

const DIAGNOSES: readonly Whole[] = [
  [
    'retransmitting',
    { idleBeforeUs: 372 * S, owner: running('/usr/lib/jvm/bin/java') },
    'java[77] has had no answer from 10.0.0.2:8000 since 14:02:58 (14 s): 3 retransmissions unanswered, 512 bytes in limbo, after 6 min 12 s idle; the kernel gives up at 14:18:14, in 15 min 2 s, with ETIMEDOUT.',
    'Requests on this connection hang until 14:18:14 and then fail with ETIMEDOUT, unless the application has a timeout of its own. A pool that hands this connection out again makes the next request hang too.',
    [
      'now: Free it: nsenter -t 77 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart java[77]). Whoever waits on it gets ECONNABORTED at once; the next request needs a new connection.',
      'application: Give every request a deadline, and close its connection when the deadline passes.',
      'library: JDBC: socketTimeout (PostgreSQL: seconds, MySQL: milliseconds; off by default) and Jedis: socketTimeoutMillis also cut slow queries. lettuce: SocketOptions.TcpUserTimeoutOptions does not, but needs epoll or io_uring of netty.',
      'system: nsenter -t 77 -n sysctl -w net.ipv4.tcp_retries2=8, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.',
      'network: After 6 min 12 s idle a NAT or load balancer may have forgotten it; a common limit is 350 s (NAT gateway and Network Load Balancer of AWS). Keepalive is off: let it probe well below the limit, or drop idle connections sooner.',
    ],
  ],
  [
    'keepalive_unanswered',
    KEEPALIVE,
    'node[12900] holds an idle connection to 10.0.0.2:8000, which has been silent since 14:02:58 (14 s): 3 keepalive probes unanswered; the kernel gives up at 14:10:42, in 7 min 30 s, with ETIMEDOUT.',
    'Nothing waits on it yet, but the next request that is sent on it hangs. If it stays idle, it lasts until 14:10:42 and then fails with ETIMEDOUT.',
    [
      'now: Free it: nsenter -t 12900 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart node[12900]). Do it before a request is sent on it: the pool then opens a new one.',
      "application: Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'.",
      'library: Drop idle connections before the server or a load balancer does: freeSocketTimeout of agentkeepalive, keepAliveTimeout of undici.',
      'socket: Keepalive takes 2 h 11 min to notice; shorten it: socket.setKeepAlive(true, 20_000).',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'zero_window',
    ZERO_WINDOW,
    'node[12900] has waited for 10.0.0.2:8000 to open its receive window since 14:02:58 (14 s): 5 window probes unanswered, 64 KiB to be sent; the kernel gives up at 14:18:14, in 15 min 2 s, with ETIMEDOUT.',
    'What was written waits until 14:18:14 and then fails with ETIMEDOUT; once the send buffer is full, a write blocks or says EAGAIN.',
    [
      'now: Free it: nsenter -t 12900 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart node[12900]). A write that waits on it fails with ECONNABORTED.',
      "application: Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'.",
      'library: fetch and undici: lower headersTimeout and bodyTimeout (300 s by default); agentkeepalive: timeout; grpc-js: grpc.keepalive_time_ms. All but the last also cut slow answers.',
      'system: nsenter -t 12900 -n sysctl -w net.ipv4.tcp_retries2=8, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.',
      'network: Look at the process behind 10.0.0.2:8000: it stopped reading before it went silent.',
    ],
  ],
  [
    'zero_window of a peer that answers',
    { ...BUSY_WINDOW, owner: running('/usr/bin/redis-server') },
    'redis-server[77] has waited for the client [fd00::9]:51234 on port 443 to open its receive window since 14:02:58 (14 s): it answers every probe and does not read, 64 KiB to be sent; the kernel never gives up.',
    'What was written waits until the client reads; once the send buffer is full, a write blocks or says EAGAIN. The other side is alive and only slow to read: this may be meant.',
    [
      "now: See why the client [fd00::9]:51234 on port 443 does not read: it is alive. To free it: nsenter -t 77 -n ss -tK src '[fd00::1]:443' dst '[fd00::9]:51234' (as root; needs CONFIG_INET_DIAG_DESTROY, else restart redis-server[77]).",
      'application: tcp-keepalive (300 s by default) and timeout (off by default) end idle clients; client-output-buffer-limit ends those that do not read.',
      'network: The network is fine: [fd00::9]:51234 answers. It has to read faster, or be sent less at once.',
    ],
  ],
  [
    'connecting',
    CONNECTING,
    'node[12900] has been trying to connect to 10.0.0.2:8000 since 14:02:58 (14 s): 4 SYNs unanswered; the kernel gives up at 14:05:11, in 1 min 59 s, with ETIMEDOUT.',
    'Whoever needs this connection hangs until 14:05:11 and then fails with ETIMEDOUT, unless the application has a connect timeout of its own.',
    [
      'now: Check that 10.0.0.2:8000 is up and that no firewall drops the SYN: a port that is merely closed would refuse at once. To free it: nsenter -t 12900 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart node[12900]).',
      'application: Give every request a deadline that covers the connect: AbortSignal.timeout(5000).',
      'library: fetch and undici: lower connect.timeout (10 s by default).',
      'system: nsenter -t 12900 -n sysctl -w net.ipv4.tcp_syn_retries=4, for all connections there: connect() then gives up after about 35 s, also where it hangs already.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall that drops the SYN.',
    ],
  ],
  [
    'accepting',
    ACCEPTING,
    'node[12900] has had clients on port 8080 that do not complete the handshake since at least 14:02:58 (14 s): 32 of 40 handshakes unanswered.',
    'These clients cannot connect: their SYN is answered, but nothing comes back. Other clients notice nothing as long as the queue has room.',
    [
      "now: See which clients they are: nsenter -t 12900 -n ss -tn state syn-recv 'sport = :8080'.",
      'system: nsenter -t 12900 -n sysctl -w net.ipv4.tcp_synack_retries=3, for all connections there: a handshake is then given up after 15 s and not 63 s.',
      'network: A few clients, or one network of them: the way back to them is broken, or a firewall lets only one direction through. Many unknown ones: a SYN flood, against which net.ipv4.tcp_syncookies=1 helps.',
    ],
  ],
  [
    'accept_queue_full',
    QUEUE_FULL,
    'node[12900] has not accepted connections on port 8080 fast enough since at least 14:02:58 (14 s): 129 wait in its queue, which is made for 128.',
    'New clients hang in connect() or get no answer: the kernel drops their handshakes, and they try again after 1 s, 3 s and 7 s. Those in the queue are connected and wait to be served.',
    [
      "now: See why node[12900] does not accept: it may hang, or be overloaded. nsenter -t 12900 -n ss -ltn 'sport = :8080' shows the queue as Recv-Q and its limit as Send-Q; if the process hangs, restart it.",
      'application: Keep the event loop free, as nothing is accepted while it is busy; or share the port among workers (node:cluster).',
      'system: A longer queue helps against bursts only: its length is the smaller of the backlog of listen() and net.core.somaxconn, both as they were at listen().',
    ],
  ],
  [
    'closing',
    CLOSING,
    'node[12900] has been closing the connection to 10.0.0.2:8000 since 14:02:58 (14 s): its FIN is not acknowledged, 3 retransmissions unanswered; the kernel gives up at 14:18:14, in 15 min 2 s, with ETIMEDOUT.',
    'The application has ended its side; whether its last data arrived is not known. A read on the connection hangs until 14:18:14 and then fails with ETIMEDOUT.',
    [
      'now: Free it: nsenter -t 12900 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart node[12900]). What was not sent yet is lost.',
      'application: After socket.end(), wait with socket.setTimeout(5000) and then call socket.destroy().',
      'system: nsenter -t 12900 -n sysctl -w net.ipv4.tcp_retries2=8, for all connections there: the kernel then gives up after about 100 s, also on those that hang already.',
      'network: Check the path to 10.0.0.2:8000: its host, the switches between, and any firewall or load balancer that forgot the connection.',
    ],
  ],
  [
    'fin_wait',
    FIN_WAIT,
    'node[12900] has ended its side and waited for 10.0.0.2:8000 to end the other since 14:02:58 (14 s): its FIN is acknowledged, and nothing comes from the peer; the kernel never ends it.',
    'The application can still read, and a read hangs until the peer sends something or closes. Half-close is legal: this may be meant.',
    [
      'now: See whether this wait for 10.0.0.2:8000 is meant. To free it: nsenter -t 12900 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart node[12900]).',
      'application: After socket.end(), wait with socket.setTimeout(5000) and then call socket.destroy().',
    ],
  ],
  [
    'close_wait',
    { ...CLOSE_WAIT, peerIdleLimitUs: 5 * S, unreadBytes: 12 },
    'node[12900] has not closed its side of the connection to 10.0.0.2:8000 since 14:02:58 (14 s): the peer has closed, it closes idle connections after 5.0 s, 12 bytes unread; the kernel never ends it.',
    'Its descriptor and its memory stay in use until the application closes it. A read still returns the 12 bytes that came before. A pool that hands it out again makes the next request fail.',
    [
      'now: Free it: nsenter -t 12900 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000 (as root; needs CONFIG_INET_DIAG_DESTROY, else restart node[12900]). The next write fails with ECONNABORTED; the descriptor stays until the application closes it.',
      "application: Destroy a socket on 'end' and 'error'. Without a reader 'end' never comes: call resume() on a socket that nobody reads.",
    ],
  ],
  [
    'unread',
    { ...UNREAD, ...INBOUND, owner: JAVA },
    'java[77] has not read what the client [fd00::9]:51234 on port 443 sent since 14:02:58 (14 s): 68 KiB unread, buffer of 128 KiB, the window closed or soon to close; the kernel never ends it.',
    'Writes of the client block, or soon will: the receive buffer here is filling up or full.',
    [
      "now: See what java[77] does: it may be stopped (grep State /proc/77/status), deadlocked or busy. To free it: nsenter -t 77 -n ss -tK src '[fd00::1]:443' dst '[fd00::9]:51234' (as root; needs CONFIG_INET_DIAG_DESTROY, else restart java[77]).",
      'application: Go on reading while a request is worked on, or end the connection after a deadline.',
    ],
  ],
  [
    'zombie',
    ZOMBIE,
    'node[12900] has held a dead connection to 10.0.0.2:8000 since 14:02:58 (14 s): it has ended, and the application has not fetched the error.',
    'The next read or write on it fails at once. Until then the application takes it for alive, and its descriptor stays in use.',
    [
      'now: Only node[12900] can free it, by closing descriptor 21; ss -K no longer reaches it. If it does not close it, restart node[12900].',
      "application: Destroy a socket on 'end' and 'error'. Without a reader 'end' never comes: call resume() on a socket that nobody reads.",
    ],
  ],
  [
    'stale_reuse',
    STALE_REUSE,
    'node[12900] used the connection to 10.0.0.2:8000 again at 14:02:58 after 5.0 s idle: the peer closed it while the data was on its way.',
    'The request fails with ECONNRESET, or with the end of the stream where an answer was due. The peer most likely did not process it; to send it again is safe if it is idempotent.',
    [
      'application: Let the pool drop idle connections well before 5.0 s: after that idle time 10.0.0.2:8000 closes them.',
      'library: agentkeepalive: freeSocketTimeout (4 s by default); undici: keepAliveTimeout (4 s, unless the server gives a hint). http.Agent of Node.js 20 heeds the Keep-Alive hint of a server only if it has a timeout of its own.',
      "application: Send an idempotent request again if req.reusedSocket is true and the error's code is ECONNRESET or EPIPE.",
      'network: Or let the server behind 10.0.0.2:8000 wait longer than its clients do: 5 s is the default of Node.js (server.keepAliveTimeout).',
    ],
  ],
];

for (const [name, changes, summary, effect, advice] of DIAGNOSES) {
  test(`a whole diagnosis: ${name}`, () => {
    const diagnosis = of(changes);
    assert.equal(diagnosis.summary, summary);
    assert.equal(diagnosis.effect, effect);
    assert.deepEqual(adviceOf(changes), advice);
  });
}

test('there is a whole diagnosis of every kind', () => {
  const kinds = new Set(DIAGNOSES.map(([, changes]) => changes.kind ?? 'retransmitting'));
  assert.deepEqual([...kinds].sort(), [...STUCK_KINDS].sort());
});
