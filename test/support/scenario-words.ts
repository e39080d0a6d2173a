/** The words with which the lines of a scenario describe a socket. */
import assert from 'node:assert/strict';
import { CA_STATE, PENDING, TCP_STATE, type SnapshotCause } from '../../daemon/core/snapshot.js';
import type { SnapshotFacts } from './snapshot-builder.js';

/** What one line says about a socket. */
export interface SocketWords {
  /** True from now on. */
  readonly lasting: SnapshotFacts;
  /** True of this report only. */
  readonly once: SnapshotFacts;
  /** When the snapshot was taken, if that was before the line: it arrives late. */
  readonly second: number | undefined;
}

type Facts = { -readonly [Key in keyof SnapshotFacts]: SnapshotFacts[Key] };

const NUMBERS: Readonly<Record<string, keyof SnapshotFacts>> = {
  una: 'sndUna',
  nxt: 'sndNxt',
  seq: 'writeSeq',
  packets: 'packetsOut',
  retransmits: 'retransmits',
  backoff: 'backoff',
  probes: 'probesOut',
  err: 'skErr',
  soft: 'skErrSoft',
  sent: 'dataSegsOut',
  lost: 'totalRetrans',
  srtt: 'srttUs',
  closer: 'closerTgid',
  received: 'bytesReceived',
  pending: 'pending',
  wnd: 'sndWnd',
  rcvwnd: 'rcvWnd',
  rcvnxt: 'rcvNxt',
  copied: 'copiedSeq',
  queue: 'receiveQueueBytes',
  buffer: 'receiveBufferBytes',
  shutdown: 'shutdown',
  waiting: 'ackBacklog',
  limit: 'maxAckBacklog',
  handshakes: 'synQueue',
  young: 'synQueueYoung',
  usertimeout: 'userTimeoutMs',
  netns: 'netns',
  ackedbytes: 'bytesAcked',
};

/** `-` stands for none. */
const TIMES: Readonly<Record<string, keyof SnapshotFacts>> = {
  acked: 'ackedAt',
  data: 'dataAt',
  stamp: 'retransAt',
  firstrto: 'firstRtoAt',
  rto: 'rtoSeconds',
  timer: 'writeTimerAt',
  katimer: 'keepaliveTimerAt',
  sentat: 'sentAt',
  firstprobe: 'firstProbeAt',
};

const FLAGS: Readonly<Record<string, SnapshotFacts>> = {
  dead: { dead: true, hasSocket: false, hasFile: false },
  unaccepted: { hasSocket: false, hasFile: false, inbound: true },
  nofile: { hasFile: false },
  inbound: { inbound: true },
  keepalive: { keepalive: true, keepaliveIntvlJiffies: 10 * 250 },
  rst: { resetReceived: true },
  rstsent: { resetSent: true },
  exiting: { closerExiting: true },
  thin: { thinLto: true },
  tlp: { tlpRetrans: true },
  usec: { usecStamps: true },
  listens: { state: TCP_STATE.LISTEN, inbound: true, remote: { address: '0.0.0.0', port: 0 } },
};

const ONCE: Readonly<Record<string, SnapshotFacts>> = {
  cleared: { cleared: true },
  untrusted: { untrusted: true },
  nocookie: { cookie: 0n },
};

/** What a write of 100 bytes that is in flight looks like. */
const IN_FLIGHT: SnapshotFacts = { sndNxt: 1100, writeSeq: 1100, packetsOut: 1 };

/** @param known what was true before. */
export function parseSocketWords(words: readonly string[], cause: SnapshotCause, known: SnapshotFacts): SocketWords {
  const lasting: Facts = { ...known };
  const once: Facts = {};
  let second: number | undefined;
  for (const word of words.filter((part) => part !== '')) {
    const [key = '', value] = word.split('=');
    if (value === undefined) {
      applyFlag(key, lasting, once);
    } else if (key === 'taken') {
      second = Number(value);
    } else {
      applyValue(key, value, cause, lasting, once);
    }
  }
  return { lasting, once, second };
}

function applyFlag(word: string, lasting: Facts, once: Facts): void {
  const facts = FLAGS[word.replace(/^-/, '')] ?? (word === 'inflight' ? IN_FLIGHT : undefined);
  if (ONCE[word] !== undefined) {
    Object.assign(once, ONCE[word]);
  } else if (facts === undefined) {
    assert.fail(`"${word}" is no word for a socket`);
  } else if (word.startsWith('-')) {
    for (const key of Object.keys(facts)) {
      Reflect.deleteProperty(lasting, key);
    }
  } else {
    Object.assign(lasting, facts);
  }
}

function applyValue(key: string, value: string, cause: SnapshotCause, lasting: Facts, once: Facts): void {
  const timeKey = TIMES[key];
  const numberKey = NUMBERS[key];
  if (key === 'state') {
    assert.ok(value in TCP_STATE, `"${value}" is no TCP state`);
    lasting.state = TCP_STATE[value as keyof typeof TCP_STATE];
  } else if (key === 'from') {
    once.oldState = TCP_STATE[value as keyof typeof TCP_STATE];
  } else if (key === 'port') {
    lasting.remote = { address: '10.0.0.2', port: Number(value) };
  } else if (timeKey !== undefined) {
    Object.assign(lasting, { [timeKey]: value === '-' ? null : Number(value) });
  } else if (numberKey !== undefined) {
    Object.assign(lasting, { [numberKey]: Number(value) });
    if (key === 'retransmits') {
      Object.assign(lasting, timerFacts(Number(value), cause));
    }
  } else {
    assert.fail(`"${key}" is no word for a socket`);
  }
}

/** A retransmit event is raised inside the RTO timer: counted already, but not backed off nor armed again yet. */
function timerFacts(retransmits: number, cause: SnapshotCause): SnapshotFacts {
  const inside = cause === 'retransmit';
  return {
    backoff: Math.max(0, retransmits - (inside ? 1 : 0)),
    caState: retransmits > 0 ? CA_STATE.LOSS : CA_STATE.OPEN,
    pending: inside || retransmits === 0 ? PENDING.NONE : PENDING.RETRANS,
  };
}
