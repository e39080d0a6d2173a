/** Where the gRPC server listens and where the client finds it: `unix:PATH` or `HOST:PORT`. */
import { isIPv4, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { UNIX_PATH_BYTES_MAX } from '../lib/own-places.js';

/** The server's default. */
export const DEFAULT_ADDRESS = 'unix:/run/stuckd/stuckd.sock';

export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** An address that cannot be used; the message says why and what would do. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
}

function parseUnix(text: string): Address {
  const given = text.slice('unix:'.length);
  // gRPC also writes unix:///path.
  const path = given.startsWith('//') ? given.slice(2) : given;
  if (path === '') {
    throw new AddressError(`address "${text}" has no path; write for example ${DEFAULT_ADDRESS}`);
  }
  const absolute = resolve(path);
  if (absolute.includes('\0') || Buffer.byteLength(absolute) > UNIX_PATH_BYTES_MAX) {
    throw new AddressError(`the path of a unix socket may have ${UNIX_PATH_BYTES_MAX} bytes at most: ${absolute}`);
  }
  return { kind: 'unix', path: absolute };
}

/**
 * @param text `unix:PATH` (a relative path is taken from the working directory) or `HOST:PORT` (`[HOST]:PORT` for IPv6).
 * @throws AddressError
 */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:')) {
    return parseUnix(text);
  }
  const match = /^(?:\[([^\]]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(text);
  const bracketed = match?.[1];
  const host = bracketed ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535 || (bracketed !== undefined && !isIPv6(bracketed))) {
    throw new AddressError(`"${text}" is not an address; write unix:PATH or HOST:PORT ([HOST]:PORT for IPv6)`);
  }
  return { kind: 'tcp', host, port };
}

/** The address as one would write it. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') {
    return `unix:${address.path}`;
  }
  const host = isIPv6(address.host) ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** True if only this machine can reach the address. */
export function isLoopback(address: Address): boolean {
  if (address.kind === 'unix') {
    return true;
  }
  return (
    address.host === 'localhost' || address.host === '::1' || (isIPv4(address.host) && address.host.startsWith('127.'))
  );
}
