/** What keeps a pool from using a connection that is gone: the client has to let go first. */
import { endpointWords, idleWords } from '../format-words.js';
import { idleLimitAdvice } from './idle-limit.js';
import { item, type Advice } from './item.js';
import type { Program } from './program.js';
import {} from './words.js';
import type { StuckRecord } from '../record.js';

const DROP_SOONER: Readonly<Partial<Record<Program, string>>> = {
  // Seen in lib/_http_agent.js of Node.js 20.20: a hint counts only if it is shorter than the agent's own timeout.
  node: 'agentkeepalive: freeSocketTimeout (4 s by default); undici: keepAliveTimeout (4 s, unless the server gives a hint). http.Agent of Node.js 20 heeds the Keep-Alive hint of a server only if it has a timeout of its own.',
  java: 'HikariCP: keepaliveTime keeps idle connections in use, maxLifetime ends them.',
};

const REPEAT: Readonly<Partial<Record<Program, string>>> = {
  node: "Send an idempotent request again if req.reusedSocket is true and the error's code is ECONNRESET or EPIPE.",
  python:
    'requests: HTTPAdapter(max_retries=Retry(1)) sends idempotent requests again; by default nothing is repeated.',
  nginx: 'proxy_next_upstream (error and timeout by default) sends idempotent requests again.',
};

export function reuseAdvice(record: StuckRecord, program: Program): readonly Advice[] {
  if (record.direction === 'inbound') {
    return [];
  }
  const forgotten = idleLimitAdvice(record, program);
  const library = DROP_SOONER[program];
  return [
    item('application', dropSooner(record, program)),
    ...(library === undefined ? [] : [item('library', library)]),
    item(
      'application',
      REPEAT[program] ?? 'Send idempotent requests again, once and on a new connection, after such a failure.',
    ),
    ...(record.reuse === 'closed_before' ? [unnoticed(program)] : []),
    ...(forgotten === null ? waitLonger(record) : [forgotten]),
  ];
}

function dropSooner(record: StuckRecord, program: Program): string {
  const limit = record.peerIdleLimitUs;
  const own = CONFIGURED[program] ?? 'Let the pool drop idle connections';
  if (limit !== null) {
    return `${own} well before ${idleWords(limit)}: after that idle time ${endpointWords(record.remote)} closes them.`;
  }
  return record.reuse === 'forgotten' && record.idleBeforeUs !== null
    ? `${own} before ${idleWords(record.idleBeforeUs)}: by then this one was forgotten.`
    : `${own} sooner than the peer does.`;
}

/** Programs that are configured, not written, by those who run them. */
const CONFIGURED: Readonly<Partial<Record<Program, string>>> = {
  envoy: 'Let common_http_protocol_options.idle_timeout of the cluster end idle connections',
  nginx: 'Let keepalive_timeout of the upstream block end idle connections',
  haproxy: 'Let pool-purge-delay of the server line end idle connections',
};

function unnoticed(program: Program): Advice {
  const busy = program === 'node' ? ' A blocked event loop notices it late.' : '';
  return item(
    'application',
    `The end of the connection had arrived here before: the pool must look for it before it hands a connection out.${busy}`,
  );
}

/** Node.js has a default of 5 s, to which newer versions add 1 s. */
const NODE_SERVER_US = { min: 4_500_000, max: 6_500_000 };

function waitLonger({ peerIdleLimitUs, remote, reuse }: StuckRecord): Advice[] {
  if (reuse === 'forgotten') {
    return [];
  }
  const isNodeDefault =
    peerIdleLimitUs !== null && peerIdleLimitUs >= NODE_SERVER_US.min && peerIdleLimitUs <= NODE_SERVER_US.max;
  const where = isNodeDefault ? ': 5 s is the default of Node.js (server.keepAliveTimeout)' : '';
  return [
    item('network', `Or let the server behind ${endpointWords(remote)} wait longer than its clients do${where}.`),
  ];
}
