/** What the API server, or the way to it, did not allow. */

/** Messages come from the server: they are cut, and whoever shows them escapes them. */
const MESSAGE_LENGTH_MAX = 300;

export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status, or the code of a Status object; 0 where there was no answer. */
  readonly code: number;
  /** The server asks not to be asked again before; 0 if it does not say. */
  readonly retryAfterMs: number;

  constructor(code: number, message: string, retryAfterMs = 0) {
    super(message.slice(0, MESSAGE_LENGTH_MAX));
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
