// Proves what a person sees of alerts: the table at a glance, also on a narrow terminal, and one line for each change that is
// worth one. Names of processes are untrusted. That stuckctl gets there is shown by acceptance/rpc-alerts.test.ts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AlertLines } from '../../../daemon/cli/alert-lines.js';
import { formatAlerts } from '../../../daemon/cli/alert-table.js';
import type { Alert as AlertMessage } from '../../../daemon/cli/alert-text.js';
import type { Alert } from '../../../daemon/core/alert.js';
import { createStyle } from '../../../daemon/lib/terminal.js';
import { alertToProto } from '../../../daemon/rpc/alert-mapping.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import type { AlertWatchChange } from '../../../daemon/rpc/grpc-client.js';
import { createAlert, resolvedAlert } from '../rpc/sample-alerts.js';
import {
  createClock,
  createRecord,
  createWorkloads,
  EPOCH_MONO_US,
  EPOCH_REAL_US,
  OWNER,
} from '../rpc/sample-records.js';

const NOW_MS = EPOCH_REAL_US / 1000;

function message(alert: Alert): AlertMessage {
  const encoded = stuckd.v1.Alert.encode(alertToProto(alert, EPOCH_MONO_US, createClock(), createWorkloads())).finish();
  return stuckd.v1.Alert.decode(encoded);
}

const WORKLOAD = {
  cgroup: '',
  containerId: '0123456789abcdef',
  containerRuntime: 'containerd',
  podUid: '',
  pod: 'web-7f6c9d-x2x4z',
  podNamespace: 'shop',
  container: 'app',
  podLabels: new Map<string, string>(),
  unit: '',
};

const FIRING = createAlert();
const ALERTS: readonly Alert[] = [
  FIRING,
  createAlert({
    id: 'a2',
    severity: 'critical',
    process: { pid: 7, startBootUs: 0, comm: 'node', executable: '/usr/bin/node', workload: WORKLOAD },
    peer: null,
    localPort: 443,
    stuckCount: 25,
    totalCount: null,
    silencedUntilMs: NOW_MS + 1_203_000,
  }),
  createAlert({
    id: 'a3',
    process: null,
    processCount: 6,
    stuckCount: 240,
    totalCount: 240,
    startUs: EPOCH_MONO_US - 90_000_000,
  }),
  createAlert({
    id: 'a4',
    kind: 'closing',
    severity: 'info',
    process: null,
    processCount: 0,
    peer: null,
    totalCount: null,
    stuckCount: 52,
    earliestGiveUpUs: null,
    connections: [createRecord({ ownerType: 'orphan', owner: null, lastOwner: OWNER })],
  }),
  resolvedAlert(createAlert({ id: 'a0', severity: 'critical' }), EPOCH_MONO_US - 30_000_000),
];

describe('table', () => {
  test('what fires and is grave stands above', () => {
    assert.equal(
      formatAlerts(ALERTS.map(message), NOW_MS, Infinity),
      [
        'ID  SEVERITY  KIND            WHO                           CONNECTIONS            STUCK  FOR     KERNEL ENDS FIRST  STATUS',
        'a2  critical  retransmitting  node[7] web-7f6c9d-x2x4z/app  on port 443               25  1m 20s  in 14m 3s          silenced for 20m 3s',
        'a3  warning   retransmitting  6 processes                   to 10.0.0.2:8000  240 of 240  1m 30s  in 14m 3s          firing',
        'a1  warning   retransmitting  node[12900]                   to 10.0.0.2:8000     3 of 10  1m 20s  in 14m 3s          firing',
        'a4  info      closing         orphan (node[12900])          -                         52  1m 20s  -                  firing',
        'a0  critical  retransmitting  node[12900]                   to 10.0.0.2:8000     3 of 10  50s     -                  resolved 30s ago',
        '',
      ].join('\n'),
    );
  });

  test('several peers', () => {
    const many = createAlert({ peer: null, peerCount: 40 });
    assert.match(
      formatAlerts([message(many)], NOW_MS, Infinity),
      /^a1 +warning +retransmitting +node\[12900\] +to 40 peers +3 of 10 /mu,
    );
  });

  test('80 columns hold what matters', () => {
    for (const line of formatAlerts(ALERTS.map(message), NOW_MS, 80).split('\n')) {
      assert.ok(line.length <= 80, line);
    }
    assert.match(formatAlerts(ALERTS.map(message), NOW_MS, 80), /SEVERITY +KIND +WHO +CONNECTIONS +STUCK/u);
  });

  test('nothing', () => {
    assert.equal(formatAlerts([], NOW_MS, 80), 'No alerts.\n');
  });

  test('a name cannot take over the terminal', () => {
    const process = { pid: 1, startBootUs: 0, comm: 'a\u001b[2Jb\nc', executable: '', workload: null };
    const text = formatAlerts([message(createAlert({ process }))], NOW_MS, Infinity);
    assert.ok(!text.includes('\u001b'));
    assert.equal(text.split('\n').length, 3);
  });
});

describe('lines', () => {
  type Kind = 'snapshotItem' | 'fired' | 'updated' | 'resolved';
  const change = (kind: Kind, alert: Alert): AlertWatchChange => ({ [kind]: message(alert) });
  const snapshotEnd: AlertWatchChange = { snapshotEnd: { count: 1 } };

  function play(...changes: (AlertWatchChange | 'restart')[]): string[] {
    const printed: string[] = [];
    const output = {
      line: (text: string) => printed.push(text.slice('20:15:00  '.length).replace(/ {2,}/gu, ' ').trim()),
      note: (text: string) => printed.push(`(${text.trim()})`),
    };
    const lines = new AlertLines(output, createStyle(false), () => NOW_MS);
    for (const each of changes) {
      if (each === 'restart') {
        lines.restart();
      } else {
        lines.accept(each);
      }
    }
    return printed.map((line) => line.replace(/ have had no answer.*\.( |$)/u, '$1').replace(/ had no answer.*/u, ''));
  }

  const more = { ...FIRING, stuckCount: 4 };

  test('what fires, changes and ends, in the words of its summary', () => {
    assert.deepEqual(
      play(
        change('snapshotItem', FIRING),
        snapshotEnd,
        change('updated', more),
        change('resolved', resolvedAlert(more)),
      ),
      [
        'FIRING warning retransmitting node[12900]: 3 of 10 connections to 10.0.0.2:8000',
        '(1 alert firing now; following changes, Ctrl-C ends)',
        'UPDATE warning retransmitting node[12900]: 4 of 10 connections to 10.0.0.2:8000',
        'RESOLVED warning retransmitting node[12900]: 4 of 10 connections to 10.0.0.2:8000',
      ],
    );
  });

  test('another forecast is worth no line, another severity is', () => {
    const later = { ...FIRING, earliestGiveUpUs: EPOCH_MONO_US + 900_000_000 };
    assert.deepEqual(
      play(change('fired', FIRING), change('updated', later), change('updated', { ...later, severity: 'critical' }))
        .length,
      2,
    );
  });

  test('after a new connection only what is new, and what is gone', () => {
    const other = { ...FIRING, id: 'a9' };
    assert.deepEqual(
      play(
        change('snapshotItem', FIRING),
        change('snapshotItem', other),
        snapshotEnd,
        'restart',
        change('snapshotItem', FIRING),
        snapshotEnd,
      ).slice(3),
      [
        'RESOLVED warning retransmitting node[12900]: 3 of 10 connections to 10.0.0.2:8000 (when it was resolved was not seen)',
        '(1 alert firing now; following changes, Ctrl-C ends)',
      ],
    );
  });

  test('what was lost is told', () => {
    assert.deepEqual(play({ lost: {} }), ['(0 changes were missed; taking a new snapshot)']);
  });
});
