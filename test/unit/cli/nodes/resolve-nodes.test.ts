// Proves how addresses become nodes: names resolve to all their addresses, with the name as that of the certificate; nothing
// is asked twice; what does not resolve is told and holds up nobody; too many nodes and bad files are refused. And what
// nodes are called. Names are resolved by a table, never by the network.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { UsageError } from '../../../../daemon/cli/cli-io.js';
import { isNamed, NodeNames } from '../../../../daemon/cli/nodes/node-names.js';
import { parseNodeSpecs } from '../../../../daemon/cli/nodes/node-specs.js';
import { chooseByAddress, type Lookup, resolveNodes } from '../../../../daemon/cli/nodes/resolve-nodes.js';

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
    writeFileSync(path, '#'.repeat(1024 * 1024));
    await assert.rejects(resolve(`@${path}`), /names no node/);
    await assert.rejects(resolve('@/dev/zero'), /larger than 1 MiB/);
    await assert.rejects(resolve(`@${directory}`), /cannot be read: EISDIR/);
  });

  test('a file without addresses is a mistake', async () => {
    const path = join(directory, 'empty');
    for (const content of ['', '\n# none yet\n']) {
      writeFileSync(path, content);
      await assert.rejects(
        resolve(`@${path}`),
        (error) => error instanceof UsageError && error.message.includes('names no node'),
      );
    }
  });

  describe('a pipe', () => {
    const pipe = join(directory, 'pipe');
    before(() => {
      assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    });
    const read = (timeoutMs: number): ReturnType<typeof resolveNodes> =>
      resolveNodes(parseNodeSpecs([`@${pipe}`]), lookup, timeoutMs);

    test('is read to its end, however late its writer comes', async () => {
      const reading = read(60_000);
      await turn();
      const writer = openSync(pipe, 'w');
      writeSync(writer, 'a:1\n');
      await turn();
      writeSync(writer, 'b:2\n');
      closeSync(writer);
      assert.deepEqual(
        (await reading).nodes.map(({ address }) => address),
        ['a:1', 'b:2'],
      );
    });

    test('that nobody writes to, or ends, is given up', async () => {
      await assert.rejects(read(20), /cannot be read: it does not end within 0\.02 s/);
      const reading = read(20);
      const writer = openSync(pipe, 'w');
      writeSync(writer, 'a:1\n');
      await assert.rejects(reading, /does not end within/);
      closeSync(writer);
    });
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

  test('who is chosen by address alone is asked alone', () => {
    const addresses = ['10.0.0.1:1', '10.0.0.1:2', '[fd00::1]:1', 'web-1:1', 'unix:/a'];
    const resolved = {
      nodes: addresses.map((address) => ({ address, serverName: null })),
      unresolved: [{ address: 'dns:///nobody:1', reason: 'the name does not resolve' }],
    };
    const chosen = (...only: readonly string[]): readonly string[] | null => {
      const { nodes, unresolved } = chooseByAddress(resolved, only);
      return unresolved.length > 0 ? null : nodes.map(({ address }) => address);
    };
    assert.deepEqual(chosen('10.0.0.1:2'), ['10.0.0.1:2']);
    assert.deepEqual(chosen('10.0.0.1', 'unix:/a'), ['10.0.0.1:1', '10.0.0.1:2', 'unix:/a']);
    assert.deepEqual(chosen('fd00::1'), ['[fd00::1]:1']);
    assert.deepEqual(chosen('web-1:1'), ['web-1:1']);
    // A node may call itself so, whatever its address is.
    assert.equal(chosen('web-1'), null);
    assert.equal(chosen('10.0.0.1', 'web-2'), null);
    assert.equal(chosen('10.0.0.9'), null);
    assert.equal(chosen(), null);
  });

  test('--node takes a host name, an address, or its host', () => {
    const node = { address: '[fd00::1]:9736', hostname: 'one' };
    assert.deepEqual(
      ['one', '[fd00::1]:9736', 'fd00::1', 'two'].map((name) => isNamed([name], node)),
      [true, true, true, false],
    );
  });
});
