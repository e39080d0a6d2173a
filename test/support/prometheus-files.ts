/** The rules and dashboards below deploy/, as the tests read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from './package-root.js';

export interface Rule {
  /** Of an alerting rule. */
  readonly alert?: string;
  /** Of a recording rule. */
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface RuleGroup {
  readonly name: string;
  readonly interval?: string;
  readonly rules: readonly Rule[];
}

export interface RuleFile {
  readonly name: string;
  readonly groups: readonly RuleGroup[];
}

export interface GridPos {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: GridPos;
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly instant?: boolean }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

export interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { readonly query: string } }[];
  };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

export const PROMETHEUS_FOLDER = join(packageRoot(), 'deploy/prometheus');

const RULES_FOLDER = join(PROMETHEUS_FOLDER, 'rules');

export const DASHBOARD_PATH = join(packageRoot(), 'deploy/grafana/stuckd.json');

export function ruleFiles(): readonly RuleFile[] {
  return readdirSync(RULES_FOLDER).map((name) => {
    const { groups } = parse(readFileSync(join(RULES_FOLDER, name), 'utf8')) as Omit<RuleFile, 'name'>;
    return { name, groups };
  });
}

export function allRules(): readonly Rule[] {
  return ruleFiles().flatMap(({ groups }) => groups.flatMap(({ rules }) => rules));
}

export type AlertRule = Rule & Required<Pick<Rule, 'alert' | 'labels' | 'annotations'>>;

export function alertRules(): readonly AlertRule[] {
  return allRules().filter((rule): rule is AlertRule => rule.alert !== undefined);
}

export function dashboard(): Dashboard {
  return JSON.parse(readFileSync(DASHBOARD_PATH, 'utf8')) as Dashboard;
}

/** A query of a panel, and what it is called in messages and lists of tests: `Ready`, or with several `Probes B`. */
export interface PanelQuery {
  readonly name: string;
  readonly expr: string;
  readonly isInstant: boolean;
}

export function panelQueries({ panels }: Dashboard): readonly PanelQuery[] {
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ refId, expr, instant }) => ({
      name: targets.length === 1 ? title : `${title} ${refId}`,
      expr,
      isInstant: instant === true,
    })),
  );
}
