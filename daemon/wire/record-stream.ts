/** The sensor's bytes in, its records out: what `sensor/` uses of this folder. */
import type { SensorRecord } from '../core/sensor-records.js';
import { FrameDecoder } from './frame-decoder.js';
import { decodeRecord } from './record-decoder.js';
import { WireError } from './wire-error.js';

/** The records that a chunk completed, and the error that ended the stream after them, if any. */
export interface RecordBatch {
  readonly records: readonly SensorRecord[];
  readonly error: WireError | null;
}

/** One connection to the sensor. After an error it takes no more input. */
export class RecordStream {
  readonly #frames = new FrameDecoder();
  #error: WireError | null = null;

  /**
   * Takes the next bytes of the stream; `chunk` may be used again afterwards.
   * @returns the records that they complete. With `error` set, these records precede it and are good; every later call
   *     returns no records and the same error.
   */
  push(chunk: Uint8Array): RecordBatch {
    const records: SensorRecord[] = [];
    if (this.#error !== null) {
      return { records, error: this.#error };
    }
    const { frames, error } = this.#frames.push(chunk);
    this.#error = error;
    try {
      for (const frame of frames) {
        records.push(decodeRecord(frame));
      }
    } catch (decodeError) {
      if (!(decodeError instanceof WireError)) {
        throw decodeError;
      }
      // It lies before the error of the frames, if there is one.
      this.#error = decodeError;
    }
    return { records, error: this.#error };
  }

  /** To be called at the end of the stream. @returns an error if it ended inside a record, or had one before. */
  end(): WireError | null {
    this.#error ??= this.#frames.end();
    return this.#error;
  }
}
