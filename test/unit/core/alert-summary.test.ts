// Proves the one sentence that a person reads first: for each kind, who, how many, to whom, since when and what the kernel
// will do; for one connection and for many, while it fires and when it is over.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Alert } from '../../../daemon/core/alert.js';
import { alertSummary } from '../../../daemon/core/alerts/alert-summary.js';
import { STUCK_KINDS, type StuckKind } from '../../../daemon/core/kinds.js';
import type { Workload } from '../../../daemon/core/workload.js';
import { createAlert, resolvedAlert } from '../rpc/sample-alerts.js';
import { createRecord, EPOCH_MONO_US, OWNER } from '../rpc/sample-records.js';

/** Seconds before and after the moment of reading. */
const names = { wallTime: (us: number): string => `T${Math.round((us - EPOCH_MONO_US) / 1_000_000)}` };

function summary(changes: Partial<Alert> = {}): string {
  return alertSummary(createAlert(changes), EPOCH_MONO_US, names);
}

function workload(changes: Partial<Workload>): Workload {
  const texts = {
    cgroup: '',
    containerId: '',
    containerRuntime: '',
    podUid: '',
    pod: '',
    podNamespace: '',
    container: '',
  };
  return { ...texts, podLabels: new Map(), unit: '', ...changes };
}

describe('sentences', () => {
  const inbound = { peer: null, localPort: 443 };
  const listener = { peer: null, localPort: 80, totalCount: null, stuckCount: 1 };
  const anywhere = { peer: null, totalCount: null, earliestGiveUpUs: null, connections: [] };
  const told: Readonly<Record<StuckKind, readonly [Partial<Alert>, string]>> = {
    retransmitting: [
      {},
      '3 of 10 connections to 10.0.0.2:8000 have had no answer since T-80; the kernel ends the first at T843.',
    ],
    keepalive_unanswered: [
      { stuckCount: 1, totalCount: 1 },
      '1 connection to 10.0.0.2:8000 is idle and has had no answer to keepalive probes since T-80; the kernel ends it at T843.',
    ],
    zero_window: [
      { earliestGiveUpUs: null },
      '3 of 10 connections to 10.0.0.2:8000 have waited for the peer to open its receive window since T-80.',
    ],
    connecting: [
      {},
      '3 connection attempts to 10.0.0.2:8000 have had no answer since T-80; the kernel ends the first at T843.',
    ],
    accepting: [
      { ...listener, earliestGiveUpUs: null },
      'the listener on port 80 has had clients that do not complete the handshake since T-80.',
    ],
    accept_queue_full: [
      { ...listener, earliestGiveUpUs: null },
      'the listener on port 80 has not accepted connections fast enough since T-80.',
    ],
    closing: [{ ...anywhere, stuckCount: 52 }, '52 connections have been closing without an answer since T-80.'],
    fin_wait: [
      { ...inbound, earliestGiveUpUs: null },
      '3 of 10 connections from clients to port 443 have ended this side and waited for the peer to end the other since T-80.',
    ],
    close_wait: [
      { earliestGiveUpUs: null, totalCount: 3 },
      'all 3 connections to 10.0.0.2:8000 have been closed by the peer, and not by the application, since T-80.',
    ],
    unread: [
      { earliestGiveUpUs: null },
      '3 of 10 connections to 10.0.0.2:8000 have held data that nobody reads since T-80.',
    ],
    zombie: [{ ...anywhere, stuckCount: 5 }, '5 connections have been dead without being closed since T-80.'],
    stale_reuse: [
      { earliestGiveUpUs: null },
      '3 requests to 10.0.0.2:8000 went out on connections that were gone already since T-80.',
    ],
  };
  for (const kind of STUCK_KINDS) {
    const [changes, expected] = told[kind];
    test(kind, () => {
      assert.equal(summary({ kind, ...changes }), `node[12900]: ${expected}`);
    });
    test(`${kind}, resolved`, () => {
      const text = alertSummary(resolvedAlert(createAlert({ kind, ...changes })), EPOCH_MONO_US, names);
      assert.match(text, / from T-80 to T0\.$/u);
      assert.doesNotMatch(text, / ha(?:s|ve) |kernel/u);
    });
  }
});

describe('who', () => {
  const process = { pid: 1, startBootUs: 0, comm: 'node', executable: '/usr/bin/node', workload: null };
  const cases: readonly (readonly [what: string, changes: Partial<Alert>, begin: string])[] = [
    [
      'a pod',
      { process: { ...process, workload: workload({ pod: 'web-7f-x', container: 'app' }) } },
      'node[1] (web-7f-x/app): 3 of',
    ],
    [
      'a container that is in no pod',
      { process: { ...process, workload: workload({ containerId: '0123456789abcdef', unit: 'docker-0123.scope' }) } },
      'node[1] (container 0123456789ab): 3 of',
    ],
    ['a unit', { process: { ...process, workload: workload({ unit: 'web.service' }) } }, 'node[1] (web.service): 3 of'],
    [
      'several processes',
      { process: null, processCount: 6, stuckCount: 240, totalCount: null },
      '240 connections of 6 processes to 10.0.0.2:8000',
    ],
    [
      'all of several processes',
      { process: null, processCount: 6, stuckCount: 240, totalCount: 240 },
      'all 240 connections of 6 processes to',
    ],
    [
      'orphans',
      {
        process: null,
        processCount: 0,
        connections: [createRecord({ ownerType: 'orphan', owner: null, lastOwner: OWNER })],
      },
      'Orphans that node left behind: 3 of 10',
    ],
    [
      'nobody knows',
      { process: null, processCount: 0, connections: [createRecord({ ownerType: 'unknown', owner: null })] },
      'A process that cannot be seen: 3 of 10',
    ],
  ];
  for (const [what, changes, begin] of cases) {
    test(what, () => {
      assert.equal(summary(changes).slice(0, begin.length), begin);
    });
  }
});

test('several peers are counted', () => {
  const many = { peer: null, peerCount: 40, stuckCount: 100, totalCount: 120 };
  assert.match(summary(many), /^node\[12900\]: 100 of 120 connections to 40 peers have had no answer since/u);
});

test('where all of them go, if the sample is all of them', () => {
  const changes: Partial<Alert> = { kind: 'zombie', peer: null, totalCount: null, earliestGiveUpUs: null };
  const record = createRecord();
  assert.match(
    summary({ ...changes, stuckCount: 1, connections: [record] }),
    /1 connection to 10\.0\.0\.2:8000 has been/u,
  );
  assert.match(
    summary({ ...changes, stuckCount: 9, connections: [record] }),
    /9 connections, such as to 10\.0\.0\.2:8000, have been/u,
  );
});

test('an end that is due, and one that never comes', () => {
  assert.match(summary({ earliestGiveUpUs: EPOCH_MONO_US - 1 }), /; the kernel ends the first any moment now\.$/u);
  const never = createRecord({ giveUp: { never: true } });
  assert.match(summary({ earliestGiveUpUs: null, connections: [never] }), /; the kernel never ends them\.$/u);
});
