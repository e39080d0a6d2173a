// Proves that alerts keep the conventions of monitoring mixins, that each has its runbook page and each page its alert, that
// pages have the same parts, that the cases for promtool have each alert fire and not fire, and that routes and inhibitions
// name alerts and labels that exist. It cannot prove that thresholds are wise, or that a page helps at three in the morning.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { alertRules, PROMETHEUS_FOLDER, ruleFiles } from '../../support/prometheus-files.js';

const alerts = alertRules();
const names = alerts.map(({ alert }) => alert);

const RUNBOOKS = 'https://runbooks.example.com/stuckd/';
const DASHBOARD = 'https://grafana.example.com/d/stuckd/stuckd';

const PARTS = ['Meaning', 'Impact', 'Diagnosis', 'Mitigation', 'When it is a false alarm'];

interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts: readonly object[] }[];
  }[];
}

interface Routing {
  readonly inhibit_rules: readonly {
    readonly source_matchers: readonly string[];
    readonly target_matchers: readonly string[];
    readonly equal: readonly string[];
  }[];
}

const filesOf = (folder: string): readonly string[] => readdirSync(join(PROMETHEUS_FOLDER, folder));
const read = (path: string): string => readFileSync(join(PROMETHEUS_FOLDER, path), 'utf8');

describe('alerting rules', () => {
  test('names are unique, and so are those of groups', () => {
    assert.equal(new Set(names).size, names.length);
    const groups = ruleFiles().flatMap((file) => file.groups.map(({ name }) => name));
    assert.equal(new Set(groups).size, groups.length);
  });

  for (const { alert, labels, annotations } of alerts) {
    test(`${alert} keeps the conventions`, () => {
      assert.match(alert, /^Stuckd[A-Z][A-Za-z]+$/);
      assert.deepEqual(Object.keys(labels), ['severity']);
      assert.match(labels['severity'] ?? '', /^(info|warning|critical)$/);
      const { summary = '', description = '', runbook_url: runbook, dashboard_url: dashboard } = annotations;
      assert.match(summary, /^[^{]+\.$/, 'a sentence that is the same for all alerts of this name');
      assert.match(description, /\S.*\.$/);
      assert.equal(runbook, RUNBOOKS + alert);
      assert.ok(dashboard?.startsWith(DASHBOARD));
    });

    test(`${alert} has a runbook page`, () => {
      const page = read(`runbooks/${alert}.md`);
      assert.ok(page.startsWith(`# ${alert}\n\nSeverity: ${labels['severity'] ?? ''}.`), 'its name and severity');
      assert.deepEqual(
        [...page.matchAll(/^## (.*)$/gm)].map(([, part]) => part),
        PARTS,
      );
    });
  }

  test('one alert wakes somebody', () => {
    const paging = alerts.filter(({ labels }) => labels['severity'] === 'critical').map(({ alert }) => alert);
    assert.deepEqual(paging, ['StuckdConnectionsStuckOnManyNodes'], 'README.md says so');
  });

  test('there are no pages without an alert', () => {
    const pages = filesOf('runbooks').filter((name) => name !== 'README.md');
    assert.deepEqual(pages.map((name) => name.replace(/\.md$/, '')).sort(), [...names].sort());
  });

  test('promtool is told of a case in which each fires, and of one in which it does not', () => {
    const cases = filesOf('tests').flatMap((name) =>
      (parse(read(`tests/${name}`)) as RuleTests).tests.flatMap((each) => each.alert_rule_test ?? []),
    );
    const withAlerts = (isFiring: boolean): readonly string[] =>
      names.filter((name) => !cases.some((each) => each.alertname === name && each.exp_alerts.length > 0 === isFiring));
    assert.deepEqual(withAlerts(true), [], 'these never fire');
    assert.deepEqual(withAlerts(false), [], 'these always fire');
    assert.deepEqual(
      cases.map(({ alertname }) => alertname).filter((name) => !names.includes(name)),
      [],
      'cases of alerts that do not exist',
    );
  });

  test('inhibitions name alerts that exist', () => {
    const { inhibit_rules: rules } = parse(read('alertmanager.example.yaml')) as Routing;
    const named = rules
      .flatMap((rule) => [...rule.source_matchers, ...rule.target_matchers])
      .flatMap((matcher) => matcher.match(/Stuckd\w+/g) ?? []);
    assert.ok(named.length > 8);
    assert.deepEqual(
      named.filter((name) => !names.includes(name)),
      [],
    );
  });

  test('README.md lists every alert with its severity', () => {
    const readme = read('README.md');
    for (const { alert, labels } of alerts) {
      assert.match(readme, new RegExp(`\\[${alert}\\]\\(runbooks/${alert}\\.md\\) +\\| ${labels['severity'] ?? ''} `));
    }
  });
});
