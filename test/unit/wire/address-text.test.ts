/**
 * Proves the text of addresses, against a table written by hand after RFC 5952 and, for random addresses, against the
 * platform's own URL parser. Cannot prove that the sensor puts addresses into records in network byte order.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatAddress } from '../../../daemon/wire/address-text.js';

/** @param groups the eight groups of an address, in hex. */
function format(groups: string): string {
  const bytes = groups.split(' ').flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  // Three bytes in front: addresses in records are not aligned to anything.
  return formatAddress(new DataView(Uint8Array.from([9, 9, 9, ...bytes]).buffer), 3);
}

const TABLE: readonly (readonly [groups: string, text: string, why: string])[] = [
  ['0 0 0 0 0 ffff c000 221', '192.0.2.33', 'IPv4-mapped'],
  ['0 0 0 0 0 ffff 0 0', '0.0.0.0', 'IPv4 wildcard'],
  ['0 0 0 0 0 ffff ffff ffff', '255.255.255.255', 'largest IPv4'],
  ['0 0 0 0 0 ffff 7f00 1', '127.0.0.1', 'IPv4 loopback'],
  ['0 0 0 0 0 0 0 0', '::', 'IPv6 wildcard'],
  ['0 0 0 0 0 0 0 1', '::1', 'IPv6 loopback'],
  ['1 0 0 0 0 0 0 0', '1::', 'run at the end'],
  ['0 0 0 0 0 0 c000 221', '::c000:221', 'IPv4-compatible is not IPv4'],
  ['0 0 0 0 ffff 0 c000 221', '::ffff:0:c000:221', 'IPv4-translated is not IPv4'],
  ['0 0 1 0 0 ffff c000 221', '::1:0:0:ffff:c000:221', 'not quite mapped; the first of two equal runs'],
  ['1 0 0 0 0 ffff c000 221', '1::ffff:c000:221', 'not quite mapped'],
  ['2001 db8 0 0 0 0 2 1', '2001:db8::2:1', 'RFC 5952 section 4.2.1'],
  ['2001 db8 0 1 1 1 1 1', '2001:db8:0:1:1:1:1:1', 'section 4.2.2: one zero group is no run'],
  ['0 db8 1 1 1 1 1 0', '0:db8:1:1:1:1:1:0', 'single zero groups at both ends'],
  ['2001 0 0 1 0 0 0 1', '2001:0:0:1::1', 'section 4.2.3: the longest run'],
  ['2001 db8 0 0 1 0 0 1', '2001:db8::1:0:0:1', 'section 4.2.3: the first of equal runs'],
  ['0 0 0 1 0 0 0 0', '0:0:0:1::', 'the longest run at the end'],
  ['2001 db8 aaaa bbbb cccc dddd eeee 1', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:1', 'section 4.3: lower case'],
  ['fe80 0 0 0 204 61ff fe9d f156', 'fe80::204:61ff:fe9d:f156', 'link local'],
  ['ffff ffff ffff ffff ffff ffff ffff ffff', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'largest IPv6'],
];

describe('formatAddress', () => {
  for (const [groups, text, why] of TABLE) {
    test(`${text} (${why})`, () => assert.equal(format(groups), text));
  }

  test('any IPv6 address as the URL parser writes it', () => {
    const anyGroup = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(anyGroup, { minLength: 8, maxLength: 8 }), (numbers) => {
        const groups = numbers.map((number) => number.toString(16));
        fc.pre(!groups.join(' ').startsWith('0 0 0 0 0 ffff '));
        assert.equal(`[${format(groups.join(' '))}]`, new URL(`http://[${groups.join(':')}]/`).hostname);
      }),
      { numRuns: 1000 },
    );
  });
});
