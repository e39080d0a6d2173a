// Proves that the documented table is what is exported, and that names and labels keep to Prometheus' conventions. Whether
// the values are right is shown in the tests beside this one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { METRICS } from '../../../daemon/metrics/catalogue.js';
import { knownLabelSets, type MetricSpec } from '../../../daemon/metrics/metric-spec.js';
import { METRICS_PAGE, metricsPage } from '../../support/metrics-page.js';
import { packageRoot } from '../../support/package-root.js';

const specs = Object.values<MetricSpec>(METRICS);

test(`${METRICS_PAGE} says what there is`, () => {
  const page = readFileSync(join(packageRoot(), METRICS_PAGE), 'utf8');
  assert.equal(page, metricsPage(), 'write it again: node build/test/support/metrics-page.js');
});

test('no two metrics have one name', () => {
  assert.equal(new Set(specs.map(({ name }) => name)).size, specs.length);
});

/** What names a connection or a process, of which there are any number. */
const FORBIDDEN_LABELS = /^(pid|port|.*address|peer|remote|local|comm|executable|id|connection|cookie|fd|user)$/;

for (const spec of specs) {
  describe(spec.name, () => {
    test('is named by the conventions', () => {
      assert.match(spec.name, /^stuckd_[a-z][a-z_]*[a-z]$/);
      assert.equal(spec.name.endsWith('_total'), spec.type === 'counter');
      if (spec.unit.startsWith('seconds')) {
        assert.match(spec.name, /_seconds(_total)?$/);
      }
      assert.match(spec.help, /^[A-Z].*[^ ]\.$/);
    });

    test('has labels that cannot grow without bound', () => {
      for (const label of Object.keys(spec.labels)) {
        assert.match(label, /^[a-z][a-z_]*$/);
        assert.doesNotMatch(label, FORBIDDEN_LABELS);
      }
      assert.ok(knownLabelSets(spec.labels).length <= 100, `${knownLabelSets(spec.labels).length} series`);
    });

    if (spec.type === 'histogram') {
      test('has buckets in order', () => {
        assert.deepEqual(
          spec.buckets,
          [...new Set(spec.buckets)].sort((a, b) => a - b),
        );
      });
    }
  });
}
