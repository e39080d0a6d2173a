// Makes a PrometheusRule of each rule file, for the Prometheus operator: node deploy/kubernetes/prometheus-rules.mjs [--check]
// The rules are written and tested in deploy/prometheus/rules; kustomize can put no file into a resource, so that the copies
// are committed, and compared by a test.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { filesBelow } from '../setup/files.mjs';
import { root } from '../setup/run-tool.mjs';

const source = 'deploy/prometheus/rules';
const target = 'deploy/kubernetes/components/prometheus-operator/rules';

/** A rule file is what stands in `spec`, further to the left. */
function resource(path) {
  const name = basename(path, '.yaml');
  const rules = readFileSync(join(root, path), 'utf8').replaceAll(/^(?=.)/gm, '  ');
  return `# Made of ${path} by prometheus-rules.mjs.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: stuckd-${name}
spec:
${rules}`;
}

/** The text of each file, by its path from the root of the repository. */
function resources() {
  const paths = filesBelow(source, (path) => path.endsWith('.yaml'));
  return new Map(paths.map((path) => [`${target}/${basename(path)}`, resource(path)]));
}

/** Files that are not as they would be made now. */
function stale(wanted) {
  const present = filesBelow(target);
  const changed = [...wanted].filter(
    ([path, text]) => !present.includes(path) || readFileSync(join(root, path), 'utf8') !== text,
  );
  return [...changed.map(([path]) => path), ...present.filter((path) => !wanted.has(path))];
}

const wanted = resources();
if (process.argv[2] === '--check') {
  const paths = stale(wanted);
  if (paths.length > 0) {
    process.stderr.write(`Out of date: ${paths.join(', ')}. Run "node deploy/kubernetes/prometheus-rules.mjs".\n`);
    process.exitCode = 1;
  }
} else {
  rmSync(join(root, target), { recursive: true, force: true });
  for (const [path, text] of wanted) {
    mkdirSync(join(root, target), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
