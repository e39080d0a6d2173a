/** The first thing to do, while it is stuck: the smallest step that frees this connection, or that shows what holds it up. */
import { endpointWords, processWords } from '../format-words.js';
import { freeingWords, inItsNamespace, inNamespaceOf, killCommand } from './command.js';
import { item, type Advice } from './item.js';
import { endTimeWords, isBusyPeer, isListener, isOrphan, peerWords, type WallTimes } from './words.js';
import type { StuckKind } from '../kinds.js';
import type { Owner, StuckRecord } from '../record.js';

/** Descriptors that are named; more of them do not help a reader. */
const FDS_MAX = 3;

export function nowAdvice(record: StuckRecord, nowUs: number, names: WallTimes): readonly Advice[] {
  const text = nowText(record, nowUs, names);
  return text === null ? [] : [item('now', text)];
}

function nowText(record: StuckRecord, nowUs: number, names: WallTimes): string | null {
  if (record.kind === 'stale_reuse') {
    return null;
  }
  if (isOrphan(record)) {
    return orphanText(record, nowUs, names);
  }
  if (isListener(record)) {
    return listenerText(record);
  }
  if (record.ownerType === 'kernel') {
    return `Find the network mount or block device that uses ${endpointWords(record.remote)}, and bring its server back.`;
  }
  if (record.ownerType === 'unaccepted') {
    return `See why the listener on port ${record.local.port} does not accept: its process may hang or have too few workers.`;
  }
  return record.kind === 'zombie' ? zombieText(record) : connectionText(record);
}

/** For what can be freed by killing the socket. */
function connectionText(record: StuckRecord): string | null {
  const free = freeingWords(record);
  const first = firstLook(record);
  if (free === null) {
    return first ?? WITHOUT_OWNER[record.kind] ?? null;
  }
  if (first !== null) {
    return `${first} To free it: ${free}.`;
  }
  return [`Free it: ${free}.`, AFTERWARDS[record.kind] ?? ''].join(' ').trimEnd();
}

/** What to look at before anything is killed; null where there is nothing better than to free it. */
function firstLook(record: StuckRecord): string | null {
  const peer = endpointWords(record.remote);
  switch (record.kind) {
    case 'connecting':
      return record.cause === null
        ? `Check that ${peer} is up and that no firewall drops the SYN: a port that is merely closed would refuse at once.`
        : 'Mend the cause first, as another attempt would hang too.';
    case 'zero_window':
      return isBusyPeer(record) ? `See why ${peerWords(record)} does not read: it is alive.` : null;
    case 'fin_wait':
      return `See whether this wait for ${peerWords(record)} is meant.`;
    case 'unread':
      return record.owner === null
        ? null
        : `See what ${processWords(record.owner)} does: it may be stopped (grep State /proc/${record.owner.pid}/status), deadlocked or busy.`;
    case 'retransmitting':
    case 'keepalive_unanswered':
      return causeFirst(record) ?? (record.direction === 'inbound' ? nothingUrgent(record) : null);
    case 'closing':
      return causeFirst(record);
    case 'close_wait':
    case 'zombie':
    case 'accepting':
    case 'accept_queue_full':
    case 'stale_reuse':
      return null;
  }
}

function causeFirst({ cause }: StuckRecord): string | null {
  return cause === null ? null : 'Mend the cause first, as a new connection would hang too.';
}

function nothingUrgent(record: StuckRecord): string {
  return `Nothing is urgent on this node: ${peerWords(record)} is the side that vanished.`;
}

/** What becomes of those who use it. */
const AFTERWARDS: Readonly<Partial<Record<StuckKind, string>>> = {
  retransmitting: 'Whoever waits on it gets ECONNABORTED at once; the next request needs a new connection.',
  zero_window: 'A write that waits on it fails with ECONNABORTED.',
  keepalive_unanswered: 'Do it before a request is sent on it: the pool then opens a new one.',
  close_wait: 'The next write fails with ECONNABORTED; the descriptor stays until the application closes it.',
  closing: 'What was not sent yet is lost.',
};

const RECYCLE = 'Close it, or restart the process that holds it.';

/** The process is being looked up, has exited, or cannot be seen: there is no pid to name in a command. */
const WITHOUT_OWNER: Readonly<Partial<Record<StuckKind, string>>> = {
  retransmitting: RECYCLE,
  keepalive_unanswered: RECYCLE,
  zero_window: RECYCLE,
  closing: RECYCLE,
  close_wait: RECYCLE,
};

/** lastOwner may be gone, and its pid may be another's by now: the reader has to look. */
function orphanText(record: StuckRecord, nowUs: number, names: WallTimes): string {
  const time = endTimeWords(record.giveUp, nowUs, names);
  const end = time === null ? 'the kernel frees it' : `the kernel frees it ${time}`;
  const rest = `Nothing to fix for this one: no process holds it any more, and ${end}.`;
  if (record.lastOwner === null || record.remote.port === 0) {
    return rest;
  }
  const { pid } = record.lastOwner;
  const command = inNamespaceOf(pid, killCommand(record));
  return `${rest} Sooner, if ps -p ${pid} still shows ${processWords(record.lastOwner)}: ${command} (as root; needs CONFIG_INET_DIAG_DESTROY).`;
}

/** A listener is never killed: that would refuse every client. */
function listenerText(record: StuckRecord): string {
  const { port } = record.local;
  const who = record.owner === null ? 'its process' : processWords(record.owner);
  const run = (command: string): string => inItsNamespace(record, command);
  return record.kind === 'accepting'
    ? `See which clients they are: ${run(`ss -tn state syn-recv 'sport = :${port}'`)}.`
    : `See why ${who} does not accept: it may hang, or be overloaded. ${run(`ss -ltn 'sport = :${port}'`)} shows the queue as Recv-Q and its limit as Send-Q; if the process hangs, restart it.`;
}

/** The kernel has let go of it, so that ss finds nothing to kill. */
function zombieText(record: StuckRecord): string {
  const { owner } = record;
  if (owner === null) {
    return 'Only the process that holds its descriptor can free it, by closing it: restart that process if it does not.';
  }
  const process = processWords(owner);
  return `Only ${process} can free it, by closing ${descriptorWords(owner)}; ss -K no longer reaches it. If it does not close it, restart ${process}.`;
}

function descriptorWords({ pid, holders }: Owner): string {
  const fds = holders.filter((holder) => holder.pid === pid).map(({ fd }) => fd);
  if (fds.length === 0 || fds.length > FDS_MAX) {
    return 'its descriptor';
  }
  return fds.length === 1 ? `descriptor ${fds.join('')}` : `descriptors ${fds.join(', ')}`;
}
