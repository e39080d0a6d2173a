/** Records for the tests of the diagnosis: one connection, in every kind and with every kind of holder. */
import { diagnose, type Diagnosis } from '../../../daemon/core/diagnosis/diagnosis.js';
import type { StuckKind } from '../../../daemon/core/kinds.js';
import type { GiveUp, Owner, StuckRecord } from '../../../daemon/core/record.js';

export const S = 1_000_000;
/** 14:02:58, the start of the record. */
export const SINCE = (14 * 3600 + 2 * 60 + 58) * S;
export const NOW = SINCE + 14 * S;

export const names = {
  wallTime(us: number): string {
    return new Date(us / 1000).toISOString().slice(11, 19);
  },
};

export const NODE: Owner = {
  pid: 12_900,
  startBootUs: 1,
  comm: 'node',
  executable: '/usr/bin/node',
  uid: 1000,
  cgroupId: 1n,
  holders: [{ pid: 12_900, comm: 'node', fd: 21 }],
};
export const JAVA: Owner = { ...NODE, pid: 77, comm: 'java', executable: '/usr/lib/jvm/bin/java', holders: [] };

export function givesUp(seconds: number, changes: Partial<Extract<GiveUp, { never: false }>> = {}): GiveUp {
  return {
    never: false,
    timeUs: NOW + seconds * S,
    latestTimeUs: null,
    reason: 'tcp_retries2',
    retransmitsLeft: 12,
    expectedError: 'ETIMEDOUT',
    ...changes,
  };
}

export const STUCK: StuckRecord = {
  id: '1',
  previousId: null,
  counterpartId: null,
  kind: 'retransmitting',
  state: 'ESTABLISHED',
  direction: 'outbound',
  local: { address: '10.0.0.1', port: 40_000 },
  remote: { address: '10.0.0.2', port: 8000 },
  netns: 1,
  cookie: 1n,
  ownerType: 'process',
  owner: NODE,
  lastOwner: null,
  creatorCgroupId: 0n,
  sinceUs: SINCE,
  sinceAtLeast: false,
  detectedUs: SINCE + S,
  lastProgressUs: null,
  unackedBytes: 512,
  unsentBytes: 0,
  unreadBytes: 0,
  retransmits: 3,
  probes: 0,
  rtoMs: 1600,
  options: {
    keepalive: false,
    keepaliveIdleMs: 7_200_000,
    keepaliveIntervalMs: 75_000,
    keepaliveProbes: 9,
    userTimeoutMs: 0,
  },
  giveUp: givesUp(902),
  informational: false,
  cause: null,
  idleBeforeUs: null,
  peerIdleLimitUs: null,
  reuse: null,
  acceptQueue: null,
  receiveBufferBytes: 131_072,
  detectedGiveUp: null,
  forecastErrorUs: null,
  outcome: null,
  endUs: null,
  timeline: [],
  polled: false,
  unknown: [],
};

export const KEEPALIVE: Partial<StuckRecord> = {
  kind: 'keepalive_unanswered',
  retransmits: 0,
  probes: 3,
  unackedBytes: 0,
  options: { ...STUCK.options, keepalive: true },
  giveUp: givesUp(450, { reason: 'keepalive' }),
};
export const CONNECTING: Partial<StuckRecord> = {
  kind: 'connecting',
  state: 'SYN_SENT',
  unackedBytes: 0,
  giveUp: givesUp(119, { reason: 'syn_retries' }),
};
export const ORPHAN: Partial<StuckRecord> = {
  kind: 'closing',
  state: 'FIN_WAIT1',
  ownerType: 'orphan',
  owner: null,
  lastOwner: { ...NODE, pid: 123 },
  giveUp: givesUp(92, { reason: 'orphan_retries' }),
};
export const CLOSING: Partial<StuckRecord> = { kind: 'closing', state: 'FIN_WAIT1', giveUp: givesUp(902) };
export const INBOUND: Partial<StuckRecord> = {
  direction: 'inbound',
  local: { address: 'fd00::1', port: 443 },
  remote: { address: 'fd00::9', port: 51_234 },
};

export const NEVER: GiveUp = { never: true };

const QUIET: Partial<StuckRecord> = { retransmits: 0, unackedBytes: 0 };

export const ZERO_WINDOW: Partial<StuckRecord> = { ...QUIET, kind: 'zero_window', probes: 5, unsentBytes: 65_536 };
export const BUSY_WINDOW: Partial<StuckRecord> = {
  ...ZERO_WINDOW,
  ...INBOUND,
  probes: 1,
  informational: true,
  giveUp: NEVER,
};
export const LISTENER: Partial<StuckRecord> = {
  ...QUIET,
  state: 'LISTEN',
  direction: 'unknown',
  local: { address: '::', port: 8080 },
  remote: { address: '', port: 0 },
  sinceAtLeast: true,
  giveUp: null,
  acceptQueue: { waiting: 129, limit: 128, handshakes: 40, unanswered: 32 },
};
export const ACCEPTING: Partial<StuckRecord> = { ...LISTENER, kind: 'accepting', informational: true };
export const QUEUE_FULL: Partial<StuckRecord> = { ...LISTENER, kind: 'accept_queue_full' };
export const FIN_WAIT: Partial<StuckRecord> = {
  ...QUIET,
  kind: 'fin_wait',
  state: 'FIN_WAIT2',
  informational: true,
  giveUp: NEVER,
};
export const CLOSE_WAIT: Partial<StuckRecord> = { ...QUIET, kind: 'close_wait', state: 'CLOSE_WAIT', giveUp: NEVER };
export const UNREAD: Partial<StuckRecord> = { ...QUIET, kind: 'unread', unreadBytes: 70_000, giveUp: NEVER };
export const ZOMBIE: Partial<StuckRecord> = { ...QUIET, kind: 'zombie', state: 'CLOSE', giveUp: null };
export const STALE_REUSE: Partial<StuckRecord> = {
  ...QUIET,
  kind: 'stale_reuse',
  idleBeforeUs: 5.02 * S,
  peerIdleLimitUs: 5 * S,
  reuse: 'closed_during',
  giveUp: null,
  outcome: 'reset_by_peer',
  endUs: SINCE,
};

/** A record of each kind that its program holds. */
export const BY_KIND: Readonly<Record<StuckKind, Partial<StuckRecord>>> = {
  retransmitting: {},
  keepalive_unanswered: KEEPALIVE,
  zero_window: ZERO_WINDOW,
  connecting: CONNECTING,
  accepting: ACCEPTING,
  accept_queue_full: QUEUE_FULL,
  closing: CLOSING,
  fin_wait: FIN_WAIT,
  close_wait: CLOSE_WAIT,
  unread: UNREAD,
  zombie: ZOMBIE,
  stale_reuse: STALE_REUSE,
};

/** A process by the name of its program. */
export function running(executable: string): Owner {
  return { ...JAVA, comm: executable.slice(executable.lastIndexOf('/') + 1), executable };
}

/** The diagnosis of the record with these changes, 14 s after it began. */
export function of(changes: Partial<StuckRecord>): Diagnosis {
  return diagnose({ ...STUCK, ...changes }, NOW, names);
}

/** Its advice, a line each. */
export function adviceOf(changes: Partial<StuckRecord>): readonly string[] {
  return of(changes).advice.map(({ layer, text }) => `${layer}: ${text}`);
}
