// Proves the defaults of the contract, which source of a setting wins, and that every mistake is named by its key. What the
// settings do is shown where they are used.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { STUCK_KINDS } from '../../../daemon/core/kinds.js';
import { parse } from 'yaml';
import { type Config, ConfigError, type ConfigFlags, defaultConfigPath, loadConfig } from '../../../daemon/config.js';
import type { OwnPlaces } from '../../../daemon/lib/own-places.js';
import { sensorConfiguration } from '../../../daemon/sensor-configuration.js';
import { packageRoot } from '../../support/package-root.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-config-'));
const configPath = join(directory, 'stuckd.yaml');
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

function load(text: string, flags: ConfigFlags = {}, environment: NodeJS.ProcessEnv = {}): Config {
  writeFileSync(configPath, text);
  return loadConfig({ configPath, ...flags }, environment, null);
}

function mistake(text: string, flags: ConfigFlags = {}, environment: NodeJS.ProcessEnv = {}): string {
  try {
    load(text, flags, environment);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  throw new Error('the configuration was accepted');
}

/** The defaults of `kinds.<kind>.alert`, and where they differ from what most kinds have. */
function alerting(changes: Readonly<Record<string, unknown>> = {}): Config['kinds']['closing']['alert'] {
  return { enabled: true, after: 15_000, connections: 1, for: 0, ...changes };
}

describe('defaults', () => {
  const expected: Config = {
    grpc: { address: 'unix:/run/stuckd/stuckd.sock', reflection: true, maxSubscribers: 64, maxConnections: 128 },
    http: { address: '127.0.0.1:9735', required: true, metrics: { workloadLabels: [], maxWorkloads: 200 } },
    stateDir: '/var/lib/stuckd',
    sensor: {
      mode: 'auto',
      without: [],
      refreshInterval: 1000,
      sweepInterval: 2000,
      sweepCpuPercentMax: 0.3,
      fullRefreshInterval: 30_000,
    },
    kinds: {
      retransmitting: { enabled: true, open: { retransmits: 3, chance: 1e-4 }, alert: alerting() },
      keepalive_unanswered: { enabled: true, open: { probes: 2 }, alert: alerting() },
      zero_window: {
        enabled: true,
        open: { probes: 3, after: 60_000 },
        alert: alerting({ informationalAfter: 300_000 }),
      },
      connecting: {
        enabled: true,
        open: { retransmits: 3 },
        alert: alerting({ after: 0, connections: 3, orAfter: 30_000 }),
      },
      accepting: {
        enabled: true,
        open: { handshakes: 16, share: 0.25, after: 30_000 },
        alert: alerting({ enabled: false }),
      },
      accept_queue_full: { enabled: true, open: { after: 10_000 }, alert: alerting() },
      closing: { enabled: true, open: { after: 15_000 }, alert: alerting({ after: 0, connections: 50 }) },
      fin_wait: { enabled: true, open: { after: 600_000 }, alert: alerting({ enabled: false }) },
      close_wait: {
        enabled: true,
        open: { after: 60_000 },
        alert: alerting({ after: 300_000, connections: 10, rising: true }),
      },
      unread: { enabled: true, open: { after: 60_000 }, alert: alerting({ after: 0 }) },
      zombie: { enabled: true, open: { after: 60_000 }, alert: alerting({ after: 0, connections: 5 }) },
      stale_reuse: {
        enabled: true,
        open: { idle: 1000 },
        alert: alerting({ after: 0, connections: 3, within: 300_000 }),
      },
    },
    audit: {
      interval: 600_000,
      idleLimits: [
        { name: 'NAT gateway and Network Load Balancer of AWS', limit: 350_000 },
        { name: 'Linux IPVS', limit: 900_000 },
      ],
    },
    alerts: {
      collapseProcesses: 5,
      collapsePeers: 20,
      keepFiringFor: 10_000,
      updateInterval: 5000,
      maxFiring: 1000,
      inbound: { connections: 20, share: 0.05, for: 300_000 },
      damping: { first: 30_000, max: 900_000, forgetAfter: 3_600_000 },
    },
    rules: [],
    silences: [],
    history: {
      ended: 1000,
      disk: { maxAge: 7 * 86_400_000, maxBytes: 64 * 1024 * 1024, journalMaxBytes: 32 * 1024 * 1024 },
    },
    workloads: { procRoot: '/proc', cgroupRoot: '/sys/fs/cgroup' },
    kubernetes: {
      enabled: 'auto',
      tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      caFile: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    },
    receivers: [],
    log: { level: 'info' },
  };
  const nothing: readonly (readonly [string, string])[] = [
    ['an empty object', '{}'],
    ['an empty file', ''],
    ['comments only', '# nothing\n'],
    ['empty sections', 'kinds: { closing: {}, connecting: { open: {} } }\nsensor: {}\n'],
  ];
  for (const [name, text] of nothing) {
    test(`${name} means all of them`, () => {
      assert.deepEqual(load(text), expected);
    });
  }

  test('they are what the README says', () => {
    const readme = readFileSync(join(packageRoot(), 'README.md'), 'utf8');
    const [, example = ''] = /^## Configuration$.*?^```yaml$(.*?)^```$/ms.exec(readme) ?? [];
    assert.deepEqual(load(example), expected);
    const keys = Object.keys(parse(example) as object);
    assert.deepEqual(keys.sort(), Object.keys(expected).sort(), 'a section is missing in the README');
  });

  test('they become the thresholds of the sensor', () => {
    assert.deepEqual(sensorConfiguration(expected), {
      rtoThreshold: 3,
      synThreshold: 3,
      probeThreshold: 2,
      windowProbeThreshold: 3,
      handshakeThreshold: 16,
      unreadAgeMs: 250,
      idleGapMs: 1000,
      conditions: [
        'window_closed',
        'handshakes',
        'accept_queue',
        'fin_wait2',
        'close_wait',
        'unread',
        'zombie',
        'stale_reuse',
      ],
      refreshIntervalMs: 1000,
      sweepIntervalMs: 2000,
      fullRefreshIntervalMs: 30_000,
      sweepCpuMaxPpm: 3000,
    });
  });
});

describe('what is switched off is never reported by events', () => {
  const off = (...kinds: readonly string[]): ReturnType<typeof sensorConfiguration> =>
    sensorConfiguration(
      load(JSON.stringify({ kinds: Object.fromEntries(kinds.map((kind) => [kind, { enabled: false }])) })),
    );

  test('each threshold by its kind', () => {
    assert.equal(off('connecting').synThreshold, 255);
    assert.equal(off('keepalive_unanswered').probeThreshold, 255);
    assert.equal(off('retransmitting', 'closing').rtoThreshold, 255);
    assert.deepEqual(off(...STUCK_KINDS.filter((kind) => kind !== 'zombie')).conditions, ['zombie']);
  });

  test('an unacknowledged FIN is found by its retransmissions too', () => {
    assert.equal(off('retransmitting').rtoThreshold, 3);
    assert.equal(off('closing').rtoThreshold, 3);
  });
});

describe('flag beats variable beats file', () => {
  const file =
    'grpc: { address: "unix:/file" }\nstateDir: /file\nsensor: { address: "unix:/file", sweepInterval: 5s }\nlog: { level: warn }\n';
  const environment = {
    STUCKD_ADDRESS: 'unix:/variable',
    STUCKD_STATE_DIR: '/variable',
    STUCKD_SENSOR_ADDRESS: 'unix:/variable',
  };
  const flags = { grpcAddress: 'unix:/flag', stateDir: '/flag', sensorAddress: 'unix:/flag', logLevel: 'debug' };
  const pick = ({ grpc, stateDir, sensor, log }: Config): readonly unknown[] => [
    grpc.address,
    stateDir,
    sensor.address,
    log.level,
  ];

  test('file alone', () => {
    assert.deepEqual(pick(load(file)), ['unix:/file', '/file', 'unix:/file', 'warn']);
  });

  test('variable over file', () => {
    assert.deepEqual(pick(load(file, {}, environment)), ['unix:/variable', '/variable', 'unix:/variable', 'warn']);
  });

  test('flag over both, and the other keys of the section stay', () => {
    const config = load(file, flags, environment);
    assert.deepEqual(pick(config), ['unix:/flag', '/flag', 'unix:/flag', 'debug']);
    assert.equal(config.sensor.sweepInterval, 5000);
  });

  test('an empty variable is none', () => {
    assert.equal(load(file, {}, { STUCKD_STATE_DIR: '' }).stateDir, '/file');
  });
});

describe('mistakes are named by their key', () => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['grcp: {}', /"grcp"/],
    ['kinds: { retransmiting: {} }', /"retransmiting"[^]*at kinds/],
    ['kinds: { connecting: { open: { retransmits: 0 } } }', /at kinds\.connecting\.open\.retransmits/],
    ['kinds: { connecting: { open: { retransmits: 256 } } }', /at kinds\.connecting\.open\.retransmits/],
    ['kinds: { keepalive_unanswered: { open: { probes: 1.5 } } }', /at kinds\.keepalive_unanswered\.open\.probes/],
    ['kinds: { retransmitting: { open: { chance: 1 } } }', /at kinds\.retransmitting\.open\.chance/],
    ['kinds: { retransmitting: { enabled: 1 } }', /at kinds\.retransmitting\.enabled/],
    ['kinds: { closing: { open: { after: 15 } } }', /at kinds\.closing\.open\.after/],
    ['kinds: { closing: { open: { after: 15 } } }', /must be a duration with a unit[^]*at kinds\.closing\.open\.after/],
    ['kinds: { closing: { open: { after: soon } } }', /"soon" is not a duration[^]*at kinds\.closing\.open\.after/],
    ['kinds: { closing: { open: { after: 25h } } }', /from 0ms to 1d[^]*at kinds\.closing\.open\.after/],
    ['sensor: { sweepInterval: 99ms }', /from 100ms to 1h[^]*at sensor\.sweepInterval/],
    ['sensor: { sweepCpuPercentMax: 0 }', /0\.01[^]*at sensor\.sweepCpuPercentMax/],
    ['sensor: { address: /run/sensor.sock }', /unix:PATH[^]*at sensor\.address/],
    ['sensor: { address: "127.0.0.1:1" }', /must be unix:PATH[^]*at sensor\.address/],
    [`sensor: { address: "unix:/${'x'.repeat(200)}" }`, /107 bytes[^]*at sensor\.address/],
    ['sensor: { mode: fast }', /at sensor\.mode/],
    ['sensor: { btf: "" }', /at sensor\.btf/],
    [
      'sensor: { address: "unix:/s", mode: polling }',
      /the sensor at unix:\/s runs apart: give --mode polling to stuckd-sensor[^]*at sensor\.mode/,
    ],
    ['sensor: { without: ["a b"] }', /name of a tracepoint[^]*at sensor\.without\[0\]/],
    ['grpc: { address: nonsense }', /is not an address[^]*at grpc\.address/],
    ['grpc: { address: 7 }', /at grpc\.address/],
    ['stateDir: ""', /at stateDir/],
    ['history: { ended: -1 }', /at history\.ended/],
    ['log: { level: loud }', /at log\.level/],
  ];
  for (const [text, pattern] of mistakes) {
    test(text.slice(0, 70), () => {
      const message = mistake(text);
      assert.match(message, pattern);
      assert.ok(message.includes(configPath), 'and the file');
    });
  }

  test('in a variable or a flag as well', () => {
    assert.match(mistake('{}', {}, { STUCKD_ADDRESS: 'nonsense' }), /at grpc\.address/);
    assert.match(mistake('{}', { logLevel: 'loud' }), /at log\.level/);
  });

  test('all mistakes at once', () => {
    assert.match(mistake('stateDir: 1\nlog: { level: loud }'), /at stateDir[^]*at log\.level/);
  });
});

describe('files that cannot be read', () => {
  test('no YAML', () => {
    assert.match(mistake('a: [1,'), /is not valid YAML/);
  });

  test('a list or a word at the top', () => {
    assert.match(mistake('- a'), /must hold keys and values at its top level/);
    assert.match(mistake('hello'), /must hold keys and values at its top level/);
  });

  test('a file that was named must exist', () => {
    const missing = join(directory, 'missing.yaml');
    assert.match(mistake('{}', { configPath: missing }), /cannot read the configuration: ENOENT.*missing\.yaml/);
  });
});

describe('an ordinary user', () => {
  const own: OwnPlaces = {
    configPath: join(directory, 'own.yaml'),
    stateDir: '/home/ann/state',
    socketPath: (stateDir = '/home/ann/state') => `${stateDir}/stuckd.sock`,
  };
  const loadOwn = (text: string, flags: ConfigFlags = {}, environment: NodeJS.ProcessEnv = {}): Config => {
    writeFileSync(own.configPath, text);
    return loadConfig(flags, environment, own);
  };
  const pick = ({ grpc, http, stateDir }: Config): readonly unknown[] => [grpc.address, stateDir, http.required];

  test('has places of his own, and may have to do without metrics', () => {
    assert.deepEqual(pick(loadOwn('{}')), ['unix:/home/ann/state/stuckd.sock', '/home/ann/state', false]);
    assert.deepEqual(pick(loadOwn('grpc: { reflection: false }\nhttp: { metrics: {} }')), [
      ...['unix:/home/ann/state/stuckd.sock', '/home/ann/state', false],
    ]);
  });

  test('what he gives counts: the socket goes with the state, and an address that he names is needed', () => {
    const flags = { stateDir: '/s', httpAddress: '127.0.0.1:1' };
    assert.deepEqual(pick(loadOwn('{}', flags)), ['unix:/s/stuckd.sock', '/s', true]);
    assert.deepEqual(pick(loadOwn('grpc: { address: "unix:/f" }\nstateDir: /g\nhttp: { address: off }')), [
      ...['unix:/f', '/g', true],
    ]);
    assert.equal(loadOwn('{}', {}, { STUCKD_ADDRESS: 'unix:/v' }).grpc.address, 'unix:/v');
  });

  test('a mistake in a section is still found', () => {
    assert.throws(() => loadOwn('grpc: 5'), /at grpc/);
    assert.throws(() => loadOwn('stateDir: 5'), /at stateDir/);
  });

  test('reads his own file, or else the one in /etc, if he may', () => {
    assert.equal(defaultConfigPath(own), own.configPath);
    assert.equal(defaultConfigPath(null), '/etc/stuckd/stuckd.yaml');
  });
});
