// Proves what is told about a machine before anything is loaded, with files that stand for /proc and /sys. Whether BPF
// then works there is for "stuckd check" and the kernel tests.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

function look(
  files: Partial<Record<keyof KernelFiles, string>>,
  sensor = 'sensor',
  settings: Partial<Config['sensor']> = {},
): readonly PreflightResult[] {
  return preflight(configWith({ path: at(sensor), ...settings }), {
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
      ['privileges', true, false],
      ['kernel BTF', true, false],
      ['polling: namespaces', true, false],
      ['polling: owners', true, false],
      ['pid namespace', true, false],
      ['sensor', true, true],
    ],
  );
});

test('two capabilities are enough', () => {
  const isOk = (mode: Config['sensor']['mode']): boolean =>
    look({ processStatus: 'two' }, 'sensor', { mode }).every(({ ok }) => ok);
  assert.ok(isOk('ebpf'));
  assert.ok(!isOk('polling'), 'to enter other namespaces it takes more');
});

test('each mode says what it needs, and only what it cannot do without is required', () => {
  const standing = (mode: Config['sensor']['mode']): readonly unknown[] =>
    look({ processStatus: 'nobody', btf: 'absent' }, 'sensor', { mode })
      .slice(0, -2)
      .map(({ name, ok, required }) => [name, ok, required]);
  const polling = [
    ['polling: namespaces', false, false],
    ['polling: owners', false, false],
  ];
  assert.deepEqual(standing('auto'), [['privileges', false, false], ['kernel BTF', false, false], ...polling]);
  assert.deepEqual(standing('polling'), polling);
  assert.deepEqual(standing('ebpf'), [
    ['privileges', false, true],
    ['kernel BTF', false, true],
  ]);
  const [namespaces, owners] = look({ processStatus: 'nobody' }, 'sensor', { mode: 'polling' });
  assert.match(namespaces?.message ?? '', /^CAP_SYS_ADMIN and .*to enter other network namespaces, are not there$/);
  assert.match(owners?.message ?? '', /^CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, .*processes of other users, are not/);
});

test('a file with BTF stands for that of the kernel', () => {
  const btfOf = (btf: string): PreflightResult | undefined =>
    look({ btf: 'absent' }, 'sensor', { btf: at(btf) }).find(({ name }) => name === 'kernel BTF');
  assert.equal(btfOf('btf')?.ok, true);
  assert.match(btfOf('no-such-file')?.message ?? '', /no-such-file \(sensor\.btf\) cannot be read/);
});

test('a daemon that starts leaves it to its sensor to say which mode it has chosen', () => {
  const names = (mode: Config['sensor']['mode']): readonly string[] =>
    daemonPreflight(configWith({ mode })).map(({ name }) => name);
  assert.deepEqual(names('auto'), ['pid namespace', 'sensor', 'state directory']);
  assert.deepEqual(names('polling'), ['pid namespace', 'sensor', 'state directory']);
  assert.deepEqual(names('ebpf'), ['privileges', 'kernel BTF', 'pid namespace', 'sensor', 'state directory']);
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
    /^this kernel is too old: .*CAP_BPF \(Linux 5\.8\); BPF needs Linux 5\.12/,
  ],
  ['privileges', { processStatus: 'absent', lastCapability: 'absent' }, 'no /proc', /CAP_PERFMON are missing/],
  ['kernel BTF', { btf: 'absent' }, 'a kernel without BTF', /absent is missing: .*CONFIG_DEBUG_INFO_BTF=y/],
  ['pid namespace', { pidNamespace: 'other-pid-namespace' }, 'a container', /hostPID: true/],
  ['pid namespace', { pidNamespace: 'absent' }, 'no pid namespace to be seen', /hostPID: true/],
];
for (const [name, files, what, message] of LACKS) {
  test(`${what}: a sentence says what to do`, () => {
    const failed = look(files, 'sensor', { mode: 'ebpf' }).filter(({ ok }) => !ok);
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
    [
      ['pid namespace', false],
      ['state directory', false],
    ],
  );
  assert.deepEqual(daemonPreflight(configWith({ mode: 'ebpf' })).slice(0, -1), preflight(configWith({ mode: 'ebpf' })));
});

const notRoot = process.getuid?.() === 0 ? false : 'needs root, to give a directory away';
test('root is warned where it would write into the state of a service', { skip: notRoot }, () => {
  const stateDir = at('state');
  const isOk = (uid: number): boolean | undefined =>
    daemonPreflight({ ...configWith({}), stateDir }, undefined, uid).at(-1)?.ok;
  assert.equal(isOk(0), true, 'it is made by the daemon');
  mkdirSync(stateDir);
  assert.equal(isOk(0), true, 'its own');
  chownSync(stateDir, 64_002, 64_002);
  assert.equal(isOk(64_002), true, 'as the service');
  const [found] = daemonPreflight({ ...configWith({}), stateDir }, undefined, 0).slice(-1);
  assert.deepEqual({ ok: found?.ok, required: found?.required }, { ok: false, required: false });
  assert.match(found?.message ?? '', /belongs to the user with uid 64002.*--state-dir/);
});
