/** TLS as a client of the daemon uses it: whom it believes, and what it shows. */
import { readFileSync } from 'node:fs';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';

/** Paths of PEM files, each null where it was not given. */
export interface ClientTls {
  /** Who signs the certificate of the daemon; without it, those whom Node.js trusts. */
  readonly caFile: string | null;
  /** The client's own certificate and key; a daemon with mTLS lets nobody in without. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
  /** The name that must be in the daemon's certificate, where it is not the host of the address. */
  readonly serverName: string | null;
}

function read(path: string | null): Buffer | null {
  if (path === null) {
    return null;
  }
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`cannot read a file for TLS: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** @throws Error if a file cannot be read, or is no PEM file of its sort. */
export function clientCredentials(tls: ClientTls | null): ChannelCredentials {
  if (tls === null) {
    return credentials.createInsecure();
  }
  const [ca, key, cert] = [read(tls.caFile), read(tls.keyFile), read(tls.certFile)];
  try {
    return credentials.createSsl(ca, key, cert);
  } catch (error) {
    const files = [tls.caFile, tls.certFile, tls.keyFile].filter((path) => path !== null).join(', ');
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the files for TLS cannot be used (${files}): ${reason}`, { cause: error });
  }
}

export function tlsChannelOptions(tls: ClientTls | null): ChannelOptions {
  const serverName = tls?.serverName ?? null;
  return serverName === null
    ? {}
    : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
}
