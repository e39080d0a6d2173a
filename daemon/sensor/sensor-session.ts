/** One conversation with a sensor: handshake, then records until the stream ends or says something that cannot be. */
import type {
  FailureReport,
  FeatureReport,
  HelloReport,
  ModeReport,
  ProgramReport,
  SensorRecord,
} from '../core/sensor-records.js';
import type { ClockReport } from '../core/snapshot.js';
import { encodeConfigure, type SensorConfiguration } from '../wire/command-encoder.js';
import { checkHello } from '../wire/handshake.js';
import { RecordStream } from '../wire/record-stream.js';
import type { SensorLink } from './sensor-link.js';

/** What a sensor said about itself before its first report. */
export interface SensorIntroduction {
  readonly hello: HelloReport;
  readonly mode: ModeReport;
  readonly clock: ClockReport;
  readonly programs: readonly ProgramReport[];
  readonly features: readonly FeatureReport[];
}

/** Why a conversation ended. */
export interface SessionEnd {
  readonly reason: string;
  /** What the sensor said itself, if it did. */
  readonly failure: FailureReport | null;
}

export interface SessionListener {
  /** The sensor is attached; reports follow. */
  ready(introduction: SensorIntroduction): void;
  /** Reports, in order. Handshake records are not among them. */
  records(records: readonly SensorRecord[]): void;
  /** True while work that they have made is not done, and nothing more should be read; never, if it is left out. */
  isBusy?(): boolean;
}

/** A sensor that is not ready after this time hangs: loading takes 0.1 s, on an emulated machine some seconds. */
const READY_TIMEOUT_MS = 60_000;
const CLOSE_GRACE_MS = 2000;
/** Behind a chunk of this size there is probably another; some 100 reports. */
const LARGE_CHUNK_BYTES = 32 * 1024;
/** No sensor has as many programs, or features. */
const PROGRAMS_MAX = 64;
/** Commands that wait for a sensor which does not read them; there is room for one watch of every tracked socket. */
const UNSENT_BYTES_MAX = 16 * 1024 * 1024;

/** Types of the records that belong before the first report. */
const HANDSHAKE_TYPES: ReadonlySet<SensorRecord['type']> = new Set(['hello', 'mode', 'program', 'feature', 'ready']);

export class SensorSession {
  readonly #link: SensorLink;
  readonly #listener: SessionListener;
  readonly #stream = new RecordStream();
  readonly #programs: ProgramReport[] = [];
  readonly #features: FeatureReport[] = [];
  #configuration: SensorConfiguration;
  #hello: HelloReport | null = null;
  #mode: ModeReport | null = null;
  #clock: ClockReport | null = null;
  #ready = false;
  /** Why this side ended the conversation. */
  #problem: string | null = null;
  /** The stream ended inside a record. */
  #truncation: string | null = null;
  #failure: FailureReport | null = null;

  constructor(link: SensorLink, configuration: SensorConfiguration, listener: SessionListener) {
    this.#link = link;
    this.#configuration = configuration;
    this.#listener = listener;
  }

  /** Runs until the sensor is gone. */
  async run(): Promise<SessionEnd> {
    const timer = setTimeout(() => {
      this.#fail(`it was not ready after ${READY_TIMEOUT_MS / 1000} s`);
    }, READY_TIMEOUT_MS);
    const { stream } = this.#link;
    stream.on('data', (chunk: Uint8Array) => {
      this.#take(chunk);
      if (this.#ready) {
        clearTimeout(timer);
      }
      if (chunk.length >= LARGE_CHUNK_BYTES || this.#isBusy()) {
        // Left alone, libuv reads 32 chunks in a row, which in a storm keeps all other work waiting for a second.
        stream.pause();
        this.#resumeLater();
      }
    });
    stream.on('end', () => {
      this.#truncation = this.#stream.end()?.message ?? null;
    });
    const ended = await this.#link.ended;
    clearTimeout(timer);
    const reason = this.#truncation === null ? ended : `${ended}; ${this.#truncation}`;
    return { reason: this.#failure?.message ?? this.#problem ?? reason, failure: this.#failure };
  }

  #isBusy(): boolean {
    return this.#listener.isBusy?.() === true;
  }

  #resumeLater(): void {
    setImmediate(() => {
      if (this.#isBusy()) {
        this.#resumeLater();
      } else {
        this.#link.stream.resume();
      }
    });
  }

  /**
   * Sends a command. One that the sensor does not take yet, or no longer, is dropped: its first must be a configuration, and
   * whatever matters is asked anew once it is ready.
   */
  send(command: Uint8Array): void {
    if (this.#ready) {
      this.#write(command);
    }
  }

  #write(command: Uint8Array): void {
    if (!this.#link.stream.writable) {
      return;
    }
    this.#link.stream.write(command);
    if (this.#link.stream.writableLength > UNSENT_BYTES_MAX) {
      this.#fail('it does not read its commands');
    }
  }

  /** Changes the thresholds and intervals of a sensor that may run already. */
  configure(configuration: SensorConfiguration): void {
    this.#configuration = configuration;
    if (this.#hello !== null) {
      this.#write(encodeConfigure(configuration));
    }
  }

  /** Ends the conversation. `run()` then returns. */
  close(): void {
    this.#link.close(CLOSE_GRACE_MS);
  }

  #fail(problem: string): void {
    this.#problem ??= problem;
    this.close();
  }

  #take(chunk: Uint8Array): void {
    const { records, error } = this.#stream.push(chunk);
    let taken = 0;
    for (const record of records) {
      if (this.#ready || this.#problem !== null) {
        break;
      }
      this.#introduce(record);
      taken += 1;
    }
    if (this.#problem === null && taken < records.length) {
      this.#report(taken === 0 ? records : records.slice(taken));
    }
    if (error !== null) {
      this.#fail(error.message);
    }
  }

  #report(records: readonly SensorRecord[]): void {
    for (const record of records) {
      if (record.type === 'failure') {
        this.#failure = record.failure;
      } else if (HANDSHAKE_TYPES.has(record.type)) {
        this.#fail(`it sent a record of type ${record.type} after it was ready`);
        return;
      }
    }
    this.#listener.records(records);
  }

  /** Takes a record of the handshake. */
  #introduce(record: SensorRecord): void {
    switch (record.type) {
      case 'hello':
        this.#greet(record.hello);
        return;
      case 'program':
        this.#programs.push(record.program);
        if (this.#programs.length > PROGRAMS_MAX) {
          this.#fail(`it has more than ${PROGRAMS_MAX} programs`);
        }
        return;
      case 'feature':
        this.#features.push(record.feature);
        if (this.#features.length > PROGRAMS_MAX) {
          this.#fail(`it has more than ${PROGRAMS_MAX} features`);
        }
        return;
      case 'mode':
        this.#mode = record.mode;
        return;
      case 'clock':
        this.#clock = record.clock;
        return;
      case 'failure':
        this.#failure = record.failure;
        return;
      case 'ready':
        if (this.#hello === null || this.#mode === null || this.#clock === null) {
          this.#fail('it was ready without a word about itself');
          return;
        }
        this.#ready = true;
        this.#listener.ready({
          hello: this.#hello,
          mode: this.#mode,
          clock: this.#clock,
          programs: this.#programs,
          features: this.#features,
        });
        return;
      case 'counters':
      case 'holder':
      case 'holding':
      case 'interest':
      case 'pass':
      case 'polled':
      case 'process':
      case 'reach':
      case 'socket':
        this.#fail(`it sent a record of type ${record.type} before it was ready`);
        return;
    }
  }

  #greet(hello: HelloReport): void {
    const mismatch = this.#hello === null ? checkHello(hello) : 'it greeted twice';
    if (mismatch !== null) {
      this.#fail(mismatch);
      return;
    }
    this.#hello = hello;
    this.#write(encodeConfigure(this.#configuration));
  }
}
