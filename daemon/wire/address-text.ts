/** Text of the addresses in records: 16 bytes in network byte order, IPv4 as IPv4-mapped IPv6. */
import { remember } from '../core/remember.js';

const GROUPS = 8;

/** Whether the address at `position` is in ::ffff:0:0/96, hence IPv4. */
function isMapped(view: DataView, position: number): boolean {
  return (
    view.getUint32(position + 8) === 0xffff && view.getUint32(position + 4) === 0 && view.getUint32(position) === 0
  );
}

/**
 * The addresses of a node are few, and a sweep in a storm names each thousands of times: all share one text, which every
 * record that is kept would otherwise have a copy of.
 */
const REMEMBERED_MAX = 4096;
const ipv4Texts = new Map<number, string>();
const ipv6Texts = new Map<string, string>();

function formatIpv4(view: DataView, position: number): string {
  const key = view.getUint32(position);
  return (
    ipv4Texts.get(key) ??
    remember(ipv4Texts, REMEMBERED_MAX, key, [0, 1, 2, 3].map((index) => view.getUint8(position + index)).join('.'))
  );
}

function formatIpv6(view: DataView, position: number): string {
  let runStart = GROUPS;
  let runLength = 1;
  for (let group = 0; group < GROUPS; group++) {
    let end = group;
    while (end < GROUPS && view.getUint16(position + 2 * end) === 0) {
      end++;
    }
    if (end - group > runLength) {
      runStart = group;
      runLength = end - group;
    }
    group = end;
  }
  let text = '';
  let separator = '';
  for (let group = 0; group < GROUPS; group++) {
    if (group === runStart) {
      text += '::';
      separator = '';
      group += runLength - 1;
    } else {
      text += separator + view.getUint16(position + 2 * group).toString(16);
      separator = ':';
    }
  }
  return ipv6Texts.get(text) ?? remember(ipv6Texts, REMEMBERED_MAX, text, text);
}

/**
 * Formats the 16 bytes at `position`: IPv4-mapped as dotted IPv4, else IPv6 as RFC 5952 section 4 demands: lower case,
 * no leading zeros, the longest run of at least two zero groups as `::`, the first one if several are longest.
 */
export function formatAddress(view: DataView, position: number): string {
  return isMapped(view, position) ? formatIpv4(view, position + 12) : formatIpv6(view, position);
}
