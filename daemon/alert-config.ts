/** From the daemon's configuration to that of the alert rules: the same tree, with units in its names. */
import type { Config } from './config.js';
import type { KindAlertSettings, MatchSettings, RuleSettings } from './config-alerts.js';
import { type AlertConfig, type AlertRule, DEFAULT_ALERT_CONFIG, type KindAlert } from './core/alerts/alert-config.js';
import type { AlertMatch } from './core/alerts/alert-match.js';
import { parseNetwork } from './core/alerts/network.js';
import { STUCK_KINDS, type StuckKind } from './core/kinds.js';

/** @param receivers who is told of alerts for which no rule names receivers */
export function alertConfig({ kinds, alerts, rules, silences }: Config, receivers: readonly string[]): AlertConfig {
  const { collapseProcesses, collapsePeers, keepFiringFor, updateInterval, maxFiring, inbound, damping } = alerts;
  const byKind = STUCK_KINDS.map(
    (kind) => [kind, kindAlert(DEFAULT_ALERT_CONFIG.kinds[kind], kinds[kind].alert)] as const,
  );
  return {
    ...DEFAULT_ALERT_CONFIG,
    kinds: Object.fromEntries(byKind) as Record<StuckKind, KindAlert>,
    inbound: { connections: inbound.connections, share: inbound.share, forMs: inbound.for },
    rules: rules.map(toRule),
    silences: silences.map(({ match, until }) => ({ match: toMatch(match), untilMs: Date.parse(until) })),
    receivers,
    collapseProcesses,
    collapsePeers,
    keepFiringForMs: keepFiringFor,
    updateIntervalMs: updateInterval,
    damping: { firstMs: damping.first, maxMs: damping.max, forgetMs: damping.forgetAfter },
    maxFiring,
  };
}

function kindAlert(defaults: KindAlert, settings: KindAlertSettings): KindAlert {
  return {
    enabled: settings.enabled,
    afterMs: settings.after,
    connections: settings.connections,
    forMs: settings.for,
    orAfterMs: settings.orAfter ?? defaults.orAfterMs,
    informationalAfterMs: settings.informationalAfter ?? defaults.informationalAfterMs,
    rising: settings.rising ?? defaults.rising,
    windowMs: settings.within ?? defaults.windowMs,
  };
}

function toRule({ match, alert, severity, receivers, stop }: RuleSettings): AlertRule {
  return {
    match: toMatch(match),
    alert: {
      ...(alert.enabled === undefined ? {} : { enabled: alert.enabled }),
      ...(alert.after === undefined ? {} : { afterMs: alert.after }),
      ...(alert.connections === undefined ? {} : { connections: alert.connections }),
      ...(alert.for === undefined ? {} : { forMs: alert.for }),
      ...(alert.share === undefined ? {} : { share: alert.share }),
    },
    severity: severity ?? null,
    receivers: receivers ?? null,
    stop,
  };
}

/** Peers were checked when the configuration was read. */
function toMatch({ peers, ...rest }: MatchSettings): AlertMatch {
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  const networks = peers?.map(parseNetwork).filter((network) => network !== null);
  return { ...(Object.fromEntries(given) as AlertMatch), ...(networks === undefined ? {} : { peers: networks }) };
}
