// Proves the grammar of --address for one daemon and for many, of files of addresses and of --node and --timeout, and that
// an address that was good before there were lists means what it meant.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UsageError } from '../../../../daemon/cli/cli-io.js';
import {
  formatNodeSpec,
  isManyNodes,
  parseAddressFile,
  parseNodeSpecs,
} from '../../../../daemon/cli/nodes/node-specs.js';
import { parseDestination } from '../../../../daemon/cli/nodes/nodes-arguments.js';

test('the address of one daemon is told as it is used', () => {
  assert.equal(parseDestination({ address: [' unix:/x '] }, {}).address, 'unix:/x');
  assert.equal(parseDestination({}, { STUCKD_ADDRESS: 'h:1 ' }).address, 'h:1');
});

describe('addresses', () => {
  const table: readonly (readonly [string, readonly string[], boolean])[] = [
    ['unix:/run/stuckd.sock', ['unix:/run/stuckd.sock'], false],
    ['unix:/run/a,b.sock', ['unix:/run/a,b.sock'], false],
    ['10.0.0.1:9736', ['10.0.0.1:9736'], false],
    ['[fd00::1]:9736', ['[fd00::1]:9736'], false],
    ['10.0.0.1:9736,10.0.0.2:9736', ['10.0.0.1:9736', '10.0.0.2:9736'], true],
    ['a:1 , [fd00::1]:2', ['a:1', '[fd00::1]:2'], true],
    ['unix:/a,unix:/b,h:1', ['unix:/a', 'unix:/b', 'h:1'], true],
    ['dns:///stuckd.monitoring.svc:9736', ['dns:///stuckd.monitoring.svc:9736'], true],
    ['dns:stuckd:9736', ['dns:///stuckd:9736'], true],
    ['dns:///a:1,dns:///b:2', ['dns:///a:1', 'dns:///b:2'], true],
    ['@nodes.txt', ['@nodes.txt'], true],
    ['file:/etc/nodes,h:1', ['@/etc/nodes', 'h:1'], true],
  ];
  for (const [text, expected, isMany] of table) {
    test(text, () => {
      const specs = parseNodeSpecs([text]);
      assert.deepEqual(specs.map(formatNodeSpec), expected);
      assert.equal(isManyNodes(specs), isMany);
    });
  }

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['nowhere', /"nowhere" is not an address/],
    ['a:1,', /is not an address/],
    ['a:1,b', /is not an address/],
    ['a:1,b:70000', /"b:70000" is not an address/],
    ['dns:///stuckd', /is not a name to resolve; write dns:\/\/\/HOST:PORT/],
    ['dns:///unix:/a', /is not a name to resolve/],
    ['dns://10.0.0.53/stuckd:9736', /the name server cannot be chosen/],
    ['@', /names no file/],
    ['file:', /names no file/],
  ];
  for (const [text, naming] of wrong) {
    test(`not ${text}`, () => {
      assert.throws(() => parseNodeSpecs([text]), naming);
    });
  }
});

describe('files of addresses', () => {
  test('one a line, with comments', () => {
    const specs = parseAddressFile('nodes', '# all\n10.0.0.1:9736\n\n  dns:///b:1\r\nc:1,d:1\n');
    assert.deepEqual(specs.map(formatNodeSpec), ['10.0.0.1:9736', 'dns:///b:1', 'c:1', 'd:1']);
  });
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['a:1\nb\n', /^nodes, line 2: "b" is not an address/],
    ['@nodes\n', /^nodes, line 1: a file of addresses names no other file$/],
  ];
  for (const [content, naming] of wrong) {
    test(JSON.stringify(content), () => {
      assert.throws(() => parseAddressFile('nodes', content), { message: naming });
    });
  }
});

describe('--node and --timeout', () => {
  test('with several nodes', () => {
    const { nodes, address } = parseDestination({ address: ['a:1', 'b:1'], node: ['n1,n2', 'n3'], timeout: '2s' }, {});
    assert.equal(address, 'a:1,b:1');
    assert.deepEqual([nodes?.only, nodes?.timeoutMs, nodes?.specs.length], [['n1', 'n2', 'n3'], 2000, 2]);
  });
  test('several from the variable', () => {
    const { nodes, overTcp } = parseDestination({}, { STUCKD_ADDRESS: 'unix:/a,unix:/b' });
    assert.deepEqual([nodes?.only, nodes?.timeoutMs, overTcp], [[], 5000, false]);
  });
  test('one daemon is one daemon', () => {
    assert.deepEqual(parseDestination({ address: ['a:1'] }, {}), { address: 'a:1', overTcp: true });
  });
  const wrong: readonly (readonly [Parameters<typeof parseDestination>[0], RegExp])[] = [
    [{ address: ['a:1'], node: ['n1'] }, /^--node goes with several nodes/],
    [{ timeout: '2s' }, /^--timeout goes with several nodes/],
    [{ address: ['a:1,b:1'], timeout: '2' }, /^--timeout "2": give a time/],
    [{ address: ['a:1,b:1'], timeout: '0s' }, /^--timeout "0s"/],
    [{ address: ['a:1,b:1'], timeout: '11m' }, /^--timeout "11m"/],
  ];
  for (const [values, naming] of wrong) {
    test(JSON.stringify(values), () => {
      assert.throws(
        () => parseDestination(values, {}),
        (error) => error instanceof UsageError && naming.test(error.message),
      );
    });
  }
});
