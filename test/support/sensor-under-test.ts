/** A real sensor without a daemon: what it reports about the sockets of a test, as it reports it. */
import { before } from 'node:test';
import type { SensorConfiguration } from '../../daemon/wire/command-encoder.js';
import { tickClock, type TickClock } from '../../daemon/core/jiffies.js';
import type { SensorRecord } from '../../daemon/core/sensor-records.js';
import type {
  ClockReport,
  HolderReport,
  PassKind,
  PassReport,
  SnapshotCause,
  SocketSnapshot,
} from '../../daemon/core/snapshot.js';
import { spawnSensor } from '../../daemon/sensor/sensor-link.js';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import { type SensorIntroduction, SensorSession } from '../../daemon/sensor/sensor-session.js';
import { encodePass, encodeWatch } from '../../daemon/wire/command-encoder.js';
import type { Ending } from './lab.js';
import { suiteEnding } from './suite-ending.js';
import { Notice } from './notice.js';
import { switchedOff } from './switched-off.js';
import { waitFor } from './wait-for.js';

const HOUR_MS = 3_600_000;

/** Thresholds of 1, so that nothing takes longer than it must. Passes run only at the start and on demand. */
export const SENSOR_UNDER_TEST: SensorConfiguration = {
  rtoThreshold: 1,
  synThreshold: 1,
  probeThreshold: 1,
  windowProbeThreshold: 1,
  handshakeThreshold: 1,
  unreadAgeMs: 1,
  idleGapMs: 1,
  conditions: [],
  refreshIntervalMs: HOUR_MS,
  sweepIntervalMs: HOUR_MS,
  fullRefreshIntervalMs: HOUR_MS,
  sweepCpuMaxPpm: 1_000_000,
};

/** CLOCK_MONOTONIC, microseconds, as in the sensor's records. */
export function monoUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Where a test needs something else. */
export interface SensorOptions {
  /** What is started as the sensor. */
  readonly path?: string;
  readonly configuration?: Partial<SensorConfiguration>;
}

export class SensorUnderTest {
  readonly #session: SensorSession;
  readonly #events: SocketSnapshot[] = [];
  readonly #visits: SocketSnapshot[] = [];
  readonly #holders: HolderReport[] = [];
  readonly #passes: PassReport[] = [];
  /** Of a record, or of the sensor's end. */
  readonly #notice = new Notice();
  #introduction: SensorIntroduction | undefined;
  #clock: ClockReport | undefined;
  #end: string | undefined;

  private constructor(test: Ending, { path = builtSensorPath(), configuration = {} }: SensorOptions) {
    const link = spawnSensor(path, switchedOff(), () => undefined);
    this.#session = new SensorSession(
      link,
      { ...SENSOR_UNDER_TEST, ...configuration },
      {
        ready: (introduction) => {
          this.#introduction = introduction;
          this.#clock = introduction.clock;
        },
        records: (records) => {
          for (const record of records) {
            this.#take(record);
          }
          this.#notice.give();
        },
      },
    );
    const ended = this.#session.run().then(({ reason }) => {
      this.#end = reason;
      this.#notice.give();
    });
    test.after(async () => {
      this.#session.close();
      await ended;
    });
  }

  /** Starts it, and waits for its first sweep. */
  static async start(test: Ending, options: SensorOptions = {}): Promise<SensorUnderTest> {
    const sensor = new SensorUnderTest(test, options);
    await sensor.#until('the first sweep', () => sensor.#passes.find(({ kind }) => kind === 'sweep'));
    return sensor;
  }

  /** Ticks of the kernel a second. */
  get hz(): number {
    return this.ticks.hz;
  }

  /** The tick of the kernel, as the sensor last told it. */
  get ticks(): TickClock {
    if (this.#introduction === undefined || this.#clock === undefined) {
      throw new Error('the sensor has not introduced itself');
    }
    const { hz, bootId, kernelRelease } = this.#introduction.hello;
    return tickClock({ hz, bootId, release: kernelRelease }, this.#clock);
  }

  /** Reports of events, none of passes. */
  eventsWhere(matches: (event: SocketSnapshot) => boolean): readonly SocketSnapshot[] {
    return this.#events.filter(matches);
  }

  /** Waits for an event of a socket, past or to come. @param netns inode number */
  async waitEvent(netns: number, localPort: number, cause: SnapshotCause): Promise<SocketSnapshot> {
    return this.#until(`${cause} of port ${String(localPort)}`, () =>
      this.#events.find((event) => event.cause === cause && event.local.port === localPort && event.netns === netns),
    );
  }

  /** Waits for a pass that begins after this call. @param reportMax of an audit */
  async pass(kind: PassKind, reportMax?: number): Promise<PassReport> {
    const requestedUs = monoUs();
    this.#session.send(encodePass(kind, reportMax));
    const isIt = (pass: PassReport): boolean => pass.kind === kind && beginOf(pass) >= requestedUs;
    return this.#until(`a ${kind}`, () => this.#passes.find(isIt));
  }

  /** What a sweep that begins after this call says of who holds the socket. */
  async holdersOf(cookie: bigint): Promise<readonly HolderReport[]> {
    const { passId } = await this.pass('sweep');
    return this.#holders.filter((holder) => holder.passId === passId && holder.cookie === cookie);
  }

  /**
   * One socket as it is now, healthy or not: what a sweep that begins after this call says about it. The sensor knows the
   * socket from then on, so that it raises no more event because something of it begins.
   */
  async snapshot(cookie: bigint): Promise<SocketSnapshot> {
    this.#session.send(encodeWatch(cookie));
    const visit = await this.visit(cookie, 'sweep');
    if (visit === undefined) {
      throw new Error(`the sweep did not report the socket with cookie ${String(cookie)}`);
    }
    return visit;
  }

  /** Waits for a pass of each kind, asked for in one go, of which the second ran while the first was under way. */
  async passWithin(outer: PassKind, inner: PassKind): Promise<readonly [PassReport, PassReport]> {
    const ask = async (): Promise<readonly [PassReport, PassReport] | undefined> => {
      const [around, within] = await Promise.all([this.pass(outer), this.pass(inner)]);
      return beginOf(around) < beginOf(within) && within.monoUs < around.monoUs ? [around, within] : undefined;
    };
    return waitFor(ask, { what: `a ${inner} in the middle of a ${outer}` });
  }

  /** How many reports of sockets a pass has written. */
  reportsOf({ passId }: PassReport): number {
    return this.#visits.filter((socket) => socket.passId === passId).length;
  }

  /** What a pass that begins after this call says about a socket; undefined if it has nothing to say. */
  async visit(cookie: bigint, kind: PassKind): Promise<SocketSnapshot | undefined> {
    const { passId } = await this.pass(kind);
    return this.#visits.find((socket) => socket.passId === passId && socket.cookie === cookie);
  }

  #take(record: SensorRecord): void {
    if (record.type === 'clock') {
      this.#clock = record.clock;
    } else if (record.type === 'socket') {
      (record.socket.passId === 0 ? this.#events : this.#visits).push(record.socket);
    } else if (record.type === 'holder') {
      this.#holders.push(record.holder);
    } else if (record.type === 'pass' && record.pass.edge === 'end') {
      this.#passes.push(record.pass);
    }
  }

  async #until<T extends object>(what: string, find: () => T | undefined): Promise<T> {
    const ended = (): 'ended' | undefined => (this.#end === undefined ? undefined : 'ended');
    const found = await waitFor<T | 'ended' | undefined>(() => find() ?? ended(), { what, notice: this.#notice });
    if (found === 'ended') {
      throw new Error(`the sensor ended without ${what}: ${this.#end ?? ''}`);
    }
    return found;
  }
}

function beginOf({ monoUs: endUs, durationUs }: PassReport): number {
  return endUs - durationUs;
}

/** One sensor for all tests of a suite. To be called in the suite. @returns gives it, inside a test. */
export function sharedSensor(): () => SensorUnderTest {
  const ending = suiteEnding();
  let sensor: SensorUnderTest | undefined;
  before(async () => {
    sensor = await SensorUnderTest.start(ending);
  });
  return () => {
    if (sensor === undefined) {
      throw new Error('the sensor is used outside of the tests of its suite');
    }
    return sensor;
  };
}
