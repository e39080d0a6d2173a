// Proves whose certificate a node must have that was found by a name: that name's, not that of the address it resolved to,
// unless --tls-server-name says otherwise; that a unix socket needs none; and that a node which cannot show it is told of and not asked.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { NodeGroup } from '../../daemon/cli/nodes/node-group.js';
import { parseNodeSpecs } from '../../daemon/cli/nodes/node-specs.js';
import type { ClientTls } from '../../daemon/rpc/grpc-client.js';
import { startGrpcServer } from '../../daemon/rpc/grpc-server.js';
import { type Authority, createAuthority, replaceFile } from '../support/certificates.js';
import { freePort } from '../support/free-port.js';
import { createLog } from '../unit/rpc/sample-records.js';
import { createServices, RpcBench } from './rpc-harness.js';

const NAME = 'stuckd.monitoring.svc';

let bench: RpcBench;
let authority: Authority;
let port: number;
let tls: ClientTls;

const file = (name: string): string => join(bench.directory.path, name);

beforeEach(async () => {
  bench = new RpcBench();
  authority = createAuthority('test authority');
  port = await freePort();
  const { cert, key } = authority.issue(['operator']);
  tls = { caFile: file('ca.pem'), certFile: file('client.pem'), keyFile: file('client.key'), serverName: null };
  replaceFile(file('ca.pem'), authority.cert);
  replaceFile(file('client.pem'), cert);
  replaceFile(file('client.key'), key);
});

afterEach(() => {
  bench.clean();
});

/** @param name in its certificate. */
async function serve(host: string, name: string): Promise<void> {
  const { cert, key } = authority.issue([name]);
  replaceFile(file(`${host}.pem`), cert);
  replaceFile(file(`${host}.key`), key);
  const server = await startGrpcServer({
    address: `unix:${file(`${host}.sock`)}`,
    tcp: {
      address: `${host}:${String(port)}`,
      tls: { certFile: file(`${host}.pem`), keyFile: file(`${host}.key`), clientCaFile: file('ca.pem') },
      ...{ insecure: false, reflection: false },
    },
    services: createServices(),
    log: createLog(),
  });
  bench.onClean(() => {
    server.close();
  });
}

async function ask(clientTls: ClientTls): Promise<{ answering: readonly string[]; reasons: readonly string[] }> {
  const specs = parseNodeSpecs([`dns:///${NAME}:${String(port)}`]);
  const lookup = (): Promise<readonly string[]> => Promise.resolve(['127.0.0.1', '127.0.0.2']);
  const group = await NodeGroup.open({ specs, only: [], timeoutMs: 60_000, auditTimeoutMs: 60_000 }, clientTls, lookup);
  group.close();
  return {
    answering: group.nodes.map(({ address }) => address),
    reasons: group.unreachable.map(({ node, reason }) => `${node}: ${reason}`),
  };
}

test('the certificate is for the name', async () => {
  await serve('127.0.0.1', NAME);
  await serve('127.0.0.2', '127.0.0.2');
  const { answering, reasons } = await ask(tls);
  assert.deepEqual(answering, [`127.0.0.1:${String(port)}`]);
  assert.equal(reasons.length, 1);
  assert.match(reasons[0] ?? '', /^127\.0\.0\.2:\d+: .*stuckd\.monitoring\.svc.* is not .*cert/i);
});

test('a unix socket among them is used without TLS', async () => {
  await serve('127.0.0.1', '127.0.0.1');
  const specs = parseNodeSpecs([`unix:${file('127.0.0.1.sock')}`, `127.0.0.1:${String(port)}`]);
  const group = await NodeGroup.open({ specs, only: [], timeoutMs: 60_000, auditTimeoutMs: 60_000 }, tls, () =>
    Promise.resolve([]),
  );
  group.close();
  assert.deepEqual([group.nodes.length, group.unreachable], [2, []]);
});

test('--tls-server-name is for all of them', async () => {
  await serve('127.0.0.1', 'agent');
  await serve('127.0.0.2', 'agent');
  const { answering, reasons } = await ask({ ...tls, serverName: 'agent' });
  assert.deepEqual([answering.length, reasons], [2, []]);
});
