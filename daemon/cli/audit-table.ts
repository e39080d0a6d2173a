/** `stuckctl audit` as a table, and below it what it means and what to do. */
import { CAVEAT } from '../core/audit/words.js';
import { escapeForTerminal, wrapWords } from '../lib/terminal.js';
import { auditRuleName } from '../rpc/audit-names.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { durationToMs } from '../rpc/proto-time.js';
import { endText, ownerText } from './connection-text.js';
import { durationText } from './quantity-text.js';
import { type Column, formatTable } from './text-table.js';

type Finding = stuckd.v1.AuditFinding.$Properties;
type Summary = stuckd.v1.AuditSummary.$Properties;
type Namespace = stuckd.v1.AuditedNamespace.$Properties;

/** Sentences are wrapped at this width where the output is no terminal. */
const TEXT_WIDTH = 100;

/** Findings that are told in words as well; the rest stand in the table. */
const EXPLAINED = 5;

/** `15m 24s`, `15m 24s..never`. */
function hangText(time: stuckd.v1.HangTime.$Properties | null | undefined): string {
  const text = (duration: Parameters<typeof durationToMs>[0] | null | undefined): string =>
    duration === null || duration === undefined ? 'never' : durationText(durationToMs(duration));
  const [shortest, longest] = [text(time?.shortest), text(time?.longest)];
  return shortest === longest ? longest : `${shortest}..${longest}`;
}

function processText({ process }: Finding): string {
  return process === null || process === undefined ? '(none)' : ownerText(process);
}

function destinationText({ peer, localPort }: Finding): string {
  return peer === null || peer === undefined ? `clients of port ${(localPort ?? 0).toString()}` : endText(peer);
}

function rulesText({ rules }: Finding): string {
  return (rules ?? []).map(({ rule }) => auditRuleName(rule)).join(', ') || '-';
}

const COLUMNS: readonly Column<Finding>[] = [
  { header: 'PROCESS', cell: processText, shrinkable: 'end' },
  { header: 'LEADING TO', cell: destinationText, shrinkable: 'middle' },
  { header: 'CONNS', cell: ({ connectionCount }) => (connectionCount ?? 0).toString(), alignRight: true },
  { header: 'DATA IN FLIGHT', cell: ({ inFlight }) => hangText(inFlight) },
  { header: 'IDLE', cell: ({ idle }) => hangText(idle) },
  { header: 'RULES BROKEN', cell: rulesText, shrinkable: 'end', dropRank: 1 },
];

function paragraph(text: string, width: number, indent = ''): string {
  const lines = wrapWords(escapeForTerminal(text), Math.min(width, TEXT_WIDTH) - indent.length);
  return lines.map((line) => `${indent}${line}\n`).join('');
}

function explanation(finding: Finding, width: number, leading: readonly Column<Finding>[]): string {
  const advice = (finding.advice ?? []).map(({ layer, text }) =>
    paragraph(`${layer ?? ''}: ${text ?? ''}`, width, '    '),
  );
  const text = [...leading.map(({ cell }) => cell(finding)), finding.summary ?? ''].join(': ');
  return `\n${paragraph(text, width, '  ')}${advice.join('')}`;
}

/** The sysctls that decide for whole namespaces, once for all that have the same: they are not told with every connection. */
function namespacesText(namespaces: readonly Namespace[], width: number): string {
  const byValues = new Map<string, Namespace[]>();
  for (const namespace of namespaces) {
    const { tcpRetries2, tcpSynRetries } = namespace;
    const values = `tcp_retries2=${(tcpRetries2 ?? 0).toString()}, tcp_syn_retries=${(tcpSynRetries ?? 0).toString()}`;
    byValues.set(values, [...(byValues.get(values) ?? []), namespace]);
  }
  const texts = [...byValues].map(([values, [first, ...others]]) => {
    const where =
      others.length === 0
        ? `network namespace ${(first?.netns ?? 0).toString()}`
        : `${(others.length + 1).toString()} network namespaces`;
    return `${values} in ${where}`;
  });
  const more = texts.length - EXPLAINED;
  const shown = texts.slice(0, EXPLAINED).join('; ');
  return shown === '' ? '' : paragraph(more > 0 ? `${shown}; ${more.toString()} more` : shown, width);
}

function asidesText({ localCount, unreportedCount }: Summary): readonly string[] {
  const local = localCount ?? 0;
  const unreported = unreportedCount ?? 0;
  return [
    ...(local === 0
      ? []
      : [
          `${local.toString()} with both ends on this host are left out: the kernel answers for a process that is gone.`,
        ]),
    ...(unreported === 0 ? [] : [`${unreported.toString()} more were not looked at: there are too many.`]),
  ];
}

/**
 * @param width columns of the terminal; Infinity for no limit.
 * @param leading columns before the others; what they say stands before the explanations too.
 */
export function formatAudit(
  findings: readonly Finding[],
  summary: Summary,
  width: number,
  leading: readonly Column<Finding>[] = [],
): string {
  const table = findings.length === 0 ? '' : formatTable([...leading, ...COLUMNS], findings, width);
  const explained = findings.slice(0, EXPLAINED).filter(({ advice }) => (advice ?? []).length > 0);
  const words = [summary.summary ?? '', ...asidesText(summary), CAVEAT].map((text) => paragraph(text, width)).join('');
  return [
    table,
    explained.map((finding) => explanation(finding, width, leading)).join(''),
    table === '' ? '' : '\n',
    words,
    namespacesText(summary.namespaces ?? [], width),
  ].join('');
}
