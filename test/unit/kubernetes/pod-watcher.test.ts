// Proves that the pods of this node are known and stay so against a server that speaks the protocol over HTTPS: lists in
// pages, watches that go on where the last one ended, bookmarks, versions that are not kept, tokens that are renewed, and
// servers that refuse, hang or vanish. It cannot prove how a real API server words its refusals.
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { workloadOfCgroupPath } from '../../../daemon/core/cgroup-path.js';
import { ApiClient } from '../../../daemon/kubernetes/api-client.js';
import { ApiError } from '../../../daemon/kubernetes/api-error.js';
import { PodWatcher } from '../../../daemon/kubernetes/pod-watcher.js';
import { type ApiRequest, type FakeApiServer, refuse } from '../../support/fake-api-server.js';
import { waitFor } from '../../support/wait-for.js';
import { createServerIdentity } from '../../support/self-signed.js';
import { createPod, NODE, podUid } from './sample-pods.js';
import { createBench, startBench } from './watcher-bench.js';

function lists(server: FakeApiServer): readonly ApiRequest[] {
  return server.requests.filter(({ isWatch }) => !isWatch);
}

describe('list and watch', () => {
  test('pods are known from the list, and follow what happens', async (t) => {
    const { server, table, podOf, waitPod } = await startBench(t);
    server.put(createPod(2));
    await waitPod(2);
    assert.equal(podOf(2), 'shop/web-2');
    const renamed = createPod(2);
    server.put({ ...renamed, metadata: { ...renamed.metadata, labels: { app: 'new' } } });
    const labels = (): string | undefined =>
      table.withNames(workloadOfCgroupPath(`/kubepods/pod${podUid(2)}`)).podLabels.get('app');
    await waitFor(() => labels() === 'new', { what: 'the new label' });
    server.delete(podUid(2));
    await waitFor(() => table.size === 1, { what: 'the end of the pod' });
    assert.equal(lists(server).length, 1);
  });

  test('the server is asked for this node only, with bookmarks and a time limit that differs', async (t) => {
    const { server, table, waitPod } = await startBench(t, { random: () => 0.25 });
    server.put({ ...createPod(7), spec: { nodeName: 'node-18' } });
    server.put(createPod(8));
    await waitPod(8);
    assert.equal(table.size, 2);
    const [list, watch] = server.requests;
    const fieldSelector = `spec.nodeName=${NODE},status.phase!=Succeeded,status.phase!=Failed`;
    assert.deepEqual(list?.query, { fieldSelector, limit: '500', resourceVersion: '0' });
    assert.deepEqual(watch?.query, {
      fieldSelector,
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: '1001',
      timeoutSeconds: '375',
    });
  });

  test('pods that have finished take no room', async (t) => {
    const { server, watcher, table } = await createBench(t);
    server.put(createPod(1));
    server.put(createPod(2, { status: { phase: 'Failed' } }));
    watcher.start();
    await server.waitWatching();
    assert.equal(table.size, 1, 'not in the list');
    server.put(createPod(3, { status: { phase: 'Pending' } }));
    await waitFor(() => table.size === 2, { what: 'a pod that begins' });
    server.put(createPod(3, { status: { phase: 'Succeeded' } }));
    await waitFor(() => table.size === 1, { what: 'its end' });
  });

  test('a list in pages is one list', async (t) => {
    const { server, watcher, table, turns } = await createBench(t);
    server.pageSize = 3;
    for (let number = 1; number <= 8; number += 1) {
      server.put(createPod(number));
    }
    watcher.start();
    await waitFor(() => table.size === 8, { what: 'all pods' });
    assert.deepEqual(
      lists(server).map(({ query }) => query['continue'] ?? null),
      [null, '3', '6'],
    );
    assert.deepEqual(turns, []);
  });

  for (const how of ['ends', 'is cut']) {
    test(`a watch that ${how} goes on where it was, without a list`, async (t) => {
      const { server, waitPod, turns } = await startBench(t);
      server.put(createPod(2));
      await waitPod(2);
      const before = server.requests.length;
      if (how === 'ends') {
        server.endWatches();
      } else {
        server.cut();
      }
      server.put(createPod(3));
      await waitPod(3);
      assert.equal(lists(server).length, 1);
      assert.equal(server.requests[before]?.query['resourceVersion'], '1002');
      assert.deepEqual(turns, [], 'what the next attempt mends is no problem');
    });
  }

  test('a bookmark moves the version, so that nothing has expired after a long silence', async (t) => {
    const { server, waitPod } = await startBench(t);
    server.put(createPod(2));
    await waitPod(2);
    for (let other = 0; other < 50; other += 1) {
      server.advance();
    }
    server.bookmark();
    server.put({ ...createPod(1), status: null });
    server.put(createPod(3));
    await waitPod(3);
    server.bookmark();
    const before = server.requests.length;
    server.endWatches();
    await server.waitFor('the next watch', () => server.requests.length > before);
    assert.equal(server.requests[before]?.query['resourceVersion'], '1056');
  });
});

describe('versions that are not kept any more', () => {
  test('are followed by a list that is not older than what was seen', async (t) => {
    const { server, table, waitPod, turns } = await startBench(t);
    server.cut();
    server.delete(podUid(1));
    server.put(createPod(2));
    server.compact();
    await waitPod(2);
    assert.equal(table.size, 1, 'what was deleted meanwhile is gone');
    // With a limit, this would be a list of the old version itself, at which no watch can begin.
    const { resourceVersion, limit } = lists(server)[1]?.query ?? {};
    assert.deepEqual([resourceVersion, limit], ['1001', undefined]);
    await server.waitWatching();
    assert.equal(lists(server).length, 2);
    assert.deepEqual(turns, []);
  });

  test('may also be told by the status of the answer', async (t) => {
    const { server, waitPod } = await startBench(t);
    server.fault = (_request, response) => {
      server.fault = null;
      refuse(response, 410, 'The resourceVersion for the provided watch is too old.');
    };
    server.cut();
    server.put(createPod(2));
    await waitPod(2);
    assert.equal(lists(server).length, 2);
  });

  test('are not what a gateway means that does not reach the server: the watch goes on where it was', async (t) => {
    const { server, waitPod } = await startBench(t);
    const before = server.requests.length;
    server.fault = (_request, response) => {
      server.fault = null;
      refuse(response, 504, 'gateway timeout');
    };
    server.cut();
    server.put(createPod(2));
    await waitPod(2);
    assert.deepEqual(
      server.requests.slice(before).map(({ isWatch, query }) => [isWatch, query['resourceVersion']]),
      [
        [true, '1001'],
        [true, '1001'],
      ],
    );
  });

  test('where even the list is refused for its version, the newest is asked for', async (t) => {
    const { server, watcher, waitPod } = await createBench(t);
    server.put(createPod(1));
    server.fault = (_request, response) => {
      server.fault = null;
      refuse(response, 504, 'Too large resource version');
    };
    watcher.start();
    await waitPod(1);
    assert.deepEqual(
      lists(server).map(({ query }) => query['resourceVersion']),
      ['0', ''],
    );
  });
});

describe('tokens', () => {
  test('a token that expires is read again from its file', async (t) => {
    const { server, watcher, waitProblem, waitWell, waitPod } = await startBench(t);
    server.token = 'token-2';
    server.cut();
    const problem = await waitProblem(/^pod names may be out of date: HTTP 401: Unauthorized$/);
    assert.doesNotMatch(problem, /token-/);
    server.writeToken('token-2');
    await waitWell();
    server.put(createPod(2));
    await waitPod(2);
    assert.equal(watcher.problem, null);
    assert.equal(server.requests.at(-1)?.token, 'token-2');
  });

  test('a token that is renewed in time is used without a refusal', async (t) => {
    const { server, waitPod, turns } = await startBench(t);
    server.token = 'token-2';
    server.writeToken('token-2');
    server.cut();
    server.put(createPod(2));
    await waitPod(2);
    assert.deepEqual(turns, []);
  });

  for (const [name, text] of [
    ['empty', ''],
    ['of several lines', 'a\nb'],
  ] as const) {
    test(`a file that is ${name} is no token, and is not sent`, async (t) => {
      const { server, watcher, waitProblem } = await createBench(t);
      server.writeToken(text);
      watcher.start();
      await waitProblem(/^pod names are unknown: .*\/token does not hold a token$/);
      assert.equal(server.requests.length, 0);
    });
  }
});

describe('a server that does not serve', () => {
  test('refuses: its reason is told, and it works when the right is granted', async (t) => {
    const { server, watcher, waitProblem, waitWell, waitPod, turns } = await createBench(t);
    server.put(createPod(1));
    server.fault = (_request, response) => refuse(response, 403, 'pods is forbidden: User "stuckd" cannot list');
    watcher.start();
    await waitProblem(/^pod names are unknown: HTTP 403: pods is forbidden: User "stuckd" cannot list$/);
    server.fault = null;
    await waitPod(1);
    await waitWell();
    assert.equal(turns.length, 2, 'each turn is told once');
  });

  test('vanishes: names that are known stay known, and the rest comes when it is back', async (t) => {
    const { server, podOf, waitProblem, waitWell, waitPod } = await startBench(t);
    server.close();
    await waitProblem(/^pod names may be out of date: .*ECONNREFUSED/);
    assert.equal(podOf(1), 'shop/web-1');
    server.put(createPod(2));
    await server.listen();
    await waitPod(2);
    await waitWell();
  });

  test('is not there under any of its addresses', async (t) => {
    const { server, table } = await createBench(t);
    const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    t.mock.method(dns, 'lookup', (_name: unknown, _options: unknown, done: (...results: unknown[]) => void) => {
      done(null, addresses);
    });
    const { tokenFile, caFile } = server;
    const api = new ApiClient({ server: server.url.replace('127.0.0.1', 'api.example'), tokenFile, caFile });
    server.close();
    const watcher = new PodWatcher({ api, table, nodeName: NODE, retryMs: [5, 40], onTurn: () => undefined });
    t.after(() => watcher.stop());
    watcher.start();
    assert.match(await waitFor(() => watcher.problem, { what: 'a problem' }), /^pod names are unknown: .*ECONNREFUSED/);
  });

  test('hangs before it answers', async (t) => {
    let api: Pick<ApiClient, 'get'> | null = null;
    const { server, watcher, waitProblem, waitWell, waitPod } = await createBench(t, {
      api: { get: async (...request) => api?.get(...request) },
    });
    const { url, tokenFile, caFile } = server;
    api = new ApiClient({ server: url, tokenFile, caFile, answerTimeoutMs: 100 });
    server.put(createPod(1));
    server.fault = () => undefined;
    watcher.start();
    await waitProblem(/^pod names are unknown: no answer within 100 ms$/);
    // A busy machine may take longer for an answer.
    api = new ApiClient({ server: url, tokenFile, caFile, answerTimeoutMs: 60_000 });
    server.fault = null;
    await waitPod(1);
    await waitWell();
  });

  test('is left alone longer and longer, however long it takes to fail; a watch that lasted ends that', async (t) => {
    const HOUR_MS = 3_600_000;
    let nowMs = 0;
    const waits: number[] = [];
    const emptyList = JSON.stringify({ metadata: { resourceVersion: '7' }, items: [] });
    const { watcher } = await createBench(t, {
      retryMs: [1000, 8000],
      random: () => 1,
      clock: {
        nowMs: () => nowMs,
        wait: async (milliseconds, signal) => {
          waits.push(milliseconds);
          if (waits.length === 8) {
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
          }
        },
      },
      api: {
        get: async (path, { onOpen }, take) => {
          const isWatch = path.includes('watch=1');
          if (isWatch && waits.length === 5) {
            onOpen?.();
          }
          nowMs += HOUR_MS;
          await Promise.resolve();
          if (isWatch || waits.length < 3) {
            throw new ApiError(0, 'no answer');
          }
          take(emptyList);
        },
      },
    });
    watcher.start();
    await waitFor(() => waits.length === 8, { what: 'eight pauses' });
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 8000, 1000, 2000, 4000]);
  });

  test('is one of several below an address', async (t) => {
    const { server, table } = await createBench(t);
    server.prefix = '/k8s/clusters/c-7';
    server.put(createPod(1));
    const { tokenFile, caFile } = server;
    for (const end of ['', '/']) {
      const api = new ApiClient({ server: `${server.url}${server.prefix}${end}`, tokenFile, caFile });
      const watcher = new PodWatcher({ api, table, nodeName: NODE, retryMs: [5, 40], onTurn: () => undefined });
      t.after(() => watcher.stop());
      watcher.start();
      await waitFor(() => table.size === 1, { what: 'the pod' });
      await watcher.stop();
      table.replace([]);
    }
  });

  test('hangs in a watch: it is given up after its time, and begun anew', async (t) => {
    const { server, podOf } = await startBench(t, { watchSeconds: 0, watchGraceMs: 100 });
    const before = server.requests.length;
    await server.waitFor('another watch', () => server.requests.length > before + 1);
    assert.equal(podOf(1), 'shop/web-1');
    assert.ok(server.watches <= 1, 'the watch that hung was closed');
  });

  test('asks for patience, and gets it', async (t) => {
    const { server, watcher, waitProblem } = await createBench(t);
    server.fault = (_request, response) => refuse(response, 429, 'too many requests', { 'retry-after': '3600' });
    watcher.start();
    await waitProblem(/HTTP 429: too many requests/);
    const later = await createBench(t);
    later.server.fault = (_request, response) => refuse(response, 500, 'oh');
    later.watcher.start();
    await later.server.waitFor('ten attempts of another', () => later.server.requests.length >= 10);
    assert.equal(server.requests.length, 1);
  });

  test('is not the one whose certificate was signed by the cluster', async (t) => {
    const { server, watcher, waitProblem } = await createBench(t);
    writeFileSync(server.caFile, createServerIdentity().certificate);
    watcher.start();
    await waitProblem(/^pod names are unknown: .*certificate/i);
    assert.equal(server.requests.length, 0, 'no token was sent');
  });
});

describe('stop', () => {
  test('ends a watch under way', async (t) => {
    const { server, watcher, turns } = await startBench(t);
    await watcher.stop();
    await server.waitFor('the end of the watch', () => server.watches === 0);
    assert.deepEqual(turns, []);
  });

  test('ends a request that hangs, and a pause', async (t) => {
    const hanging = await createBench(t);
    hanging.server.fault = () => undefined;
    hanging.watcher.start();
    await hanging.server.waitFor('a request', () => hanging.server.requests.length === 1);
    await hanging.watcher.stop();

    const pausing = await createBench(t, { retryMs: [3_600_000, 3_600_000] });
    pausing.server.fault = (_request, response) => refuse(response, 500, 'oh');
    pausing.watcher.start();
    await pausing.waitProblem(/HTTP 500: oh/);
    await pausing.watcher.stop();
  });
});
