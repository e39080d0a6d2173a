// Proves that firing alerts come back from disk as they were, on the clocks of the machine as it runs now, and that a file
// which cannot be understood is told of and kept. That alerts then fire on is shown by the scenarios and the kernel tests.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { SavedAlert, SavedAlerts } from '../../../daemon/core/alerts/alert-messages.js';
import type { WallClock } from '../../../daemon/core/ports.js';
import { FiringAlertStore } from '../../../daemon/store/firing-alerts.js';
import { createAlert } from '../rpc/sample-alerts.js';

const ALERT = createAlert({ connections: [] });
const WORKLOAD = {
  cgroup: '/a',
  containerId: 'c',
  containerRuntime: 'containerd',
  podUid: 'u',
  pod: 'web',
  podNamespace: 'shop',
  container: 'app',
  podLabels: new Map([['app', 'web']]),
  unit: '',
};
const SAVED: SavedAlert = {
  alert: { ...ALERT, process: ALERT.process && { ...ALERT.process, workload: WORKLOAD } },
  target: 'retransmitting outbound 10.0.0.2 8000',
  side: 'outbound',
  netns: 0,
  subject: '12900@1',
};
const COLLAPSED: SavedAlert = {
  ...SAVED,
  alert: { ...ALERT, id: 'a2', process: null, processCount: 6 },
  netns: 0,
  subject: null,
};

const ENDS = ['00112233445566778899aabbccddeeff', { count: 3, lastUs: 7_000_000 }] as const;

function saves(...alerts: readonly SavedAlert[]): SavedAlerts {
  return { alerts, ends: [ENDS] };
}

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stuckd-firing-'));
  path = join(directory, 'state', 'firing-alerts.json');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function store(bootId = 'boot-1', monoToRealUs = 1_000_000, bootToRealUs = 900_000): FiringAlertStore {
  const clock: WallClock = {
    nowUs: () => 0,
    monoToRealUs: (us) => us + monoToRealUs,
    bootToRealUs: (us) => us + bootToRealUs,
  };
  return new FiringAlertStore(join(directory, 'state'), clock, bootId);
}

test('without a file there is nothing', async () => {
  assert.deepEqual(await store().load(), { saved: { alerts: [], ends: [] }, isSameBoot: true, problem: null });
});

test('what was saved comes back', async () => {
  await store().save(saves(SAVED, COLLAPSED));
  assert.deepEqual(await store().load(), { saved: saves(SAVED, COLLAPSED), isSameBoot: true, problem: null });
});

test('of several saves the last one holds, also while others are under way', async () => {
  const one = store();
  await Promise.all([one.save(saves(SAVED)), one.save(saves(SAVED, COLLAPSED)), one.save(saves())]);
  assert.deepEqual((await one.load()).saved.alerts, []);
  assert.ok(!existsSync(`${path}.new`));
});

test('after a reboot times are the same as wall time', async () => {
  await store().save(saves(SAVED));
  const { saved, isSameBoot } = await store('boot-2', 5_000_000, 5_500_000).load();
  assert.equal(isSameBoot, false);
  const [{ alert } = SAVED] = saved.alerts;
  assert.equal(alert.fireUs, SAVED.alert.fireUs - 4_000_000);
  assert.equal(alert.startUs, SAVED.alert.startUs - 4_000_000);
  assert.equal(alert.earliestGiveUpUs, (SAVED.alert.earliestGiveUpUs ?? 0) - 4_000_000);
  assert.equal(alert.process?.startBootUs, (SAVED.alert.process?.startBootUs ?? 0) - 4_600_000);
  assert.deepEqual(saved.ends, [[ENDS[0], { count: 3, lastUs: 3_000_000 }]]);
});

test('a file of the version before, which knew of no ends, is understood', async () => {
  await store().save(saves(SAVED));
  const { ends, ...before } = JSON.parse(readFileSync(path, 'utf8')) as { ends: unknown };
  assert.deepEqual(ends, [ENDS]);
  writeFileSync(path, JSON.stringify(before));
  assert.deepEqual((await store().load()).saved, { alerts: [SAVED], ends: [] });
});

const BROKEN: readonly (readonly [what: string, change: (text: string) => string])[] = [
  ['half a file', (text) => text.slice(0, text.length / 2)],
  ['an empty file', () => ''],
  ['another version', (text) => text.replace('"version":1', '"version":2')],
  ['a kind that is none', (text) => text.replace('"retransmitting"', '"hanging"')],
  ['an end without a number', (text) => text.replace('"count":3', '"count":"3"')],
  ['an alert without a time', (text) => text.replace('"fireUs"', '"firedUs"')],
];
for (const [what, change] of BROKEN) {
  test(`${what} is told of, and kept beside`, async () => {
    await store().save(saves(SAVED));
    const text = change(readFileSync(path, 'utf8'));
    writeFileSync(path, text);
    const { saved, problem } = await store().load();
    assert.deepEqual(saved, { alerts: [], ends: [] });
    assert.match(problem ?? '', /cannot be understood \(.+\); it was moved to .*\.unreadable$/u);
    assert.equal(readFileSync(`${path}.unreadable`, 'utf8'), text);
    assert.ok(!existsSync(path));
  });
}

test('a directory that cannot be written to is an error', async () => {
  writeFileSync(join(directory, 'state'), 'a file in its place');
  await assert.rejects(store().save(saves(SAVED)));
});
