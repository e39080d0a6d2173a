/** The way back from `address-text.ts`: addresses as the sensor takes them, 16 bytes, IPv4 as IPv4-mapped IPv6. */

const IPV4_GROUPS = 4;
const IPV6_GROUPS = 8;

function parseGroups(text: string, separator: string, radix: number, maximum: number): number[] {
  return text === ''
    ? []
    : text.split(separator).map((group) => {
        const value = Number.parseInt(group, radix);
        if (!/^[0-9a-f]{1,4}$/.test(group) || !(value <= maximum)) {
          throw new RangeError(`${JSON.stringify(group)} is no part of an address`);
        }
        return value;
      });
}

function requireLength(groups: readonly number[], length: number, text: string): void {
  if (groups.length !== length) {
    throw new RangeError(`${JSON.stringify(text)} is no address`);
  }
}

function writeIpv4(view: DataView, position: number, text: string): void {
  const bytes = parseGroups(text, '.', 10, 0xff);
  requireLength(bytes, IPV4_GROUPS, text);
  view.setUint16(position + 10, 0xffff);
  for (const [index, byte] of bytes.entries()) {
    view.setUint8(position + 12 + index, byte);
  }
}

function writeIpv6(view: DataView, position: number, text: string): void {
  const [head = '', tail, ...more] = text.split('::');
  const before = parseGroups(head, ':', 16, 0xffff);
  const after = parseGroups(tail ?? '', ':', 16, 0xffff);
  const gap = tail === undefined ? 0 : Math.max(1, IPV6_GROUPS - before.length - after.length);
  const groups = [...before, ...new Array<number>(gap).fill(0), ...after];
  requireLength(more.length > 0 ? [] : groups, IPV6_GROUPS, text);
  for (const [index, group] of groups.entries()) {
    view.setUint16(position + 2 * index, group);
  }
}

/**
 * Writes the 16 bytes of an address, in network byte order, over zeros.
 * @param text as `formatAddress` writes it.
 * @throws RangeError for any other text.
 */
export function writeAddress(view: DataView, position: number, text: string): void {
  if (text.includes(':')) {
    writeIpv6(view, position, text);
  } else {
    writeIpv4(view, position, text);
  }
}
