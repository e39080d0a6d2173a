/** Peers as people write them: an address, or address:port, `[address]:port` for IPv6. */
import { SocketAddress, isIPv4, isIPv6 } from 'node:net';

/** A peer in a filter; `port` is null where any port is meant. */
export interface PeerPattern {
  /** In the one form that records use: IPv4-mapped addresses are IPv4, IPv6 as inet_ntop prints it. */
  readonly address: string;
  readonly port: number | null;
}

/**
 * The one way to write an address, so that addresses can be compared as text.
 * @returns null if the text is not an address. Zones (`%eth0`) are refused: the kernel does not report them.
 */
export function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) {
    return text;
  }
  if (!isIPv6(text) || text.includes('%')) {
    return null;
  }
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped ?? address;
}

function parsePort(text: string): number | null {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65535 ? port : null;
}

/** @returns null if the text is not a peer. */
export function parsePeer(text: string): PeerPattern | null {
  const whole = canonicalAddress(text);
  if (whole !== null) {
    return { address: whole, port: null };
  }
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text);
  const bracketed = match?.[1];
  const address = canonicalAddress(bracketed ?? match?.[2] ?? '');
  if (address === null || (bracketed !== undefined && isIPv4(bracketed))) {
    return null;
  }
  const portText = match?.[3];
  if (portText === undefined) {
    return { address, port: null };
  }
  const port = parsePort(portText);
  return port === null ? null : { address, port };
}

/** `address:port`, with brackets around IPv6. */
export function formatPeer(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
