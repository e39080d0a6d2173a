// Proves gRPC over TCP with mTLS, between a real server, the typed client and stuckctl as a process, on loopback: who gets
// in, who does not and what both sides say of it, certificates that are replaced while connections stand, and addresses
// that are refused. The certificates are made on the spot. It cannot show that other languages' TLS agrees with Node's.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createStuckdClient, type ClientTls, type StuckdClient } from '../../daemon/rpc/grpc-client.js';
import { type GrpcServer, startGrpcServer } from '../../daemon/rpc/grpc-server.js';
import type { TlsFiles } from '../../daemon/rpc/tls-certificates.js';
import { type Authority, type Certificate, createAuthority, replaceFile } from '../support/certificates.js';
import { waitFor } from '../support/wait-for.js';
import { createLog, createRecord, FakeRecords } from '../unit/rpc/sample-records.js';
import { createServices, RpcBench, rejection, startStuckctl } from './rpc-harness.js';

let bench: RpcBench;
let log: ReturnType<typeof createLog>;
let authority: Authority;
let clientTls: ClientTls;

beforeEach(() => {
  bench = new RpcBench();
  log = createLog();
  authority = createAuthority('test authority');
  clientTls = writeClient('client', authority.issue(['operator']), authority);
});

afterEach(() => {
  bench.clean();
});

const file = (name: string): string => join(bench.directory.path, name);

/** @param believed who signs what this client accepts. */
function writeClient(name: string, { cert, key }: Certificate, believed: Certificate): ClientTls {
  const tls = { caFile: file(`${name}-ca.pem`), certFile: file(`${name}.pem`), keyFile: file(`${name}.key`) };
  replaceFile(tls.caFile, believed.cert);
  replaceFile(tls.certFile, cert);
  replaceFile(tls.keyFile, key);
  return { ...tls, serverName: null };
}

/** Of certificates that are not to lie beside everything else. */
const FOLDER = 'certificates';

function writeServer({ cert, key }: Certificate, clientCa: Certificate, folder = '.'): void {
  mkdirSync(file(folder), { recursive: true });
  replaceFile(file(`${folder}/server.key`), key);
  replaceFile(file(`${folder}/server.pem`), cert);
  replaceFile(file(`${folder}/clients.pem`), clientCa.cert);
}

function serverFiles(folder: string): TlsFiles {
  return {
    certFile: file(`${folder}/server.pem`),
    keyFile: file(`${folder}/server.key`),
    clientCaFile: file(`${folder}/clients.pem`),
  };
}

interface ServeOptions {
  readonly address?: string;
  readonly records?: FakeRecords;
  readonly connectionsMax?: number;
  /** Where the certificates are. */
  readonly folder?: string;
}

async function serve(options: ServeOptions = {}): Promise<GrpcServer> {
  const { address = '127.0.0.1:0', records = new FakeRecords([createRecord({ id: 'c1' })]), connectionsMax } = options;
  const server = await startGrpcServer({
    address: bench.address,
    tcp: {
      address,
      tls: serverFiles(options.folder ?? '.'),
      insecure: false,
      reflection: false,
    },
    certificateCheckMs: 10,
    ...(connectionsMax === undefined ? {} : { connectionsMax }),
    services: createServices({ records }),
    log,
  });
  bench.onClean(() => {
    server.close();
  });
  return server;
}

function tcpAddress({ tcpAddress: address }: GrpcServer): string {
  assert.ok(address !== null);
  return address;
}

function client(address: string, tls: ClientTls | null = clientTls): StuckdClient {
  const created = createStuckdClient(address, tls);
  bench.onClean(() => {
    created.close();
  });
  return created;
}

async function ids(asked: StuckdClient): Promise<readonly string[]> {
  return (await asked.listStuckConnections({})).stuckConnections.map(({ id }) => id ?? '');
}

describe('who gets in', () => {
  beforeEach(() => {
    writeServer(authority.issue(['localhost', '127.0.0.1']), authority);
  });

  test('a client with a certificate of the authority; and the unix socket serves beside it', async () => {
    const server = await serve();
    assert.match(tcpAddress(server), /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(await ids(client(tcpAddress(server))), ['c1']);
    assert.deepEqual(await ids(client(server.address, null)), ['c1']);
    assert.deepEqual(server.problems(), []);
    assert.deepEqual(log.lines, []);
  });

  test('nobody without a certificate, with one of another authority, or without TLS; the log says so', async () => {
    const address = tcpAddress(await serve());
    const stranger = createAuthority('stranger');
    const refused: readonly (readonly [string, ClientTls | null])[] = [
      ['no certificate', { ...clientTls, certFile: null, keyFile: null }],
      ['a stranger', writeClient('stranger', stranger.issue(['operator']), authority)],
      ['no TLS', null],
    ];
    for (const [name, tls] of refused) {
      const { failure } = await rejection(client(address, tls).getStatus());
      assert.equal(failure, 'unreachable', name);
    }
    await waitFor(() => log.lines.length > 0, { what: 'a line in the log' });
    assert.match(log.lines[0] ?? '', /^127\.0\.0\.1:\d+: the TLS handshake of a client failed \(/);
    assert.equal(log.lines.length, 1, 'whoever knocks again and again does not fill the log');
  });

  test('a client believes no server of another authority, nor one of another name', async () => {
    const stranger = createAuthority('stranger');
    writeServer(stranger.issue(['127.0.0.1']), authority);
    const { message } = await rejection(client(tcpAddress(await serve())).getStatus());
    assert.match(message, /certificate/);
  });

  test('the name in the certificate can be given', async () => {
    writeServer(authority.issue(['node1.example']), authority);
    const address = tcpAddress(await serve());
    assert.match((await rejection(client(address).getStatus())).message, /altnames/);
    assert.deepEqual(await ids(client(address, { ...clientTls, serverName: 'node1.example' })), ['c1']);
  });

  test('a client that speaks no gRPC, or nothing at all, harms nobody', async () => {
    const address = tcpAddress(await serve({ connectionsMax: 3 }));
    const port = Number(address.split(':')[1]);
    const silent = connect(port, '127.0.0.1');
    const garbage = connect(port, '127.0.0.1').on('error', () => undefined);
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    await once(garbage, 'close');
    assert.deepEqual(await ids(client(address)), ['c1']);
    silent.destroy();
  });

  test('connections over the limit are refused, and the log says so', async () => {
    const address = tcpAddress(await serve({ connectionsMax: 1 }));
    const first = connect(Number(address.split(':')[1]), '127.0.0.1');
    await once(first, 'connect');
    await rejection(client(address).getStatus());
    assert.match(log.lines.join('\n'), /1 gRPC connections are open, which is the most; one more was refused/);
    first.destroy();
  });
});

describe('stuckctl over TLS', () => {
  beforeEach(() => {
    writeServer(authority.issue(['127.0.0.1']), authority);
  });

  const flags = ({ caFile, certFile, keyFile }: ClientTls): string[] => [
    ...['--tls-ca', caFile ?? ''],
    ...['--tls-cert', certFile ?? ''],
    ...['--tls-key', keyFile ?? ''],
  ];

  test('by flags, and by variables', async () => {
    const address = tcpAddress(await serve());
    const byFlags = await startStuckctl(['list', '-o', 'jsonl', '--address', address, ...flags(clientTls)]).ended;
    assert.deepEqual([byFlags.code, byFlags.stderr], [0, '']);
    assert.match(byFlags.stdout, /"id":"c1"/);
    const env: Record<string, string> = {
      STUCKD_ADDRESS: address,
      STUCKD_TLS_CA: clientTls.caFile ?? '',
      STUCKD_TLS_CERT: clientTls.certFile ?? '',
      STUCKD_TLS_KEY: clientTls.keyFile ?? '',
    };
    assert.match((await startStuckctl(['list', '-o', 'jsonl'], env).ended).stdout, /"id":"c1"/);
    assert.equal((await startStuckctl(['status'], env).ended).code, 0);
  });

  test('says that it is a matter of certificates, and which file cannot be read', async () => {
    const address = tcpAddress(await serve());
    const stranger = createAuthority('stranger');
    replaceFile(clientTls.caFile ?? '', stranger.cert);
    const refused = await startStuckctl(['list', '--address', address, ...flags(clientTls)]).ended;
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /matter of certificates: see --tls-ca/);
    const missing = await startStuckctl(['list', '--address', address, '--tls-ca', file('none.pem')]).ended;
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^stuckctl: cannot read a file for TLS: ENOENT.*none\.pem/);
    const wrong = await startStuckctl(['list', '--address', address, '--tls-ca', clientTls.keyFile ?? '']).ended;
    assert.notEqual(wrong.code, 0);
  });
});

/** The serial number of the certificate that the server shows to a new connection. */
async function shownSerial(address: string): Promise<string> {
  const { cert, key } = authority.issue(['operator']);
  const socket: TLSSocket = connectTls({
    ...{ host: '127.0.0.1', port: Number(address.split(':')[1]), cert, key },
    ...{ ca: authority.cert, ALPNProtocols: ['h2'] },
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().serialNumber;
  } finally {
    socket.destroy();
  }
}

describe('certificates that change', () => {
  beforeEach(() => {
    writeServer(authority.issue(['127.0.0.1']), authority);
  });

  test('new connections get the new one, and a watch that stands goes on', async () => {
    const records = new FakeRecords();
    const server = await serve({ records });
    const address = tcpAddress(server);
    const before = await shownSerial(address);
    const watch = bench.follow(client(address));
    await waitFor(() => watch.seen.length === 1, { what: 'the end of the snapshot' });
    writeServer(authority.issue(['127.0.0.1']), authority);
    await waitFor(async () => (await shownSerial(address)) !== before, { what: 'the new certificate' });
    await waitFor(() => log.lines.at(-1)?.includes('new connections get the new ones'), { what: 'a line in the log' });
    assert.deepEqual(server.problems(), []);
    records.change('opened', createRecord({ id: 'c2' }));
    await waitFor(() => watch.seen.at(-1)?.opened?.id === 'c2', { what: 'c2' });
    watch.stop();
    assert.equal(await watch.done, 'stopped');
  });

  test('a client whose authority was withdrawn gets in no more', async () => {
    const address = tcpAddress(await serve());
    await client(address).getStatus();
    writeServer(authority.issue(['127.0.0.1']), createAuthority('the next one'));
    await waitFor(
      async () => {
        const late = createStuckdClient(address, clientTls);
        return late
          .getStatus()
          .then(
            () => false,
            () => true,
          )
          .finally(() => late.close());
      },
      { what: 'the refusal' },
    );
  });

  const damages: readonly (readonly [string, () => void, RegExp])[] = [
    [
      'no certificate',
      () => writeFileSync(file('server.pem'), 'rubbish'),
      /server\.pem holds no certificate in PEM form/,
    ],
    ['a key of another', () => replaceFile(file('server.key'), authority.key), /does not belong to the certificate/],
    ['no key', () => writeFileSync(file('server.key'), ''), /server\.key holds no private key that can be read/],
    ['an authority that is none', () => writeFileSync(file('clients.pem'), ''), /clients\.pem holds no certificate/],
    [
      'a damaged certificate',
      () => writeFileSync(file('clients.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
      /clients\.pem holds a certificate that cannot be read/,
    ],
  ];
  const blockedFolders: readonly (readonly [string, (folder: string) => void, RegExp])[] = [
    ['a file in its place', (folder) => writeFileSync(folder, ''), /ENOTDIR: .*server\.pem/],
    ['a loop of symbolic links', (folder) => symlinkSync(folder, folder), /ELOOP: .*server\.pem/],
    ['nothing in its place', () => undefined, /ENOENT: .*server\.pem/],
  ];
  for (const [name, block, message] of blockedFolders) {
    test(`their folder cannot be entered, ${name}: the old ones stay in use until it can`, async () => {
      writeServer(authority.issue(['127.0.0.1']), authority, FOLDER);
      const server = await serve({ folder: FOLDER });
      const address = tcpAddress(server);
      const before = await shownSerial(address);
      renameSync(file(FOLDER), file('elsewhere'));
      block(file(FOLDER));
      await waitFor(() => server.problems().some((problem) => message.test(problem)), { what: 'the problem' });
      assert.match(log.lines.join('\n'), message);
      assert.equal(await shownSerial(address), before);
      rmSync(file(FOLDER), { force: true });
      renameSync(file('elsewhere'), file(FOLDER));
      await waitFor(() => server.problems().length === 0, { what: 'the folder to be back' });
    });
  }

  for (const [name, damage, message] of damages) {
    test(`${name}: the old ones stay in use, log and status say so, and the next good files are taken`, async () => {
      const server = await serve();
      const address = tcpAddress(server);
      const before = await shownSerial(address);
      damage();
      await waitFor(() => server.problems().length > 0, { what: 'a problem in the status' });
      assert.match(server.problems()[0] ?? '', message);
      assert.match(server.problems()[0] ?? '', /the old ones stay in use/);
      assert.match(log.lines.join('\n'), message);
      assert.equal(await shownSerial(address), before);
      assert.deepEqual(await ids(client(address)), ['c1']);
      writeServer(authority.issue(['127.0.0.1']), authority);
      await waitFor(() => server.problems().length === 0, { what: 'good files' });
      assert.notEqual(await shownSerial(address), before);
    });
  }

  test('one that has ended is a problem in the status', async () => {
    writeServer(authority.issue(['127.0.0.1'], { validToMs: Date.now() - 1000 }), authority);
    const server = await serve();
    assert.match(server.problems()[0] ?? '', /server\.pem ended at .*; clients over TCP refuse it/);
  });
});

describe('what is refused at the start', () => {
  const start = (tcp: { address: string; insecure: boolean }): Promise<GrpcServer> =>
    startGrpcServer({
      address: bench.address,
      tcp: { ...tcp, reflection: false },
      services: createServices(),
      log,
    });

  for (const address of ['0.0.0.0:0', '[::]:0', '192.0.2.1:9736', 'node1.example:9736']) {
    test(`${address} without TLS; and the unix socket is given back`, async () => {
      await assert.rejects(start({ address, insecure: false }), {
        name: 'AddressError',
        message:
          /can be reached from other machines: use grpc\.tcp, with its tls files \(mTLS\) or, .* with insecure: true/,
      });
      await bench.serve();
    });
  }

  test('unless it is meant, and then the log warns', async () => {
    const server = await start({ address: '0.0.0.0:0', insecure: true });
    bench.onClean(() => {
      server.close();
    });
    const port = tcpAddress(server).split(':')[1] ?? '';
    assert.equal((await client(`127.0.0.1:${port}`, null).getStatus()).pid > 0, true);
    assert.match(log.lines.join('\n'), /served without TLS \(insecure\): whoever reaches it sees processes and peers/);
  });

  test('loopback needs no TLS', async () => {
    const server = await start({ address: '127.0.0.1:0', insecure: false });
    bench.onClean(() => {
      server.close();
    });
    await client(tcpAddress(server), null).getStatus();
    assert.deepEqual(log.lines, []);
  });

  test('certificates that are not there', async () => {
    await assert.rejects(serve(), { name: 'AddressError', message: /^grpc\.tcp\.tls: ENOENT.*server\.(pem|key)/ });
  });

  test('certificates whose folder is none', async () => {
    writeFileSync(file(FOLDER), '');
    const refused = { name: 'AddressError', message: /^grpc\.tcp\.tls: ENOTDIR.*server\.pem/ };
    await assert.rejects(serve({ folder: FOLDER }), refused);
  });
});
