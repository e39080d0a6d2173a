/**
 * Proves what the sensor is told, and when: once for all that comes at the same time, nothing while it is down, everything
 * when it is new, and what is not of interest any more. Cannot prove what the sensor makes of it: see
 * test/kernel/grouping.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { interestKey } from '../../../daemon/core/interest.js';
import type { RecordChange } from '../../../daemon/core/ports.js';
import { NO_COUNTS, type SensorRecord } from '../../../daemon/core/sensor-records.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { TotalsEngine } from '../../../daemon/tracker/totals-engine.js';
import { EMPTY_PASS } from '../../support/snapshot-builder.js';
import { createRecord } from '../rpc/sample-records.js';

const PEER = '1 peer 10.0.0.2 8000';
const PROCESS = '2 process 12900';
const HZ = 250;

/** What comes last with every sweep. */
const COUNTERS: SensorRecord = { type: 'counters', counters: NO_COUNTS };

function sweepEnd(changes: Partial<PassReport> = {}): SensorRecord {
  return { type: 'pass', pass: { ...EMPTY_PASS, edge: 'end', kind: 'sweep', passId: 9, monoUs: 0, ...changes } };
}

class Bench {
  readonly told: string[] = [];
  nowUs = 0;
  readonly engine = new TotalsEngine({
    sensor: {
      count: (id, interest) => this.told.push(`count ${id} ${interestKey(interest)}`),
      uncount: (id, interest) => this.told.push(`uncount ${id} ${interestKey(interest)}`),
      requestSweep: () => this.told.push('sweep'),
    },
    nowUs: () => this.nowUs,
    onCounted: () => this.told.push('counted'),
  });

  change(kind: RecordChange['kind'], record: Partial<StuckRecord> = {}): void {
    this.engine.change({ kind, timeUs: 0, record: createRecord(record) });
  }

  /** @returns what was told since the last call. */
  take(): string[] {
    return this.told.splice(0);
  }
}

describe('what the sensor is told', () => {
  test('a storm makes one command for each peer and process, and asks for one sweep', async () => {
    const bench = new Bench();
    bench.engine.sensorUp(HZ);
    for (let index = 0; index < 100; index += 1) {
      bench.change('opened', { id: `r${index}` });
    }
    assert.deepEqual(bench.take(), []);
    await nextTurn();
    assert.deepEqual(bench.take(), [`count ${PEER}`, `count ${PROCESS}`, 'sweep']);
  });

  test('an owner is worth no sweep of its own: sweeps found it', async () => {
    const bench = new Bench();
    bench.engine.sensorUp(HZ);
    bench.change('opened', { owner: null });
    await nextTurn();
    bench.take();
    bench.change('updated');
    await nextTurn();
    assert.deepEqual(bench.take(), [`count ${PROCESS}`]);
  });

  test('nothing while there is no sensor; the next one is told everything', async () => {
    const bench = new Bench();
    bench.change('opened');
    await nextTurn();
    assert.deepEqual(bench.take(), []);
    bench.engine.sensorUp(HZ);
    assert.deepEqual(bench.take(), [`count ${PEER}`, `count ${PROCESS}`, 'sweep']);
    bench.engine.sensorDown();
    bench.change('opened', { id: 'b', direction: 'inbound', owner: null });
    await nextTurn();
    bench.engine.sensorUp(HZ);
    assert.deepEqual(bench.take(), [`count ${PEER}`, `count ${PROCESS}`, 'count 3 listener 41000', 'sweep']);
  });

  test('what ended is taken back with a sweep, a minute later', async () => {
    const bench = new Bench();
    bench.engine.sensorUp(HZ);
    bench.change('opened');
    await nextTurn();
    bench.change('ended');
    await nextTurn();
    bench.take();
    bench.engine.take([COUNTERS]);
    assert.deepEqual(bench.take(), []);
    bench.nowUs = 60_000_000;
    bench.engine.take([COUNTERS]);
    assert.deepEqual(bench.take(), [`uncount ${PEER}`, `uncount ${PROCESS}`]);
  });

  test('that totals are there is said at the end of a sweep, and of a complete one only', () => {
    const bench = new Bench();
    bench.engine.sensorUp(HZ);
    for (const other of [{ edge: 'begin' }, { kind: 'refresh' }, { error: 12 }] as const) {
      bench.engine.take([sweepEnd(other)]);
    }
    assert.deepEqual(bench.take(), []);
    bench.engine.take([sweepEnd(), COUNTERS]);
    assert.deepEqual(bench.take(), ['counted']);
  });

  test('nothing after the end', async () => {
    const bench = new Bench();
    bench.engine.sensorUp(HZ);
    bench.change('opened');
    bench.engine.stop();
    await nextTurn();
    assert.deepEqual(bench.take(), []);
  });

  test('interests beyond what the sensor can count are counted themselves', async () => {
    const bench = new Bench();
    bench.engine.sensorUp(HZ);
    for (let port = 1; port <= 4100; port += 1) {
      bench.change('opened', { id: `r${port}`, owner: null, remote: { address: '10.0.0.2', port } });
    }
    await nextTurn();
    assert.equal(bench.engine.uncounted, 4);
  });
});
