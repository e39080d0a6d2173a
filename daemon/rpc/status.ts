/** Errors of calls: a gRPC status code, a sentence that a person understands, and a reason for programs. */
import { Metadata, status } from '@grpc/grpc-js';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { encodeErrorInfo, type ErrorReason, STATUS_DETAILS_KEY } from './error-info.js';
import { MalformedRequest } from './service-definition.js';

export type { ErrorReason } from './error-info.js';

/** What a code means where nobody has said more. */
const USUAL_REASONS: ReadonlyMap<status, ErrorReason> = new Map([
  [status.INVALID_ARGUMENT, 'INVALID_REQUEST'],
  [status.NOT_FOUND, 'RECORD_NOT_FOUND'],
  [status.FAILED_PRECONDITION, 'STATE_NOT_SUITABLE'],
  [status.OUT_OF_RANGE, 'RESUME_TOKEN_EXPIRED'],
  [status.RESOURCE_EXHAUSTED, 'LIMIT_REACHED'],
  [status.UNAVAILABLE, 'STOPPING'],
]);

/** Ends a call with a status. The message and the reason reach the client. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: status;
  readonly reason: ErrorReason;
  readonly facts: Readonly<Record<string, string>>;
  /**
   * @param reason as ErrorInfo carries it; by default what the code usually means.
   * @param facts its metadata: the comments of `ErrorReason` in proto/ name the keys.
   */
  constructor(
    code: status,
    message: string,
    reason: ErrorReason = USUAL_REASONS.get(code) ?? 'INTERNAL',
    facts: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.facts = facts;
  }
}

/** The request is wrong and will stay wrong if it is sent again. */
export function invalidArgument(message: string, reason: ErrorReason = 'INVALID_REQUEST'): RpcError {
  return new RpcError(status.INVALID_ARGUMENT, message, reason);
}

/** The daemon ends; what a client was doing it may do again in a moment. */
export function stopping(): RpcError {
  return new RpcError(status.UNAVAILABLE, 'stuckd is stopping', 'STOPPING');
}

/** What the RPC layer needs of a logger. */
export interface RpcLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string, fields?: Readonly<Record<string, string>>): void;
}

/** @returns the request. @throws RpcError if it was not a valid message. */
export function acceptRequest<Request>(request: Request | MalformedRequest): Request {
  if (request instanceof MalformedRequest) {
    throw invalidArgument(`the request is not a valid protobuf message: ${request.reason}`);
  }
  return request;
}

/** What grpc-js sends when a call ends with it. */
export interface CallStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** Anything that is not an RpcError is a defect: it is logged, and the client learns only that it happened. */
export function toStatus(error: unknown, method: string, log: RpcLog): CallStatus {
  const known =
    error instanceof RpcError
      ? error
      : new RpcError(status.INTERNAL, 'internal error; the log of stuckd has more', 'INTERNAL');
  if (known !== error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.error('a gRPC call failed', { method, error: detail });
  }
  const metadata = new Metadata();
  metadata.set(STATUS_DETAILS_KEY, encodeErrorInfo(known.code, known.message, known.reason, known.facts));
  return { code: known.code, details: known.message, metadata };
}

/** A unary handler that answers with what `handle` returns, or with the status of what it throws. */
export function unary<Request, Response>(
  log: RpcLog,
  handle: (request: Request) => Response | Promise<Response>,
): handleUnaryCall<Request | MalformedRequest, Response> {
  return (call, respond) => {
    const run = async (): Promise<Response> => handle(acceptRequest(call.request));
    run().then(
      (response) => {
        respond(null, response);
      },
      (error: unknown) => {
        respond(toStatus(error, call.getPath(), log));
      },
    );
  };
}
