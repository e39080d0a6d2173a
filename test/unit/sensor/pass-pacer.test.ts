/** Proves that a sweep that is asked for comes soon, and that many who ask within a moment share one. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { PassPacer } from '../../../daemon/sensor/pass-pacer.js';
import { encodePass } from '../../../daemon/wire/command-encoder.js';
import { EMPTY_PASS } from '../../support/snapshot-builder.js';

const SWEEP: PassReport = { ...EMPTY_PASS, edge: 'end', kind: 'sweep', passId: 1, monoUs: 1 };

/** The commands differ in nothing but the kind of the pass. */
function isSweep(command: Uint8Array): boolean {
  return Buffer.compare(command, encodePass('sweep')) === 0;
}

let nowMs: number;
let sweepMs: number;
let sweeps: number[];
let others: number[];
let pacer: PassPacer;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  nowMs = 1000;
  sweepMs = 1;
  sweeps = [];
  others = [];
  pacer = new PassPacer(
    {
      send: (command) => {
        (isSweep(command) ? sweeps : others).push(nowMs);
      },
    },
    () => ({ ...SWEEP, cpuUs: sweepMs * 1000, durationUs: 30_000_000 }),
    () => nowMs * 1000,
  );
});

afterEach(() => {
  mock.timers.reset();
});

function pass(ms: number): void {
  for (let tick = 0; tick < ms; tick += 1) {
    nowMs += 1;
    mock.timers.tick(1);
  }
}

test('the change that asks for it goes first', () => {
  pacer.request('sweep');
  assert.deepEqual(sweeps, []);
  pass(10);
  assert.deepEqual(sweeps, [1010]);
  pass(5000);
  assert.deepEqual(sweeps, [1010]);
});

test('who asks while one is due shares it, who asks afterwards gets the next', () => {
  for (let requests = 0; requests < 55; requests += 1) {
    pacer.request('sweep');
    pass(1);
  }
  assert.deepEqual(sweeps, [1010]);
  pass(100);
  assert.deepEqual(sweeps, [1010, 1110]);
});

test('after a calm time it comes at once again', () => {
  pacer.request('sweep');
  pass(500);
  pacer.request('sweep');
  pass(10);
  assert.deepEqual(sweeps, [1010, 1510]);
});

test('where a sweep is dear, the next waits for several times as long', () => {
  sweepMs = 60;
  pacer.request('sweep');
  pass(10);
  pacer.request('sweep');
  pass(299);
  assert.deepEqual(sweeps, [1010]);
  pass(1);
  assert.deepEqual(sweeps, [1010, 1310]);
});

test('it never waits for longer than a second', () => {
  sweepMs = 900;
  pacer.request('sweep');
  pass(10);
  pacer.request('sweep');
  pass(1000);
  assert.deepEqual(sweeps, [1010, 2010]);
});

test('what a sensor that is gone was asked for is not sent to the next one, which is asked anew', () => {
  sweepMs = 900;
  pacer.request('sweep');
  pass(10);
  pacer.request('sweep');
  pacer.sensorDown();
  pass(5000);
  assert.deepEqual(sweeps, [1010]);
  pacer.request('sweep');
  pass(10);
  assert.deepEqual(sweeps, [1010, 6020]);
});

test('a refresh waits for nothing', () => {
  pacer.request('sweep');
  pacer.request('refresh');
  pacer.request('refresh_full');
  assert.deepEqual(others, [1000, 1000]);
  assert.deepEqual(sweeps, []);
});
