// Proves what the HTTP endpoint answers, to whom it does not, and that a page that fails or a client that is slow costs
// nobody else anything: over real sockets on loopback. What the pages say of a real daemon is shown in
// test/acceptance/metrics.test.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type HttpServer, startHttpServer } from '../../../daemon/http/http-server.js';
import type { HttpSources } from '../../../daemon/http/pages.js';

let sources: HttpSources;
let errors: string[];
let crowds: number[];
let server: HttpServer;
let origin: string;

async function start(host = '127.0.0.1', port = 0): Promise<HttpServer> {
  return startHttpServer({
    ...{ host, port },
    sources: { metrics: () => sources.metrics(), readiness: () => sources.readiness() },
    onError: (message) => {
      errors.push(message);
    },
    onCrowd: (count) => {
      crowds.push(count);
    },
  });
}

beforeEach(async () => {
  errors = [];
  crowds = [];
  sources = {
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'stuckd_x 1\n' }),
    readiness: () => ({ notReady: [], problems: [] }),
  };
  server = await start();
  origin = `http://${server.address}`;
});

afterEach(async () => {
  await server.close(100);
});

async function get(path: string, method = 'GET'): Promise<{ status: number; type: string | null; body: string }> {
  // Its own connection: a kept one would hold up the end of the server.
  const response = await fetch(origin + path, { method, headers: { connection: 'close' } });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

describe('pages', () => {
  test('metrics, in the format that their type says', async () => {
    const { status, type, body } = await get('/metrics?collect[]=x');
    assert.deepEqual([status, type, body], [200, 'text/plain; version=0.0.4; charset=utf-8', 'stuckd_x 1\n']);
  });

  test('healthz answers as long as anything does', async () => {
    sources = { ...sources, readiness: () => ({ notReady: ['no sensor'], problems: ['no sensor'] }) };
    const { status, body } = await get('/healthz');
    assert.deepEqual([status, body], [200, 'ok\n']);
  });

  test('readyz: ready, ready with problems, not ready', async () => {
    assert.deepEqual(await get('/readyz'), { status: 200, type: 'text/plain; charset=utf-8', body: 'ready\n' });
    sources = { ...sources, readiness: () => ({ notReady: [], problems: ['a probe is missing'] }) };
    assert.deepEqual((await get('/readyz')).body, 'ready\n- but: a probe is missing\n');
    sources = { ...sources, readiness: () => ({ notReady: ['no sensor'], problems: ['no sensor', 'no disk'] }) };
    const { status, body } = await get('/readyz');
    assert.deepEqual([status, body], [503, 'not ready\n- no sensor\n']);
  });

  test('a page that leads to the others', async () => {
    const { status, type, body } = await get('/');
    assert.deepEqual([status, type], [200, 'text/html; charset=utf-8']);
    for (const path of ['/metrics', '/healthz', '/readyz']) {
      assert.ok(body.includes(`href="${path}"`));
    }
  });

  test('nothing else', async () => {
    assert.equal((await get('/metrics/')).status, 404);
    assert.equal((await get('/debug/pprof')).status, 404);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      assert.equal((await get('/metrics', method)).status, 405, method);
    }
  });

  test('HEAD: the same without a body', async () => {
    const { status, type, body } = await get('/metrics', 'HEAD');
    assert.deepEqual([status, type, body], [200, 'text/plain; version=0.0.4; charset=utf-8', '']);
  });
});

test('a page that cannot be made is an error, and the next one is answered', async () => {
  sources = { ...sources, metrics: () => Promise.reject(new Error('no numbers')) };
  assert.equal((await get('/metrics')).status, 500);
  assert.deepEqual(errors, ['a request for /metrics failed: no numbers']);
  assert.equal((await get('/healthz')).status, 200);
});

test('an address that is taken is the error of the system', async () => {
  const port = Number(server.address.split(':').at(-1));
  await assert.rejects(start('127.0.0.1', port), /EADDRINUSE/);
});

test('an address of IPv6 is written as one', async () => {
  const other = await start('::1');
  await other.close(100);
  assert.match(other.address, /^\[::1\]:\d+$/);
});

async function open(): Promise<Socket> {
  const [host, port] = server.address.split(':');
  const socket = connect(Number(port), host);
  await once(socket, 'connect');
  return socket;
}

const REQUEST = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n';

describe('clients that are up to no good', () => {
  test('who sends a second request before the first is answered is cut off', async () => {
    let asked = 0;
    sources = {
      ...sources,
      metrics: () => {
        asked += 1;
        return new Promise(() => undefined);
      },
    };
    const socket = await open();
    const closed = once(socket, 'close');
    socket.on('error', () => undefined).resume();
    socket.write(REQUEST.repeat(100));
    await closed;
    assert.equal(asked, 1);
  });

  test('one request after the other on one connection is what everybody does', async () => {
    const socket = await open();
    for (let round = 0; round < 3; round += 1) {
      socket.write(REQUEST);
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      assert.match(chunk.toString(), /^HTTP\/1\.1 200/);
    }
    socket.destroy();
  });

  test('when there are too many, idle ones make room, which is said once', async () => {
    const idle = await Promise.all(Array.from({ length: 64 }, open));
    for (const socket of idle) {
      socket.on('error', () => undefined);
      socket.write(REQUEST);
      await once(socket, 'data');
    }
    const closed = Promise.all(idle.map((socket) => once(socket.resume(), 'close')));
    await assert.rejects(get('/healthz'));
    await closed;
    assert.equal((await get('/healthz')).status, 200);
    assert.deepEqual(crowds, [64]);
    assert.equal(server.dropped, 1);
  });

  test('a request as a proxy gets it', async () => {
    const socket = await open();
    socket.write('GET http://x:1/metrics?a HTTP/1.1\r\nhost: x\r\n\r\n');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.match(chunk.toString(), /^HTTP\/1\.1 200/);
    socket.destroy();
  });
});

describe('the end', () => {
  test('an idle connection does not hold it up, nor does one that never asks', async () => {
    const silent = await open();
    const idle = await open();
    idle.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(idle, 'data');
    const closed = Promise.all([once(silent, 'close'), once(idle, 'close')]);
    silent.resume();
    idle.resume();
    await server.close(100);
    await closed;
  });

  test('an answer that is being made is waited for', async () => {
    let answer: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      sources = {
        ...sources,
        metrics: () =>
          new Promise((respond) => {
            answer = () => {
              respond({ contentType: 'text/plain', text: 'late\n' });
            };
            resolve();
          }),
      };
    });
    const response = get('/metrics');
    await asked;
    const closed = server.close(60_000);
    answer?.();
    assert.equal((await response).body, 'late\n');
    await closed;
  });
});
