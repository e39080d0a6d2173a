/** Proves the order in which records are taken while the end of a sweep is worked out piece by piece. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, test } from 'node:test';
import type { SensorRecord } from '../../../daemon/core/sensor-records.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { SensorIntake } from '../../../daemon/sensor-intake.js';
import { EMPTY_PASS } from '../../support/snapshot-builder.js';
import { waitFor } from '../../support/wait-for.js';

const PIECES = 3;

function pass(passId: number, edge: PassReport['edge']): SensorRecord {
  return { type: 'pass', pass: { edge, kind: 'sweep', passId, monoUs: 0, ...EMPTY_PASS } };
}

function wordOf(record: SensorRecord): string {
  return record.type === 'pass' ? `${record.pass.edge} ${record.pass.passId}` : record.type;
}

let said: string[];
let left: number;
let intake: SensorIntake;

beforeEach(() => {
  said = [];
  left = 0;
  const tracker = {
    take: (records: readonly SensorRecord[]) => {
      assert.equal(left, 0, 'nothing is taken before the end of a pass is done');
      said.push(`take ${records.map(wordOf).join()}`);
      left = records.some((record) => record.type === 'pass' && record.pass.edge === 'end') ? PIECES : 0;
    },
    get isConcluding() {
      return left > 0;
    },
    goOn: () => {
      left -= 1;
      said.push('go on');
    },
  };
  intake = new SensorIntake(tracker, (records) => said.push(`taken ${records.map(wordOf).join()}`));
});

const GO_ON = Array.from({ length: PIECES }, () => 'go on');

test('what is no end of a pass is passed on at once', () => {
  intake.take([pass(1, 'begin')]);
  assert.deepEqual(said, ['take begin 1', 'taken begin 1']);
  assert.equal(intake.isBusy, false);
});

test('what comes behind the end of a pass waits until that is done, which is a piece a turn', async () => {
  intake.take([pass(1, 'begin'), pass(1, 'end'), pass(2, 'begin')]);
  intake.take([pass(2, 'end')]);
  assert.deepEqual(said, ['take begin 1,end 1']);
  assert.equal(intake.isBusy, true);
  await turn();
  assert.ok(said.length <= 2);
  await waitFor(() => !intake.isBusy, { what: 'the end of both' });
  const first = ['take begin 1,end 1', ...GO_ON, 'taken begin 1,end 1', 'take begin 2', 'taken begin 2'];
  assert.deepEqual(said, [...first, 'take end 2', ...GO_ON, 'taken end 2']);
});

test('of a sensor that is gone all is taken at once', () => {
  intake.take([pass(1, 'end'), pass(2, 'begin')]);
  intake.finish();
  assert.deepEqual(said, ['take end 1', ...GO_ON, 'taken end 1', 'take begin 2', 'taken begin 2']);
  assert.equal(intake.isBusy, false);
});
