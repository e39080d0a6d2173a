/** The opaque token of a watch: the stream, the run of the daemon, the last change, and the filter that it belongs to. */
import { status } from '@grpc/grpc-js';
import * as z from 'zod';
import { invalidArgument, RpcError } from './status.js';

const TOKEN_VERSION = 1;
const TOKEN_LENGTH_MAX = 1024;

/** A place in the journal of a stream. */
export interface StreamPlace {
  /** The run of the daemon that numbered it: a UUID. */
  readonly run: string;
  readonly sequence: number;
}

const schema = z.tuple([z.literal(TOKEN_VERSION), z.string(), z.string(), z.number().int().min(0), z.string()]);
/** Nothing but its beginning is known of what another version gave. */
const versionSchema = z.tuple([z.number().int().min(1)], z.unknown());

/**
 * @param stream name of the stream
 * @param fingerprint of the filter
 */
export function encodeResumeToken(stream: string, { run, sequence }: StreamPlace, fingerprint: string): string {
  return Buffer.from(JSON.stringify([TOKEN_VERSION, stream, run, sequence, fingerprint])).toString('base64url');
}

function parseJson(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    return null;
  }
}

/**
 * @throws RpcError INVALID_ARGUMENT for a token of another watch, or one that no stuckd gave; OUT_OF_RANGE for one of
 *   another version of stuckd: the client did nothing wrong, and goes on with a snapshot.
 */
export function decodeResumeToken(token: string, stream: string, fingerprint: string): StreamPlace {
  const json = token.length > TOKEN_LENGTH_MAX ? null : parseJson(token);
  const version = versionSchema.safeParse(json).data?.[0] ?? TOKEN_VERSION;
  if (version !== TOKEN_VERSION) {
    throw new RpcError(
      status.OUT_OF_RANGE,
      'resume_token was given by another version of stuckd; watch again without one, which begins with a snapshot',
    );
  }
  const parsed = schema.safeParse(json).data;
  if (parsed?.[1] !== stream) {
    throw invalidArgument('resume_token is not a token of this watch; watch again without one');
  }
  const [, , run, sequence, ofFilter] = parsed;
  if (ofFilter !== fingerprint) {
    throw invalidArgument('resume_token belongs to a watch with another filter; watch again without one');
  }
  return { run, sequence };
}
