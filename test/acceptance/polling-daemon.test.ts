// Proves that a daemon whose sensor polls says so wherever it is asked: status, readiness, metrics, log, stuckctl; that it refuses
// audits; and that nothing of that is left when a sensor with BPF follows. The stream is the recorded one of a sensor with BPF,
// told as if it polled; what polling itself finds is for the kernel tests.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { FEATURE_RECORD, REACH_RECORD, RECORD_HEADER, RECORD_KIND } from '../../daemon/wire/layout.generated.js';
import { decodeRecord } from '../../daemon/wire/record-decoder.js';
import { FrameDecoder } from '../../daemon/wire/frame-decoder.js';
import { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { stuckctl } from '../support/run-program.js';
import { samplesOf } from '../unit/metrics/samples.js';
import { goldenBytes } from '../unit/wire/golden.js';
import { rejection } from './rpc-harness.js';
import { ReplayBench, type RunningDaemon } from './replay-bench.js';
import { loadRecording, type Recording, type RecordingLine } from './replay-recording.js';

const REASON = 'this kernel has no BTF';
const PROBLEM = new RegExp(
  `^degraded: the sensor polls .* instead of using BPF: ${REASON}; not known that way: [\\w ]+$`,
);

function kindOf(bytes: Uint8Array): number {
  return Buffer.from(bytes).readUInt16LE(RECORD_HEADER.kind);
}

function isEndOfSweep(bytes: Uint8Array): boolean {
  const [frame] = new FrameDecoder().push(bytes).frames;
  const record = frame === undefined ? null : decodeRecord(frame);
  return record?.type === 'pass' && record.pass.kind === 'sweep' && record.pass.edge === 'end';
}

/** The record of the golden file, with these numbers. */
function withNumbers(name: string, numbers: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = Buffer.from(goldenBytes(name));
  for (const [offset, value] of numbers) {
    bytes.writeUInt32LE(value, offset);
  }
  return bytes;
}

const FEATURE = withNumbers('feature', [[FEATURE_RECORD.available, 0]]);
const REACH = withNumbers('reach', [
  [REACH_RECORD.namespaces, 2],
  [REACH_RECORD.closedNamespaces, 3],
  [REACH_RECORD.closedProcesses, 1],
]);

/** What a polling sensor would have said in place of this. */
function asPolled(line: RecordingLine): readonly RecordingLine[] {
  if (line.type !== 'record') {
    return [line];
  }
  const also = (bytes: Uint8Array): RecordingLine => ({ ...line, bytes });
  switch (kindOf(line.bytes)) {
    case RECORD_KIND.RECORD_MODE:
      return [also(goldenBytes('mode'))];
    case RECORD_KIND.RECORD_PROGRAM:
      return [];
    case RECORD_KIND.RECORD_READY:
      return [also(FEATURE), line];
    case RECORD_KIND.RECORD_PASS:
      return isEndOfSweep(line.bytes) ? [also(REACH), line] : [line];
    default:
      return [line];
  }
}

/** The first sensor polls; the one that follows when it has died uses BPF. */
function firstPolls(recording: Recording): Recording {
  const second = recording.lines.findLastIndex(({ type }) => type === 'session');
  const lines = recording.lines.flatMap((line, index) => (index < second ? asPolled(line) : [line]));
  return { ...recording, lines };
}

let bench: ReplayBench;

beforeEach(() => {
  bench = new ReplayBench(firstPolls(loadRecording()));
});

afterEach(async () => {
  await bench.close();
});

async function page({ app }: RunningDaemon, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://${app.httpAddress ?? ''}${path}`, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.text() };
}

async function reachOf(daemon: RunningDaemon): Promise<readonly (number | undefined)[]> {
  const samples = samplesOf((await page(daemon, '/metrics')).body);
  return [
    'stuckd_sensor_polling',
    'stuckd_polling_network_namespaces{reach="polled"}',
    'stuckd_polling_network_namespaces{reach="closed"}',
    'stuckd_polling_closed_processes',
  ].map((name) => samples.get(name));
}

test('degraded, and why, wherever it is asked; and no more when a sensor with BPF follows', async () => {
  const daemon = await bench.startDaemon();
  await bench.playTo('quiet');
  const { healthy, problems, sensor } = await bench.untilStatus(
    daemon,
    'a polling sensor that has swept',
    (status) => status.sensor?.reach !== null && status.sweep !== null,
  );
  assert.equal(healthy, false);
  assert.match(problems[0] ?? '', PROBLEM);
  assert.match(problems[1] ?? '', /^degraded: 3 of 5 network namespaces cannot be entered/);
  assert.match(problems[2] ?? '', /^degraded: the descriptors of 1 process cannot be read/);
  const { mode, modeReason, reach, degradations } = sensor ?? {};
  assert.deepEqual([mode, modeReason, degradations?.length], [2, REASON, 1]);
  assert.deepEqual({ ...reach }, { namespaces: 2, closedNamespaces: 3, closedProcesses: 1 });

  const { status, body } = await page(daemon, '/readyz');
  assert.equal(status, 200, 'it serves');
  assert.match(body, new RegExp(`^ready\n- but: degraded: the sensor polls .*: ${REASON}; .*\n`));
  assert.deepEqual(await reachOf(daemon), [1, 2, 3, 1]);
  assert.ok(
    bench.log.some(({ message }) => PROBLEM.test(message)),
    'the log says it',
  );

  const { stdout } = await stuckctl(daemon.app.grpcAddress, 'status');
  assert.match(stdout, /^stuckd does not see everything:\n {2}- degraded: the sensor polls/);
  assert.match(stdout, /^ {2}mode +polling \(degraded\)/m);

  const refused = await rejection(daemon.client.auditConnections({}));
  assert.equal(refused.info?.reason, 'NEEDS_BPF');
  assert.match(refused.message, /^audits need BPF, .*not in sock_diag$/);
  assert.equal(samplesOf((await page(daemon, '/metrics')).body).get('stuckd_audits_failed_total'), 0);

  await bench.playTo('end');
  const after = await bench.untilStatus(
    daemon,
    'a sensor with BPF',
    (now) => now.sensor?.mode === stuckd.v1.SensorMode.SENSOR_MODE_EBPF,
  );
  assert.deepEqual([after.sensor?.reach, after.sensor?.degradations?.length], [null, 0]);
  assert.ok(!after.problems.some((problem) => problem.includes('degraded')));
  assert.deepEqual(await reachOf(daemon), [0, undefined, undefined, undefined]);
});
