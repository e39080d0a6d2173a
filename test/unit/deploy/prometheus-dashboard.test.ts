// Proves of the dashboard what Grafana does not complain about when it imports it, and what a person then sees: panels that lie
// on each other, ids given twice, variables that nobody defines, panels without unit or description. Grafana itself is not
// there to be tried: the schema version is that of Grafana 11, which newer ones migrate by themselves.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dashboard, type GridPos, panelQueries } from '../../support/prometheus-files.js';

const board = dashboard();
const panels = board.panels.filter(({ type }) => type !== 'row');
const text = JSON.stringify(board);

const COLUMNS = 24;

/** Grafana's own; grafana.com/docs: global variables, and links with ${__value.raw} and such. */
const OWN_VARIABLES = /^__(rate_interval|range|interval|value|url_time_range|all)$/;

function overlap(a: GridPos, b: GridPos): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

describe('the dashboard', () => {
  test('has a fixed uid, to which alerts link, and the schema of Grafana 11', () => {
    assert.equal(board.uid, 'stuckd');
    assert.equal(board.schemaVersion, 39);
    assert.ok(!text.includes('"id":null'));
  });

  test('ids count from 1, and titles of panels are unique', () => {
    assert.deepEqual(
      board.panels.map(({ id }) => id),
      board.panels.map((_, index) => index + 1),
    );
    assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
  });

  test('panels lie beside each other, within the grid', () => {
    for (const [index, { title, gridPos }] of board.panels.entries()) {
      assert.ok(gridPos.x >= 0 && gridPos.w > 0 && gridPos.x + gridPos.w <= COLUMNS, title);
      for (const other of board.panels.slice(index + 1)) {
        assert.ok(!overlap(gridPos, other.gridPos), `${title} lies on ${other.title}`);
      }
    }
  });

  test('every panel has a description, a unit and the data source of the variable', () => {
    for (const { title, description, fieldConfig, datasource } of panels) {
      assert.match(description ?? '', /\S.*\.$/, title);
      assert.notEqual(fieldConfig?.defaults.unit ?? '', '', title);
      assert.equal(datasource?.uid, '${datasource}', title);
    }
  });

  test('every variable is defined, and every query heeds those of cluster and node', () => {
    const defined = board.templating.list.map(({ name }) => name);
    const used = [...text.matchAll(/\$\{?(\w+)/g)]
      .map(([, name = '']) => name)
      .filter((name) => !OWN_VARIABLES.test(name));
    assert.deepEqual([...new Set(used)].sort(), [...defined].sort());
    for (const { name, expr } of panelQueries(board)) {
      const selectors = expr.match(/\b(stuckd|process)_\w+|\bup\{/g)?.length ?? 0;
      const heeding = expr.match(/cluster=~"\$cluster", node=~"\$node"/g)?.length ?? 0;
      assert.equal(heeding, selectors, name);
    }
  });

  test('queries of one panel have letters of their own', () => {
    for (const { title, targets = [] } of panels) {
      assert.deepEqual(
        targets.map(({ refId }) => refId),
        targets.map((_, index) => 'ABCDEFGH'[index]),
        title,
      );
    }
  });
});
