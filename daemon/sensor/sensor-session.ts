/** One conversation with a sensor: handshake, then records until the stream ends or says something that cannot be. */
import type { FailureReport, HelloReport, ProgramReport, SensorRecord } from '../core/sensor-records.js';
import type { ClockReport } from '../core/snapshot.js';
import { encodeConfigure, type SensorConfiguration } from '../wire/command-encoder.js';
import { checkHello } from '../wire/handshake.js';
import { RecordStream } from '../wire/record-stream.js';
import type { SensorLink } from './sensor-link.js';

/** What a sensor said about itself before its first report. */
export interface SensorIntroduction {
  readonly hello: HelloReport;
  readonly clock: ClockReport;
  readonly programs: readonly ProgramReport[];
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
}

/** A sensor that is not ready after this time hangs: loading takes 0.1 s, on an emulated machine some seconds. */
const READY_TIMEOUT_MS = 60_000;
const CLOSE_GRACE_MS = 2000;

export class SensorSession {
  readonly #link: SensorLink;
  readonly #listener: SessionListener;
  readonly #configuration: SensorConfiguration;
  readonly #stream = new RecordStream();
  readonly #programs: ProgramReport[] = [];
  #hello: HelloReport | null = null;
  #clock: ClockReport | null = null;
  #ready = false;
  /** Why this side ended the conversation, or why the sensor said that it would end. */
  #problem: string | null = null;
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
    this.#link.stream.on('data', (chunk: Buffer) => {
      this.#take(chunk);
      if (this.#ready) {
        clearTimeout(timer);
      }
    });
    this.#link.stream.on('end', () => {
      const truncated = this.#stream.end();
      if (truncated !== null) {
        this.#problem ??= truncated.message;
      }
    });
    const ended = await this.#link.ended;
    clearTimeout(timer);
    return { reason: this.#failure?.message ?? this.#problem ?? ended, failure: this.#failure };
  }

  /** Sends a command; one that the sensor can no longer take is dropped, as its next session starts anew anyway. */
  send(command: Uint8Array): void {
    if (this.#link.stream.writable) {
      this.#link.stream.write(command);
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

  #take(chunk: Buffer): void {
    const { records, error } = this.#stream.push(chunk);
    const reports = this.#ready ? records : records.filter((record) => !this.#introduce(record));
    if (this.#ready && reports.length > 0) {
      this.#listener.records(reports);
    }
    if (error !== null) {
      this.#fail(error.message);
    }
    for (const record of records) {
      if (record.type === 'failure') {
        this.#failure = record.failure;
      }
    }
  }

  /** Takes a record of the handshake. @returns false if it is a report already. */
  #introduce(record: SensorRecord): boolean {
    if (this.#ready) {
      return false;
    }
    switch (record.type) {
      case 'hello': {
        const mismatch = checkHello(record.hello);
        if (mismatch !== null) {
          this.#fail(mismatch);
          return true;
        }
        this.#hello = record.hello;
        this.send(encodeConfigure(this.#configuration));
        return true;
      }
      case 'program':
        this.#programs.push(record.program);
        return true;
      case 'clock':
        this.#clock = record.clock;
        return true;
      case 'failure':
        return true;
      case 'ready':
        if (this.#hello === null || this.#clock === null) {
          this.#fail('it was ready without a word about itself');
          return true;
        }
        this.#ready = true;
        this.#listener.ready({ hello: this.#hello, clock: this.#clock, programs: this.#programs });
        return true;
      default:
        this.#fail(`it sent a record of type ${record.type} before it was ready`);
        return true;
    }
  }
}
