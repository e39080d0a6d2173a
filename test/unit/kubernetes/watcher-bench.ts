/** A pod watcher and the server that it watches. */
import type { TestContext } from 'node:test';
import { workloadOfCgroupPath } from '../../../daemon/core/cgroup-path.js';
import { ApiClient } from '../../../daemon/kubernetes/api-client.js';
import { PodTable } from '../../../daemon/kubernetes/pod-table.js';
import { PodWatcher, type PodWatcherOptions } from '../../../daemon/kubernetes/pod-watcher.js';
import { FakeApiServer } from '../../support/fake-api-server.js';
import { waitFor } from '../../support/wait-for.js';
import { containerId, createPod, NODE, podUid } from './sample-pods.js';

export interface Bench {
  readonly server: FakeApiServer;
  readonly table: PodTable;
  readonly watcher: PodWatcher;
  /** What was said of problems, in order; null: it works. */
  readonly turns: (string | null)[];
  /** `shop/web-1`, or null. */
  readonly podOf: (number: number) => string | null;
  readonly waitPod: (number: number) => Promise<void>;
  readonly waitProblem: (naming: RegExp) => Promise<string>;
  readonly waitWell: () => Promise<void>;
}

export interface Settings extends Partial<PodWatcherOptions> {
  readonly answerTimeoutMs?: number;
}

/** The watcher is not started yet. */
export async function createBench(t: TestContext, settings: Settings = {}): Promise<Bench> {
  const server = await FakeApiServer.start(t);
  const table = new PodTable();
  const turns: (string | null)[] = [];
  const { tokenFile, caFile } = server;
  const { answerTimeoutMs = 60_000, ...options } = settings;
  const watcher = new PodWatcher({
    api: new ApiClient({ server: server.url, tokenFile, caFile, answerTimeoutMs }),
    table,
    nodeName: NODE,
    retryMs: [5, 40],
    onTurn: (problem) => turns.push(problem),
    ...options,
  });
  t.after(() => watcher.stop());
  const podOf = (number: number): string | null => {
    const path = `/kubepods/pod${podUid(number)}/${containerId(number)}`;
    const { pod, podNamespace } = table.withNames(workloadOfCgroupPath(path));
    return pod === '' ? null : `${podNamespace}/${pod}`;
  };
  return {
    server,
    table,
    watcher,
    turns,
    podOf,
    waitPod: async (number) => {
      await waitFor(() => podOf(number), { what: `the name of pod ${number}` });
    },
    waitProblem: (naming) =>
      waitFor(() => (naming.test(watcher.problem ?? '') ? watcher.problem : null), { what: `a problem: ${naming}` }),
    waitWell: async () => {
      await waitFor(() => watcher.problem === null, { what: 'no problem' });
    },
  };
}

/** With one pod, and a watch under way. */
export async function startBench(t: TestContext, settings: Settings = {}): Promise<Bench> {
  const bench = await createBench(t, settings);
  bench.server.put(createPod(1));
  bench.watcher.start();
  await bench.waitPod(1);
  await bench.server.waitWatching();
  return bench;
}
