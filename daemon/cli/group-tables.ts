/** `stuckctl processes` and `stuckctl peers` as tables. */
import { escapeForTerminal, wrapWords } from '../lib/terminal.js';
import { kindName, verdictName } from '../rpc/enum-mapping.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { endText, ownerText, timeMs } from './connection-text.js';
import { durationText, sizeText } from './quantity-text.js';
import { type Column, formatTable } from './text-table.js';

type ProcessSummary = stuckd.v1.ProcessSummary.$Properties;
type PeerSummary = stuckd.v1.PeerSummary.$Properties;
type Destination = stuckd.v1.Destination.$Properties;
type Timestamp = Parameters<typeof timeMs>[0];

/** What both sorts of group have. */
interface Group {
  readonly stuckCount?: number | null;
  readonly totalCount?: number | null;
  readonly byKind?: readonly stuckd.v1.KindCount.$Properties[] | null;
  readonly oldestSince?: Timestamp;
  readonly earliestGiveUp?: Timestamp;
  readonly unackedBytes?: { toNumber(): number } | null;
}

/** Sentences are wrapped at this width where the output is no terminal. */
const TEXT_WIDTH = 100;
const SHOWN_DESTINATIONS = 2;

/** `3 of 10`; `3` while the total is not known. */
function shareText({ stuckCount, totalCount }: Pick<Group, 'stuckCount' | 'totalCount'>): string {
  const stuck = (stuckCount ?? 0).toString();
  return (totalCount ?? 0) === 0 ? stuck : `${stuck} of ${(totalCount ?? 0).toString()}`;
}

/** `retransmitting 3, closing 1`; the number is left out where there is one kind. */
function kindsText({ byKind }: Group): string {
  const kinds = byKind ?? [];
  const text = ({ kind, count }: stuckd.v1.KindCount.$Properties): string =>
    kinds.length === 1 ? kindName(kind) : `${kindName(kind)} ${(count ?? 0).toString()}`;
  return kinds.map(text).join(', ');
}

function ageText(group: Group, nowMs: number): string {
  return durationText(nowMs - (timeMs(group.oldestSince) ?? nowMs));
}

function giveUpText(group: Group, nowMs: number): string {
  const time = timeMs(group.earliestGiveUp);
  if (time === null) {
    return 'never';
  }
  return time > nowMs ? `in ${durationText(time - nowMs)}` : 'now';
}

function unackedText({ unackedBytes }: Group): string {
  return sizeText(unackedBytes?.toNumber() ?? 0);
}

function destinationText(destination: Destination): string {
  const { peer, localPort } = destination;
  const where = peer === null || peer === undefined ? `clients of port ${(localPort ?? 0).toString()}` : endText(peer);
  return `${where} (${shareText(destination)})`;
}

function destinationsText({ destinations }: ProcessSummary): string {
  const all = destinations ?? [];
  const shown = all.slice(0, SHOWN_DESTINATIONS).map(destinationText).join(', ');
  const more = all.length - SHOWN_DESTINATIONS;
  return more > 0 ? `${shown}, ${more.toString()} more` : shown;
}

function processText({ process }: ProcessSummary): string {
  return process === null || process === undefined ? '(none)' : ownerText(process);
}

/** Where it runs, in the words that its operators use. */
function workloadText({ workload }: ProcessSummary): string {
  const { pod, podNamespace, containerId, unit } = workload ?? {};
  const name = [podNamespace, pod].filter(Boolean).join('/') || (unit ?? '') || (containerId ?? '').slice(0, 12);
  return name === '' ? '-' : escapeForTerminal(name);
}

/** `5 ok, 7 failed`. */
function newText({ newConnections }: PeerSummary): string {
  const succeeded = newConnections?.succeeded?.toNumber() ?? 0;
  const failed = newConnections?.failed?.toNumber() ?? 0;
  const parts = [succeeded > 0 ? `${succeeded.toString()} ok` : '', failed > 0 ? `${failed.toString()} failed` : ''];
  return parts.filter((part) => part !== '').join(', ') || 'none';
}

function verdictText({ verdict }: PeerSummary): string {
  return (verdict ?? 0) === 0 ? '-' : verdictName(verdict);
}

function sharedColumns<Row extends Group>(nowMs: number): readonly Column<Row>[] {
  return [
    { header: 'OLDEST', cell: (row) => ageText(row, nowMs) },
    { header: 'FIRST GIVES UP', cell: (row) => giveUpText(row, nowMs), dropRank: 2 },
    { header: 'UNACKED', cell: unackedText, alignRight: true, dropRank: 4 },
  ];
}

/**
 * @param width columns of the terminal; Infinity for no limit.
 * @param leading columns before all others.
 */
export function formatProcesses(
  processes: readonly ProcessSummary[],
  nowMs: number,
  width: number,
  leading: readonly Column<ProcessSummary>[] = [],
): string {
  if (processes.length === 0) {
    return 'No stuck connections.\n';
  }
  const hasWorkload = processes.some((process) => workloadText(process) !== '-');
  const workload: Column<ProcessSummary>[] = hasWorkload
    ? [{ header: 'WORKLOAD', cell: workloadText, shrinkable: 'middle', dropRank: 1 }]
    : [];
  const columns: readonly Column<ProcessSummary>[] = [
    ...leading,
    { header: 'PROCESS', cell: processText, shrinkable: 'end' },
    ...workload,
    { header: 'STUCK', cell: shareText },
    { header: 'KIND', cell: kindsText, shrinkable: 'end', dropRank: 3 },
    { header: 'LEADING TO', cell: destinationsText, shrinkable: 'end' },
    ...sharedColumns<ProcessSummary>(nowMs),
  ];
  return formatTable(columns, processes, width);
}

/** Loopback is another host in each namespace. */
function peerText({ peer, netns }: PeerSummary): string {
  return netns ? `${endText(peer)} in netns ${netns.toString()}` : endText(peer);
}

function sentence(peer: PeerSummary, width: number): string {
  const lines = wrapWords(escapeForTerminal(peer.summary ?? ''), Math.min(width, TEXT_WIDTH) - 2);
  return [`${peerText(peer)}:`, ...lines.map((line) => `  ${line}`)].join('\n');
}

/**
 * A table, and below it what each line means, in words.
 * @param judgement columns that say what each peer looks like.
 */
export function formatPeers(
  peers: readonly PeerSummary[],
  nowMs: number,
  width: number,
  judgement: readonly Column<PeerSummary>[] = [{ header: 'VERDICT', cell: verdictText }],
): string {
  if (peers.length === 0) {
    return 'No stuck connections to any peer.\n';
  }
  const columns: readonly Column<PeerSummary>[] = [
    { header: 'PEER', cell: peerText, shrinkable: 'middle' },
    ...judgement,
    { header: 'STUCK', cell: shareText },
    { header: 'NEW ONES', cell: newText },
    { header: 'PROCESSES', cell: ({ processCount }) => (processCount ?? 0).toString(), alignRight: true, dropRank: 5 },
    { header: 'KIND', cell: kindsText, shrinkable: 'end', dropRank: 3 },
    ...sharedColumns<PeerSummary>(nowMs),
  ];
  const sentences = peers.map((peer) => `${sentence(peer, width)}\n`).join('');
  return `${formatTable(columns, peers, width)}\n${sentences}`;
}
