/** An address that means another host in every network namespace. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
