/** The recorded incident of the acceptance tests, for benchmarks that need real records without a kernel to make them. */
import { loadConfig } from '../../daemon/config.js';
import type { StuckRecord } from '../../daemon/core/record.js';
import type { KernelFacts } from '../../daemon/core/snapshot.js';
import { trackerConfig } from '../../daemon/kind-rules.js';
import { TrackerEngine } from '../../daemon/tracker/tracker-engine.js';
import { RecordStream } from '../../daemon/wire/record-stream.js';
import { loadRecording } from '../acceptance/replay-recording.js';
import { ReplayClock } from '../acceptance/replay-sensor.js';

/** When black holes, a half-open connection and an orphan are known with their owners, and nothing has ended yet. */
const MARK = 'orphan';
const HANDSHAKE: ReadonlySet<string> = new Set(['hello', 'program', 'feature', 'ready']);

export interface RecordedIncident {
  /** Each record as the sensor sent it, in order, without the handshake. */
  readonly bytes: readonly Uint8Array[];
  readonly engine: TrackerEngine;
  readonly open: readonly StuckRecord[];
}

/** Plays the first part of it to a tracker of its own, whose time then stands still. */
export function playIncident(): RecordedIncident {
  const clock = new ReplayClock();
  const config = loadConfig({ configPath: '/dev/null' }, {});
  const engine = new TrackerEngine({
    config: trackerConfig(config),
    endedMax: config.history.ended,
    clock,
    sensor: { requestPass: () => undefined, watch: () => undefined, unwatch: () => undefined },
    onSaveable: () => undefined,
  });
  const stream = new RecordStream();
  const bytes: Uint8Array[] = [];
  let kernel: KernelFacts | null = null;
  for (const line of loadRecording().lines) {
    if (line.type === 'mark' && line.name === MARK) {
      break;
    }
    if (line.type !== 'record') {
      continue;
    }
    clock.advance(line.timeUs);
    for (const record of stream.push(line.bytes).records) {
      if (record.type === 'hello') {
        kernel = { hz: record.hello.hz, bootId: record.hello.bootId, release: record.hello.kernelRelease };
      } else if (record.type === 'clock' && !engine.state.sensorUp && kernel !== null) {
        engine.sensorUp(kernel, record.clock);
      } else if (!HANDSHAKE.has(record.type)) {
        engine.take([record]);
      }
      if (!HANDSHAKE.has(record.type)) {
        bytes.push(line.bytes);
      }
    }
  }
  engine.stop();
  return { bytes, engine, open: engine.open() };
}
