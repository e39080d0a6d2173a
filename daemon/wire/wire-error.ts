/**
 * What can be wrong with the sensor's stream:
 *
 * - `bad_size`: a header gives a size that no record has, or not the size of its kind;
 * - `unknown_kind`, `unknown_cause`, `unknown_value`: an enum field holds a number that this build does not know;
 * - `out_of_range`: a time is larger than a JavaScript number can hold exactly;
 * - `truncated`: the stream ended inside a record.
 */
export type WireErrorCode =
  'bad_size' | 'unknown_kind' | 'unknown_cause' | 'unknown_value' | 'out_of_range' | 'truncated';

/** The stream cannot be understood any further. The only cure is a new connection, with a new handshake. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;
  /** Position in the stream, in bytes, of the field that is wrong; for `truncated`, where the stream ended. */
  readonly offset: number;

  /** @param problem what is wrong and what was expected; the offset is put in front of it. */
  constructor(code: WireErrorCode, offset: number, problem: string) {
    super(`sensor stream, byte ${offset}: ${problem}`);
    this.code = code;
    this.offset = offset;
  }
}
