// Prints what each npm script is for: "npm run help". The descriptions live here, since package.json has no room for
// them; a script without a line, or a line without a script, is an error.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run-tool.mjs';

const descriptions = {
  setup: 'install what is missing on this machine and build; does nothing when all is there',
  start: 'setup, then run the daemon in the foreground (needs root); options go after "--"',
  test: 'setup, then all tests; "-- kernel --only NAME" runs one tier or the files whose name contains NAME',
  'test:unit': 'the tests that need nothing but Node',
  'test:acceptance': 'the daemon over a recorded sensor stream, with a real gRPC client',
  'test:alertmanager': "a real Alertmanager, Debian's, that is told of alerts; fetches and unpacks it first",
  'test:prometheus':
    "the rules and dashboards with a real Prometheus, Debian's; fetches and unpacks it first (needs root)",
  'test:kernel':
    'the real sensor on real sockets in network namespaces of their own (needs root); "-- --mode polling" without BPF',
  'test:kernels': "the kernel tests in booted kernels, table kernel x test; '-- 6.1 newest' for some (needs root)",
  'test:arm64': 'the same in kernels for arm64, on a machine that is none (needs root)',
  check: 'what to run before a commit: lint, unit and acceptance tests',
  lint: 'generated files, formatting, lint, layer rules and the proto style',
  fix: 'format everything and repair what the linters can repair',
  baseline: 'for a release: the contract of now becomes what the linter compares proto/ with',
  generate: 'the protobuf code in daemon/rpc/gen',
  build: 'generated code, the sensor, the compiled daemon and its bundles, without system packages',
  'build:arm64': 'the sensor for arm64 on a machine that is none, in bpf/.output/arm64',
  'build:newest-clang': 'the sensor with the newest clang of the distribution, which is installed beside the usual one',
  bench: 'measure; "-- PART --json" measures one part and ends with one line of JSON',
  soak: 'minutes of healthy traffic of many shapes, in which nothing may be reported (needs root); "-- --seconds N"',
  help: 'this list',
};

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const names = Object.keys(scripts);
const undescribed = names.filter((name) => !(name in descriptions));
const stale = Object.keys(descriptions).filter((name) => !(name in scripts));

const width = Math.max(...names.map((name) => name.length));
for (const name of names.filter((name) => name in descriptions)) {
  process.stdout.write(`npm run ${name.padEnd(width)}  ${descriptions[name]}\n`);
}
if (undescribed.length + stale.length > 0) {
  process.stderr.write(`help: no line for [${undescribed.join(', ')}]; no script for [${stale.join(', ')}]\n`);
  process.exitCode = 1;
}
