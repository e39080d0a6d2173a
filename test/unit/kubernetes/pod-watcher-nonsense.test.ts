// Proves that whatever a server says in place of lists and events is refused in bounded memory, told where it lasts, and
// got over when the server comes to its senses.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createPod } from './sample-pods.js';
import { createBench, startBench } from './watcher-bench.js';

describe('nonsense from a server', () => {
  const answers: readonly [string, string, RegExp][] = [
    ['no JSON', '<html>', /the list of pods is not what an API server sends$/],
    ['another object', '{"kind":"Status"}', /the list of pods is not what an API server sends$/],
    ['nothing', '', /the list of pods is not what an API server sends$/],
  ];
  for (const [name, body, naming] of answers) {
    test(`${name} in place of a list`, async (t) => {
      const { server, watcher, waitProblem, waitPod } = await createBench(t);
      server.put(createPod(1));
      server.fault = (_request, response) => response.writeHead(200).end(body);
      watcher.start();
      await waitProblem(naming);
      server.fault = null;
      await waitPod(1);
    });
  }

  test('a list without end of pages is given up', async (t) => {
    const { server, watcher, waitProblem } = await createBench(t);
    const endless = JSON.stringify({ metadata: { resourceVersion: '1', continue: 'x' }, items: [] });
    server.fault = (_request, response) => response.writeHead(200).end(endless);
    watcher.start();
    await waitProblem(/the list of pods has more than 100 pages$/);
  });

  const events: readonly [string, string][] = [
    ['no JSON', 'hello\n'],
    ['an event without a type', '{"object":{}}\n'],
    ['an unknown type', '{"type":"SURPRISE","object":{}}\n'],
    ['an error', '{"type":"ERROR","object":{"code":500,"message":"etcd is away"}}\n'],
    ['an error without a reason', '{"type":"ERROR","object":7}\n'],
    ['an event without end', 'x'.repeat(5 * 1024 * 1024)],
  ];
  for (const [name, text] of events) {
    test(`${name} in a watch ends it, and the next one goes on`, async (t) => {
      const { server, waitPod } = await startBench(t);
      const before = server.requests.length;
      server.sendRaw(text);
      await server.waitFor('the next watch', () => server.requests.length > before);
      server.put(createPod(2));
      await waitPod(2);
    });
  }

  test('an event about something that is no pod is passed over', async (t) => {
    const { server, waitPod } = await startBench(t);
    const before = server.requests.length;
    server.sendRaw('{"type":"ADDED","object":{"metadata":{"name":7}}}\n\n  \n');
    server.put(createPod(2));
    await waitPod(2);
    assert.equal(server.requests.length, before);
  });
});
