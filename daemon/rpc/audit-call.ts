/** AuditConnections: a look at all connections now, told page by page. */
import { status } from '@grpc/grpc-js';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { FindingsTally, type FindingTally, worstFirst } from '../core/audit/findings.js';
import { type AuditResult, COUNTED_LIMIT_US } from '../core/audit/run.js';
import { AuditRefusal, type AuditSource } from '../core/audit/source.js';
import type { WallClock, WorkloadSource } from '../core/ports.js';
import { forEachInTurns, sortInTurns } from '../lib/in-turns.js';
import { type AuditFilter, heldBy, parseAuditFilter } from './audit-filter.js';
import { auditSummaryToProto, findingToProto } from './audit-mapping.js';
import { fillPage, pageSizeOf } from './fill-page.js';
import { stuckd } from './gen/stuckd.js';
import { KeptAnswers } from './kept-answers.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import { durationToMs } from './proto-time.js';
import { invalidArgument, RpcError, type RpcLog, unary } from './status.js';

type Request = stuckd.v1.AuditConnectionsRequest.$Properties;
type Response = stuckd.v1.AuditConnectionsResponse.$Properties;

export interface AuditCallOptions {
  readonly audits: AuditSource;
  readonly clock: WallClock;
  readonly workloads: WorkloadSource;
  readonly log: RpcLog;
}

/** What one audit answers to one question. */
interface Answer {
  /** Worst first. */
  readonly findings: readonly FindingTally[];
  readonly summary: stuckd.v1.AuditSummary.$Properties;
}

const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 500;
const THRESHOLD_MAX_MS = 365 * 24 * 3_600_000;

/** Findings of all answers together, with a KiB each. */
const KEPT = { answersMax: 4, sizeMax: 20_000, keepMs: 60_000 };

function thresholdUsOf({ threshold }: Request): number {
  if (!threshold) {
    return COUNTED_LIMIT_US;
  }
  const ms = durationToMs(threshold);
  if (!(ms >= 0 && ms <= THRESHOLD_MAX_MS)) {
    throw invalidArgument('threshold must be a time from 0 s to 365 days');
  }
  return Math.round(ms * 1000);
}

/** What one page of it is asked for with. */
interface Question {
  readonly filter: AuditFilter;
  readonly thresholdUs: number;
}

async function look({ filter, thresholdUs }: Question, { audits, clock }: AuditCallOptions): Promise<Answer> {
  const result = await auditNow(audits);
  const tally = new FindingsTally(thresholdUs);
  await forEachInTurns(result.connections, (connection) => {
    if (filter.matches(connection)) {
      tally.add(connection);
    }
  });
  return {
    findings: await sortInTurns(tally.parts, worstFirst),
    summary: auditSummaryToProto(tally.total, result, thresholdUs, audits.idleLimits, clock, !filter.isEmpty),
  };
}

/** @returns the handler. */
export function auditCall(options: AuditCallOptions): UntypedServiceImplementation {
  const { audits, clock, workloads, log } = options;
  const kept = new KeptAnswers<Answer>(KEPT);

  const audit = async (request: Request): Promise<Response> => {
    const filter = parseAuditFilter(request, workloads);
    const thresholdUs = thresholdUsOf(request);
    const pageSize = pageSizeOf(request.pageSize, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);
    const query = `audit ${filter.fingerprint} ${thresholdUs}`;
    const [id = '', from = '0'] = decodePageToken(request.pageToken ?? '', query).split(' ');
    const answer = id === '' ? await look({ filter, thresholdUs }, options) : kept.get(id);
    if (answer === undefined) {
      throw invalidArgument(
        'page_token belongs to an audit that is not kept any more; start again',
        'PAGE_TOKEN_INVALID',
      );
    }
    const rest = answer.findings.slice(Number(from));
    const toMessage = (part: FindingTally): stuckd.v1.AuditFinding.$Properties => {
      const finding = part.finding();
      return findingToProto(finding, audits.idleLimits, workloads.workloadOf(heldBy(finding)), clock);
    };
    const findings = await fillPage(rest, pageSize, toMessage, (message) => stuckd.v1.AuditFinding.encode(message).pos);
    if (findings.length === rest.length) {
      kept.delete(id);
      return { findings, summary: answer.summary, nextPageToken: '' };
    }
    const answerId = id === '' ? kept.add(answer, answer.findings.length) : id;
    kept.touch(answerId);
    const next = Number(from) + findings.length;
    return { findings, summary: answer.summary, nextPageToken: encodePageToken(query, `${answerId} ${next}`) };
  };
  return { auditConnections: unary(log, audit) };
}

async function auditNow(audits: AuditSource): Promise<AuditResult> {
  try {
    return await audits.audit();
  } catch (error) {
    if (error instanceof AuditRefusal) {
      throw new RpcError(status.FAILED_PRECONDITION, error.message, 'NEEDS_BPF');
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new RpcError(status.UNAVAILABLE, `connections cannot be audited now: ${reason}`, 'SENSOR_UNAVAILABLE');
  }
}
