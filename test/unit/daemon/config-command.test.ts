// Proves `stuckd config check`, `print` and `schema`, most of it as a process: exit statuses and streams, that what is printed
// means the same when it is read again, that nothing secret is printed, and that the JSON Schema knows every key.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import * as z from 'zod';
import { printConfig } from '../../../daemon/config-print.js';
import { configSchema, loadConfig } from '../../../daemon/config.js';
import type { SchemaNode } from '../../../daemon/config-schema.js';
import { duration } from '../../../daemon/config-values.js';
import { formatDurationMs, parseDurationMs } from '../../../daemon/lib/duration.js';
import { packageRoot } from '../../support/package-root.js';

const MAIN = fileURLToPath(new URL('../../../daemon/main.js', import.meta.url));
const EXAMPLE = join(packageRoot(), 'deploy/stuckd.example.yaml');

const directory = mkdtempSync(join(tmpdir(), 'stuckd-config-command-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

function config(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, STUCKD_ADDRESS: '', STUCKD_STATE_DIR: '', STUCKD_SENSOR_ADDRESS: '', ...environment };
  return spawnSync(process.execPath, [MAIN, 'config', ...args], { encoding: 'utf8', env, timeout: 60_000 });
}

function file(text: string): string {
  const path = join(directory, 'stuckd.yaml');
  writeFileSync(path, text);
  return path;
}

describe('check', () => {
  test('a valid file', () => {
    const { status, stdout, stderr } = config(['check', EXAMPLE]);
    assert.deepEqual([status, stdout, stderr], [0, `${EXAMPLE} is valid\n`, '']);
  });

  test('a mistake: exit status 1, file and line on standard error', () => {
    const path = file('log:\n  level: loud\n');
    for (const args of [
      ['check', path],
      ['check', '--config', path],
    ]) {
      const { status, stdout, stderr } = config(args);
      assert.deepEqual([status, stdout], [1, '']);
      assert.ok(stderr.startsWith(`stuckd: the configuration is wrong:\n${path}:2:10: expected one of`), stderr);
    }
  });

  test('a variable of the shell hides no mistake of the file', () => {
    const path = file('grpc: { address: nonsense }');
    assert.equal(config(['check', path], { STUCKD_ADDRESS: 'unix:/x' }).status, 1);
  });

  test('a file that is not there', () => {
    const { status, stderr } = config(['check', '/nowhere/stuckd.yaml']);
    assert.equal(status, 1);
    assert.match(stderr, /cannot read the configuration: ENOENT/);
  });
});

describe('wrong usage is exit status 2', () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /write config check \[FILE\]/],
    [['fly'], /there is no config fly/],
    [['check', 'a', 'b'], /unexpected argument "b"/],
    [['check', 'a', '--config', 'b'], /unexpected argument "a"/],
    [['print', 'a'], /unexpected argument "a"/],
    [['schema', '--redacted'], /config schema has no option --redacted/],
    [['print', '--json'], /config has no option --json/],
  ];
  for (const [args, message] of cases) {
    test(args.join(' '), () => {
      const { status, stdout, stderr } = config(args);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, message);
    });
  }
});

describe('print', () => {
  test('what is in effect, with defaults, variables and flags; read again it means the same', () => {
    const path = file('sensor: { sweepInterval: 90s }\nlog: { level: warn }\n');
    const args = ['print', '--config', path, '--log-level', 'debug'];
    const { status, stdout, stderr } = config(args, { STUCKD_ADDRESS: 'unix:/variable' });
    assert.deepEqual([status, stderr], [0, '']);
    const again = join(directory, 'again.yaml');
    writeFileSync(again, stdout);
    const flags = { configPath: path, grpcAddress: 'unix:/variable', logLevel: 'debug' };
    assert.deepEqual(loadConfig({ configPath: again }, {}), loadConfig(flags, {}));
    const printed = parse(stdout) as { sensor: Record<string, unknown>; grpc: unknown; history: unknown };
    assert.equal(printed.sensor['sweepInterval'], '90s');
    assert.equal(printed.sensor['fullRefreshInterval'], '30s');
    assert.ok('history' in printed);
  });

  test('the example with everything in it comes back as it is', () => {
    const text = readFileSync(EXAMPLE, 'utf8').replaceAll(/^( *)#(?=[^ \n#]| {2})/gm, '$1');
    const parsed = configSchema.parse(parse(text));
    assert.deepEqual(configSchema.parse(parse(printConfig(parsed, configSchema, false))), parsed);
  });

  test('redacted: paths stay, what may be secret does not', () => {
    const schema = z.object({
      receivers: z.array(z.object({ url: z.string(), secretFile: z.string(), authToken: z.string() })),
      every: duration(0, 1e9),
      limit: z.number(),
      either: z.union([z.number(), z.string()]),
    });
    const urls = [
      'https://hooks.example/services/T0/B0/key',
      'https://a:b@h.example/',
      'https://h.example/?k=s',
      'https://h.example',
    ];
    const value = {
      receivers: urls.map((url) => ({ url, secretFile: '/etc/secret', authToken: 'abc' })),
      every: 90_000,
      limit: 1000,
      either: 5000,
    };
    const printed = parse(printConfig(value, schema, true)) as typeof value;
    assert.deepEqual(
      printed.receivers.map(({ url }) => url),
      [
        'https://hooks.example/(redacted)',
        'https://h.example/(redacted)',
        'https://h.example/(redacted)',
        'https://h.example',
      ],
    );
    assert.deepEqual(
      [printed.receivers[0]?.secretFile, printed.receivers[0]?.authToken],
      ['/etc/secret', '(redacted)'],
    );
    assert.deepEqual([printed.every, printed.limit, printed.either], ['90s', 1000, 5000]);
    const plain = parse(printConfig(value, schema, false)) as typeof value;
    assert.deepEqual(plain.receivers, value.receivers);
  });
});

describe('durations', () => {
  for (const [ms, text] of [
    [0, '0ms'],
    [1, '1ms'],
    [1500, '1500ms'],
    [90_000, '90s'],
    [600_000, '10m'],
    [86_400_000, '1d'],
    [90_000_000, '25h'],
  ] as const) {
    test(text, () => {
      assert.equal(formatDurationMs(ms), text);
      assert.equal(parseDurationMs(text), ms);
    });
  }
});

test('schema: JSON Schema with every section, strict, with defaults and the form of durations', () => {
  const { status, stdout } = config(['schema']);
  assert.equal(status, 0);
  const schema = JSON.parse(stdout) as SchemaNode & { $schema: string };
  assert.equal(schema.$schema, 'http://json-schema.org/draft-07/schema#');
  assert.deepEqual(Object.keys(schema.properties ?? {}).sort(), Object.keys(configSchema.shape).sort());
  assert.equal(schema.additionalProperties, false);
  const { sweepInterval } = schema.properties?.['sensor']?.properties ?? {};
  const { type, pattern, default: preset } = sweepInterval as unknown as Record<string, string>;
  assert.deepEqual([type, preset], ['string', '2s']);
  assert.match('1.5s', new RegExp(pattern ?? 'none'));
  assert.doesNotMatch('15', new RegExp(pattern ?? ''));
});
