// Proves where the API server is looked for, under which conditions, and that what is missing is a problem with a name. The
// parts that are put together here have tests of their own.
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, test } from 'node:test';
import { kubernetesSchema, workloadsSchema } from '../../../daemon/config-kubernetes.js';
import { createTerminalLogger } from '../../../daemon/lib/logger.js';
import { basicNodeFacts } from '../../../daemon/node-facts.js';
import { createWorkloads, nodeNameOf, podQuery } from '../../../daemon/workloads.js';
import { createRecord, FakeRecords, OWNER } from '../rpc/sample-records.js';

const IN_POD = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443', NODE_NAME: 'node-17' };

type Settings = Parameters<typeof kubernetesSchema.parse>[0];

describe('the API server', () => {
  const query = (settings: Settings, env: NodeJS.ProcessEnv): readonly [string, string] | null => {
    const found = podQuery(kubernetesSchema.parse(settings), env);
    return found === null ? null : [found.server, found.nodeName];
  };
  const table: readonly [string, Settings, NodeJS.ProcessEnv, readonly [string, string] | null][] = [
    ['is not asked outside of Kubernetes', {}, {}, null],
    ['is asked in a pod', {}, IN_POD, ['https://10.96.0.1:443', 'node-17']],
    ['is asked in a pod unless that is switched off', { enabled: false }, IN_POD, null],
    [
      'has an IPv6 address',
      {},
      { ...IN_POD, KUBERNETES_SERVICE_HOST: 'fd00::1' },
      ['https://[fd00::1]:443', 'node-17'],
    ],
    [
      'is the one of the configuration',
      { apiServer: 'https://api.example:6443', nodeName: 'node-18' },
      IN_POD,
      ['https://api.example:6443', 'node-18'],
    ],
    [
      'is asked from outside if that is switched on',
      { enabled: true, apiServer: 'https://api.example:6443', nodeName: 'node-18' },
      {},
      ['https://api.example:6443', 'node-18'],
    ],
  ];
  for (const [name, settings, env, expected] of table) {
    test(name, () => {
      assert.deepEqual(query(settings, env), expected);
    });
  }

  test('is not asked without its address, or for all nodes at once', () => {
    assert.throws(() => query({ enabled: true }, {}), /kubernetes\.apiServer is not set/);
    const { KUBERNETES_SERVICE_HOST } = IN_POD;
    assert.throws(() => query({}, { KUBERNETES_SERVICE_HOST }), /kubernetes\.nodeName, NODE_NAME/);
    assert.throws(() => query({}, { ...IN_POD, NODE_NAME: 'a,metadata.name=b' }), /kubernetes\.nodeName, NODE_NAME/);
  });

  test('and alerts are told the name of the node, which is not the host name of a pod', () => {
    assert.equal(nodeNameOf(kubernetesSchema.parse({}), IN_POD), 'node-17');
    assert.equal(nodeNameOf(kubernetesSchema.parse({ nodeName: 'node-18' }), IN_POD), 'node-18');
    assert.equal(nodeNameOf(kubernetesSchema.parse({}), {}), null);
    assert.equal(basicNodeFacts('node-17').hostname, 'node-17');
    assert.equal(basicNodeFacts(null).hostname, hostname());
  });

  test('is given the token over TLS only, and node names that cannot change the question', () => {
    const refused = [
      'http://10.0.0.1',
      '10.0.0.1:6443',
      'https://user@10.0.0.1',
      'https://user:password@10.0.0.1',
      'https://10.0.0.1/?cluster=7',
      'https://10.0.0.1/#7',
    ].map((apiServer) => ({ apiServer }));
    for (const settings of [...refused, { nodeName: 'a,b' }]) {
      assert.equal(kubernetesSchema.safeParse(settings).success, false, JSON.stringify(settings));
    }
    assert.equal(kubernetesSchema.safeParse({ apiServer: 'https://rancher.example/k8s/clusters/c-7' }).success, true);
  });
});

test('what keeps names from being known is a problem, and the rest works', async () => {
  const lines: string[] = [];
  const log = createTerminalLogger('info', (line) => lines.push(line));
  const records = new FakeRecords();
  const config = { kubernetes: kubernetesSchema.parse({ enabled: true }), workloads: workloadsSchema.parse({}) };
  const workloads = createWorkloads(config, records, log, {});
  workloads.start();
  const problem = 'pod names are unknown: kubernetes.apiServer is not set, and there is no KUBERNETES_SERVICE_HOST';
  assert.deepEqual(workloads.problems(), [problem]);
  assert.deepEqual(lines, [`warning: ${problem}`]);
  assert.equal(workloads.source.workloadOf(createRecord({ owner: { ...OWNER, startBootUs: 0, cgroupId: 0n } })), null);
  await workloads.stop();
  assert.equal(records.listeners, 0);
});
