// Proves that every metric, label and label value in the rules and on the dashboard is one that stuckd or Prometheus has, that
// every metric of the catalogue is shown or alerted on somewhere, and that the names of recorded series say their labels. It
// cannot prove that a query means what its panel says: kernel/prometheus.test.ts evaluates all of them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { catalogueNames, queryableMetrics } from '../../support/metric-names.js';
import { allRules, dashboard, panelQueries } from '../../support/prometheus-files.js';
import { groupingLabelsIn, matchersIn, metricsIn } from '../../support/promql-words.js';
import { knownValues } from '../../../daemon/metrics/metric-spec.js';

const known = queryableMetrics();
const allLabels = new Set(Object.values(known).flatMap((labels) => Object.keys(labels)));

const board = dashboard();
const queries = [
  ...allRules().map(({ alert, record, expr }) => ({ name: alert ?? record ?? '', expr })),
  ...panelQueries(board),
  ...board.annotations.list.map(({ expr }) => ({ name: 'annotations', expr })),
  ...board.templating.list.flatMap(({ name, query }) =>
    typeof query === 'string'
      ? []
      : [{ name: `variable ${name}`, expr: query.query.replace(/^label_values\((.*), \w+\)$/, '$1') }],
  ),
];

/** What is wrong with the names in an expression, a sentence each. */
function wrongNames(expr: string): readonly string[] {
  const unknown = metricsIn(expr).filter((metric) => !(metric in known));
  const matchers = matchersIn(expr).flatMap(({ metric, label, values }) => {
    const labels = known[metric] ?? {};
    const possible = labels[label];
    if (possible === undefined) {
      return [`${metric} has no label ${label}`];
    }
    const allowed = knownValues(possible);
    return values
      .filter((value) => allowed?.includes(value) === false)
      .map((value) => `${metric}: ${label} is never ${value}`);
  });
  const groups = groupingLabelsIn(expr).filter((label) => !allLabels.has(label));
  return [...unknown.map((name) => `there is no ${name}`), ...matchers, ...groups.map((label) => `no label ${label}`)];
}

describe('names in queries', () => {
  test('all are there', () => {
    assert.ok(queries.length > 80, 'rules and panels were read');
    for (const { name, expr } of queries) {
      assert.ok(metricsIn(expr).length > 0, `${name} asks for something`);
      assert.deepEqual(wrongNames(expr), [], name);
    }
  });

  test('a name that is not there is found', () => {
    for (const [expr, problem] of [
      ['sum(stuckd_stuck_conections) > 1', 'there is no stuckd_stuck_conections'],
      ['rate(stuckd_dropped_total{phase="x"}[5m])', 'stuckd_dropped_total has no label phase'],
      ['stuckd_stuck_connections{kind=~"closing|open"}', 'stuckd_stuck_connections: kind is never open'],
      ['sum by (nod) (up)', 'no label nod'],
      ['node_kind:stuckd_records_opened:rate1m offset 5m', 'there is no node_kind:stuckd_records_opened:rate1m'],
      [
        'cluster_kind:stuckd_stuck_connections:sum{node="a"}',
        'cluster_kind:stuckd_stuck_connections:sum has no label node',
      ],
      ['x_bucket{le="0.5"}', 'there is no x_bucket'],
    ] as const) {
      assert.ok(wrongNames(expr).includes(problem), `${expr}: ${wrongNames(expr).join('; ')}`);
    }
  });

  test('every metric of stuckd is asked for somewhere', () => {
    const asked = new Set(queries.flatMap(({ expr }) => metricsIn(expr)));
    const isAsked = (name: string): boolean =>
      ['', '_bucket', '_count'].some((suffix) => asked.has(`${name}${suffix}`));
    assert.deepEqual(
      catalogueNames().filter((name) => !isAsked(name)),
      [],
    );
  });

  test('a recorded series adds up by the labels that its name begins with', () => {
    const nameOf = (labels: readonly string[]): string =>
      labels.filter((label) => !(label === 'cluster' && labels.includes('node'))).join('_');
    for (const { record, expr } of allRules()) {
      const by = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ');
      if (record !== undefined && by !== undefined) {
        assert.equal(record.split(':')[0], nameOf(by), record);
      }
    }
  });
});
