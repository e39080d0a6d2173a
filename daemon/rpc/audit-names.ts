/** Rules of the audit as proto enums, and the short names of those. */
import { AUDIT_RULES, type AuditRule } from '../core/audit/rules.js';
import { stuckd } from './gen/stuckd.js';

const { AuditRule: RULE } = stuckd.v1;

const RULES: Readonly<Record<AuditRule, stuckd.v1.AuditRule>> = {
  no_keepalive_no_user_timeout: RULE.AUDIT_RULE_NO_KEEPALIVE_NO_USER_TIMEOUT,
  keepalive_longer_than_idle_limit: RULE.AUDIT_RULE_KEEPALIVE_LONGER_THAN_IDLE_LIMIT,
  one_lost_probe: RULE.AUDIT_RULE_ONE_LOST_PROBE,
  pool_longer_than_peer: RULE.AUDIT_RULE_POOL_LONGER_THAN_PEER,
  default_retries2: RULE.AUDIT_RULE_DEFAULT_RETRIES2,
  default_syn_retries: RULE.AUDIT_RULE_DEFAULT_SYN_RETRIES,
};

const NAMES: ReadonlyMap<number, AuditRule> = new Map(AUDIT_RULES.map((rule) => [RULES[rule], rule]));

export function auditRuleToProto(rule: AuditRule): stuckd.v1.AuditRule {
  return RULES[rule];
}

/** @returns the short name of a rule, or its number if a newer daemon sent it. */
export function auditRuleName(value: stuckd.v1.AuditRule | null | undefined): string {
  return NAMES.get(value ?? 0) ?? (value ?? 0).toString();
}
