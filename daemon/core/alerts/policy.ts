/** What the configuration says about one alert: kind, then rules, then silences. */
import type { Severity } from '../alert.js';
import type { AlertConfig, AlertRule, KindAlert, Silence, Thresholds } from './alert-config.js';
import { matchesAlert, type AlertFacts } from './alert-match.js';

/** Thresholds of one alert, all defaults and rules applied. */
export interface Policy {
  readonly alert: KindAlert & Pick<Thresholds, 'share'>;
  /** Null: as grave as its connections are. */
  readonly severity: Severity | null;
  readonly receivers: readonly string[];
  readonly silences: readonly Silence[];
}

/**
 * Every rule that matches sets what it names, unless one above has set it already; `stop` ends the reading.
 * @param isInbound its connections came in: then the floor for these holds, unless a rule sets another one.
 */
export function policyFor(config: AlertConfig, facts: AlertFacts, isInbound: boolean): Policy {
  const rules = rulesFor(config.rules, facts);
  const asked: Partial<Thresholds> = rules.reduceRight((all, { alert }) => ({ ...all, ...alert }), {});
  const kind = config.kinds[facts.kind];
  const floor = isInbound ? config.inbound : { connections: 0, share: 0, forMs: 0 };
  return {
    alert: {
      ...kind,
      connections: Math.max(kind.connections, floor.connections),
      forMs: Math.max(kind.forMs, floor.forMs),
      share: floor.share,
      ...asked,
    },
    severity: rules.find(({ severity }) => severity !== null)?.severity ?? null,
    receivers: rules.find(({ receivers }) => receivers !== null)?.receivers ?? config.receivers,
    silences: config.silences.filter(({ match }) => matchesAlert(match, facts)),
  };
}

function rulesFor(rules: readonly AlertRule[], facts: AlertFacts): readonly AlertRule[] {
  const found: AlertRule[] = [];
  for (const rule of rules) {
    if (matchesAlert(rule.match, facts)) {
      found.push(rule);
      if (rule.stop) {
        break;
      }
    }
  }
  return found;
}

/** @returns until when it is silenced, milliseconds since 1970; null if it is not. */
export function silencedUntilMs({ silences }: Policy, nowRealMs: number): number | null {
  const untilMs = silences.reduce((latest, silence) => Math.max(latest, silence.untilMs), 0);
  return untilMs > nowRealMs ? untilMs : null;
}
