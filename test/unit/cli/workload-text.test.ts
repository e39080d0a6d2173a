// Proves how pod, container and unit stand in the table and on the page, and that names from outside stay text.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatConnectionPage } from '../../../daemon/cli/connection-page.js';
import { formatConnections } from '../../../daemon/cli/connection-table.js';
import type { Connection } from '../../../daemon/cli/connection-text.js';
import { workloadText } from '../../../daemon/cli/workload-text.js';
import type { Workload } from '../../../daemon/core/workload.js';
import { createStyle } from '../../../daemon/lib/terminal.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { recordToProto } from '../../../daemon/rpc/proto-mapping.js';
import {
  createClock,
  createRecord,
  createWorkloads,
  EPOCH_MONO_US,
  EPOCH_REAL_US,
  WORKLOAD,
} from '../rpc/sample-records.js';

const v1 = stuckd.v1;
const NOW_MS = EPOCH_REAL_US / 1000;
const NO_POD: Workload = { ...WORKLOAD, pod: '', podNamespace: '', container: '', podLabels: new Map() };
const NO_CONTAINER: Workload = { ...NO_POD, containerId: '', containerRuntime: '' };
const SERVICE: Workload = { ...NO_CONTAINER, podUid: '', cgroup: '/system.slice/nginx.service', unit: 'nginx.service' };

/** As stuckctl gets it. */
function received(workload: Workload | null): Connection {
  const message = recordToProto(createRecord(), EPOCH_MONO_US, createClock(), createWorkloads(workload));
  return v1.StuckConnection.decode(v1.StuckConnection.encode(message).finish());
}

describe('in short', () => {
  const table: readonly [string, Workload | null, string][] = [
    ['a pod', WORKLOAD, 'shop/web-7d9c'],
    ['a container of a pod whose name is not known', NO_POD, 'container 3f1c3f1c3f1c'],
    ['a pod without a container', NO_CONTAINER, `pod ${WORKLOAD.podUid}`],
    ['a service', SERVICE, 'nginx.service'],
    ['hostile names', { ...WORKLOAD, pod: 'a\u001b[31m', podNamespace: 'b\n' }, 'b\\n/a\\x1b[31m'],
    ['nothing', { ...SERVICE, unit: '' }, ''],
    ['not known', null, ''],
  ];
  for (const [name, workload, expected] of table) {
    test(name, () => {
      assert.equal(workloadText(received(workload)), expected);
    });
  }
});

describe('list', () => {
  test('has a column for it where anything is known, which leaves before the figures do', () => {
    const connections = [received(WORKLOAD), received(null)];
    const header = (width: number): string => formatConnections(connections, NOW_MS, width, false).split('\n')[0] ?? '';
    assert.match(header(Infinity), /PROCESS +BELONGS TO +LOCAL +PEER/);
    assert.match(header(110), /PROCESS +BELONGS TO +PEER +STUCK FOR +RETRANS +UNACKED +GIVES UP/);
    assert.doesNotMatch(header(90), /BELONGS/);
    assert.match(formatConnections(connections, NOW_MS, Infinity, false), /node\[12900\] +shop\/web-7d9c +10\.0\.0\.1/);
    assert.match(formatConnections(connections, NOW_MS, Infinity, false), /node\[12900\] +- +10\.0\.0\.1/);
    assert.doesNotMatch(formatConnections([received(null)], NOW_MS, Infinity, false), /BELONGS/);
  });

  test('shortens a long name in its middle', () => {
    const text = formatConnections(
      [received({ ...WORKLOAD, pod: `web-${'x'.repeat(200)}-7d9c` })],
      NOW_MS,
      Infinity,
      false,
    );
    assert.match(text, / shop\/web-x+~x+-7d9c {2}10/);
    assert.ok(text.length < 400);
  });
});

describe('get', () => {
  const page = (workload: Workload | null): string =>
    formatConnectionPage({ stuckConnection: received(workload) }, '', NOW_MS, Infinity, createStyle(false));
  const facts = (workload: Workload | null): string[] =>
    page(workload)
      .split('\n')
      .filter((line) => /^ {2}(pod|container|unit|cgroup) /.test(line))
      .map((line) => line.trim().replace(/ +/g, ' '));

  test('shows all that is known', () => {
    assert.deepEqual(facts(WORKLOAD), [
      `pod shop/web-7d9c, uid ${WORKLOAD.podUid}`,
      `container app, ${WORKLOAD.containerId}, containerd`,
      `cgroup ${WORKLOAD.cgroup}`,
    ]);
    assert.deepEqual(facts(NO_POD), [
      `pod uid ${WORKLOAD.podUid}`,
      `container ${WORKLOAD.containerId}, containerd`,
      `cgroup ${WORKLOAD.cgroup}`,
    ]);
    assert.deepEqual(facts(SERVICE), ['unit nginx.service', 'cgroup /system.slice/nginx.service']);
    assert.deepEqual(facts(null), []);
  });

  test('escapes what a group was called', () => {
    assert.deepEqual(facts({ ...SERVICE, unit: '', cgroup: '/a\u202eb\u001b' }), ['cgroup /a\\u{202e}b\\x1b']);
  });
});
