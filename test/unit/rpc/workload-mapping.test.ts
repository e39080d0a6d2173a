// Proves what clients see of a workload: in the record itself and in the owner that it belongs to, and nothing where
// nothing is known. What a control group means is shown by core/cgroup-path.test.ts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StuckRecord } from '../../../daemon/core/record.js';
import type { Workload } from '../../../daemon/core/workload.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { changeToProto, recordToProto } from '../../../daemon/rpc/proto-mapping.js';
import { toProtoJson } from '../../../daemon/rpc/proto-json.js';
import { createClock, createRecord, createWorkloads, EPOCH_MONO_US, OWNER, WORKLOAD } from './sample-records.js';

const v1 = stuckd.v1;
const clock = createClock();

interface Seen {
  readonly workload?: unknown;
  readonly owner?: Readonly<Record<string, unknown>>;
  readonly lastOwner?: Readonly<Record<string, unknown>>;
}

/** As a client sees it: through the wire. */
function onTheWire(record: StuckRecord, workload: Workload | null): Seen {
  const message = recordToProto(record, EPOCH_MONO_US, clock, createWorkloads(workload));
  return toProtoJson(v1.StuckConnection.decode(v1.StuckConnection.encode(message).finish())) as Seen;
}

const IN_OWNER = {
  cgroup: WORKLOAD.cgroup,
  containerId: WORKLOAD.containerId,
  pod: 'web-7d9c',
  podNamespace: 'shop',
  container: 'app',
};

function ofOwner(owner: Seen['owner']): unknown {
  const entries = Object.keys(IN_OWNER).map((name) => [name, owner?.[name]]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

describe('a workload on the wire', () => {
  test('is in the record, and in its owner', () => {
    const { workload, owner } = onTheWire(createRecord(), WORKLOAD);
    assert.deepEqual(workload, {
      ...IN_OWNER,
      containerRuntime: 'containerd',
      podUid: WORKLOAD.podUid,
      podLabels: { app: 'web' },
    });
    assert.deepEqual(ofOwner(owner), IN_OWNER);
  });

  test('of an orphan is that of its last owner', () => {
    const orphan = createRecord({ ownerType: 'orphan', owner: null, lastOwner: OWNER });
    assert.deepEqual(ofOwner(onTheWire(orphan, WORKLOAD).lastOwner), IN_OWNER);
  });

  test('is not that of the last owner while another process holds the socket', () => {
    const { owner, lastOwner } = onTheWire(createRecord({ lastOwner: { ...OWNER, pid: 7 } }), WORKLOAD);
    assert.deepEqual(ofOwner(owner), IN_OWNER);
    assert.deepEqual(ofOwner(lastOwner), {});
  });

  test('is absent where nothing is known', () => {
    const { workload, owner } = onTheWire(createRecord(), null);
    assert.equal(workload, undefined);
    assert.deepEqual(ofOwner(owner), {});
  });

  test('of a service has its unit, and is in every change', () => {
    const service: Workload = {
      ...WORKLOAD,
      containerId: '',
      pod: '',
      podUid: '',
      podLabels: new Map(),
      unit: 'a.service',
    };
    const change = { kind: 'opened', timeUs: EPOCH_MONO_US, record: createRecord() } as const;
    const { opened } = changeToProto(change, 'opened', clock, createWorkloads(service));
    assert.equal(opened?.workload?.unit, 'a.service');
  });
});
