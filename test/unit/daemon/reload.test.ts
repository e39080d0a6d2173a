// Proves which keys take effect at SIGHUP and which wait for a restart. That the daemon then acts on them is shown by
// test/acceptance/replay.test.ts.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Config, loadConfig } from '../../../daemon/config.js';
import { planReload } from '../../../daemon/reload.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-reload-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

function configOf(settings: Readonly<Record<string, unknown>>): Config {
  const configPath = join(directory, 'stuckd.yaml');
  writeFileSync(configPath, JSON.stringify(settings));
  return loadConfig({ configPath }, {});
}

const BEFORE = configOf({});

/** One setting at a time, and whether it takes effect at once. */
const CASES: readonly (readonly [string, Readonly<Record<string, unknown>>, boolean])[] = [
  ['kinds.retransmitting.enabled', { kinds: { retransmitting: { enabled: false } } }, true],
  ['kinds.retransmitting.open.chance', { kinds: { retransmitting: { open: { chance: 1e-6 } } } }, true],
  ['kinds.keepalive_unanswered.open.probes', { kinds: { keepalive_unanswered: { open: { probes: 3 } } } }, true],
  ['kinds.closing.open.after', { kinds: { closing: { open: { after: '1m' } } } }, true],
  ['kinds.closing.alert.after', { kinds: { closing: { alert: { after: '1m' } } } }, true],
  ['alerts.keepFiringFor', { alerts: { keepFiringFor: '1m' } }, true],
  ['rules', { rules: [{ severity: 'critical' }] }, true],
  ['silences', { silences: [{ match: { ports: [80] }, until: '2026-12-01T06:00:00Z' }] }, true],
  ['sensor.refreshInterval', { sensor: { refreshInterval: '3s' } }, true],
  ['sensor.sweepInterval', { sensor: { sweepInterval: '3s' } }, true],
  ['sensor.sweepCpuPercentMax', { sensor: { sweepCpuPercentMax: 1 } }, true],
  ['sensor.fullRefreshInterval', { sensor: { fullRefreshInterval: '3s' } }, true],
  ['history.ended', { history: { ended: 5 } }, true],
  ['history.disk.maxAge', { history: { disk: { maxAge: '1h' } } }, true],
  ['receivers', { receivers: [{ name: 'chat', type: 'slack', urlFile: '/url' }] }, true],
  ['log.level', { log: { level: 'debug' } }, true],
  ['grpc.address', { grpc: { address: 'unix:/other' } }, false],
  ['stateDir', { stateDir: '/other' }, false],
  ['sensor.address', { sensor: { address: 'unix:/other' } }, false],
  ['sensor.path', { sensor: { path: '/other' } }, false],
  ['workloads.procRoot', { workloads: { procRoot: '/other' } }, false],
  ['kubernetes.enabled', { kubernetes: { enabled: false } }, false],
  ['sensor.without', { sensor: { without: ['tcp_send_reset'] } }, false],
];

for (const [key, settings, atOnce] of CASES) {
  test(`${key} ${atOnce ? 'takes effect at once' : 'waits for a restart'}`, () => {
    const wanted = configOf(settings);
    const { config, changed, needRestart } = planReload(BEFORE, wanted);
    assert.deepEqual(changed, atOnce ? [key] : []);
    assert.deepEqual(needRestart, atOnce ? [] : [key]);
    assert.deepEqual(config, atOnce ? wanted : BEFORE);
  });
}

test('nothing changed, nothing to say', () => {
  assert.deepEqual(planReload(BEFORE, configOf({})), { config: BEFORE, changed: [], needRestart: [] });
});

test('what could not change is said again the next time', () => {
  const wanted = configOf({ stateDir: '/other', history: { ended: 5 } });
  const { config } = planReload(BEFORE, wanted);
  assert.deepEqual(planReload(config, wanted), { config, changed: [], needRestart: ['stateDir'] });
});

test('a key that is removed from the file goes back to its default, or waits for a restart', () => {
  const before = configOf({ sensor: { path: '/other' }, history: { ended: 5 } });
  const { config, changed, needRestart } = planReload(before, BEFORE);
  assert.equal(config.history.ended, 1000);
  assert.equal(config.sensor.path, '/other');
  assert.deepEqual([changed, needRestart], [['history.ended'], ['sensor.path']]);
});
