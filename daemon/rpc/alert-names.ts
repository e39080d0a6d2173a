/** Severities and states of alerts as proto enums, and the short names of those. */
import type { Severity } from '../core/alert.js';
import { stuckd } from './gen/stuckd.js';

const proto = stuckd.v1;

const SEVERITIES: Readonly<Record<Severity, stuckd.v1.Severity>> = {
  info: proto.Severity.SEVERITY_INFO,
  warning: proto.Severity.SEVERITY_WARNING,
  critical: proto.Severity.SEVERITY_CRITICAL,
};

export function severityToProto(severity: Severity): stuckd.v1.Severity {
  return SEVERITIES[severity];
}

/** All severities by their short names. */
export const SEVERITIES_BY_NAME: ReadonlyMap<string, stuckd.v1.Severity> = new Map(Object.entries(SEVERITIES));

/** `SEVERITY_WARNING` is `warning` in tables and flags. */
export function severityName(value: stuckd.v1.Severity | null | undefined): string {
  // A newer daemon may know severities that this client does not.
  return [...SEVERITIES_BY_NAME].find(([, known]) => known === value)?.[0] ?? (value ?? 0).toString();
}
