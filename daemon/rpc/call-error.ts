/** How a call of ours failed, as far as the caller can act on it. */
import { status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { decodeErrorInfo, type ErrorInfo, STATUS_DETAILS_KEY } from './error-info.js';
import { SilenceError } from './silence-guard.js';

/** A unary call that takes longer is given up. */
export const DEADLINE_MS = 5000;

/** The sensor may take up to 30 s to look at every descriptor of a large node. */
export const AUDIT_DEADLINE_MS = 40_000;

/** What went wrong, in the few ways that make a difference. */
export type CallFailure = 'unreachable' | 'not_found' | 'invalid' | 'refused' | 'expired' | 'failed';

/** A call that did not succeed; the message is the server's, or grpc-js's reason why it was not reached. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly failure: CallFailure;
  /** What the daemon said for programs; null where it was not the daemon that said something. */
  readonly info: ErrorInfo | null;
  constructor(failure: CallFailure, message: string, options: ErrorOptions & { info?: ErrorInfo | null } = {}) {
    super(message, options);
    this.failure = failure;
    this.info = options.info ?? null;
  }
}

const FAILURES: ReadonlyMap<status, CallFailure> = new Map([
  [status.UNAVAILABLE, 'unreachable'],
  [status.DEADLINE_EXCEEDED, 'unreachable'],
  [status.NOT_FOUND, 'not_found'],
  [status.INVALID_ARGUMENT, 'invalid'],
  [status.RESOURCE_EXHAUSTED, 'refused'],
  // Of a watch: what followed the token is not kept any more.
  [status.OUT_OF_RANGE, 'expired'],
]);

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}

/** What grpc-js says around the one thing that matters: `connect ENOENT /run/stuckd/stuckd.sock`. */
function connectionReason(details: string): string {
  return /Last error: (?:Error: )?(.*?)\. Resolution note:/s.exec(details)?.[1] ?? details;
}

/**
 * Of what grpc-js throws, or the silence guard, the part that a caller can act on.
 * @param deadlineMs that the call had
 */
export function callError(error: unknown, deadlineMs = DEADLINE_MS): CallError {
  if (error instanceof SilenceError) {
    return new CallError('unreachable', error.message, { cause: error });
  }
  if (!isServiceError(error)) {
    return new CallError('failed', error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (error.code === status.DEADLINE_EXCEEDED) {
    return new CallError('unreachable', `no answer within ${deadlineMs / 1000} s`, { cause: error });
  }
  if (error.code === status.UNIMPLEMENTED) {
    const message = `what answers there is not stuckd, or another version of it (${error.details})`;
    return new CallError('failed', message, { cause: error });
  }
  const [trailer] = error.metadata.get(STATUS_DETAILS_KEY);
  const info = decodeErrorInfo(trailer);
  return new CallError(failureOf(error.code, info), connectionReason(error.details), { cause: error, info });
}

/** UNAVAILABLE comes from a daemon that is stopping, from none at all, or from one that is there and cannot do this now. */
function failureOf(code: status, info: ErrorInfo | null): CallFailure {
  const isThere = code === status.UNAVAILABLE && info !== null && info.reason !== 'STOPPING';
  return isThere ? 'failed' : (FAILURES.get(code) ?? 'failed');
}
