/**
 * Proves that memory which grows with the records is told as so many bytes for each, that what fills up once at the start
 * is not, and that the heap of another process can be asked for what is alive in it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProcess } from '../../../daemon/demo/lab/managed-process.js';
import { INSPECT_FLAG, InspectedHeap, inspectorUrl } from '../../bench/inspected-heap.js';
import { type LeakResult, summarize } from '../../bench/leak-table.js';
import { LineTool } from '../../bench/tools.js';
import { waitFor } from '../../support/wait-for.js';

const ROUNDS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

function result(daemonKibOf: (round: number) => number): LeakResult {
  return {
    connections: 1000,
    idle: [],
    memory: ROUNDS.map((round) => ({
      records: 1000 * round,
      minutes: round / 10,
      daemonKib: daemonKibOf(round),
      sensorKib: 6000,
    })),
    heap: ROUNDS.map((round) => ({ records: 1000 * round, liveKib: daemonKibOf(round) / 2 })),
  };
}

interface LeakFigures {
  readonly daemon: { readonly bytesPerRecord: number; readonly kibPerMinute: number };
  readonly sensor: { readonly bytesPerRecord: number };
  readonly liveHeap: { readonly bytesPerRecord: number };
}

function figuresOf(given: LeakResult): LeakFigures {
  return summarize(given).figures as unknown as LeakFigures;
}

test('what each record leaves behind is a leak', () => {
  const { daemon, sensor, liveHeap } = figuresOf(result((round) => 90_000 + 100 * round));
  assert.equal(daemon.bytesPerRecord, 102.4);
  assert.equal(daemon.kibPerMinute, 1000);
  assert.equal(liveHeap.bytesPerRecord, 51.2);
  assert.equal(sensor.bytesPerRecord, 0);
});

test('what fills up once in the first third is none', () => {
  const { daemon, liveHeap } = figuresOf(result((round) => (round <= 3 ? 90_000 : 140_000)));
  assert.equal(daemon.bytesPerRecord, 0);
  assert.equal(liveHeap.bytesPerRecord, 0);
});

test('where nothing was asked of the time at rest there is no line about it', () => {
  const given = result(() => 90_000);
  assert.equal(summarize(given).rows.length, 3);
  assert.equal(summarize({ ...given, idle: given.memory }).rows.length, 5);
});

test('what is alive in another process is told after a collection', async () => {
  const program = [
    'let held = Array.from({ length: 1e6 }, () => ({}));',
    'console.log("holding");',
    'process.stdin.on("data", () => { held = null; console.log("dropped"); });',
  ].join('\n');
  const tool = new LineTool(startProcess([process.execPath, INSPECT_FLAG, '-e', program]));
  try {
    await tool.expect('holding');
    const url = await waitFor(() => inspectorUrl(tool.process.stderrTail), { what: 'the inspector' });
    const heap = await InspectedHeap.connect(url);
    const held = await heap.liveBytes();
    await tool.command('drop', 'dropped');
    const dropped = await heap.liveBytes();
    heap.close();
    assert.ok(held - dropped > 10e6, `${held} bytes, then ${dropped}`);
  } finally {
    await tool.process.stop();
  }
});
