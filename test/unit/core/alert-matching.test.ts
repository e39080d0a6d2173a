// Proves what rules and silences match, and what makes two alerts the same condition: tables of patterns, networks, names
// of workloads and fingerprints. That rules then take effect is shown by test/scenarios/alert-rules.test.ts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AlertFacts, type AlertMatch, matchesAlert } from '../../../daemon/core/alerts/alert-match.js';
import { fingerprintOf, shortHash } from '../../../daemon/core/alerts/fingerprint.js';
import { matchesGlob } from '../../../daemon/core/alerts/glob.js';
import { isInNetwork, parseNetwork } from '../../../daemon/core/alerts/network.js';
import { isSameWorkload, workloadIdentity } from '../../../daemon/core/alerts/workload-identity.js';
import type { Workload } from '../../../daemon/core/workload.js';

function workload(changes: Partial<Workload> = {}): Workload {
  return {
    cgroup: '/kubepods.slice/pod1/abc',
    containerId: '0123456789abcdef',
    containerRuntime: 'containerd',
    podUid: 'uid',
    pod: 'web-7f6c9d-x2x4z',
    podNamespace: 'shop',
    container: 'app',
    podLabels: new Map(),
    unit: '',
    ...changes,
  };
}

describe('patterns', () => {
  const cases: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
    ['node', 'node', true],
    ['node', 'nodes', false],
    ['node', 'anode', false],
    ['*', '', true],
    ['*', 'anything', true],
    ['', '', true],
    ['', 'a', false],
    ['web-*', 'web-1', true],
    ['web-*', 'web-', true],
    ['web-*', 'web', false],
    ['*-app', 'web-app', true],
    ['*a*b', 'xaybzab', true],
    ['*a*b', 'xaybza', false],
    ['?', 'a', true],
    ['?', '', false],
    ['a?c*', 'abcd', true],
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
    ['**', 'a', true],
  ];
  for (const [pattern, text, matches] of cases) {
    test(`${pattern} ${matches ? 'matches' : 'does not match'} "${text}"`, () => {
      assert.equal(matchesGlob(pattern, text), matches);
    });
  }

  test('a hostile name costs little', () => {
    // The time that this takes is bounded by the product of the lengths; by backtracking it would never end.
    assert.equal(matchesGlob('*a*a*a*a*a*a*a*a*a*a*b', 'a'.repeat(4096)), false);
  });
});

describe('networks', () => {
  const cases: readonly (readonly [network: string, address: string, port: number, isIn: boolean])[] = [
    ['10.0.0.0/8', '10.255.0.1', 80, true],
    ['10.0.0.0/8', '11.0.0.1', 80, false],
    ['0.0.0.0/0', '203.0.113.9', 1, true],
    ['0.0.0.0/0', 'fd00::1', 1, false],
    ['10.0.0.2', '10.0.0.2', 80, true],
    ['10.0.0.2', '10.0.0.3', 80, false],
    ['10.0.0.2:80', '10.0.0.2', 80, true],
    ['10.0.0.2:80', '10.0.0.2', 81, false],
    ['::ffff:10.0.0.2', '10.0.0.2', 80, true],
    ['fd00::/8', 'fdff:1::1', 80, true],
    ['fd00::/8', 'fe80::1', 80, false],
    ['fd00::2', 'fd00:0:0:0:0:0:0:2', 80, true],
    ['[fd00::2]:80', 'fd00::2', 80, true],
    ['[fd00::2]:80', 'fd00::2', 81, false],
    ['::/0', '::1', 1, true],
    ['::/0', '10.0.0.1', 1, false],
    ['10.0.0.0/8', '', 0, false],
  ];
  for (const [network, address, port, isIn] of cases) {
    test(`${address}:${port} is ${isIn ? '' : 'not '}in ${network}`, () => {
      const parsed = parseNetwork(network);
      assert.ok(parsed !== null);
      assert.equal(isInNetwork({ address, port }, parsed), isIn);
    });
  }

  const wrong = [
    '',
    'host',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.2:0',
    '10.0.0.2:65536',
    'fd00::/129',
    '[fd00::2',
    '[10.0.0.2]:80',
    'fd00::1::2',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'fd00::12345',
    'fe80::1%eth0',
    '10.0.0.2:80:90',
  ];
  for (const text of wrong) {
    test(`${JSON.stringify(text)} is none`, () => {
      assert.equal(parseNetwork(text), null);
    });
  }
});

describe('what a rule means', () => {
  const facts: AlertFacts = {
    kind: 'retransmitting',
    executable: '/usr/bin/node',
    workload: workload({ unit: 'web.service' }),
    peer: { address: '10.0.0.2', port: 8000 },
    port: 8000,
    informational: false,
  };
  const network = (text: string): NonNullable<AlertMatch['peers']> => {
    const parsed = parseNetwork(text);
    assert.ok(parsed !== null);
    return [parsed];
  };
  const cases: readonly (readonly [what: string, match: AlertMatch, matches: boolean])[] = [
    ['nothing asked', {}, true],
    ['its kind', { kinds: ['closing', 'retransmitting'] }, true],
    ['another kind', { kinds: ['closing'] }, false],
    ['the path of the executable', { executables: ['/usr/*'] }, true],
    ['its last part', { executables: ['node'] }, true],
    ['another executable', { executables: ['nod'] }, false],
    ['the control group', { cgroups: ['/kubepods*'] }, true],
    ['the container by name', { containers: ['app'] }, true],
    ['the container by id', { containers: ['0123456789abcdef'] }, true],
    ['the container by short id', { containers: ['0123456789ab'] }, true],
    ['another container', { containers: ['sidecar'] }, false],
    ['pod and namespace', { pods: ['web-*'], podNamespaces: ['shop'] }, true],
    ['pod, but another namespace', { pods: ['web-*'], podNamespaces: ['test'] }, false],
    ['the unit', { units: ['*.service'] }, true],
    ['the network of the peer', { peers: network('10.0.0.0/24') }, true],
    ['another port of the peer', { peers: network('10.0.0.2:1') }, false],
    ['the port', { ports: [1, 8000] }, true],
    ['another port', { ports: [1] }, false],
    ['no information', { informational: false }, true],
    ['information', { informational: true }, false],
  ];
  for (const [what, match, matches] of cases) {
    test(`${what}: ${matches ? 'yes' : 'no'}`, () => {
      assert.equal(matchesAlert(match, facts), matches);
    });
  }

  test('what is not known has no name, and what has no peer is in no network', () => {
    const unknown: AlertFacts = { ...facts, executable: '', workload: null, peer: null, port: 0 };
    assert.equal(matchesAlert({ executables: ['*'] }, unknown), false);
    assert.equal(matchesAlert({ pods: ['*'] }, unknown), false);
    assert.equal(matchesAlert({ peers: network('0.0.0.0/0') }, unknown), false);
  });
});

describe('what stays the same of a workload', () => {
  const cases: readonly (readonly [what: string, workload: Workload | null, identity: string])[] = [
    ['nothing', null, ''],
    ['a deployment', workload({ podLabels: new Map([['pod-template-hash', '7f6c9d']]) }), 'shop/web/app'],
    [
      'a stateful set',
      workload({ pod: 'db-0', podLabels: new Map([['controller-revision-hash', 'db-5f4d']]) }),
      'shop/db/app',
    ],
    [
      'a daemon set',
      workload({ pod: 'agent-abc12', podLabels: new Map([['controller-revision-hash', '5f4d']]) }),
      'shop/agent/app',
    ],
    [
      'a job',
      workload({ pod: 'import-q8x7k', podLabels: new Map([['batch.kubernetes.io/job-name', 'import']]) }),
      'shop/import/app',
    ],
    ['a pod of its own', workload({ pod: 'web-1' }), 'shop/web-1/app'],
    ['a service', workload({ pod: '', unit: 'nginx.service' }), 'nginx.service'],
    ['a scope, which has a number in its name', workload({ pod: '', unit: 'session-42.scope' }), ''],
  ];
  for (const [what, given, identity] of cases) {
    test(what, () => {
      assert.equal(workloadIdentity(given), identity);
    });
  }

  test('objects of the same content are the same workload', () => {
    const labels = { podLabels: new Map([['a', 'b']]) };
    assert.ok(isSameWorkload(workload(labels), workload({ podLabels: new Map([['a', 'b']]) })));
    assert.ok(!isSameWorkload(workload(labels), workload({ podLabels: new Map([['a', 'c']]) })));
    assert.ok(!isSameWorkload(workload(), workload({ unit: 'x' })));
    assert.ok(!isSameWorkload(workload(), null));
    assert.ok(isSameWorkload(null, null));
  });
});

describe('fingerprints', () => {
  test('receivers on all nodes and of all versions get the same one', () => {
    assert.equal(fingerprintOf(['retransmitting', 'a', 'b']), fingerprintOf(['retransmitting', 'a', 'b']));
    // Pinned: another function would let every receiver take old alerts for new ones.
    assert.equal(shortHash(''), 'cbf29ce484222325');
    assert.equal(fingerprintOf(['retransmitting', '10.0.0.2:80']), '38bea5388761a3a950b64953710094a5');
  });

  test('parts do not run into each other', () => {
    assert.notEqual(fingerprintOf(['ab', 'c']), fingerprintOf(['a', 'bc']));
    assert.notEqual(fingerprintOf(['\u0161']), fingerprintOf(['a']));
    assert.match(fingerprintOf(['\u{1f600}']), /^[0-9a-f]{32}$/u);
  });
});
