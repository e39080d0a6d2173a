/** Socket options and sysctls that bound the wait, where the present ones do not. */
import { durationWords } from '../format-words.js';
import { inItsNamespace } from './command.js';
import { item, type Advice } from './item.js';
import type { Program } from './program.js';
import { isBusyPeer } from './words.js';
import { IS_UNANSWERED } from '../kinds.js';
import type { StuckRecord } from '../record.js';

const US_PER_SECOND = 1_000_000;

/** A TCP_USER_TIMEOUT or a keepalive setting up to here is short enough; nobody need change it. */
const SHORT_MS = 60_000;

/** Waits from which on a smaller sysctl is worth the change: tcp_retries2=8 makes 106 s, tcp_syn_retries=4 makes 35 s. */
const LONG_RETRANSMISSION_US = 150 * US_PER_SECOND;
const LONG_CONNECT_US = 60 * US_PER_SECOND;

/** Others are configured, or cannot set a TCP option but keepalive and TCP_NODELAY. */
const CAN_SET_OPTIONS: ReadonlySet<Program> = new Set<Program>(['python', 'unknown']);

/** @returns what to set on the socket itself; silent about options the program has no way to set. */
export function socketAdvice(record: StuckRecord, program: Program): readonly Advice[] {
  if (record.kind === 'keepalive_unanswered') {
    return keepaliveAdvice(record, program);
  }
  return IS_UNANSWERED[record.kind] ? userTimeoutAdvice(record, program) : [];
}

function userTimeoutAdvice(record: StuckRecord, program: Program): readonly Advice[] {
  const { userTimeoutMs } = record.options;
  if (userTimeoutMs !== null && userTimeoutMs > 0) {
    return [
      userTimeoutMs <= SHORT_MS
        ? item('socket', `TCP_USER_TIMEOUT is ${durationWords(userTimeoutMs * 1000)} and ends this: nothing to change.`)
        : lowerUserTimeoutAdvice(userTimeoutMs),
    ];
  }
  if (!CAN_SET_OPTIONS.has(program) || record.kind === 'closing') {
    return [];
  }
  if (record.kind === 'connecting') {
    return [item('socket', 'TCP_USER_TIMEOUT (for example 10 s) bounds connect() as well.')];
  }
  if (userTimeoutMs === null && !isBusyPeer(record)) {
    return [SET_USER_TIMEOUT_IF_NONE];
  }
  return [
    isBusyPeer(record)
      ? item(
          'socket',
          'TCP_USER_TIMEOUT bounds this wait as well, but it also ends connections whose peer is merely slow to read.',
        )
      : SET_USER_TIMEOUT,
  ];
}

const SET_USER_TIMEOUT = item(
  'socket',
  'Set TCP_USER_TIMEOUT (for example 30 s): the kernel then ends a connection whose data stays unacknowledged that long. Slow queries are not cut.',
);

/** Polling does not see the option. */
const SET_USER_TIMEOUT_IF_NONE = item(
  'socket',
  'If it has no TCP_USER_TIMEOUT yet, set one (for example 30 s): the kernel then ends a connection whose data stays unacknowledged that long. Slow queries are not cut.',
);

/** @returns what to do about a user timeout that is too long. */
export function lowerUserTimeoutAdvice(userTimeoutMs: number): Advice {
  const timeout = durationWords(userTimeoutMs * 1000);
  return item(
    'socket',
    `TCP_USER_TIMEOUT is ${timeout} and decides alone, whatever the sysctls say: lower it to about 30 s.`,
  );
}

/** @returns how to bound the wait of a connection that has no user timeout; null where the program has no way to set it. */
export function userTimeoutAdviceFor(program: Program): Advice | null {
  return CAN_SET_OPTIONS.has(program) ? SET_USER_TIMEOUT : null;
}

/** @returns how a program sets keepalive that notices within a minute. */
export function keepaliveSettingWords(program: Program): string {
  return program === 'node'
    ? 'socket.setKeepAlive(true, 20_000)'
    : 'SO_KEEPALIVE with TCP_KEEPIDLE 20, TCP_KEEPINTVL 5, TCP_KEEPCNT 3';
}

function keepaliveAdvice(record: StuckRecord, program: Program): readonly Advice[] {
  const { keepaliveIdleMs, keepaliveIntervalMs, keepaliveProbes, userTimeoutMs } = record.options;
  if (keepaliveIdleMs === null || keepaliveIntervalMs === null || keepaliveProbes === null) {
    return [];
  }
  const probedMs = keepaliveIdleMs + keepaliveIntervalMs * keepaliveProbes;
  // A user timeout takes the place of the count, but the first probe has to go unanswered.
  const noticeMs =
    userTimeoutMs !== null && userTimeoutMs > 0
      ? Math.max(userTimeoutMs, keepaliveIdleMs + keepaliveIntervalMs)
      : probedMs;
  if (noticeMs <= 2 * SHORT_MS) {
    return [];
  }
  const how =
    program === 'node' ? 'socket.setKeepAlive(true, 20_000)' : 'TCP_KEEPIDLE 20, TCP_KEEPINTVL 5, TCP_KEEPCNT 3';
  return [item('socket', `Keepalive takes ${durationWords(noticeMs * 1000)} to notice; shorten it: ${how}.`)];
}

/** @returns the sysctl that makes this wait long, with its reach. */
export function systemAdvice(record: StuckRecord): readonly Advice[] {
  if (record.kind === 'accepting') {
    return [sysctl(record, 'tcp_synack_retries=3', 'a handshake is then given up after 15 s and not 63 s')];
  }
  if (record.kind === 'accept_queue_full') {
    return [
      item(
        'system',
        'A longer queue helps against bursts only: its length is the smaller of the backlog of listen() and net.core.somaxconn, both as they were at listen().',
      ),
    ];
  }
  if (record.cause === 'path_mtu') {
    return [sysctl(record, 'tcp_mtu_probing=1', 'the kernel then tries smaller segments by itself')];
  }
  const { giveUp } = record;
  if (giveUp === null || giveUp.never || record.kind === 'keepalive_unanswered') {
    return [];
  }
  const waitUs = giveUp.timeUs - record.sinceUs;
  if (giveUp.reason === 'tcp_retries2' && waitUs > LONG_RETRANSMISSION_US && !isBusyPeer(record)) {
    return [
      sysctl(record, 'tcp_retries2=8', 'the kernel then gives up after about 100 s, also on those that hang already'),
    ];
  }
  if (giveUp.reason === 'syn_retries' && waitUs > LONG_CONNECT_US) {
    return [
      sysctl(record, 'tcp_syn_retries=4', 'connect() then gives up after about 35 s, also where it hangs already'),
    ];
  }
  return [];
}

/** These sysctls belong to a network namespace: set on the host they do not reach a container. */
function sysctl(record: StuckRecord, setting: string, effect: string): Advice {
  return item(
    'system',
    `${inItsNamespace(record, `sysctl -w net.ipv4.${setting}`)}, for all connections there: ${effect}.`,
  );
}
