// Proves, by the tools that come with Prometheus and Alertmanager, that the rules are valid, that each fires in the cases in
// deploy/prometheus/tests and not in the others, and that the examples of configurations are valid. It runs where "node
// deploy/setup/setup.mjs prometheus alertmanager" has unpacked them, or where they are installed. It cannot prove that
// stuckd gives what the rules ask for: kernel/prometheus.test.ts does.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { alertmanagerSkipReason, AMTOOL } from '../support/alertmanager.js';
import { prometheusSkipReason, promtool, tool, type ToolResult } from '../support/prometheus.js';
import { PROMETHEUS_FOLDER } from '../support/prometheus-files.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const skip = prometheusSkipReason();

const pathsIn = (folder: string): readonly string[] =>
  readdirSync(join(PROMETHEUS_FOLDER, folder)).map((name) => join(PROMETHEUS_FOLDER, folder, name));

function assertGood({ code, output }: ToolResult): void {
  assert.equal(code, 0, output);
}

describe('promtool', { skip }, () => {
  test('the rules are valid, and none is there twice', () => {
    const result = promtool(['check', 'rules', '--lint=all', '--lint-fatal', ...pathsIn('rules')]);
    assertGood(result);
    assert.equal(result.output.match(/SUCCESS: \d+ rules found/g)?.length, pathsIn('rules').length);
  });

  for (const path of pathsIn('tests')) {
    test(`${path.slice(PROMETHEUS_FOLDER.length + 1)}: alerts fire when they should, and only then`, () => {
      assertGood(promtool(['test', 'rules', path]));
    });
  }

  test('with the addresses of README.md replaced, the cases still hold', () => {
    const folder = temporaryDirectory();
    cpSync(PROMETHEUS_FOLDER, folder, { recursive: true });
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    const [command = ''] = /sed -i -e [^`]*/.exec(readme) ?? [];
    assertGood(tool('sh', ['-c', `cd '${folder}' && ${command}`]));
    assert.match(readFileSync(join(folder, 'rules/alerts-agent.yaml'), 'utf8'), /https:\/\/wiki\.corp\//);
    assertGood(promtool(['test', 'rules', join(folder, 'tests/many-nodes.yaml')]));
  });

  test('the example for one machine is valid, with its rules', () => {
    const result = promtool(['check', 'config', join(PROMETHEUS_FOLDER, 'prometheus.example.yaml')]);
    assertGood(result);
    assert.match(result.output, /\b3 rule files found/);
  });

  for (const name of ['static.yaml', 'file-sd.yaml']) {
    test(`scrape/${name} is valid`, () => {
      assertGood(promtool(['check', 'config', '--syntax-only', join(PROMETHEUS_FOLDER, 'scrape', name)]));
    });
  }

  test('scrape/kubernetes.yaml is valid, but for the discovery of pods, which Debian has left out', () => {
    const text = readFileSync(join(PROMETHEUS_FOLDER, 'scrape/kubernetes.yaml'), 'utf8');
    const { scrape_configs: jobs } = parse(text) as { readonly scrape_configs: readonly Record<string, unknown>[] };
    const without = jobs.map(({ kubernetes_sd_configs: discovery, ...job }) => {
      assert.deepEqual(discovery, [{ role: 'pod', namespaces: { names: ['stuckd'] } }]);
      return job;
    });
    const path = join(temporaryDirectory(), 'prometheus.yml');
    writeFileSync(path, JSON.stringify({ scrape_configs: without }));
    assertGood(promtool(['check', 'config', '--syntax-only', path]));
  });
});

test('the example for Alertmanager is valid', { skip: alertmanagerSkipReason() }, () => {
  assertGood(tool(AMTOOL, ['check-config', join(PROMETHEUS_FOLDER, 'alertmanager.example.yaml')]));
});
