// Proves which alerts a request means, that what is wrong with it is named, and what becomes of an alert as a message.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Alert } from '../../../daemon/core/alert.js';
import { storedFactsOf } from '../../../daemon/rpc/alert-facts.js';
import { parseAlertFilter } from '../../../daemon/rpc/alert-filter.js';
import { alertToProto } from '../../../daemon/rpc/alert-mapping.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { toProtoJson } from '../../../daemon/rpc/proto-json.js';
import { createAlert, resolvedAlert } from './sample-alerts.js';
import { createClock, createRecord, createWorkloads, EPOCH_MONO_US, OWNER } from './sample-records.js';

type Filter = stuckd.v1.AlertFilter.$Properties;
const { Severity, StuckKind } = stuckd.v1;

const ONE = createAlert();
const MANY = createAlert({ process: null, processCount: 6 });
const PROCESS_WIDE = createAlert({ kind: 'zombie', peer: null });

describe('filter', () => {
  const cases: readonly (readonly [what: string, filter: Filter, alert: Alert, matches: boolean])[] = [
    ['nothing asked', {}, ONE, true],
    ['its kind', { kinds: [StuckKind.STUCK_KIND_RETRANSMITTING] }, ONE, true],
    ['another kind', { kinds: [StuckKind.STUCK_KIND_CLOSING] }, ONE, false],
    ['its peer', { peers: ['10.0.0.2'] }, ONE, true],
    ['its peer with the port', { peers: ['10.0.0.2:8000'] }, ONE, true],
    ['another port', { peers: ['10.0.0.2:8001'] }, ONE, false],
    ['the peer of a connection of an alert without one', { peers: ['10.0.0.2:8000'] }, PROCESS_WIDE, true],
    ['its process', { pids: [12900] }, ONE, true],
    ['another process', { pids: [1] }, ONE, false],
    ['one of its processes', { pids: [12900] }, MANY, true],
    ['less grave', { minSeverity: Severity.SEVERITY_INFO }, ONE, true],
    ['as grave', { minSeverity: Severity.SEVERITY_WARNING }, ONE, true],
    ['graver', { minSeverity: Severity.SEVERITY_CRITICAL }, ONE, false],
    ['all that is asked', { pids: [12900], peers: ['10.0.0.9'] }, ONE, false],
  ];
  for (const [what, filter, alert, matches] of cases) {
    test(`${what}: ${matches ? 'yes' : 'no'}, in memory and on disk`, () => {
      const parsed = parseAlertFilter(filter);
      assert.equal(parsed.matches(alert), matches);
      assert.equal(parsed.matchesStored(JSON.stringify(storedFactsOf(alert, createClock()))), matches);
    });
  }

  test('facts of another version match an empty filter only', () => {
    for (const facts of ['{}', 'x', '{"kind":"retransmitting"}']) {
      assert.ok(parseAlertFilter({}).matchesStored(facts));
      assert.ok(!parseAlertFilter({ pids: [12900] }).matchesStored(facts));
    }
  });

  test('only an empty one matches all', () => {
    assert.ok(parseAlertFilter(null).matchesAll);
    assert.ok(!parseAlertFilter({ minSeverity: Severity.SEVERITY_CRITICAL }).matchesAll);
  });

  test('filters that mean the same have the same fingerprint', () => {
    const fingerprint = (filter: Filter): string => parseAlertFilter(filter).fingerprint;
    assert.equal(fingerprint({ pids: [1, 2, 1] }), fingerprint({ pids: [2, 1] }));
    assert.notEqual(fingerprint({ minSeverity: 1 }), fingerprint({ minSeverity: 3 }));
  });

  const wrong: readonly (readonly [Filter, RegExp])[] = [
    [{ peers: ['host'] }, /filter\.peers: "host"/u],
    [{ kinds: [99 as stuckd.v1.StuckKind] }, /filter\.kinds: .*99/u],
    [{ minSeverity: 99 as stuckd.v1.Severity }, /filter\.min_severity: .*99/u],
    [{ pids: Array.from({ length: 1001 }, (_, pid) => pid) }, /filter\.pids has 1001 values/u],
  ];
  for (const [filter, message] of wrong) {
    test(message.source, () => {
      assert.throws(() => parseAlertFilter(filter), { message });
    });
  }
});

describe('message', () => {
  const json = (alert: Alert): unknown => {
    const encoded = stuckd.v1.Alert.encode(
      alertToProto(alert, EPOCH_MONO_US, createClock(), createWorkloads()),
    ).finish();
    const { connections, ...rest } = toProtoJson(stuckd.v1.Alert.decode(encoded)) as Record<string, unknown>;
    return { ...rest, connections: (connections as { id: string }[] | undefined)?.map(({ id }) => id) };
  };

  test('a firing alert', () => {
    assert.deepEqual(json(createAlert({ receivers: ['mail'], silencedUntilMs: Date.UTC(2026, 11, 1) })), {
      id: 'a1',
      status: 'ALERT_STATUS_FIRING',
      severity: 'SEVERITY_WARNING',
      kind: 'STUCK_KIND_RETRANSMITTING',
      process: { pid: 12900, startTime: '2026-11-21T20:14:00Z', comm: 'node', executable: '/usr/bin/node' },
      processCount: 1,
      peer: { address: '10.0.0.2', port: 8000 },
      stuckCount: 3,
      totalCount: 10,
      startTime: '2026-11-21T20:13:40Z',
      updateTime: '2026-11-21T20:14:10Z',
      earliestGiveUp: '2026-11-21T20:29:03Z',
      summary:
        'node[12900]: 3 of 10 connections to 10.0.0.2:8000 have had no answer since 20:13:40 UTC; the kernel ends the first at 20:29:03 UTC.',
      connections: ['c000000001'],
      fireTime: '2026-11-21T20:14:00Z',
      silencedUntil: '2026-12-01T00:00:00Z',
      receivers: ['mail'],
      fingerprint: '00112233445566778899aabbccddeeff',
    });
  });

  test('a resolved one, of orphans to a port', () => {
    const record = createRecord({ ownerType: 'orphan', owner: null, lastOwner: OWNER });
    const orphans = {
      process: null,
      processCount: 0,
      peer: null,
      localPort: 443,
      totalCount: null,
      connections: [record],
    };
    assert.deepEqual(json(resolvedAlert(createAlert({ ...orphans, earliestGiveUpUs: null }))), {
      id: 'a1',
      status: 'ALERT_STATUS_RESOLVED',
      severity: 'SEVERITY_WARNING',
      kind: 'STUCK_KIND_RETRANSMITTING',
      localPort: 443,
      stuckCount: 3,
      startTime: '2026-11-21T20:13:40Z',
      updateTime: '2026-11-21T20:15:00Z',
      endTime: '2026-11-21T20:15:00Z',
      summary:
        'Orphans that node left behind: 3 connections from clients to port 443 had no answer from 20:13:40 UTC to 20:15:00 UTC.',
      connections: ['c000000001'],
      fireTime: '2026-11-21T20:14:00Z',
      fingerprint: '00112233445566778899aabbccddeeff',
    });
  });
});
