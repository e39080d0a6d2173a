/**
 * Reads a stream of a daemon that sends heartbeats, and ends it when nothing comes for too long.
 *
 * Keepalive finds a connection that is dead. It does not find a daemon that accepts and never answers: grpc-js waits for the
 * first words of HTTP/2 without a limit, and a stream has no deadline. So silence itself is what is watched.
 */
import type { ClientReadableStream } from '@grpc/grpc-js';

/** The first response, a snapshot or a heartbeat, is sent at once. */
const FIRST_RESPONSE_MS = 5000;
/** Three heartbeats of 15 s. */
const SILENCE_MS = 45_000;

/** Nothing came, not even a heartbeat. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';
}

export interface SilenceLimits {
  readonly firstMs: number;
  readonly nextMs: number;
}

function silenceError(limitMs: number, isFirst: boolean): SilenceError {
  const seconds = limitMs / 1000;
  return new SilenceError(
    isFirst ? `no answer within ${seconds} s` : `nothing came for ${seconds} s, not even a heartbeat`,
  );
}

/**
 * @returns the responses; time that the caller takes with one of them does not count.
 * @throws SilenceError, and whatever the call ends with
 */
export async function* withoutSilence<Response>(
  call: ClientReadableStream<Response>,
  { firstMs, nextMs }: SilenceLimits = { firstMs: FIRST_RESPONSE_MS, nextMs: SILENCE_MS },
): AsyncGenerator<Response> {
  const responses = (call as AsyncIterable<Response>)[Symbol.asyncIterator]();
  let limitMs = firstMs;
  for (;;) {
    const silence = new AbortController();
    const timer = setTimeout(() => {
      silence.abort();
      call.cancel();
    }, limitMs);
    let next: IteratorResult<Response>;
    try {
      next = await responses.next();
    } catch (error) {
      // Cancelling the call ends it with an error of its own, which says nothing.
      throw silence.signal.aborted ? silenceError(limitMs, limitMs === firstMs) : error;
    } finally {
      clearTimeout(timer);
    }
    if (next.done === true) {
      return;
    }
    yield next.value;
    limitMs = nextMs;
  }
}
