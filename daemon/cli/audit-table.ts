/** `stuckctl audit` as a table, and below it what it means and what to do. */
import { CAVEAT } from '../core/audit/words.js';
import { escapeForTerminal, fitWidth, wrapWords } from '../lib/terminal.js';
import { auditRuleName } from '../rpc/audit-names.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { durationToMs } from '../rpc/proto-time.js';
import { endText, ownerText } from './connection-text.js';
import { durationText } from './quantity-text.js';
import { type Column, formatTable } from './text-table.js';

type Finding = stuckd.v1.AuditFinding.$Properties;
type Summary = stuckd.v1.AuditSummary.$Properties;
type Namespace = stuckd.v1.AuditNamespace.$Properties;
type HangTime = stuckd.v1.HangTime.$Properties;
type HangRange = stuckd.v1.HangRange.$Properties;
type HangCounts = stuckd.v1.HangCounts.$Properties;

/** Sentences are wrapped at this width where the output is no terminal. */
const TEXT_WIDTH = 100;

/** Findings that are told in words as well; the rest stand in the table. */
const EXPLAINED = 5;

function hangText(hang: HangTime | null | undefined): string {
  // A newer daemon may tell an end of another kind.
  return hang?.never === true ? 'never' : hang?.time ? durationText(durationToMs(hang.time)) : '?';
}

/** `15m 24s`, `15m 24s..never`. */
function rangeText(range: HangRange | null | undefined): string {
  const [shortest, longest] = [hangText(range?.shortest), hangText(range?.longest)];
  return shortest === longest ? longest : `${shortest}..${longest}`;
}

function processText({ process }: Finding): string {
  return process === null || process === undefined ? '(none)' : ownerText(process);
}

function destinationText({ peer, localPort }: Finding): string {
  return peer === null || peer === undefined ? `clients of :${localPort ?? 0}` : endText(peer);
}

function rulesText({ rules }: Finding): string {
  return (rules ?? []).map(({ rule }) => auditRuleName(rule)).join(', ') || '-';
}

function countText(count: number | null | undefined): string {
  return (count ?? 0) === 0 ? '-' : String(count);
}

function tooLongText(counts: HangCounts | null | undefined): string {
  return countText((counts?.neverCount ?? 0) + (counts?.overThresholdCount ?? 0));
}

/** `>15m`, which the summary says in words: the sums of this column and of the next one are its numbers. */
function thresholdHeader({ threshold }: Summary): string {
  const text = threshold ? durationText(durationToMs(threshold)) : '';
  return `>${text.replace(/ 0[a-z]$/u, '')}`;
}

function columnsFor(summary: Summary): readonly Column<Finding>[] {
  return [
    { header: 'PROCESS', cell: processText, shrinkable: 'end' },
    { header: 'LEADING TO', cell: destinationText, shrinkable: 'middle' },
    { header: 'CONNS', cell: ({ connectionCount }) => String(connectionCount ?? 0), alignRight: true },
    { header: 'IN FLIGHT', cell: ({ hangInFlight }) => rangeText(hangInFlight) },
    { header: thresholdHeader(summary), cell: ({ exposure }) => tooLongText(exposure?.inFlight), alignRight: true },
    { header: 'IDLE', cell: ({ hangIdle }) => rangeText(hangIdle) },
    { header: 'NEVER', cell: ({ exposure }) => countText(exposure?.idle?.neverCount), alignRight: true },
    { header: 'RULES BROKEN', cell: rulesText, shrinkable: 'end', dropRank: 1 },
  ];
}

function paragraph(text: string, width: number, indent = ''): string {
  const lines = wrapWords(escapeForTerminal(text), Math.min(width, TEXT_WIDTH) - indent.length);
  return lines.map((line) => `${indent}${line}\n`).join('');
}

/** What was advised already: processes of one program mostly need the same, and a sysctl holds for a whole namespace. */
type Said = Set<string>;

function explanation(finding: Finding, width: number, leading: readonly Column<Finding>[], said: Said): string {
  const labels = leading.map(({ cell }) => cell(finding));
  const netns = (finding.samples?.[0]?.netns ?? 0).toString();
  const advice = (finding.advice ?? []).map(({ layer, text }) => {
    const line = `${layer ?? ''}: ${text ?? ''}`;
    const key = layer === 'system' ? [layer, netns, ...labels].join(' ') : line;
    const isKnown = said.has(key);
    said.add(key);
    return isKnown ? reminder(line, width) : paragraph(line, width, '    ');
  });
  return `\n${paragraph([...labels, finding.summary ?? ''].join(': '), width, '  ')}${advice.join('')}`;
}

/** One line of what stands above in full. */
function reminder(text: string, width: number): string {
  const [indent, where] = ['    ', ' (above)'];
  const room = Math.min(width, TEXT_WIDTH) - indent.length - where.length;
  return `${indent}${fitWidth(escapeForTerminal(text), room)}${where}\n`;
}

/** Every rule that is broken, by how many, and what that means: also where the table has no room for their names. */
function rulesSummary({ rules }: Summary, width: number): string {
  const counts = (rules ?? []).map(({ connectionCount }) => String(connectionCount ?? 0));
  const countWidth = Math.max(0, ...counts.map((count) => count.length));
  const indent = ' '.repeat(countWidth + 4);
  return (rules ?? [])
    .map(({ rule, explanation: text }, index) => {
      const words = paragraph(`${auditRuleName(rule)}: ${text ?? ''}`, width, indent);
      return `  ${(counts[index] ?? '').padStart(countWidth)}${words.slice(countWidth + 2)}`;
    })
    .join('');
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
      : [`${local} with both ends on this host left out: there the kernel answers for a process that is gone.`]),
    ...(unreported === 0 ? [] : ['An audit looks at 100,000 descriptors of a node, whatever the filters.']),
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
  const columns = [...leading, ...columnsFor(summary)];
  const table = findings.length === 0 ? '' : formatTable(columns, findings, width);
  const explained = findings.slice(0, EXPLAINED).filter(({ advice }) => (advice ?? []).length > 0);
  const said: Said = new Set();
  const rules = rulesSummary(summary, width);
  return [
    table,
    explained.map((finding) => explanation(finding, width, leading, said)).join(''),
    table === '' ? '' : '\n',
    paragraph(summary.summary ?? '', width),
    rules === '' ? '' : `\n${rules}\n`,
    [...asidesText(summary), CAVEAT].map((text) => paragraph(text, width)).join(''),
    namespacesText(summary.namespaces ?? [], width),
  ].join('');
}
