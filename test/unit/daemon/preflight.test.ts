// Proves what is told about a machine before anything is loaded, with files that stand for /proc and /sys. Whether BPF
// then works there is for "stuckd check" and the kernel tests.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Config, loadConfig } from '../../../daemon/config.js';
import { daemonPreflight, type KernelFiles, preflight, type PreflightResult } from '../../../daemon/preflight.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-preflight-'));
const at = (name: string): string => join(directory, name);

before(() => {
  writeFileSync(at('config.yaml'), '{}');
  writeFileSync(at('root'), 'Name:\tnode\nCapEff:\t000001ffffffffff\n');
  writeFileSync(at('two'), 'CapEff:\t000000c000000000\n');
  writeFileSync(at('bpf-alone'), 'CapEff:\t0000008000000000\n');
  writeFileSync(at('nobody'), 'CapEff:\t0000000000000000\n');
  writeFileSync(at('capabilities'), '40\n');
  writeFileSync(at('capabilities-before-5.8'), '37\n');
  writeFileSync(at('root-before-5.8'), 'CapEff:\t0000003fffffffff\n');
  writeFileSync(at('btf'), '');
  writeFileSync(at('sensor'), '');
  chmodSync(at('sensor'), 0o755);
  symlinkSync('pid:[4026531836]', at('first-pid-namespace'));
  symlinkSync('pid:[4026532999]', at('other-pid-namespace'));
});

after(() => {
  rmSync(directory, { recursive: true, force: true });
});

function configWith(sensor: Partial<Config['sensor']>): Config {
  const config = loadConfig({ configPath: at('config.yaml') }, {});
  return { ...config, sensor: { ...config.sensor, path: at('sensor'), ...sensor } };
}

function look(files: Partial<Record<keyof KernelFiles, string>>, sensor = 'sensor'): readonly PreflightResult[] {
  return preflight(configWith({ path: at(sensor) }), {
    processStatus: at(files.processStatus ?? 'root'),
    lastCapability: at(files.lastCapability ?? 'capabilities'),
    pidNamespace: at(files.pidNamespace ?? 'first-pid-namespace'),
    btf: at(files.btf ?? 'btf'),
  });
}

test('a machine that has everything', () => {
  const results = look({});
  assert.deepEqual(
    results.map(({ name, ok, required }) => [name, ok, required]),
    [
      ['privileges', true, true],
      ['kernel BTF', true, true],
      ['pid namespace', true, false],
      ['sensor', true, true],
    ],
  );
});

test('two capabilities are enough', () => {
  assert.ok(look({ processStatus: 'two' }).every(({ ok }) => ok));
});

const LACKS: readonly (readonly [string, Partial<Record<keyof KernelFiles, string>>, string, RegExp])[] = [
  [
    'privileges',
    { processStatus: 'nobody' },
    'no capabilities',
    /CAP_BPF and CAP_PERFMON are missing: run stuckd as root/,
  ],
  ['privileges', { processStatus: 'bpf-alone' }, 'one of two capabilities', /CAP_PERFMON are missing/],
  [
    'privileges',
    { processStatus: 'root-before-5.8', lastCapability: 'capabilities-before-5.8' },
    'root of a kernel that does not know these capabilities',
    /^this kernel is too old: .*CAP_BPF \(Linux 5\.8\); stuckd needs Linux 5\.12/,
  ],
  ['privileges', { processStatus: 'absent', lastCapability: 'absent' }, 'no /proc', /CAP_PERFMON are missing/],
  ['kernel BTF', { btf: 'absent' }, 'a kernel without BTF', /absent is missing: .*CONFIG_DEBUG_INFO_BTF=y/],
  ['pid namespace', { pidNamespace: 'other-pid-namespace' }, 'a container', /hostPID: true/],
  ['pid namespace', { pidNamespace: 'absent' }, 'no pid namespace to be seen', /hostPID: true/],
];
for (const [name, files, what, message] of LACKS) {
  test(`${what}: a sentence says what to do`, () => {
    const failed = look(files).filter(({ ok }) => !ok);
    assert.deepEqual(
      failed.map((result) => result.name),
      [name],
    );
    assert.match(failed[0]?.message ?? '', message);
    assert.notEqual(failed[0]?.loss ?? '', '');
  });
}

test('a sensor that was not built', () => {
  const failed = look({}, 'absent').filter(({ ok }) => !ok);
  assert.match(failed[0]?.message ?? '', /absent is missing or not executable: run "npm run setup"/);
  assert.match(look({}, 'btf').find(({ name }) => name === 'sensor')?.message ?? '', /not executable/);
});

test('a sensor that runs apart is not judged from here; a daemon that starts tells of its own pid namespace', () => {
  const config = configWith({ address: 'unix:/run/sensor.sock' });
  assert.deepEqual(preflight(config), []);
  assert.deepEqual(
    daemonPreflight(config).map(({ name, required }) => [name, required]),
    [['pid namespace', false]],
  );
  assert.deepEqual(daemonPreflight(configWith({})), preflight(configWith({})));
});
