/** What is shipped for Prometheus and Alertmanager, with seconds in place of minutes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Endpoint } from '../unit/sinks/endpoint.js';
import { PROMETHEUS_FOLDER, type RuleFile, ruleFiles } from './prometheus-files.js';

/** Every second, so that a minute has sixty samples. */
const SECOND = '1s';

/** The rules as they are shipped, evaluated every second; minutes of "for" are seconds. */
export function quickRules(): readonly RuleFile[] {
  return ruleFiles().map(({ name, groups }) => ({
    name,
    groups: groups.map((group) => ({
      name: group.name,
      interval: SECOND,
      rules: group.rules.map((rule) => (rule.for === undefined ? rule : { ...rule, for: SECOND })),
    })),
  }));
}

/** Scrapes one stuckd, and tells one Alertmanager. */
export function prometheusConfig(stuckdUrl: string, alertmanagerUrl: string): object {
  const labels = { cluster: 'lab', node: 'client' };
  return {
    global: { scrape_interval: SECOND, scrape_timeout: SECOND, evaluation_interval: SECOND },
    alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanagerUrl).host] }] }] },
    scrape_configs: [{ job_name: 'stuckd', static_configs: [{ targets: [new URL(stuckdUrl).host], labels }] }],
  };
}

/** The routes that are shipped, without their pauses; all receivers are `endpoint`, at a path with their name. */
export function routing(endpoint: Endpoint): object {
  const text = readFileSync(join(PROMETHEUS_FOLDER, 'alertmanager.example.yaml'), 'utf8');
  const quick = text.replaceAll(/(group_wait|group_interval): \w+/g, `$1: ${SECOND}`);
  const config = parse(quick) as { readonly receivers: readonly { readonly name: string }[] };
  const receivers = config.receivers.map(({ name }) => ({
    name,
    webhook_configs: [{ url: `${endpoint.url}/${name}`, send_resolved: true }],
  }));
  return { ...config, receivers };
}
