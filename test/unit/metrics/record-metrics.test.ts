// Proves what becomes of changes of records in the metrics, read back from the text that Prometheus gets: which counter,
// which labels, which bucket; and that labels from outside cannot make more series than they have room for. The records are
// made by hand; real ones are in test/acceptance/metrics.test.ts and test/kernel.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { WallClock } from '../../../daemon/core/ports.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import type { Workload } from '../../../daemon/core/workload.js';
import { MetricSet } from '../../../daemon/metrics/metric-set.js';
import { RecordMetrics } from '../../../daemon/metrics/record-metrics.js';
import type { WorkloadLabel } from '../../../daemon/metrics/workload-labels.js';
import { createClock, createRecord, EPOCH_MONO_US, FakeRecords, WORKLOAD } from '../rpc/sample-records.js';
import { nonZero, samplesOf } from './samples.js';

const SECOND_US = 1_000_000;

/** When the daemon starts; the records are younger. */
const START_US = EPOCH_MONO_US - 2000 * SECOND_US;

let records: FakeRecords;
let metrics: MetricSet;
let nowUs: number;
let workloads: Map<string, Workload>;

beforeEach(() => {
  records = new FakeRecords();
  nowUs = START_US;
  workloads = new Map();
});

function create(workloadLabels: readonly WorkloadLabel[] = [], maxWorkloads = 500): RecordMetrics {
  metrics = new MetricSet(workloadLabels);
  const clock: WallClock = { ...createClock(), nowUs: () => nowUs };
  const workloadOf = ({ id }: StuckRecord): Workload | null => workloads.get(id) ?? null;
  const recordMetrics = new RecordMetrics({
    ...{ metrics, records, workloads: { workloadOf }, clock, workloadLabels, maxWorkloads },
  });
  records.subscribe((change) => {
    recordMetrics.take(change);
  });
  nowUs = EPOCH_MONO_US;
  return recordMetrics;
}

async function scrape(recordMetrics: RecordMetrics): Promise<string> {
  recordMetrics.update();
  return (await metrics.render()).text;
}

/** What a record that ended `seconds` after it got stuck has in common. */
function ended(outcome: StuckRecord['outcome'], seconds: number, changes: Partial<StuckRecord> = {}): StuckRecord {
  const record = createRecord(changes);
  return { ...record, outcome, endUs: record.sinceUs + seconds * SECOND_US };
}

describe('the life of a record', () => {
  test('it is stuck, by kind and direction, until it has ended; then its end is counted', async () => {
    const recordMetrics = create();
    records.change('opened', createRecord({ id: 'a' }));
    records.change('opened', createRecord({ id: 'b', kind: 'closing', direction: 'inbound' }));
    records.change('opened', createRecord({ id: 'c' }));
    records.change('updated', createRecord({ id: 'c' }));
    const stuck = await scrape(recordMetrics);
    assert.deepEqual(nonZero(stuck, 'stuckd_stuck_connections'), {
      'kind="retransmitting",direction="outbound"': 2,
      'kind="closing",direction="inbound"': 1,
    });
    assert.deepEqual(nonZero(stuck, 'stuckd_records_opened_total'), {
      'kind="retransmitting"': 2,
      'kind="closing"': 1,
    });
    assert.deepEqual(nonZero(stuck, 'stuckd_records_ended_total'), {});

    records.change('ended', ended('recovered', 90, { id: 'a' }));
    records.change('ended', ended('timed_out', 90, { id: 'c' }));
    const after = await scrape(recordMetrics);
    assert.deepEqual(nonZero(after, 'stuckd_stuck_connections'), { 'kind="closing",direction="inbound"': 1 });
    assert.deepEqual(nonZero(after, 'stuckd_records_ended_total'), {
      'kind="retransmitting",outcome="recovered"': 1,
      'kind="retransmitting",outcome="timed_out"': 1,
    });
  });

  test('a kind that changes is counted as opened under the first and as ended under the last', async () => {
    const recordMetrics = create();
    records.change('opened', createRecord({ id: 'a' }));
    records.change('updated', createRecord({ id: 'a', kind: 'closing' }));
    records.change('ended', ended('timed_out', 80, { id: 'a', kind: 'closing' }));
    const text = await scrape(recordMetrics);
    assert.deepEqual(nonZero(text, 'stuckd_records_opened_total'), { 'kind="retransmitting"': 1 });
    assert.deepEqual(nonZero(text, 'stuckd_records_ended_total'), { 'kind="closing",outcome="timed_out"': 1 });
  });

  test('every series that is known in advance is there from the start, as 0', async () => {
    const text = await scrape(create());
    const samples = samplesOf(text);
    assert.equal(samples.get('stuckd_records_opened_total{kind="zombie"}'), 0);
    assert.equal(samples.get('stuckd_records_ended_total{kind="zombie",outcome="destroyed"}'), 0);
    assert.equal(samples.get('stuckd_stuck_connections{kind="unread",direction="inbound"}'), 0);
    assert.equal(samples.get('stuckd_stuck_connections{kind="unread",direction="unknown"}'), undefined);
    assert.equal(samples.get('stuckd_stuck_duration_seconds_count{kind="unread"}'), 0);
    assert.equal(samples.get('stuckd_kernel_give_ups_total{cause="keepalive"}'), 0);
  });

  test('since when the oldest is stuck, as a time; nothing where nothing is', async () => {
    const recordMetrics = create();
    const clock = createClock();
    records.change('opened', createRecord({ id: 'a', sinceUs: EPOCH_MONO_US - 70 * SECOND_US }));
    records.change('opened', createRecord({ id: 'b', sinceUs: EPOCH_MONO_US - 90 * SECOND_US }));
    records.change('opened', createRecord({ id: 'c', sinceUs: EPOCH_MONO_US - 80 * SECOND_US }));
    assert.deepEqual(nonZero(await scrape(recordMetrics), 'stuckd_oldest_stuck_timestamp_seconds'), {
      'kind="retransmitting"': clock.monoToRealUs(EPOCH_MONO_US - 90 * SECOND_US) / SECOND_US,
    });
    records.change('ended', ended('recovered', 90, { id: 'a' }));
    records.change('ended', ended('recovered', 90, { id: 'b' }));
    records.change('ended', ended('recovered', 90, { id: 'c' }));
    assert.doesNotMatch(await scrape(recordMetrics), /^stuckd_oldest_stuck/m);
  });
});

describe('how long', () => {
  test('durations fall into their buckets', async () => {
    const recordMetrics = create();
    for (const seconds of [0.5, 4, 30, 30.1, 10_000]) {
      records.change('ended', ended('recovered', seconds, { id: `c${seconds}` }));
    }
    const samples = samplesOf(await scrape(recordMetrics));
    const bucket = (le: string): number | undefined =>
      samples.get(`stuckd_stuck_duration_seconds_bucket{le="${le}",kind="retransmitting"}`);
    assert.deepEqual(['1', '5', '30', '60', '7200', '+Inf'].map(bucket), [1, 2, 3, 4, 4, 5]);
    const sum = samples.get('stuckd_stuck_duration_seconds_sum{kind="retransmitting"}') ?? 0;
    assert.ok(Math.abs(sum - 10_064.6) < 1e-6, sum.toString());
  });

  test('time in limbo grows while connections are stuck, and each second counts once', async () => {
    const recordMetrics = create();
    const limbo = async (): Promise<number | undefined> =>
      nonZero(await scrape(recordMetrics), 'stuckd_limbo_seconds_total')['kind="retransmitting"'];
    records.change('opened', createRecord({ id: 'a', sinceUs: nowUs - 10 * SECOND_US }));
    assert.equal(await limbo(), 10);
    assert.equal(await limbo(), 10);
    nowUs += 5 * SECOND_US;
    assert.equal(await limbo(), 15);
    records.change('opened', createRecord({ id: 'b', sinceUs: nowUs - 2 * SECOND_US }));
    nowUs += SECOND_US;
    assert.equal(await limbo(), 19);
    // It ended before the last scrape, as a late report may say: what was told is not taken back, and made up for.
    const sinceUs = nowUs - 16 * SECOND_US;
    records.change('ended', {
      ...createRecord({ id: 'a', sinceUs }),
      outcome: 'recovered',
      endUs: nowUs - 3 * SECOND_US,
    });
    assert.equal(await limbo(), 19);
    nowUs += 4 * SECOND_US;
    assert.equal(await limbo(), 13 + 7);
    // And what nobody asked for meanwhile counts all the same.
    records.change('opened', createRecord({ id: 'c', kind: 'unread', sinceUs: nowUs }));
    nowUs += 6 * SECOND_US;
    const sinceC = nowUs - 6 * SECOND_US;
    const endC = { kind: 'unread', sinceUs: sinceC, outcome: 'recovered', endUs: nowUs } as const;
    records.change('ended', createRecord({ id: 'c', ...endC }));
    const unread = nonZero(await scrape(recordMetrics), 'stuckd_limbo_seconds_total')['kind="unread"'];
    assert.equal(unread, 6);
  });

  test('time in limbo is that of the kind which the connection has at the time', async () => {
    const recordMetrics = create();
    records.change('opened', createRecord({ id: 'a', sinceUs: nowUs - 10 * SECOND_US }));
    nowUs += 5 * SECOND_US;
    records.change('updated', createRecord({ id: 'a', kind: 'closing' }));
    nowUs += 3 * SECOND_US;
    records.change('updated', createRecord({ id: 'a', kind: 'closing' }));
    assert.deepEqual(nonZero(await scrape(recordMetrics), 'stuckd_limbo_seconds_total'), {
      'kind="retransmitting"': 15,
      'kind="closing"': 3,
    });
    records.change('ended', { ...ended('timed_out', 0, { id: 'a', kind: 'closing' }), endUs: nowUs });
    nowUs += 100 * SECOND_US;
    assert.equal(nonZero(await scrape(recordMetrics), 'stuckd_limbo_seconds_total')['kind="closing"'], 3);
  });

  test('of what a restart brought back, only the time after it; and it was counted by the run before', async () => {
    const recordMetrics = create();
    const sinceUs = START_US - 1000 * SECOND_US;
    records.change('opened', createRecord({ id: 'a', sinceUs, detectedUs: sinceUs + 2 * SECOND_US }));
    nowUs = START_US + 3 * SECOND_US;
    const text = await scrape(recordMetrics);
    assert.deepEqual(nonZero(text, 'stuckd_limbo_seconds_total'), { 'kind="retransmitting"': 3 });
    assert.deepEqual(nonZero(text, 'stuckd_records_opened_total'), {});
    assert.deepEqual(nonZero(text, 'stuckd_stuck_connections'), { 'kind="retransmitting",direction="outbound"': 1 });
  });

  test('of what had been stuck for days when it was found, only the time since the daemon looks', async () => {
    const recordMetrics = create();
    const sinceUs = START_US - 260_000 * SECOND_US;
    records.change('opened', createRecord({ id: 'a', kind: 'close_wait', sinceUs, detectedUs: START_US + SECOND_US }));
    nowUs = START_US + 5 * SECOND_US;
    const text = await scrape(recordMetrics);
    assert.deepEqual(nonZero(text, 'stuckd_limbo_seconds_total'), { 'kind="close_wait"': 5 });
    assert.deepEqual(nonZero(text, 'stuckd_records_opened_total'), { 'kind="close_wait"': 1 });
  });
});

describe('what the kernel did', () => {
  const giveUp = (reason: 'user_timeout' | 'keepalive'): StuckRecord['giveUp'] => ({
    ...{ never: false, timeUs: EPOCH_MONO_US, latestTimeUs: null, retransmitsLeft: 0, expectedError: 'ETIMEDOUT' },
    reason,
  });
  const cases: readonly (readonly [string, Partial<StuckRecord>, string | null])[] = [
    [
      'the limit of the last forecast',
      { giveUp: giveUp('user_timeout'), detectedGiveUp: giveUp('keepalive') },
      'user_timeout',
    ],
    ['of the first one, where the last is gone', { giveUp: null, detectedGiveUp: giveUp('keepalive') }, 'keepalive'],
    ['or said never', { giveUp: { never: true }, detectedGiveUp: giveUp('keepalive') }, 'keepalive'],
    ['no forecast at all', { giveUp: null }, 'unknown'],
    ['an ICMP error', { outcome: 'unreachable', giveUp: giveUp('keepalive') }, 'unreachable'],
    ['somebody else ended it', { outcome: 'closed_by_application', giveUp: giveUp('keepalive') }, null],
  ];
  for (const [name, changes, cause] of cases) {
    test(`cause: ${name}`, async () => {
      const recordMetrics = create();
      records.change('ended', { ...ended('timed_out', 10, { id: 'a' }), ...changes });
      const counted = nonZero(await scrape(recordMetrics), 'stuckd_kernel_give_ups_total');
      assert.deepEqual(counted, cause === null ? {} : { [`cause="${cause}"`]: 1 });
    });
  }

  test('by how much forecasts were off, whichever way', async () => {
    const recordMetrics = create();
    for (const forecastErrorUs of [0, 3000, -3000, 2 * SECOND_US, null]) {
      records.change('ended', ended('timed_out', 10, { id: `c${forecastErrorUs}`, forecastErrorUs }));
    }
    const samples = samplesOf(await scrape(recordMetrics));
    const bucket = (le: string): number | undefined => samples.get(`stuckd_forecast_error_seconds_bucket{le="${le}"}`);
    assert.deepEqual(['0.001', '0.0025', '0.005', '0.5', '2.5', '+Inf'].map(bucket), [1, 1, 3, 3, 4, 4]);
  });
});

describe('labels of workloads', () => {
  const open = (id: string, pod: string, changes: Partial<StuckRecord> = {}): void => {
    workloads.set(id, { ...WORKLOAD, podNamespace: 'shop', pod });
    records.change('opened', createRecord({ id, ...changes }));
  };

  test('they are there when they are asked for, and empty where nothing is known', async () => {
    const recordMetrics = create(['namespace', 'pod']);
    open('a', 'cart-0');
    records.change('opened', createRecord({ id: 'b' }));
    const text = await scrape(recordMetrics);
    const kind = 'kind="retransmitting",direction="outbound"';
    assert.deepEqual(nonZero(text, 'stuckd_stuck_connections'), {
      [`${kind},namespace="shop",pod="cart-0"`]: 1,
      [`${kind},namespace="",pod=""`]: 1,
    });
    assert.equal(
      nonZero(text, 'stuckd_workload_records_opened_total')['kind="retransmitting",namespace="shop",pod="cart-0"'],
      1,
    );
  });

  test('a record is counted when it is known to whom it belongs, as what it opened as; or when it ends', async () => {
    const recordMetrics = create(['pod']);
    const opened = async (): Promise<Readonly<Record<string, number>>> =>
      nonZero(await scrape(recordMetrics), 'stuckd_workload_records_opened_total');
    open('a', '', { ownerType: 'pending' });
    open('b', '', { ownerType: 'pending' });
    assert.deepEqual(await opened(), {});
    workloads.set('a', { ...WORKLOAD, pod: 'cart-0' });
    records.change('updated', createRecord({ id: 'a', kind: 'closing' }));
    records.change('updated', createRecord({ id: 'a', kind: 'closing' }));
    assert.deepEqual(await opened(), { 'kind="retransmitting",pod="cart-0"': 1 });
    records.change('ended', ended('recovered', 9, { id: 'b', ownerType: 'pending' }));
    assert.deepEqual(await opened(), { 'kind="retransmitting",pod="cart-0"': 1, 'kind="retransmitting",pod=""': 1 });
  });

  test('what is beyond the cap is "other": no connection is lost, and the largest groups have names', async () => {
    const recordMetrics = create(['pod'], 2);
    for (const [id, pod] of ['a-small', 'z-big', 'z-big', 'y-mid', 'z-big', 'y-mid', 'b-tiny'].entries()) {
      open(`c${id}`, pod);
    }
    const text = await scrape(recordMetrics);
    const kind = 'kind="retransmitting",direction="outbound"';
    assert.deepEqual(nonZero(text, 'stuckd_stuck_connections'), {
      [`${kind},pod="z-big"`]: 3,
      [`${kind},pod="y-mid"`]: 2,
      [`${kind},pod="other"`]: 2,
    });
    // Counters know no sizes in advance: first come, first served.
    assert.deepEqual(nonZero(text, 'stuckd_workload_records_opened_total'), {
      'kind="retransmitting",pod="a-small"': 1,
      'kind="retransmitting",pod="z-big"': 3,
      'kind="retransmitting",pod="other"': 3,
    });
    assert.equal(samplesOf(text).get('stuckd_workloads_folded'), 2);
    assert.equal(samplesOf(await scrape(recordMetrics)).get('stuckd_workloads_folded'), 2, 'a scrape changes nothing');
  });

  test('a workload that is called "other" is in one series with those that have no room', async () => {
    const recordMetrics = create(['pod'], 2);
    for (const [id, pod] of ['other', 'other', 'other', 'b', 'b', 'c'].entries()) {
      open(`c${id}`, pod);
    }
    assert.deepEqual(nonZero(await scrape(recordMetrics), 'stuckd_stuck_connections'), {
      'kind="retransmitting",direction="outbound",pod="other"': 4,
      'kind="retransmitting",direction="outbound",pod="b"': 2,
    });
  });

  test('what is counted without labels of workloads is the same with and without them', async () => {
    const recordMetrics = create(['pod'], 1);
    open('a', 'x', { ownerType: 'pending' });
    open('b', 'y');
    open('c', 'z');
    assert.deepEqual(nonZero(await scrape(recordMetrics), 'stuckd_records_opened_total'), {
      'kind="retransmitting"': 3,
    });
    assert.doesNotMatch(await scrape(create()), /stuckd_workload_records_opened_total/);
  });

  test('a pod for which nothing gets stuck for an hour makes room for another', async () => {
    const recordMetrics = create(['pod'], 1);
    open('a', 'old');
    nowUs += 3599 * SECOND_US;
    assert.match(
      await scrape(recordMetrics),
      /^stuckd_workload_records_opened_total\{kind="retransmitting",pod="old"\} 1$/m,
    );
    nowUs += SECOND_US;
    assert.doesNotMatch(
      await scrape(recordMetrics),
      /^stuckd_workload_records_opened_total\{kind="retransmitting",pod="old"\}/m,
    );
    open('b', 'new');
    const counted = nonZero(await scrape(recordMetrics), 'stuckd_workload_records_opened_total');
    assert.deepEqual(counted, { 'kind="retransmitting",pod="new"': 1 });
  });

  test('whatever a name holds, the text stays one that can be read', async () => {
    const recordMetrics = create(['pod']);
    open('a', 'a"b\\c\nstuckd_problems 99\n');
    const text = await scrape(recordMetrics);
    assert.equal(samplesOf(text).get('stuckd_problems'), 0);
    assert.match(text, /pod="a\\"b\\\\c\\nstuckd_problems 99\\n"/);
  });
});
