// Proves, from the text of the rules to requests that endpoints get, who is told of an alert: all where no rule says it, those
// that a rule names, and nobody where it names none. What else rules do is shown by test/scenarios/alert-rules.test.ts.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { alertConfig } from '../../../daemon/alert-config.js';
import { AlertEngine } from '../../../daemon/alerts/alert-engine.js';
import { loadConfig } from '../../../daemon/config.js';
import { receiverNames } from '../../../daemon/config-receivers.js';
import { NO_TOTALS } from '../../../daemon/core/totals.js';
import { waitFor } from '../../support/wait-for.js';
import { createClock, createRecord, createWorkloads, EPOCH_MONO_US, FakeRecords } from '../rpc/sample-records.js';
import { DeliveryBench, settled } from './delivery-bench.js';

const table: readonly (readonly [string, string, readonly string[]])[] = [
  ['no rule', '[]', ['/chat', '/hook']],
  ['a rule that says nothing of receivers', '[{ severity: critical }]', ['/chat', '/hook']],
  ['a rule that names one', '[{ receivers: [chat] }]', ['/chat']],
  ['a rule that names nobody', '[{ receivers: [] }]', []],
  ['the first rule that names any', '[{ receivers: [] }, { receivers: [chat] }]', []],
];
for (const [name, rules, expected] of table) {
  test(`${name}: told are ${expected.join(', ') || 'none'}`, async (context) => {
    const bench = new DeliveryBench(context);
    const endpoint = await bench.endpoint();
    const configPath = join(bench.directory, 'stuckd.yaml');
    const receivers = ['hook', 'chat'].map((receiver) => {
      return `{ name: ${receiver}, type: webhook, url: '${endpoint.url}/${receiver}', allowLoopback: true }`;
    });
    // Fires as soon as it can.
    const kinds = '{ retransmitting: { alert: { after: 0s } } }';
    writeFileSync(configPath, `kinds: ${kinds}\nrules: ${rules}\nreceivers: [${receivers.join(', ')}]\n`);
    const config = loadConfig({ configPath }, {});
    const records = new FakeRecords();
    const engine = new AlertEngine({
      config: alertConfig(config, receiverNames(config)),
      clock: { ...createClock(), nowUs: () => EPOCH_MONO_US + performance.now() * 1000 },
      records,
      workloads: createWorkloads(),
      totals: NO_TOTALS,
      onSaveable: () => undefined,
    });
    context.after(() => {
      engine.stop();
    });
    engine.settle();
    const delivery = await bench.start(config.receivers, { source: engine });
    records.timeUs = EPOCH_MONO_US;
    const times = { sinceUs: EPOCH_MONO_US, detectedUs: EPOCH_MONO_US };
    records.change('opened', createRecord({ remote: { address: '10.0.0.2', port: 8000 }, ...times }));
    await waitFor(() => engine.firing().length === 1, { what: 'the alert' });
    await settled(delivery);
    assert.deepEqual(endpoint.received.map(({ path }) => path).sort(), expected);
  });
}
