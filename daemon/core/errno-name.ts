/** Names of the errno values that a TCP socket can end with (include/uapi/asm-generic/errno.h). */

export const ETIMEDOUT = 110;

const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'EPERM'],
  [12, 'ENOMEM'],
  [13, 'EACCES'],
  [32, 'EPIPE'],
  [64, 'ENONET'],
  [71, 'EPROTO'],
  [90, 'EMSGSIZE'],
  [92, 'ENOPROTOOPT'],
  [95, 'EOPNOTSUPP'],
  [97, 'EAFNOSUPPORT'],
  [99, 'EADDRNOTAVAIL'],
  [100, 'ENETDOWN'],
  [101, 'ENETUNREACH'],
  [103, 'ECONNABORTED'],
  [104, 'ECONNRESET'],
  [105, 'ENOBUFS'],
  [ETIMEDOUT, 'ETIMEDOUT'],
  [111, 'ECONNREFUSED'],
  [112, 'EHOSTDOWN'],
  [113, 'EHOSTUNREACH'],
]);

/** @returns the name of a positive errno; a number that TCP does not use reads `errno 42`. */
function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** `tcp_write_err()`: an error that ICMP or the neighbour table reported wins over the timeout. */
export function timeoutErrorName(skErrSoft: number): string {
  return errnoName(skErrSoft === 0 ? ETIMEDOUT : skErrSoft);
}
