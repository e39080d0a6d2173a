/** The options of stuckctl, as its help, completions and manual page tell them. What they do is in arguments.ts. */
import { AUDIT_RULES } from '../../core/audit/rules.js';
import type { OptionManual } from '../../lib/manual/manual.js';
import { DEFAULT_ADDRESS } from '../../rpc/address.js';
import { SEVERITIES_BY_NAME } from '../../rpc/alert-names.js';
import { DELIVERY_STATES_BY_NAME } from '../../rpc/delivery-names.js';
import { KINDS_BY_NAME } from '../../rpc/enum-mapping.js';
import { DIRECTION_NAMES } from '../audit-arguments.js';

const KIND_NAMES = [...KINDS_BY_NAME.keys()];
const SEVERITY_NAMES = [...SEVERITIES_BY_NAME.keys()];
const STATE_NAMES = [...DELIVERY_STATES_BY_NAME.keys()];

const TIME_LINE = 'TIME is how long ago (30m, 2h, 7d), or when (2026-11-22T08:30, Z for UTC).';

export const HELP: OptionManual = { name: 'help', short: 'h', text: 'how it is used' };
export const VERSION: OptionManual = { name: 'version', short: 'V', text: 'the version' };

const OUTPUT: OptionManual = {
  name: 'output',
  short: 'o',
  value: 'FORMAT',
  completes: ['table', 'json', 'jsonl'],
  text: 'table (default), json or jsonl',
};

const ADDRESS: OptionManual = {
  name: 'address',
  value: 'ADDR',
  completes: { filesAfter: ['unix:'] },
  text: 'where stuckd listens: unix:PATH or HOST:PORT',
  lines: ['(default: STUCKD_ADDRESS, or that of your own stuckd,', `or ${DEFAULT_ADDRESS})`],
};

/** How stuckd is reached, on one node or on many. */
const NODES: readonly OptionManual[] = [
  {
    ...ADDRESS,
    completes: { filesAfter: ['unix:', '@', 'file:'] },
    isList: true,
    lines: [
      ...(ADDRESS.lines ?? []),
      'Several, dns:///HOST:PORT for all that a name resolves to, or @FILE for',
      'one a line: then all of these nodes are asked at once.',
    ],
  },
  { name: 'node', value: 'NAME', isList: true, text: 'of several nodes only this one: its host name, or its address' },
  {
    name: 'timeout',
    value: 'TIME',
    text: 'how long each of several nodes may take (default: 5s): to say who it is, and to answer',
  },
];

const TLS: readonly OptionManual[] = [
  {
    name: 'tls-ca',
    value: 'FILE',
    completes: 'file',
    environment: 'STUCKD_TLS_CA',
    text: 'over TCP: who signs the certificate of stuckd',
  },
  { name: 'tls-cert', value: 'FILE', completes: 'file', environment: 'STUCKD_TLS_CERT', text: 'your own certificate' },
  { name: 'tls-key', value: 'FILE', completes: 'file', environment: 'STUCKD_TLS_KEY', text: 'the key of it' },
  {
    name: 'tls-server-name',
    value: 'NAME',
    environment: 'STUCKD_TLS_SERVER_NAME',
    text: 'the name in the certificate of stuckd',
  },
];

/** Of what asks one node, and has an output of its own. */
export const ONE_NODE: readonly OptionManual[] = [ADDRESS, ...TLS, HELP];
export const COMMON: readonly OptionManual[] = [OUTPUT, ...NODES, ...TLS, HELP];

const KIND: OptionManual = {
  name: 'kind',
  value: 'KIND',
  completes: KIND_NAMES,
  isList: true,
  text: `only this kind: ${KIND_NAMES.join(', ')}`,
};
const PEER: OptionManual = {
  name: 'peer',
  value: 'PEER',
  isList: true,
  text: 'only this peer: an address, or address:port ([address]:port for IPv6)',
};

/** Which connections; all commands that have one of them have all. */
export const FILTERS: readonly OptionManual[] = [
  {
    name: 'pid',
    value: 'PID',
    isList: true,
    text: 'only connections that this process holds, or left behind as orphans',
  },
  KIND,
  PEER,
  {
    name: 'netns',
    value: 'INODE',
    isList: true,
    text: 'only this network namespace (readlink /proc/PID/ns/net)',
  },
  {
    name: 'container',
    value: 'ID',
    isList: true,
    text: 'only this container: its id, or at least the first 12 digits',
  },
  { name: 'pod', value: 'POD', isList: true, text: 'only this pod: NAME or NAMESPACE/NAME' },
  { name: 'unit', value: 'UNIT', isList: true, text: 'only this systemd unit, for example nginx.service' },
];

export function limit(noun: string): OptionManual {
  return { name: 'limit', value: 'N', text: `at most N ${noun}` };
}

export const ENDED: readonly OptionManual[] = [
  { name: 'ended', text: 'also those that are no longer stuck, as far as stuckd keeps them' },
  { name: 'since', value: 'TIME', text: 'with --ended: only what was stuck at some time from then on' },
  { name: 'until', value: 'TIME', text: 'only what was detected before then', lines: [TIME_LINE] },
];

export const WHAT_IF: OptionManual = {
  name: 'what-if',
  value: 'SETTING=VALUE',
  completes: ['tcp_retries2=', 'tcp_syn_retries=', 'tcp_orphan_retries=', 'user-timeout=', 'keepalive='],
  isList: true,
  text: 'also say when it would end, or would have ended, under another setting:',
  lines: [
    '  tcp_retries2=N, tcp_syn_retries=N, tcp_orphan_retries=N (sysctls)',
    '  user-timeout=30s (TCP_USER_TIMEOUT; 0 switches it off)',
    '  keepalive=20s/10s/3 (idle time, interval, probes)',
    'Nothing is changed.',
  ],
};

export const ALERTS: readonly OptionManual[] = [
  {
    name: 'watch',
    short: 'w',
    text: 'follow: first those that fire now, then every change; Ctrl-C ends it. When the connection is lost or stuckd restarts, it goes on where it was, and says whether anything was missed.',
  },
  {
    name: 'test',
    value: 'RECEIVER',
    text: 'list nothing; send this receiver of the configuration a test alert, and show what it answers',
  },
  { name: 'all', text: 'also those that were resolved, as far as stuckd keeps them' },
  {
    name: 'since',
    value: 'TIME',
    text: 'also those that were resolved, if they were firing at some time from then on',
    lines: [TIME_LINE],
  },
  {
    name: 'severity',
    value: 'LEVEL',
    completes: SEVERITY_NAMES,
    text: `only alerts at least as grave: ${SEVERITY_NAMES.join(', ')}`,
  },
  { name: 'pid', value: 'PID', isList: true, text: 'only alerts about this process' },
  KIND,
  PEER,
];

/** Of what is not stuck there is no kind, and no orphan. */
const AUDIT_FILTERS = FILTERS.filter(({ name }) => name !== 'kind').map((option) =>
  option.name === 'pid' ? { ...option, text: 'only connections that this process holds' } : option,
);

export const AUDIT: readonly OptionManual[] = [
  ...AUDIT_FILTERS,
  limit('findings'),
  {
    name: 'direction',
    value: 'WAY',
    completes: DIRECTION_NAMES,
    text: 'only connections that were made here (outbound), or that clients made (inbound)',
  },
  { name: 'threshold', value: 'TIME', text: 'a wait that is longer is too long (default: 15m)' },
  {
    name: 'fail-on',
    value: 'WHAT',
    completes: ['never', ...AUDIT_RULES],
    text: 'end with exit code 4 if there is a connection that would hang for ever (never) or for longer than a time (15m), in flight or idle, or that breaks a rule (its name)',
    isList: true,
  },
];

export const DELIVERIES: readonly OptionManual[] = [
  { name: 'receiver', value: 'NAME', isList: true, text: 'only those to this receiver' },
  {
    name: 'state',
    value: 'STATE',
    completes: STATE_NAMES,
    isList: true,
    text: 'only pending, delivered or dead ones',
  },
  limit('deliveries'),
  { name: 'retry', value: 'ID', text: 'send this one again, now: a dead one, or one that waits' },
];
