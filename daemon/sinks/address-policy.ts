/**
 * Which addresses a receiver may have. What counts is the address that a connection goes to, not the name in the URL: a
 * name may resolve to the metadata service of a cloud, or to something that listens on this machine for itself.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export type AddressClass = 'public' | 'private' | 'loopback' | 'forbidden';

export interface AddressPolicy {
  readonly allowPrivate: boolean;
  readonly allowLoopback: boolean;
}

type Range = readonly [network: string, prefix: number];

/** Never a receiver: this host unspecified, link-local with the metadata services, multicast, reserved. */
const FORBIDDEN_V4: readonly Range[] = [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32], // metadata service of a cloud, in the shared address space
  ['192.0.0.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
const LOOPBACK_V4: readonly Range[] = [['127.0.0.0', 8]];
/** RFC 1918, and RFC 6598 for what stands behind a carrier's translator. */
const PRIVATE_V4: readonly Range[] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
];

const FORBIDDEN_V6: readonly Range[] = [
  // Unspecified, and IPv4-compatible ones, which are deprecated (RFC 4291, 2.5.5.1); but for loopback.
  ['::', 96],
  ['::ffff:0:0:0', 96], // IPv4-translated (RFC 2765), deprecated as well
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['fd00:ec2::254', 128], // metadata services of clouds
  ['fd20:ce::254', 128],
  ['2001::', 32], // Teredo: a tunnel to an address that does not stand here
  ['64:ff9b:1::', 48], // a translator's own prefix: what is behind it cannot be told
];
const LOOPBACK_V6: readonly Range[] = [['::1', 128]];
const PRIVATE_V6: readonly Range[] = [['fc00::', 7]];

/** IPv6 addresses that lead to an IPv4 address: NAT64 (RFC 6052) and 6to4 (RFC 3056). Mapped ones are known to Node. */
function translated([network, prefix]: Range): readonly Range[] {
  const octets = network.split('.').map(Number);
  const group = (at: number): string => (((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0)).toString(16);
  return [
    [`64:ff9b::${network}`, 96 + prefix],
    [`2002:${group(0)}:${group(2)}::`, 16 + prefix],
  ];
}

function blockList(v4: readonly Range[], v6: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of v4) {
    list.addSubnet(network, prefix, 'ipv4');
  }
  for (const [network, prefix] of [...v6, ...v4.flatMap(translated)]) {
    list.addSubnet(network, prefix, 'ipv6');
  }
  return list;
}

const FORBIDDEN = blockList(FORBIDDEN_V4, FORBIDDEN_V6);
const LOOPBACK = blockList(LOOPBACK_V4, LOOPBACK_V6);
const PRIVATE = blockList(PRIVATE_V4, PRIVATE_V6);

/** @param address without brackets; a zone (`%eth0`) makes it forbidden, as anything else that is no address. */
export function addressClass(address: string): AddressClass {
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) && !address.includes('%') ? 'ipv6' : null;
  if (family === null) {
    return 'forbidden';
  }
  if (LOOPBACK.check(address, family)) {
    return 'loopback';
  }
  if (FORBIDDEN.check(address, family)) {
    return 'forbidden';
  }
  return PRIVATE.check(address, family) ? 'private' : 'public';
}

/** @returns null, or why nothing is sent there, for a person. */
export function addressProblem(address: string, secure: boolean, policy: AddressPolicy): string | null {
  const kind = addressClass(address);
  switch (kind) {
    case 'forbidden':
      return 'its address is link-local, multicast, a metadata service or reserved, where no receiver can be';
    case 'loopback':
      return policy.allowLoopback ? null : 'its address is this machine itself (allowLoopback: true permits it)';
    case 'private':
      return policy.allowPrivate ? null : 'its address is private (allowPrivate: true permits it)';
    case 'public':
      return secure ? null : 'its address is public, and http:// would show the alert to everybody on the way';
  }
}
