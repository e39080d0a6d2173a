/**
 * The errno values that a TCP socket can end with, and their names (include/uapi/asm-generic/errno.h): the same on all
 * architectures that the sensor is built for.
 */

export const EPIPE = 32;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTUNREACH = 113;

const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'EPERM'],
  [12, 'ENOMEM'],
  [13, 'EACCES'],
  [EPIPE, 'EPIPE'],
  [64, 'ENONET'],
  [71, 'EPROTO'],
  [90, 'EMSGSIZE'],
  [92, 'ENOPROTOOPT'],
  [95, 'EOPNOTSUPP'],
  [97, 'EAFNOSUPPORT'],
  [99, 'EADDRNOTAVAIL'],
  [100, 'ENETDOWN'],
  [101, 'ENETUNREACH'],
  [ECONNABORTED, 'ECONNABORTED'],
  [ECONNRESET, 'ECONNRESET'],
  [105, 'ENOBUFS'],
  [ETIMEDOUT, 'ETIMEDOUT'],
  [ECONNREFUSED, 'ECONNREFUSED'],
  [112, 'EHOSTDOWN'],
  [EHOSTUNREACH, 'EHOSTUNREACH'],
]);

/** @returns the name of a positive errno; a number that TCP does not use reads `errno 42`. */
function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** `tcp_write_err()`: an error that ICMP or the neighbour table reported wins over the timeout. */
export function timeoutErrorName(skErrSoft: number): string {
  return errnoName(skErrSoft === 0 ? ETIMEDOUT : skErrSoft);
}
