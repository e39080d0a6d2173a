/** The arguments of `stuckctl audit` that no other command has. */
import { parseDurationMs } from '../lib/duration.js';
import { AUDIT_RULES, type AuditRule } from '../core/audit/rules.js';
import { stuckd } from '../rpc/gen/stuckd.js';
import { durationFromUs } from '../rpc/proto-time.js';
import { UsageError } from './cli-io.js';

const DIRECTIONS: ReadonlyMap<string, stuckd.v1.Direction> = new Map([
  ['outbound', stuckd.v1.Direction.DIRECTION_OUTBOUND],
  ['inbound', stuckd.v1.Direction.DIRECTION_INBOUND],
]);

export const DIRECTION_NAMES: readonly string[] = [...DIRECTIONS.keys()];

/** What makes the exit code that of a failed check: connections that hang, or that break a rule. */
export type FailOn =
  { readonly kind: 'never' } | { readonly kind: 'over' } | { readonly kind: 'rule'; readonly rule: AuditRule };

export interface AuditQuestion {
  readonly failOn: readonly FailOn[];
  readonly threshold: ReturnType<typeof durationFromUs> | null;
  /** Null: both. */
  readonly direction: stuckd.v1.Direction | null;
}

/** A duration says which waits are too long: those that are longer; there can be one only. */
export function parseAuditQuestion(
  failOn: readonly string[],
  threshold: string | undefined,
  direction: string | undefined,
): AuditQuestion {
  const thresholds = new Set<number>();
  if (threshold !== undefined) {
    thresholds.add(parseThreshold('threshold', threshold));
  }
  const conditions = failOn.map((text): FailOn => {
    const name = text.toLowerCase().replaceAll('-', '_');
    if (name === 'never') {
      return { kind: 'never' };
    }
    const rule = AUDIT_RULES.find((known) => known === name.replace(/^audit_rule_/, ''));
    if (rule !== undefined) {
      return { kind: 'rule', rule };
    }
    thresholds.add(parseThreshold('fail-on', text));
    return { kind: 'over' };
  });
  const [first, ...others] = thresholds;
  if (others.length > 0) {
    throw new UsageError('audit: --fail-on and --threshold give different times; one of them has to do');
  }
  return {
    failOn: conditions,
    threshold: first === undefined ? null : durationFromUs(first * 1000),
    direction: direction === undefined ? null : parseDirection(direction),
  };
}

function parseDirection(text: string): stuckd.v1.Direction {
  const direction = DIRECTIONS.get(text.toLowerCase());
  if (direction === undefined) {
    throw new UsageError(`--direction ${JSON.stringify(text)}: give one of ${DIRECTION_NAMES.join(', ')}`);
  }
  return direction;
}

function parseThreshold(option: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms === null) {
    const words =
      option === 'fail-on'
        ? `never, a duration such as 15m, or a rule: ${AUDIT_RULES.join(', ')}`
        : 'a duration such as 15m';
    throw new UsageError(`--${option} ${JSON.stringify(text)}: give ${words}`);
  }
  return ms;
}
