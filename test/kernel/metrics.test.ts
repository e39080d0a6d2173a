// Proves on the running kernel that an incident is in the metrics while it lasts and after it: a connection that is stuck, told
// by the unit of its process, and that the kernel gives up, with the cause and the forecast beside it. Other connections
// of this machine count as well, so only series with the unit of this test are compared exactly.
// It cannot prove what is in every metric; test/unit/metrics does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroup2Mount, cgroupSkipReason, TestCgroup } from '../support/cgroups.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS } from '../support/lab.js';
import { isPolling } from '../support/sensor-mode.js';
import { Sockprog } from '../support/sockprog.js';
import { StuckdUnderTest } from '../support/stuckd.js';
import { waitFor } from '../support/wait-for.js';
import { nonZero, samplesOf } from '../unit/metrics/samples.js';

const PORT = 8000;
/** With it the kernel gives up some 6 s after the first transmission. */
const RETRIES2 = 3;

const mount = cgroup2Mount();

test('a black hole that the kernel gives up', { skip: labSkipReason() || cgroupSkipReason(mount) }, async (t) => {
  const unit = `metrics-${process.pid}.service`;
  const hosts = await createTwoHosts(t);
  await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', RETRIES2);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  new TestCgroup(t, mount ?? '', `system.slice/${unit}`).add(client.pid);
  await client.connect('a', SERVER_ADDRESS, PORT);

  const stuckd = await StuckdUnderTest.start(t, {
    config: { http: { address: '127.0.0.1:0', metrics: { workloadLabels: ['unit'] } } },
  });
  const scrape = async (): Promise<string> => (await fetch(`${stuckd.httpOrigin}/metrics`)).text();
  const ready = await fetch(`${stuckd.httpOrigin}/readyz`);
  assert.equal(ready.status, 200, await ready.text());
  const ofUnit = (text: string, name: string): Readonly<Record<string, number>> =>
    Object.fromEntries(Object.entries(nonZero(text, name)).filter(([labels]) => labels.includes(`unit="${unit}"`)));
  const quiet = await scrape();
  assert.deepEqual(ofUnit(quiet, 'stuckd_stuck_connections'), {});
  assert.ok((samplesOf(quiet).get('stuckd_connections') ?? 0) >= 2, 'both ends of the connection');

  await hosts.link.cut();
  await client.command('send a 1000');
  const { id } = await stuckd.waitOpened(hosts.client, 'retransmitting');
  await stuckd.waitOwner(id);
  const stuck = await scrape();
  const labels = `kind="retransmitting",direction="outbound",unit="${unit}"`;
  assert.deepEqual(ofUnit(stuck, 'stuckd_stuck_connections'), { [labels]: 1 });
  const opened = { [`kind="retransmitting",unit="${unit}"`]: 1 };
  assert.deepEqual(ofUnit(stuck, 'stuckd_workload_records_opened_total'), opened);
  const oldest = nonZero(stuck, 'stuckd_oldest_stuck_timestamp_seconds')['kind="retransmitting"'] ?? 0;
  assert.ok(oldest > 0 && oldest * 1000 < Date.now());

  const { outcome, since, endTime, forecastError } = await stuckd.waitEnded(id);
  assert.equal(outcome, 'OUTCOME_TIMED_OUT');
  // Nobody sees the end itself by polling.
  assert.equal(forecastError === undefined, isPolling);
  const after = await scrape();
  assert.deepEqual(ofUnit(after, 'stuckd_stuck_connections'), {});
  assert.ok((nonZero(after, 'stuckd_kernel_give_ups_total')['cause="tcp_retries2"'] ?? 0) >= 1);
  assert.ok(isPolling || (samplesOf(after).get('stuckd_forecast_error_seconds_count') ?? 0) >= 1);
  const seconds = (Date.parse(endTime ?? '') - Date.parse(since)) / 1000;
  assert.ok((nonZero(after, 'stuckd_limbo_seconds_total')['kind="retransmitting"'] ?? 0) >= seconds - 0.001);
  await waitFor(async () => (nonZero(await scrape(), 'stuckd_sweep_duration_seconds_count')[''] ?? 0) >= 3, {
    what: 'three sweeps in the histogram',
  });
});
