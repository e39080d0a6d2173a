/** The one sentence of an alert: who, to whom, how many, what, since when, and what the kernel will do. */
import type { Alert } from '../alert.js';
import type { WallTimes } from '../diagnosis/words.js';
import { countWords, endpointWords, nameWords } from '../format-words.js';
import type { StuckKind } from '../kinds.js';
import { suppositionWords } from '../suppositions.js';
import { unknownFacts } from '../unknown-facts.js';
import type { Workload } from '../workload.js';
import { predicateWords } from './alert-phrases.js';

/** Text of other people that goes into a sentence. */
const NAME_LENGTH_MAX = 128;
const CONTAINER_ID_LENGTH = 12;

/**
 * @param nowUs CLOCK_MONOTONIC, microseconds.
 * @param names says CLOCK_MONOTONIC as wall time, in whatever form the reader wants.
 */
export function alertSummary(alert: Alert, nowUs: number, names: WallTimes): string {
  const who = holderWords(alert);
  const what = `${who === '' ? '' : `${who}: `}${subjectWords(alert)} ${predicateWords(alert)}`;
  const start = names.wallTime(alert.startUs);
  if (alert.endUs !== null) {
    return `${what} from ${start} to ${names.wallTime(alert.endUs)}.`;
  }
  const end = forecastWords(alert, nowUs, names);
  return `${what} since ${start}${end === '' ? '' : `; ${end}`}.`;
}

/** Empty where several processes are told as one: they are counted further on. */
function holderWords({ process, processCount, connections }: Alert): string {
  if (process !== null) {
    const where = workloadWords(process.workload);
    return `${nameWords(process.comm)}[${process.pid}]${where === '' ? '' : ` (${where})`}`;
  }
  const [first] = connections;
  if (processCount > 0 || first === undefined) {
    return '';
  }
  switch (first.ownerType) {
    case 'orphan':
      return first.lastOwner === null ? 'Orphans' : `Orphans that ${nameWords(first.lastOwner.comm)} left behind`;
    case 'unaccepted':
      return 'Not accepted yet';
    case 'kernel':
      return 'The kernel itself';
    case 'process':
    case 'pending':
    case 'unknown':
      return 'A process that cannot be seen';
  }
}

/** `web-7f6c9d-abcde/app`, `nginx.service`, `container 0123456789ab`; empty if none of it is known. */
export function workloadWords(workload: Workload | null): string {
  if (workload === null) {
    return '';
  }
  const { pod, container, containerId, unit } = workload;
  const podWords = container === '' ? pod : `${pod}/${container}`;
  const idWords = containerId === '' ? '' : `container ${containerId.slice(0, CONTAINER_ID_LENGTH)}`;
  const words = (pod === '' ? '' : podWords) || idWords || unit;
  return Array.from(words).slice(0, NAME_LENGTH_MAX).join('');
}

/** `3 of 10 connections to 10.0.0.2:8000`, `the listener on port 80`. */
function subjectWords(alert: Alert): string {
  const { kind, stuckCount, totalCount, processCount, process, localPort } = alert;
  if (kind === 'accepting' || kind === 'accept_queue_full') {
    return processCount > 1 ? `${processCount} listeners on port ${localPort}` : `the listener on port ${localPort}`;
  }
  const [one, many] = nounsOf(kind);
  const isPart = totalCount !== null && totalCount > stuckCount && one === 'connection';
  const isAll = totalCount === stuckCount && one === 'connection' && stuckCount > 1;
  const count = isPart ? `${stuckCount} of ${totalCount} ${many}` : countWords(stuckCount, one, many);
  const of = process === null && processCount > 0 ? ` of ${countWords(processCount, 'process', 'processes')}` : '';
  return `${isAll ? 'all ' : ''}${count}${of}${directionWords(alert)}`;
}

/** Of those that are counted in other words than all connections are. */
function nounsOf(kind: StuckKind): readonly [one: string, many: string] {
  switch (kind) {
    case 'connecting':
      return ['connection attempt', 'connection attempts'];
    case 'stale_reuse':
      return ['request', 'requests'];
    case 'retransmitting':
    case 'keepalive_unanswered':
    case 'zero_window':
    case 'accepting':
    case 'accept_queue_full':
    case 'closing':
    case 'fin_wait':
    case 'close_wait':
    case 'unread':
    case 'zombie':
      return ['connection', 'connections'];
  }
}

function directionWords({ peer, peerCount, localPort, connections, stuckCount }: Alert): string {
  if (peer !== null) {
    return ` to ${endpointWords(peer)}`;
  }
  if (peerCount > 0) {
    return ` to ${countWords(peerCount, 'peer', 'peers')}`;
  }
  if (localPort !== 0) {
    return ` from clients to port ${localPort}`;
  }
  const peers = new Set(connections.map(({ remote }) => endpointWords(remote)));
  const [only = ''] = peers;
  if (peers.size !== 1) {
    return '';
  }
  // The sample need not be all of them.
  return connections.length === stuckCount ? ` to ${only}` : `, such as to ${only},`;
}

function forecastWords({ earliestGiveUpUs, stuckCount, connections }: Alert, nowUs: number, names: WallTimes): string {
  const them = stuckCount === 1 ? 'it' : 'the first';
  const supposed = connections.flatMap(({ giveUp }) => giveUp?.supposes ?? []);
  const supposition = suppositionWords(unknownFacts((fact) => supposed.includes(fact)));
  const condition = supposition === null ? '' : `, ${supposition}`;
  if (earliestGiveUpUs !== null) {
    const when = earliestGiveUpUs <= nowUs ? 'any moment now' : `at ${names.wallTime(earliestGiveUpUs)}`;
    return `the kernel ends ${them} ${when}${condition}`;
  }
  const isNever = connections.length > 0 && connections.every(({ giveUp }) => giveUp?.never === true);
  return isNever ? `the kernel never ends ${stuckCount === 1 ? 'it' : 'them'}${condition}` : '';
}
