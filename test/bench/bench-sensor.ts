/** The real sensor, driven as the daemon drives it, for benchmarks that need nothing else of the daemon. */
import type { Interest } from '../../daemon/core/interest.js';
import type { SensorRecord } from '../../daemon/core/sensor-records.js';
import type { PassReport } from '../../daemon/core/snapshot.js';
import { spawnSensor } from '../../daemon/sensor/sensor-link.js';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import { SensorSession } from '../../daemon/sensor/sensor-session.js';
import {
  type Condition,
  encodeConfigure,
  encodeCount,
  encodePass,
  encodeUncount,
  type SensorConfiguration,
} from '../../daemon/wire/command-encoder.js';
import { Mailbox } from './mailbox.js';
import type { PartContext } from './part.js';

const NEVER_MS = 3_600_000;

/** What the daemon asks for unless kinds are switched off: without them a sweep would have less to do. */
const ALL_CONDITIONS: readonly Condition[] = [
  ...(['window_closed', 'close_wait', 'fin_wait2', 'unread'] as const),
  ...(['zombie', 'accept_queue', 'handshakes', 'stale_reuse'] as const),
];

/** The daemon's thresholds; passes run on request only, so that none runs beside what is measured. */
export const QUIET: SensorConfiguration = {
  rtoThreshold: 3,
  synThreshold: 3,
  probeThreshold: 2,
  windowProbeThreshold: 3,
  handshakeThreshold: 16,
  unreadAgeMs: 250,
  idleGapMs: 1000,
  conditions: ALL_CONDITIONS,
  refreshIntervalMs: NEVER_MS,
  sweepIntervalMs: NEVER_MS,
  fullRefreshIntervalMs: NEVER_MS,
  sweepCpuMaxPpm: 1_000_000,
};

const SWEEP_TIMEOUT_MS = 60_000;
/** It gives way to everything else, this process included. */
const AUDIT_TIMEOUT_MS = 300_000;
const REPORT_MAX = 2 ** 32 - 1;

export class BenchSensor {
  readonly #session: SensorSession;
  readonly #sweeps = new Mailbox<PassReport>('sweep of the sensor');
  readonly #audits = new Mailbox<PassReport>('audit of the sensor');
  #onRecord: (record: SensorRecord) => void = () => undefined;
  #pid = 0;

  private constructor(configuration: SensorConfiguration, complain: (line: string) => void) {
    this.#session = new SensorSession(spawnSensor(builtSensorPath(), [], complain), configuration, {
      ready: ({ hello }) => {
        this.#pid = hello.pid;
      },
      records: (records) => {
        for (const record of records) {
          this.#onRecord(record);
          if (record.type === 'pass' && record.pass.edge === 'end') {
            this.#mailboxOf(record.pass)?.put(record.pass);
          }
        }
      },
    });
  }

  /** Starts a sensor and waits until it is attached and has done its first sweep. */
  static async start({ cleanup, progress }: PartContext, configuration: SensorConfiguration): Promise<BenchSensor> {
    const sensor = new BenchSensor(configuration, progress);
    const ended = sensor.#session.run().then(({ reason }) => {
      sensor.#sweeps.close(reason);
      sensor.#audits.close(reason);
    });
    cleanup.push('sensor', async () => {
      sensor.#session.close();
      await ended;
    });
    await sensor.#nextSweep();
    return sensor;
  }

  get pid(): number {
    return this.#pid;
  }

  configure(configuration: SensorConfiguration): void {
    this.#session.send(encodeConfigure(configuration));
  }

  /** Has these counted from the next sweep on, or no more. */
  setInterests(interests: readonly Interest[], counted: boolean): void {
    for (const [index, interest] of interests.entries()) {
      this.#session.send(counted ? encodeCount(index + 1, interest) : encodeUncount(index + 1, interest));
    }
  }

  /** @throws Error if the sensor ends, or says that the sweep is incomplete. */
  async sweep(): Promise<PassReport> {
    this.#session.send(encodePass('sweep'));
    return this.#nextSweep();
  }

  /** An audit without a limit. @param onRecord gets whatever comes meanwhile. @throws Error as `sweep()` does */
  async audit(onRecord: (record: SensorRecord) => void): Promise<PassReport> {
    this.#onRecord = onRecord;
    this.#session.send(encodePass('audit', REPORT_MAX));
    const pass = complete(await this.#audits.take(AUDIT_TIMEOUT_MS));
    this.#onRecord = () => undefined;
    return pass;
  }

  async #nextSweep(): Promise<PassReport> {
    return complete(await this.#sweeps.take(SWEEP_TIMEOUT_MS));
  }

  #mailboxOf({ kind }: PassReport): Mailbox<PassReport> | null {
    return kind === 'sweep' ? this.#sweeps : kind === 'audit' ? this.#audits : null;
  }
}

function complete(pass: PassReport): PassReport {
  if (pass.error !== 0) {
    throw new Error(`the ${pass.kind} was cut short with errno ${pass.error}`);
  }
  return pass;
}
