// Proves that a scrape of a whole daemon agrees with what the same daemon tells a gRPC client, over a recorded incident: what
// is stuck, opened and ended, how the sensor and the configuration fare, and readiness from the start to a lost sensor. The
// stream is recorded and time is that of the recording; test/kernel has a scrape during a real incident.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { METRICS } from '../../daemon/metrics/catalogue.js';
import { knownValues, type MetricSpec } from '../../daemon/metrics/metric-spec.js';
import { waitFor } from '../support/wait-for.js';
import { nonZero, samplesOf } from '../unit/metrics/samples.js';
import { listAll, ReplayBench, type RunningDaemon } from './replay-bench.js';
import { loadRecording } from './replay-recording.js';

const recording = loadRecording();

let bench: ReplayBench;

beforeEach(() => {
  bench = new ReplayBench(recording);
});

afterEach(async () => {
  await bench.close();
});

async function page({ app }: RunningDaemon, path: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(`http://${app.httpAddress ?? ''}${path}`, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.text() };
}

async function scrape(daemon: RunningDaemon): Promise<string> {
  const { status, body } = await page(daemon, '/metrics');
  assert.equal(status, 200);
  return body;
}

/** Counts of the records, named as the labels name them: kind and, with outcomes, outcome. */
async function countListed({ client }: RunningDaemon, isEnded: boolean): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { kind, outcome } of await listAll(client, true)) {
    if ((outcome !== undefined) === isEnded) {
      const labels = `kind="${short(kind)}"${outcome === undefined ? '' : `,outcome="${short(outcome)}"`}`;
      counts[labels] = (counts[labels] ?? 0) + 1;
    }
  }
  return counts;
}

function short(name: string): string {
  return name.replace(/^(STUCK_KIND|OUTCOME)_/, '').toLowerCase();
}

/** Without the directions. */
function stuckByKind(text: string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [labels, value] of Object.entries(nonZero(text, 'stuckd_stuck_connections'))) {
    const kind = labels.replace(/,direction="\w+"$/, '');
    counts[kind] = (counts[kind] ?? 0) + value;
  }
  return counts;
}

/** Every sample belongs to a metric of the catalogue, or to those that every Node.js program has, and has its labels. */
function assertKnown(text: string): void {
  const specs = new Map(Object.values<MetricSpec>(METRICS).map((spec) => [spec.name, spec]));
  for (const series of samplesOf(text).keys()) {
    const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? [];
    if (/^(process|nodejs)_/.test(name)) {
      continue;
    }
    const spec = specs.get(name) ?? specs.get(name.replace(/_(bucket|sum|count)$/, ''));
    assert.ok(spec !== undefined, `${name} is not in the catalogue`);
    const found = [...labels.matchAll(/(\w+)="([^"]*)"/g)].filter(([, label]) => label !== 'le');
    assert.deepEqual(found.map(([, label]) => label).sort(), Object.keys(spec.labels).sort(), series);
    for (const [, label = '', value = ''] of found) {
      const values = knownValues(spec.labels[label] ?? []);
      assert.ok(values === null || values.includes(value), `${series}: ${label} has no value ${value}`);
    }
  }
}

test('an incident from beginning to end: each scrape says what gRPC says', async () => {
  const daemon = await bench.startDaemon();
  const early = await page(daemon, '/readyz');
  assert.equal(early.status, 503);
  assert.match(early.body, /^not ready\n- the sensor is not running \(starting\)/);
  assert.equal((await page(daemon, '/healthz')).status, 200);
  assert.equal(samplesOf(await scrape(daemon)).get('stuckd_ready'), 0);

  await bench.playTo('quiet');
  await bench.untilStatus(daemon, 'healthy', ({ healthy }) => healthy);
  assert.deepEqual(await page(daemon, '/readyz'), { status: 200, body: 'ready\n' });
  const quiet = await scrape(daemon);
  assertKnown(quiet);
  for (const { name, workloadLabels } of Object.values<MetricSpec>(METRICS)) {
    assert.equal(quiet.includes(`# TYPE ${name} `), workloadLabels !== 'required', name);
  }
  assert.deepEqual(stuckByKind(quiet), {});
  assert.equal(samplesOf(quiet).get('stuckd_ready'), 1);
  assert.ok((samplesOf(quiet).get('stuckd_connections') ?? 0) >= 8);
  assert.ok((samplesOf(quiet).get('stuckd_sweep_duration_seconds_count') ?? 0) >= 1);
  const probes = nonZero(quiet, 'stuckd_probe_attached');
  const { sensor } = await daemon.client.getStatus();
  assert.deepEqual(
    Object.keys(probes).sort(),
    (sensor?.programs ?? [])
      .filter(({ attached }) => attached === true)
      .map(({ name }) => `probe="${name ?? ''}"`)
      .sort(),
  );

  await bench.playTo('black-holes');
  const stuck = await scrape(daemon);
  assert.equal(stuckByKind(stuck)['kind="retransmitting"'], 3);
  assert.deepEqual(stuckByKind(stuck), await countListed(daemon, false));

  await bench.playTo('end');
  const after = await scrape(daemon);
  assertKnown(after);
  assert.deepEqual(stuckByKind(after), await countListed(daemon, false));
  assert.deepEqual(nonZero(after, 'stuckd_records_ended_total'), await countListed(daemon, true));
  const { tracker } = await daemon.client.getStatus();
  const sum = (values: Readonly<Record<string, number>>): number => Object.values(values).reduce((a, b) => a + b, 0);
  assert.equal(sum(nonZero(after, 'stuckd_records_opened_total')), tracker?.opened?.toNumber());
  assert.ok(sum(nonZero(after, 'stuckd_kernel_give_ups_total')) >= 3, 'three of the recorded connections time out');
  assert.ok((nonZero(after, 'stuckd_limbo_seconds_total')['kind="retransmitting"'] ?? 0) > 1);
});

test('a sensor that is gone: not ready, with the reason, and ready again with the next one', async () => {
  const daemon = await bench.startDaemon();
  await bench.playTo('black-holes');
  await bench.connection.end();
  const lost = await waitFor(
    async () => {
      const answer = await page(daemon, '/readyz');
      return answer.status === 503 ? answer : null;
    },
    { what: 'not ready' },
  );
  assert.match(lost.body, /^not ready\n- the sensor is not running \(\w+\): .+; nothing new is detected\n$/);
  const text = await scrape(daemon);
  assert.equal(samplesOf(text).get('stuckd_sensor_up'), 0);
  assert.ok((samplesOf(text).get('stuckd_problems') ?? 0) >= 1);
  // What was stuck is still told: nobody knows better.
  assert.equal(stuckByKind(text)['kind="retransmitting"'], 3);

  await bench.playTo('end');
  assert.equal((await page(daemon, '/readyz')).status, 200);
  assert.ok((samplesOf(await scrape(daemon)).get('stuckd_sensor_restarts_total') ?? 0) >= 1);
});

test('a restart: what goes on was counted by the run before', async () => {
  const first = await bench.startDaemon();
  await bench.playTo('recovered');
  const before = await scrape(first);
  assert.ok((nonZero(before, 'stuckd_records_opened_total')['kind="retransmitting"'] ?? 0) >= 3);
  await first.app.stop();
  const second = await bench.startDaemon();
  await bench.playTo('end');
  const after = await scrape(second);
  assert.ok(
    Object.keys(nonZero(after, 'stuckd_records_ended_total')).length > 0,
    'records of the run before have ended',
  );
  assert.deepEqual(nonZero(after, 'stuckd_records_opened_total'), {});
});

test('a configuration that cannot be read is seen, until one can', async () => {
  const daemon = await bench.startDaemon();
  const reloaded = async (): Promise<number | undefined> =>
    samplesOf(await scrape(daemon)).get('stuckd_config_last_reload_successful');
  assert.equal(await reloaded(), 1);
  daemon.app.reloadFailed();
  assert.equal(await reloaded(), 0);
  daemon.app.reload(bench.config());
  assert.equal(await reloaded(), 1);
});

test('watches are counted by their stream, while they are open', async () => {
  const daemon = await bench.startDaemon();
  const subscribers = async (): Promise<Readonly<Record<string, number>>> =>
    nonZero(await scrape(daemon), 'stuckd_subscribers');
  assert.deepEqual(await subscribers(), {});
  const watcher = await bench.watch(daemon.client);
  assert.deepEqual(await subscribers(), { 'stream="connections"': 1 });
  watcher.stop();
  await waitFor(async () => Object.keys(await subscribers()).length === 0, { what: 'the end of the watch' });
});

test('off is off', async () => {
  const { app } = await bench.startDaemon({ http: { address: 'off' } });
  assert.equal(app.httpAddress, null);
});
