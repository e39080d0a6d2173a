// Proves that the two bundles are whole: in a directory with nothing but a package.json around them, where no package could
// be found, they tell the version and the place of the sensor that belong to that directory, serve, and answer. And that a
// program reads at its start only what it needs. How long a start takes is for the benchmark.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { PROGRAMS } from '../../daemon/demo/stage.js';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';

const VERSION = '47.11.0';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-bundle-'));
cpSync(join(packageRoot(), 'build/bin'), join(directory, 'build/bin'), { recursive: true });
writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module', version: VERSION }));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

const program = (name: string): string => join(directory, 'build/bin', `${name}.js`);
const address = `unix:${directory}/stuckd.sock`;
const env = {
  ...process.env,
  STUCKD_ADDRESS: address,
  STUCKD_HTTP_ADDRESS: 'off',
  STUCKD_STATE_DIR: join(directory, 'state'),
  STUCKD_SENSOR_ADDRESS: '',
};

function run(name: string, ...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  // By its own name, as "npx stuckd" starts it: it must be executable and say who interprets it.
  return spawnSync(program(name), args, { encoding: 'utf8', env, timeout: 60_000 });
}

/** A configuration file of its own, so that none of this machine is read. */
function configFile(settings: object): string {
  const path = join(directory, 'stuckd.yaml');
  writeFileSync(path, JSON.stringify(settings));
  return path;
}

for (const name of ['stuckd', 'stuckctl']) {
  test(`${name} --version`, () => {
    const { status, stdout, stderr } = run(name, '--version');
    assert.deepEqual([status, stdout, stderr], [0, `${name} ${VERSION}\n`, '']);
  });
}

test('the sensor is looked for beside the bundle', () => {
  const { status, stdout } = run('stuckd', 'check', '--json', '--config', configFile({}));
  const { version, features } = JSON.parse(stdout) as {
    version: string;
    features: readonly { name: string; available: boolean; how: string }[];
  };
  assert.equal(version, VERSION);
  const sensor = features.find(({ name }) => name === 'sensor');
  assert.equal(sensor?.available, false);
  assert.ok(sensor.how.startsWith(`${join(directory, 'bpf/.output/stuckd-sensor')} is missing`), sensor.how);
  assert.equal(status, 1);
});

test('the demo starts programs that are there', () => {
  for (const path of Object.values(PROGRAMS)) {
    accessSync(join(packageRoot(), path), constants.R_OK);
  }
});

test('a daemon serves, stuckctl asks it, and SIGTERM drains', async (t) => {
  const config = configFile({ sensor: { address: `unix:${directory}/no-sensor.sock` } });
  const daemon = spawn(program('stuckd'), ['run', '--config', config], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => daemon.kill('SIGKILL'));
  let output = '';
  daemon.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await waitFor(() => output.includes('gRPC listens on unix:'), { what: 'gRPC', timeoutMs: 30_000 });
  const status = await waitFor(
    () => {
      const { stdout } = run('stuckctl', 'status', '-o', 'json');
      // The facts about the node are read by a part of the bundle that is loaded last.
      return stdout.includes('"operatingSystem"') ? stdout : null;
    },
    { what: 'a status with the name of the operating system', timeoutMs: 30_000, intervalMs: 50 },
  );
  assert.match(status, /"sensor"/);
  daemon.kill('SIGTERM');
  const [code] = (await once(daemon, 'close')) as [number | null];
  assert.equal(code, 0);
  assert.ok(output.trimEnd().endsWith('"msg":"stopped"}'), output);
});

/** The packages in the files that a bundle reads before it does anything; esbuild heads each module with its path. */
function packagesAtStart(name: string): ReadonlySet<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) {
      return;
    }
    seen.add(path);
    const text = readFileSync(path, 'utf8');
    for (const [, packageName = ''] of text.matchAll(/^\/\/ .*\bnode_modules\/((?:@[^/]+\/)?[^/]+)\//gm)) {
      packages.add(packageName);
    }
    for (const [, imported = ''] of text.matchAll(/^(?:import|\} from|import [^"]*? from) "(\.[^"]+)";$/gm)) {
      visit(join(dirname(path), imported));
    }
  };
  visit(program(name));
  return packages;
}

describe('what is read at the start', () => {
  test('stuckd reads no package before it knows its command', () => {
    assert.deepEqual([...packagesAtStart('stuckd')], []);
  });

  test('stuckctl reads what gRPC needs, and nothing of the daemon', () => {
    const packages = packagesAtStart('stuckctl');
    assert.ok(packages.has('@grpc/grpc-js'), [...packages].join(', '));
    for (const name of ['@grpc/proto-loader', 'pino', 'systeminformation', 'yaml', 'zod']) {
      assert.equal(packages.has(name), false, name);
    }
  });
});
