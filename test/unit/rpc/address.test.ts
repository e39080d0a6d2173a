// Proves how addresses of the gRPC server are read and which of them other machines could reach. It cannot prove that one
// can listen there.
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { AddressError, formatAddress, isLoopback, parseAddress } from '../../../daemon/rpc/address.js';

describe('addresses', () => {
  const table: readonly [string, string, boolean][] = [
    ['unix:/run/stuckd/stuckd.sock', 'unix:/run/stuckd/stuckd.sock', true],
    ['unix:///run/stuckd/stuckd.sock', 'unix:/run/stuckd/stuckd.sock', true],
    ['unix:here.sock', `unix:${resolve('here.sock')}`, true],
    ['127.0.0.1:9736', '127.0.0.1:9736', true],
    ['127.9.9.9:0', '127.9.9.9:0', true],
    ['localhost:9736', 'localhost:9736', true],
    ['[::1]:9736', '[::1]:9736', true],
    ['0.0.0.0:9736', '0.0.0.0:9736', false],
    ['[::]:9736', '[::]:9736', false],
    ['127.example:9736', '127.example:9736', false],
    ['10.0.0.1:9736', '10.0.0.1:9736', false],
  ];
  for (const [text, canonical, loopback] of table) {
    test(text, () => {
      const address = parseAddress(text);
      assert.equal(formatAddress(address), canonical);
      assert.equal(isLoopback(address), loopback);
    });
  }

  const nonsense = [
    '',
    'unix:',
    'unix:/tmp/\0',
    `unix:/${'x'.repeat(107)}`,
    '9736',
    ':9736',
    'host',
    'host:',
    '::1:9736',
    'host:65536',
    '[host]:1',
    '/run/x.sock',
  ];
  for (const text of nonsense) {
    test(`${JSON.stringify(text.slice(0, 30))} is refused`, () => {
      assert.throws(() => parseAddress(text), AddressError);
    });
  }
});
