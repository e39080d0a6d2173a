// Proves that the sensor needs no address of a kernel symbol: with kernel.kptr_restrict=2, where every address reads as 0,
// it still finds the keepalive timers by themselves, as they run. It cannot prove that nothing else of the machine needs
// them.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { createTwoHosts } from '../support/lab.js';
import { connectProbing } from '../support/probing-connection.js';
import { SensorUnderTest } from '../support/sensor-under-test.js';

const SYSCTL = '/proc/sys/kernel/kptr_restrict';

test('keepalive probes without an answer are seen as they are sent, with no address to be had', async (t) => {
  const before = readFileSync(SYSCTL, 'utf8');
  t.after(() => {
    writeFileSync(SYSCTL, before);
  });
  writeFileSync(SYSCTL, '2');
  const [line = ''] = readFileSync('/proc/kallsyms', 'utf8').split('\n');
  assert.match(line, /^0+ /, 'addresses are hidden');

  const hosts = await createTwoHosts(t);
  const sensor = await SensorUnderTest.start(t);
  const { localPort } = await connectProbing(hosts);
  await hosts.link.cut();
  const event = await sensor.waitEvent(hosts.client.inode, localPort, 'keepalive');
  assert.ok(event.probesOut >= 1);
});
