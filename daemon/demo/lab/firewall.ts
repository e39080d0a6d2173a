/**
 * The nft rules by which the lab cuts a link or loses packets. They drop what a namespace receives, in the input hook:
 * the sender's kernel has sent its packet and learns nothing, as with a dead host. A rule in the output hook would let
 * the sender know (EPERM), which TCP treats in another way.
 *
 * ARP does not pass the `inet` family at all, and neighbour discovery, which is IPv6's ARP but runs inside ICMPv6, is
 * let through: otherwise the neighbour entry would fail after some seconds and TCP would see EHOSTUNREACH instead of
 * silence (reference/kernel-tcp.md section 1.10 describes that other case).
 */

/** @param table name of the table; it holds nothing but this rule. */
export function cutScript(table: string, device: string): string {
  return inputScript(table, device, 'counter drop');
}

/** @param percent 0-100, in steps of 0.01. */
export function lossScript(table: string, device: string, percent: number): string {
  const share = Math.round(percent * 100);
  if (!(share >= 0 && share <= 10_000)) {
    throw new RangeError(`a loss is 0-100 percent, not ${String(percent)}`);
  }
  return inputScript(table, device, `numgen random mod 10000 < ${String(share)} counter drop`);
}

function inputScript(table: string, device: string, verdict: string): string {
  return [
    `table inet ${table} {`,
    'chain input {',
    'type filter hook input priority -10; policy accept;',
    `iifname "${device}" icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept`,
    `iifname "${device}" ${verdict}`,
    '}',
    '}',
    '',
  ].join('\n');
}

/** @returns the packets that the rule of a listed table has dropped so far (`nft list table inet NAME`). */
export function droppedPackets(listing: string): number {
  const match = /counter packets (\d+) /.exec(listing);
  return match === null ? 0 : Number(match[1]);
}
