/** What to do about a stuck connection: first what helps now, then what keeps it from happening again, layer by layer. */
import { durationWords, endpointWords, processWords } from './format-words.js';
import { endTimeWords, isNode, isOrphan, peerWords, type WallTimes } from './diagnosis-words.js';
import type { StuckRecord } from './record.js';

/** Where a piece of advice applies; `now` is the first thing to do, the others keep it from happening again. */
export type AdviceLayer = 'now' | 'application' | 'library' | 'socket' | 'system' | 'network';

export interface Advice {
  readonly layer: AdviceLayer;
  readonly text: string;
}

const US_PER_SECOND = 1_000_000;

/** A TCP_USER_TIMEOUT or a keepalive setting up to here is short enough; nobody need change it. */
const SHORT_MS = 60_000;

/** Waits from which on a smaller sysctl is worth the change: tcp_retries2=8 makes 106 s, tcp_syn_retries=4 makes 35 s. */
const LONG_RETRANSMISSION_US = 150 * US_PER_SECOND;
const LONG_CONNECT_US = 60 * US_PER_SECOND;

/** @returns at most five items. */
export function adviceFor(record: StuckRecord, nowUs: number, names: WallTimes): readonly Advice[] {
  if (record.outcome === null) {
    return [...presentAdvice(record, nowUs, names), ...prevention(record)];
  }
  switch (record.outcome) {
    case 'recovered':
    case 'timed_out':
    case 'unreachable':
      return isOrphan(record) ? [network(record)] : prevention(record);
    case 'reset_by_peer':
      return record.kind === 'connecting' ? refused(record) : isOrphan(record) ? [] : prevention(record);
    case 'closed_by_application':
      return [network(record)];
    case 'owner_exited':
    case 'destroyed':
    case 'lost_track':
      return [];
  }
}

function presentAdvice(record: StuckRecord, nowUs: number, names: WallTimes): Advice[] {
  const time = endTimeWords(record.giveUp, nowUs, names);
  if (isOrphan(record)) {
    const end = time === null ? 'the kernel frees it' : `the kernel frees it ${time}`;
    return now(`Nothing to fix for this one: no process holds it any more, and ${end}.`);
  }
  const peer = endpointWords(record.remote);
  if (record.kind === 'connecting') {
    return now(
      `Check that ${peer} is up and that no firewall drops the SYN: a port that is merely closed would refuse at once.`,
    );
  }
  if (record.ownerType === 'kernel') {
    return now(`Find the network mount or block device that uses ${peer}, and bring its server back.`);
  }
  if (record.direction === 'inbound') {
    return now(`Nothing is urgent on this node: ${peerWords(record)} is the side that vanished.`);
  }
  const pool =
    record.owner === null
      ? `that process's connections to ${peer}`
      : `the connections of ${processWords(record.owner)} to ${peer}`;
  const how = isNode(record) ? 'agent.destroy() does it, or a restart' : 'close them, or restart the process';
  switch (record.kind) {
    case 'retransmitting':
      return now(`Recycle ${pool}: ${how}. Hanging requests then fail at once, and new ones use new connections.`);
    case 'keepalive_unanswered':
      return now(`Drop it from the pool before a request is sent on it: recycle ${pool}; ${how}.`);
    case 'closing':
      return now(
        `Close the socket for good${isNode(record) ? ' (socket.destroy())' : ''}: the kernel then frees it within about 2 min.`,
      );
    case 'zero_window':
    case 'accepting':
    case 'accept_queue_full':
    case 'fin_wait':
    case 'close_wait':
    case 'unread':
    case 'zombie':
    case 'stale_reuse':
      return [];
  }
}

function now(text: string): Advice[] {
  return [{ layer: 'now', text }];
}

/** Application, library, socket, system, network: what keeps it from happening again. */
function prevention(record: StuckRecord): Advice[] {
  if (isOrphan(record)) {
    return [
      {
        layer: 'system',
        text: 'Only if thousands of them pile up: sysctl -w net.ipv4.tcp_orphan_retries=4 frees them after about 15 s.',
      },
      network(record),
    ];
  }
  if (record.ownerType === 'kernel') {
    return [...systemAdvice(record), network(record)];
  }
  return [
    ...applicationAdvice(record),
    ...(isNode(record) && record.direction !== 'inbound' ? libraryAdvice(record) : []),
    ...socketAdvice(record),
    ...systemAdvice(record),
    network(record),
  ];
}

function applicationAdvice(record: StuckRecord): Advice[] {
  const node = isNode(record);
  switch (record.kind) {
    case 'retransmitting':
    case 'keepalive_unanswered':
      if (record.direction === 'inbound') {
        return application(
          node
            ? 'End connections of clients that went silent: server.timeout (milliseconds), or socket.setTimeout() and then socket.destroy().'
            : 'End connections of clients that went silent: an idle timeout, and a deadline for every write.',
        );
      }
      return application(
        node
          ? "Give every request a deadline: AbortSignal.timeout(5000), or http.Agent({ timeout: 5000 }) and req.destroy() on 'timeout'."
          : 'Give every request a deadline, and close its connection when the deadline passes.',
      );
    case 'connecting':
      return application(
        node
          ? 'Give every request a deadline that covers the connect: AbortSignal.timeout(5000).'
          : 'Set a connect timeout of a few seconds: a non-blocking connect() and poll(), or SO_SNDTIMEO.',
      );
    case 'closing':
      return application(
        node
          ? 'After socket.end(), wait with socket.setTimeout(5000) and then call socket.destroy().'
          : 'After shutdown(), wait for the peer with a timeout and then close the socket.',
      );
    case 'zero_window':
    case 'accepting':
    case 'accept_queue_full':
    case 'fin_wait':
    case 'close_wait':
    case 'unread':
    case 'zombie':
    case 'stale_reuse':
      return [];
  }
}

function application(text: string): Advice[] {
  return [{ layer: 'application', text }];
}

/** Libraries of Node.js, whose defaults are known. */
function libraryAdvice(record: StuckRecord): Advice[] {
  switch (record.kind) {
    case 'retransmitting':
      return [
        {
          layer: 'library',
          text: 'fetch and undici: set headersTimeout and bodyTimeout (300 s by default) to a few seconds; agentkeepalive: set timeout.',
        },
      ];
    case 'keepalive_unanswered':
      return [
        {
          layer: 'library',
          text: 'Drop idle connections before the server or a load balancer does: freeSocketTimeout of agentkeepalive, keepAliveTimeout of undici.',
        },
      ];
    case 'connecting':
      return [{ layer: 'library', text: 'fetch and undici: lower connect.timeout (10 s by default).' }];
    case 'closing':
    case 'zero_window':
    case 'accepting':
    case 'accept_queue_full':
    case 'fin_wait':
    case 'close_wait':
    case 'unread':
    case 'zombie':
    case 'stale_reuse':
      return [];
  }
}

function socketAdvice(record: StuckRecord): Advice[] {
  const { userTimeoutMs } = record.options;
  if (record.kind === 'keepalive_unanswered') {
    return keepaliveAdvice(record);
  }
  if (userTimeoutMs > 0) {
    const timeout = `TCP_USER_TIMEOUT is ${durationWords(userTimeoutMs * 1000)}`;
    const text =
      userTimeoutMs <= SHORT_MS
        ? `${timeout} and ends this: nothing to change.`
        : `${timeout} and decides alone, whatever the sysctls say: lower it to about 30 s.`;
    return [{ layer: 'socket', text }];
  }
  // Node.js has no way to set a TCP option but keepalive and TCP_NODELAY.
  if (isNode(record) || record.kind === 'closing') {
    return [];
  }
  return [
    {
      layer: 'socket',
      text:
        record.kind === 'connecting'
          ? 'TCP_USER_TIMEOUT (for example 10 s) bounds connect() as well.'
          : 'Set TCP_USER_TIMEOUT (for example 30 s): the kernel then ends a connection whose data stays unacknowledged that long.',
    },
  ];
}

function keepaliveAdvice(record: StuckRecord): Advice[] {
  const { keepaliveIdleMs, keepaliveIntervalMs, keepaliveProbes, userTimeoutMs } = record.options;
  const probedMs = keepaliveIdleMs + keepaliveIntervalMs * keepaliveProbes;
  // A user timeout takes the place of the count, but the first probe has to go unanswered.
  const noticeMs = userTimeoutMs > 0 ? Math.max(userTimeoutMs, keepaliveIdleMs + keepaliveIntervalMs) : probedMs;
  if (noticeMs <= 2 * SHORT_MS) {
    return [];
  }
  const how = isNode(record) ? 'socket.setKeepAlive(true, 20_000)' : 'TCP_KEEPIDLE 20, TCP_KEEPINTVL 5, TCP_KEEPCNT 3';
  return [
    { layer: 'socket', text: `Keepalive takes ${durationWords(noticeMs * 1000)} to notice; shorten it: ${how}.` },
  ];
}

function systemAdvice(record: StuckRecord): Advice[] {
  const { giveUp } = record;
  if (giveUp === null || giveUp.never || record.kind === 'keepalive_unanswered') {
    return [];
  }
  const waitUs = giveUp.timeUs - record.sinceUs;
  const where = 'in its network namespace';
  const alsoNow = 'also for those that hang already';
  if (giveUp.reason === 'tcp_retries2' && waitUs > LONG_RETRANSMISSION_US) {
    const text = `sysctl -w net.ipv4.tcp_retries2=8 ${where}: the kernel then gives up after about 100 s, ${alsoNow}.`;
    return [{ layer: 'system', text }];
  }
  if (giveUp.reason === 'syn_retries' && waitUs > LONG_CONNECT_US) {
    const text = `sysctl -w net.ipv4.tcp_syn_retries=4 ${where}: connect() then gives up after about 35 s, ${alsoNow}.`;
    return [{ layer: 'system', text }];
  }
  return [];
}

function network(record: StuckRecord): Advice {
  const peer = endpointWords(record.remote);
  if (record.giveUp?.never === false && record.giveUp.reason === 'shrunk_window') {
    return { layer: 'network', text: `Look at the process behind ${peer}: it stopped reading before it went silent.` };
  }
  return {
    layer: 'network',
    text: `Check the path to ${peer}: its host, the switches between, and any firewall or load balancer that forgot the connection.`,
  };
}

function refused(record: StuckRecord): Advice[] {
  return [
    {
      layer: 'network',
      text: `The host answers, but nothing listens: start the service at ${endpointWords(record.remote)}.`,
    },
  ];
}
