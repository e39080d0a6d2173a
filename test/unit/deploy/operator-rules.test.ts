// Proves that the Prometheus operator gets the very rules of deploy/prometheus/rules, all of them. That these are good rules
// is the matter of promtool.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { kustomizationSchema } from '../../support/kubernetes/manifest-schema.js';
import { kustomizationPath } from '../../support/kubernetes/manifests.js';
import { packageRoot } from '../../support/package-root.js';

test('the resources are made of the rule files', () => {
  const program = join(packageRoot(), 'deploy/kubernetes/prometheus-rules.mjs');
  const { status, stderr } = spawnSync(process.execPath, [program, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('and the component has each of them', () => {
  const folder = kustomizationPath('components/prometheus-operator');
  const rules = join(packageRoot(), 'deploy/prometheus/rules');
  const names = existsSync(rules) ? readdirSync(rules).filter((name) => name.endsWith('.yaml')) : [];
  const { resources = [] } = kustomizationSchema.parse(parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')));
  assert.deepEqual(resources.toSorted(), ['pod-monitor.yaml', ...names.map((name) => `rules/${name}`)].sort());
});
