/** Errors of calls: a gRPC status code and a sentence that a person understands. */
import { status } from '@grpc/grpc-js';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { MalformedRequest } from './service-definition.js';

/** Ends a call with a status. The message reaches the client. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: status;
  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

/** The request is wrong and will stay wrong if it is sent again. */
export function invalidArgument(message: string): RpcError {
  return new RpcError(status.INVALID_ARGUMENT, message);
}

/** What the RPC layer needs of a logger. */
export interface RpcLog {
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

/** Anything that is not an RpcError is a defect: it is logged, and the client learns only that it happened. */
export function toStatus(error: unknown, method: string, log: RpcLog): { code: status; details: string } {
  if (error instanceof RpcError) {
    return { code: error.code, details: error.message };
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log.error('a gRPC call failed', { method, error: detail });
  return { code: status.INTERNAL, details: 'internal error; the log of stuckd has more' };
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
