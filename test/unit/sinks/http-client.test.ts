// Proves, against real servers on loopback, that a request ends in bounded time with a reason of our own words whatever
// the endpoint does, that redirects are not followed, that names are judged by the addresses they resolve to, and that the
// connection goes to these. It cannot prove anything about hosts elsewhere: no traffic leaves this machine.
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { HttpFailure, post, type HttpAnswer, type HttpPost, type Resolve } from '../../../daemon/sinks/http-client.js';
import { answerWith, Endpoint, type Answer } from './endpoint.js';
import { LOCALHOST_TLS, OTHER_CA } from './tls-files.js';

const LOOPBACK = { allowPrivate: false, allowLoopback: true };
const never = new AbortController().signal;
const endpoint = await Endpoint.start();
after(() => endpoint.close());

const noNames: Resolve = () => Promise.reject(Object.assign(new Error('hush'), { code: 'ENOTFOUND' }));

function send(changes: Partial<HttpPost> = {}, resolve: Resolve = noNames, stop = never): Promise<HttpAnswer> {
  const request = { url: new URL(`${endpoint.url}/hush`), headers: {}, body: '{}', timeoutMs: 20_000, ca: null };
  return post({ ...request, policy: LOOPBACK, ...changes }, resolve, stop);
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof HttpFailure, String(error));
  assert.doesNotMatch(error.message, /hush/, 'the reason shows what came from outside');
  return error.message;
}

/** A server below HTTP. */
async function rawServer(onConnection: (socket: Socket) => void): Promise<{ server: Server; url: URL }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    after(() => socket.destroy());
    onConnection(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  after(() => server.close());
  return { server, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`) };
}

test('an answer, with what it asks for', async () => {
  endpoint.answer = answerWith(429, { 'retry-after': '7' });
  assert.deepEqual(await send({ headers: { 'x-a': 'b' }, body: '{"a":1}' }), { status: 429, retryAfter: '7' });
  const last = endpoint.received.at(-1);
  assert.deepEqual([last?.path, last?.headers['x-a'], last?.body], ['/hush', 'b', '{"a":1}']);
});

test('a redirect is an answer, and nothing more', async () => {
  const before = endpoint.received.length;
  endpoint.answer = answerWith(307, { location: `${endpoint.url}/elsewhere` });
  assert.equal((await send()).status, 307);
  assert.equal(endpoint.received.length, before + 1);
});

const bodies: readonly (readonly [string, Answer])[] = [
  [
    'a huge body',
    (response) => {
      response.writeHead(200);
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) {
          // until the socket is full
        }
        response.once('drain', write);
      };
      write();
    },
  ],
  [
    'a body that never ends',
    (response) => {
      response.writeHead(200);
      response.write('{');
    },
  ],
  [
    'a body that breaks off',
    (response, _request, socket) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{', () => socket.destroy());
    },
  ],
];
for (const [name, answer] of bodies) {
  test(`${name} does not change what the status says`, async () => {
    endpoint.answer = answer;
    assert.equal((await send()).status, 200);
  });
}

test('no answer: the deadline ends it', async () => {
  endpoint.answer = () => undefined;
  assert.equal(await failure(send({ timeoutMs: 300 })), 'no answer within 0.3 s');
});

test('a name that is not resolved in time', async () => {
  const resolve: Resolve = () => new Promise(() => undefined);
  assert.equal(
    await failure(send({ url: new URL('http://slow.invalid'), timeoutMs: 300 }, resolve)),
    'no answer within 0.3 s',
  );
});

test('the end of the daemon ends it', async () => {
  const controller = new AbortController();
  endpoint.answer = () => controller.abort();
  assert.equal(await failure(send({}, noNames, controller.signal)), 'stuckd is stopping');
});

test('garbage, silence and refusal', async () => {
  const garbage = await rawServer((socket) => socket.end('hush hush\r\n\r\n'));
  assert.match(await failure(send({ url: garbage.url })), /^what answered is not HTTP$/);
  const silent = await rawServer((socket) => socket.once('data', () => socket.end()));
  assert.equal(await failure(send({ url: silent.url })), 'connection closed before an answer (UND_ERR_SOCKET)');
  await new Promise((resolve) => silent.server.close(resolve));
  assert.equal(await failure(send({ url: silent.url })), 'connection refused (ECONNREFUSED)');
});

test('too many headers', async () => {
  endpoint.answer = answerWith(
    200,
    Object.fromEntries(Array.from({ length: 20 }, (_u, i) => [`x-${i}`, 'y'.repeat(1000)])),
  );
  assert.match(await failure(send()), /too many headers/);
});

const names: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['metadata.example', ['169.254.169.254'], /link-local/],
  ['mapped.example', ['::ffff:169.254.169.254'], /link-local/],
  ['private.example', ['10.1.2.3'], /private/],
  ['mixed.example', ['127.0.0.1', '169.254.169.254'], /link-local/],
  ['public.example', ['203.0.113.7'], /everybody on the way/],
  ['empty.example', [], /does not resolve/],
];
for (const [name, addresses, reason] of names) {
  test(`${name} is not asked, for what it resolves to`, async () => {
    const before = endpoint.received.length;
    const url = new URL(`http://${name}:${endpoint.port}/`);
    assert.match(await failure(send({ url }, () => Promise.resolve(addresses))), reason);
    assert.equal(endpoint.received.length, before);
  });
}

test('loopback is refused unless it is permitted, by name and by address', async () => {
  const policy = { allowPrivate: true, allowLoopback: false };
  const url = new URL(`http://localhost.example:${endpoint.port}/`);
  assert.match(await failure(send({ url, policy }, () => Promise.resolve(['127.0.0.1']))), /allowLoopback/);
  for (const host of ['127.0.0.1', '[::1]', '[::ffff:7f00:1]', '2130706433', '0x7f.1']) {
    const literal = new URL(`http://${host}:${endpoint.port}/`);
    assert.match(await failure(send({ url: literal, policy })), /allowLoopback/, host);
  }
});

test('a name is resolved once, and the connection goes to the address that was judged', async () => {
  endpoint.answer = answerWith(204);
  let asked = 0;
  const resolve: Resolve = () => {
    asked += 1;
    return Promise.resolve(['127.0.0.1']);
  };
  const url = new URL(`http://rebinding.invalid:${endpoint.port}/`);
  assert.equal((await send({ url }, resolve)).status, 204);
  assert.equal(asked, 1);
  assert.equal(endpoint.received.at(-1)?.headers['host'], `rebinding.invalid:${endpoint.port}`);
});

test('proxies of the environment are not used', async () => {
  const before = { ...process.env };
  process.env['HTTP_PROXY'] = process.env['http_proxy'] = process.env['ALL_PROXY'] = 'http://127.0.0.1:9';
  process.env['NODE_USE_ENV_PROXY'] = '1';
  try {
    assert.equal((await send()).status, 204);
  } finally {
    process.env = before;
  }
});

test('TLS: the authority that is configured, no other, and the name that was asked for', async () => {
  const secure = await Endpoint.start(0, LOCALHOST_TLS);
  try {
    const resolve: Resolve = () => Promise.resolve(['127.0.0.1']);
    const url = new URL(`https://localhost:${secure.port}/`);
    assert.equal((await send({ url, ca: LOCALHOST_TLS.cert }, resolve)).status, 200);
    assert.match(await failure(send({ url, ca: OTHER_CA }, resolve)), /authority that is not trusted/);
    assert.match(await failure(send({ url }, resolve)), /authority that is not trusted/);
    const other = new URL(`https://other.example:${secure.port}/`);
    assert.match(await failure(send({ url: other, ca: LOCALHOST_TLS.cert }, resolve)), /for another name/);
    assert.equal(secure.received.length, 1);
  } finally {
    await secure.close();
  }
});
