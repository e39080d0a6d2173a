// Proves, as a table, which addresses a receiver may have. It cannot prove that a connection goes to the address that was
// judged; http-client.test.ts does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressClass, addressProblem, type AddressClass } from '../../../daemon/sinks/address-policy.js';

const table: readonly (readonly [AddressClass, readonly string[]])[] = [
  [
    'public',
    [
      '8.8.8.8',
      '172.32.0.1',
      '100.128.0.1',
      '2606:4700::1111',
      '::ffff:8.8.8.8',
      '64:ff9b::8.8.8.8',
      '2002:808:808::1',
    ],
  ],
  [
    'private',
    [
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      'fd12::1',
      '::ffff:10.0.0.1',
      '64:ff9b::10.0.0.1',
      '2002:a00:1::',
    ],
  ],
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::']],
  [
    'forbidden',
    [
      '0.0.0.0',
      '0.1.2.3',
      '169.254.169.254',
      '169.254.0.1',
      '100.100.100.200',
      '224.0.0.1',
      '239.1.1.1',
      '255.255.255.255',
      '240.0.0.1',
      '192.0.0.192',
    ],
  ],
  [
    'forbidden',
    [
      '::',
      'fe80::1',
      'fe80::1%lo',
      'fec0::1',
      'ff02::1',
      'fd00:ec2::254',
      'fd20:ce::254',
      '::127.0.0.1',
      '::7f00:1',
      '::10.0.0.1',
      '::8.8.8.8',
      '::2',
      '::ffff:0:127.0.0.1',
      '::ffff:0:7f00:1',
      '::ffff:0:169.254.169.254',
      '0:0:0:0:ffff:0:a00:1',
      '::ffff:169.254.169.254',
      '64:ff9b::a9fe:a9fe',
      '2002:a9fe:a9fe::',
      '2001::1',
      '64:ff9b:1::1',
    ],
  ],
  ['forbidden', ['', 'localhost', '127.1', '0x7f000001', '[::1]', '1.2.3.4.5']],
];

for (const [expected, addresses] of table) {
  for (const address of addresses) {
    test(`${address} is ${expected}`, () => {
      assert.equal(addressClass(address), expected);
    });
  }
}

test('what is permitted, and only with encryption to the public', () => {
  const none = { allowPrivate: false, allowLoopback: false };
  const all = { allowPrivate: true, allowLoopback: true };
  assert.equal(addressProblem('8.8.8.8', true, none), null);
  assert.match(addressProblem('8.8.8.8', false, all) ?? '', /everybody on the way/);
  assert.match(addressProblem('10.0.0.1', true, { ...all, allowPrivate: false }) ?? '', /allowPrivate/);
  assert.match(addressProblem('127.0.0.1', true, { ...all, allowLoopback: false }) ?? '', /allowLoopback/);
  assert.equal(addressProblem('10.0.0.1', false, all), null);
  assert.equal(addressProblem('127.0.0.1', false, all), null);
  assert.match(addressProblem('169.254.169.254', true, all) ?? '', /link-local/);
});
