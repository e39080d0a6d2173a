/**
 * What `forecast` makes the kernel give up: all kinds whose end has a deadline, and every limit that sets one. Limits are
 * short, so that a run takes minutes; the arithmetic of the kernel is the same with long ones.
 */

/** What happens to a connection, most of it after the fault. */
export type Act =
  /** The client sends. */
  | 'send'
  /** The end that accepted the connection sends. */
  | 'accepted_sends'
  /** Nothing: keepalive alone finds out. */
  | 'idle'
  /** It is opened only then: nobody answers the SYN. */
  | 'connect'
  /** The client closes: a FIN that is not acknowledged, of nobody (FIN_WAIT1). */
  | 'close'
  | 'send_and_close'
  /** The server has closed before, the client closes then (LAST_ACK). */
  | 'close_second'
  /** The server had stopped to read before, and its window is closed. */
  | 'window'
  | 'window_and_close';

/** What goes wrong. `cut`: silence. `gone`: nobody answers ARP. `refused`: the client's own firewall drops it. */
export type Fault = 'cut' | 'gone' | 'refused';

/** Connections of one row of the table. */
export interface Cohort {
  readonly reason: string;
  readonly act: Act;
  readonly connections: number;
  /** Options of sockprog's `connect`. */
  readonly options?: string;
  /** Level, option and value, for options that sockprog does not know by name; a kernel may not know it either. */
  readonly setopt?: readonly [number, number, number];
  /** Default 100. */
  readonly bytes?: number;
  /** The route to the peer: a least RTO (of `ip route`), or time stamps in microseconds. Default: an ordinary route. */
  readonly route?: `rto_min ${string}` | 'usec';
}

/** Two hosts with a cable between them, and all that shares their sysctls and their fault. */
export interface StagePlan {
  readonly name: string;
  /** Of both namespaces, below net.ipv4. */
  readonly sysctls: Readonly<Record<string, number>>;
  readonly fault: Fault;
  /** ICMP errors, or what stands for them, come after the detection: such a forecast is void by its own terms. */
  readonly disturbed?: boolean;
  readonly cohorts: readonly Cohort[];
}

const IPPROTO_TCP = 6;
const TCP_THIN_LINEAR_TIMEOUTS = 16;
const TCP_RTO_MAX_MS = 44;

/** The longest first: all of them run beside each other. */
export const FORECAST_PLAN: readonly StagePlan[] = [
  {
    name: 'patient',
    sysctls: { tcp_retries2: 8 },
    fault: 'cut',
    cohorts: [
      { reason: 'tcp_retries2=8', act: 'send', connections: 10 },
      { reason: 'orphan_retries=0, FIN_WAIT1', act: 'close', connections: 10 },
      { reason: 'orphan_retries=0, FIN_WAIT1 with data', act: 'send_and_close', connections: 8 },
      { reason: 'orphan_retries=0, LAST_ACK', act: 'close_second', connections: 8 },
      { reason: 'orphan_retries=0, window closed', act: 'window_and_close', connections: 6 },
    ],
  },
  {
    name: 'connecting',
    sysctls: { tcp_syn_retries: 2 },
    fault: 'cut',
    cohorts: [
      { reason: 'syn_retries=2', act: 'connect', connections: 12 },
      { reason: 'TCP_SYNCNT=3', act: 'connect', connections: 10, options: 'syncnt=3' },
      { reason: 'TCP_SYNCNT=4', act: 'connect', connections: 8, options: 'syncnt=4' },
      { reason: 'user timeout 8 s, SYN', act: 'connect', connections: 10, options: 'user_timeout=8000' },
    ],
  },
  {
    name: 'orphans',
    sysctls: { tcp_orphan_retries: 6 },
    fault: 'cut',
    cohorts: [
      { reason: 'orphan_retries=6, FIN_WAIT1', act: 'close', connections: 10 },
      { reason: 'orphan_retries=6, FIN_WAIT1 with data', act: 'send_and_close', connections: 8 },
      { reason: 'orphan_retries=6, LAST_ACK', act: 'close_second', connections: 8 },
      { reason: 'user timeout 25 s, orphan', act: 'close', connections: 6, options: 'user_timeout=25000' },
    ],
  },
  {
    name: 'thin',
    sysctls: { tcp_retries2: 5 },
    fault: 'cut',
    cohorts: [
      { reason: 'tcp_retries2=5', act: 'send', connections: 16 },
      {
        ...{ reason: 'tcp_retries2=5, thin stream', act: 'send', connections: 12 },
        setopt: [IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1],
      },
      {
        ...{ reason: 'tcp_retries2=5, RTO at most 1 s', act: 'send', connections: 8 },
        setopt: [IPPROTO_TCP, TCP_RTO_MAX_MS, 1000],
      },
      {
        ...{ reason: 'tcp_retries2=5, RTO at most 2 s', act: 'send', connections: 8 },
        setopt: [IPPROTO_TCP, TCP_RTO_MAX_MS, 2000],
      },
    ],
  },
  {
    name: 'window',
    sysctls: { tcp_retries2: 5 },
    fault: 'cut',
    cohorts: [
      { reason: 'window probes, tcp_retries2=5', act: 'window', connections: 12 },
      { reason: 'window probes, user timeout 20 s', act: 'window', connections: 10, options: 'user_timeout=20000' },
    ],
  },
  {
    name: 'timeout',
    sysctls: {},
    fault: 'cut',
    cohorts: [
      { reason: 'user timeout 3 s', act: 'send', connections: 12, options: 'user_timeout=3000' },
      { reason: 'user timeout 7.777 s', act: 'send', connections: 12, options: 'user_timeout=7777' },
      { reason: 'user timeout 20 s', act: 'send', connections: 8, options: 'user_timeout=20000' },
    ],
  },
  {
    name: 'keepalive',
    sysctls: {},
    fault: 'cut',
    cohorts: [
      { reason: 'keepalive 1/1/3', act: 'idle', connections: 14, options: 'keepalive=1 idle=1 intvl=1 cnt=3' },
      { reason: 'keepalive 2/1/4', act: 'idle', connections: 10, options: 'keepalive=1 idle=2 intvl=1 cnt=4' },
      { reason: 'keepalive 3/2/5', act: 'idle', connections: 8, options: 'keepalive=1 idle=3 intvl=2 cnt=5' },
      {
        ...{ reason: 'keepalive 1/1, user timeout 5 s', act: 'idle', connections: 12 },
        options: 'keepalive=1 idle=1 intvl=1 cnt=3 user_timeout=5000',
      },
      {
        ...{ reason: 'keepalive 2/2, user timeout 9 s', act: 'idle', connections: 8 },
        options: 'keepalive=1 idle=2 intvl=2 cnt=3 user_timeout=9000',
      },
    ],
  },
  {
    name: 'rto',
    sysctls: { tcp_retries2: 4 },
    fault: 'cut',
    cohorts: [
      { reason: 'tcp_retries2=4, RTO from 20 ms', act: 'send', connections: 8, route: 'rto_min 20ms' },
      { reason: 'tcp_retries2=4, RTO from 70 ms', act: 'send', connections: 8, route: 'rto_min 70ms' },
      { reason: 'tcp_retries2=4, RTO from 450 ms', act: 'send', connections: 8, route: 'rto_min 450ms' },
      { reason: 'tcp_retries2=4, RTO from 700 ms', act: 'send', connections: 8, route: 'rto_min 700ms' },
      { reason: 'tcp_retries2=4, stamps in microseconds', act: 'send', connections: 8, route: 'usec' },
    ],
  },
  {
    name: 'refused',
    sysctls: { tcp_retries2: 5 },
    fault: 'refused',
    cohorts: [{ reason: 'tcp_retries2=5, refused by this host', act: 'send', connections: 10 }],
  },
  {
    name: 'gone',
    sysctls: { tcp_retries2: 4 },
    fault: 'gone',
    disturbed: true,
    cohorts: [{ reason: 'tcp_retries2=4, host left its link', act: 'send', connections: 10 }],
  },
  {
    name: 'four',
    sysctls: { tcp_retries2: 4 },
    fault: 'cut',
    cohorts: [
      { reason: 'tcp_retries2=4', act: 'send', connections: 16 },
      { reason: 'tcp_retries2=4, accepted', act: 'accepted_sends', connections: 10 },
      { reason: 'tcp_retries2=4, many segments', act: 'send', connections: 8, bytes: 60_000 },
    ],
  },
  {
    name: 'three',
    sysctls: { tcp_retries2: 3 },
    fault: 'cut',
    cohorts: [
      { reason: 'tcp_retries2=3', act: 'send', connections: 16 },
      { reason: 'tcp_retries2=3, many segments', act: 'send', connections: 8, bytes: 20_000 },
    ],
  },
];
