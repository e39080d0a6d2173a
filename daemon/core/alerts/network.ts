/** Networks as rules name them: `10.0.0.0/8`, `10.0.0.2`, `10.0.0.2:8000`, `fd00::/8`, `[fd00::2]:8000`. */
import type { Endpoint } from '../snapshot.js';

export interface Network {
  readonly bits: bigint;
  readonly width: 32 | 128;
  readonly prefix: number;
  /** Null: any. */
  readonly port: number | null;
}

interface Address {
  readonly bits: bigint;
  readonly width: 32 | 128;
}

const MAPPED = 0xffffn;

/** @returns null if it is not one, or none that the kernel would take. */
export function parseNetwork(text: string): Network | null {
  const match = /^(?:\[([^\]]+)\]|([^[\]/]*?))(?:\/(\d{1,3}))?(?::(\d{1,5}))?$/u.exec(text);
  if (match === null) {
    return null;
  }
  const [, bracketed, plain = '', prefixText, portText] = match;
  const whole = bracketed === undefined && prefixText === undefined ? parseAddress(text) : null;
  if (whole !== null) {
    return { ...whole, prefix: whole.width, port: null };
  }
  const address = bracketed === undefined ? parseAddress(plain) : parseV6(bracketed);
  const port = portText === undefined ? null : Number(portText);
  const prefix = prefixText === undefined ? address?.width : Number(prefixText);
  const isPortMisplaced = port !== null && (port < 1 || port > 65_535 || (address?.width === 128 && !bracketed));
  if (address === null || prefix === undefined || prefix > address.width || isPortMisplaced) {
    return null;
  }
  return { ...address, prefix, port };
}

export function isInNetwork({ address, port }: Endpoint, network: Network): boolean {
  if (network.port !== null && network.port !== port) {
    return false;
  }
  const parsed = parseAddress(address);
  if (parsed?.width !== network.width) {
    return false;
  }
  const rest = BigInt(network.width - network.prefix);
  return parsed.bits >> rest === network.bits >> rest;
}

/** IPv4-mapped addresses are IPv4, as everywhere in stuckd. */
function parseAddress(text: string): Address | null {
  const v4 = parseV4(text);
  return v4 === null ? parseV6(text) : { bits: v4, width: 32 };
}

function parseV4(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/u.test(part) && Number(part) <= 255)) {
    return null;
  }
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function parseV6(text: string): Address | null {
  const lastColon = text.lastIndexOf(':');
  const v4 = parseV4(text.slice(lastColon + 1));
  // An IPv4 address at the end stands for two groups.
  const groups =
    v4 === null ? text : `${text.slice(0, lastColon + 1)}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
  const halves = groups.split('::');
  if (lastColon < 0 || halves.length > 2) {
    return null;
  }
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) {
    return null;
  }
  const all = [...head, ...new Array<string>(missing).fill('0'), ...tail];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/iu.test(group))) {
    return null;
  }
  const bits = all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
  return bits >> 32n === MAPPED ? { bits: bits & 0xffff_ffffn, width: 32 } : { bits, width: 128 };
}
