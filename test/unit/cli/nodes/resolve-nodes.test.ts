// Proves how addresses become nodes: names resolve to all their addresses, with the name as that of the certificate; nothing
// is asked twice; what does not resolve is told and holds up nobody; too many nodes and bad files are refused. And what
// nodes are called. Names are resolved by a table, never by the network.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { UsageError } from '../../../../daemon/cli/cli-io.js';
import { isNamed, NodeNames } from '../../../../daemon/cli/nodes/node-names.js';
import { parseNodeSpecs } from '../../../../daemon/cli/nodes/node-specs.js';
import { type Lookup, resolveNodes } from '../../../../daemon/cli/nodes/resolve-nodes.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-nodes-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

const lookup: Lookup = (host) => {
  switch (host) {
    case 'pods':
      return Promise.resolve(['10.0.0.2', '10.0.0.1', 'fd00::1']);
    case 'silent':
      return new Promise(() => undefined);
    case 'many':
      return Promise.resolve(Array.from({ length: 1001 }, (_, index) => `10.1.${index >> 8}.${index & 255}`));
    default:
      return Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }));
  }
};

const resolve = (text: string): ReturnType<typeof resolveNodes> => resolveNodes(parseNodeSpecs([text]), lookup, 20);

describe('nodes', () => {
  test('a name is all its addresses, certified by the name', async () => {
    const { nodes, unresolved } = await resolve('dns:///pods:9736,10.0.0.1:9736,h:1');
    assert.deepEqual(nodes, [
      { address: '10.0.0.1:9736', serverName: 'pods' },
      { address: '10.0.0.2:9736', serverName: 'pods' },
      { address: '[fd00::1]:9736', serverName: 'pods' },
      { address: 'h:1', serverName: null },
    ]);
    assert.deepEqual(unresolved, []);
  });

  test('a name that does not resolve, and a name server that does not answer', async () => {
    const { nodes, unresolved } = await resolve('dns:///nobody:1,dns:///silent:1,h:1');
    assert.deepEqual(nodes, [{ address: 'h:1', serverName: null }]);
    assert.deepEqual(unresolved, [
      { address: 'dns:///nobody:1', reason: 'the name does not resolve' },
      { address: 'dns:///silent:1', reason: 'the name does not resolve: no name server answers' },
    ]);
  });

  test('too many', async () => {
    await assert.rejects(resolve('dns:///many:1'), /these are 1001 nodes; stuckctl asks 1000 at most/);
  });

  test('a file', async () => {
    const path = join(directory, 'nodes');
    writeFileSync(path, 'a:1\ndns:///pods:2\n');
    const { nodes } = await resolve(`@${path}`);
    assert.deepEqual(
      nodes.map(({ address }) => address),
      ['a:1', '10.0.0.1:2', '10.0.0.2:2', '[fd00::1]:2'],
    );
  });

  test('a file that cannot be used', async () => {
    const path = join(directory, 'wrong');
    writeFileSync(path, 'a\n');
    await assert.rejects(
      resolve(`@${path}`),
      (error) => error instanceof UsageError && error.message.includes('line 1'),
    );
    await assert.rejects(resolve(`@${directory}/none`), /cannot be read: ENOENT/);
    writeFileSync(path, '#'.repeat(1024 * 1024 + 1));
    await assert.rejects(resolve(`@${path}`), /larger than 1 MiB/);
  });
});

describe('names', () => {
  test('host names, where they tell nodes apart', () => {
    const names = new NodeNames([
      { address: 'a:1', hostname: 'one' },
      { address: 'b:1', hostname: 'twin' },
      { address: 'c:1', hostname: 'twin' },
      { address: 'd:1', hostname: '' },
    ]);
    assert.deepEqual(
      ['a:1', 'b:1', 'c:1', 'd:1', 'e:1'].map((address) => names.of(address)),
      ['one', 'b:1', 'c:1', 'd:1', 'e:1'],
    );
  });
  test('--node takes a host name, an address, or its host', () => {
    const node = { address: '[fd00::1]:9736', hostname: 'one' };
    assert.deepEqual(
      ['one', '[fd00::1]:9736', 'fd00::1', 'two'].map((name) => isNamed([name], node)),
      [true, true, true, false],
    );
  });
});
