/** `google.rpc.ErrorInfo` in `grpc-status-details-bin`: what programs go by, where people read the message (AIP-193). */
import { google, type stuckd } from './gen/stuckd.js';

/** Trailer with a `google.rpc.Status`; gRPC knows from the suffix that it is binary. */
export const STATUS_DETAILS_KEY = 'grpc-status-details-bin';

const DOMAIN = 'stuckd';
const TYPE_URL = 'type.googleapis.com/google.rpc.ErrorInfo';

/** A message that does not fit into the trailers would keep the status itself from arriving: HTTP/2 headers are bounded. */
const MESSAGE_CHARS_MAX = 1024;
const FACT_CHARS_MAX = 256;

type Prefixed = keyof typeof stuckd.v1.ErrorReason;

/** `ErrorReason` of the contract without its prefix. */
export type ErrorReason = Exclude<Prefixed extends `ERROR_REASON_${infer Name}` ? Name : never, 'UNSPECIFIED'>;

/** What a client can read from an error of stuckd. */
export interface ErrorInfo {
  /** One of ErrorReason, or one that a newer daemon knows. */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export function encodeErrorInfo(
  code: number,
  message: string,
  reason: ErrorReason,
  facts: Readonly<Record<string, string>>,
): Buffer {
  const metadata = Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, value.slice(0, FACT_CHARS_MAX)]),
  );
  const value = google.rpc.ErrorInfo.encode({ reason, domain: DOMAIN, metadata }).finish();
  const details = [{ type_url: TYPE_URL, value }];
  return Buffer.from(
    google.rpc.Status.encode({ code, message: message.slice(0, MESSAGE_CHARS_MAX), details }).finish(),
  );
}

/**
 * @param trailer the value of `grpc-status-details-bin`, which whoever answered has sent.
 * @returns null if it holds no ErrorInfo of stuckd.
 */
export function decodeErrorInfo(trailer: string | Buffer | undefined): ErrorInfo | null {
  if (trailer === undefined || typeof trailer === 'string') {
    return null;
  }
  try {
    for (const { type_url: type, value } of google.rpc.Status.decode(trailer).details) {
      const info = type === TYPE_URL && value ? google.rpc.ErrorInfo.decode(value) : null;
      if (info?.domain === DOMAIN) {
        return { reason: info.reason, metadata: info.metadata };
      }
    }
  } catch {
    // Not protobuf: the status code and the message still stand.
  }
  return null;
}
