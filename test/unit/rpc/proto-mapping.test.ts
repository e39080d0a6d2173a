// Proves that records and status become the proto messages that say the same, each value of each closed vocabulary
// included, and that absent things are absent on the wire. It cannot prove that the records themselves are right.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OUTCOMES, STUCK_KINDS } from '../../../daemon/core/kinds.js';
import type { Direction, OwnerType } from '../../../daemon/core/kinds.js';
import type { SensorState } from '../../../daemon/core/ports.js';
import type { GiveUpReason, StuckRecord } from '../../../daemon/core/record.js';
import {
  directionToProto,
  giveUpReasonToProto,
  KINDS_BY_NAME,
  kindFromProto,
  kindName,
  kindToProto,
  outcomeToProto,
  ownerTypeToProto,
  sensorStateToProto,
} from '../../../daemon/rpc/enum-mapping.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { statusToProto } from '../../../daemon/rpc/node-service.js';
import { changeToProto, recordToProto } from '../../../daemon/rpc/proto-mapping.js';
import { toProtoJson } from '../../../daemon/rpc/proto-json.js';
import { createClock, createRecord, createStatus, createWorkloads, EPOCH_MONO_US, OWNER } from './sample-records.js';

const v1 = stuckd.v1;
const clock = createClock();

/** As a client sees it: through the wire. */
function onTheWire(record: StuckRecord): Record<string, unknown> {
  const message = v1.StuckConnection.decode(
    v1.StuckConnection.encode(recordToProto(record, EPOCH_MONO_US, clock, createWorkloads())).finish(),
  );
  return toProtoJson(message) as Record<string, unknown>;
}

test('the forecast at detection, and how far off it was: zero and negative errors are told too', () => {
  const base = createRecord().giveUp;
  const json = onTheWire(createRecord({ detectedGiveUp: base, forecastErrorUs: -1_500_000 }));
  assert.deepEqual(json['detectedGiveUp'], json['giveUp']);
  assert.equal(json['forecastError'], '-1.500s');
  assert.equal(onTheWire(createRecord({ forecastErrorUs: 4000 }))['forecastError'], '0.004s');
  assert.equal(onTheWire(createRecord({ forecastErrorUs: 0 }))['forecastError'], '0s');
  assert.equal('forecastError' in onTheWire(createRecord()), false);
  assert.equal('detectedGiveUp' in onTheWire(createRecord()), false);
});

test('what was seen by polling says so, and what is not known is absent', () => {
  const none = { keepalive: null, keepaliveIdleMs: null, keepaliveIntervalMs: null };
  const supposing = { ...createRecord().giveUp, supposes: ['user_timeout'] } as StuckRecord['giveUp'];
  const polled: Partial<StuckRecord> = {
    polled: true,
    unknown: ['user_timeout', 'keepalive'],
    options: { ...none, keepaliveProbes: null, userTimeoutMs: null },
    giveUp: supposing,
  };
  const json = onTheWire(createRecord(polled));
  assert.equal(json['polled'], true);
  assert.deepEqual(json['unknown'], ['TCP_USER_TIMEOUT', 'SO_KEEPALIVE']);
  assert.equal('options' in json, false);
  assert.deepEqual((json['giveUp'] as Record<string, unknown>)['supposes'], ['TCP_USER_TIMEOUT']);
  const timed = { ...none, keepalive: true, keepaliveIntervalMs: 5000, keepaliveProbes: null, userTimeoutMs: null };
  assert.deepEqual(onTheWire(createRecord({ ...polled, options: timed }))['options'], {
    keepalive: true,
    keepaliveInterval: '5s',
  });
  const never = onTheWire(createRecord({ ...polled, giveUp: { never: true, supposes: ['user_timeout'] } }));
  assert.deepEqual(never['giveUp'], { never: true, supposes: ['TCP_USER_TIMEOUT'] });
  const read = onTheWire(createRecord());
  assert.deepEqual(['polled' in read, 'unknown' in read], [false, false]);
});

describe('closed vocabularies', () => {
  const tables: readonly [string, readonly (readonly [string, string | undefined])[]][] = [
    ['STUCK_KIND_', STUCK_KINDS.map((kind) => [kind, v1.StuckKind[kindToProto(kind)]])],
    ['OUTCOME_', OUTCOMES.map((outcome) => [outcome, v1.Outcome[outcomeToProto(outcome)]])],
    [
      'DIRECTION_',
      (['outbound', 'inbound', 'unknown'] satisfies Direction[]).map((d) => [d, v1.Direction[directionToProto(d)]]),
    ],
    [
      'OWNER_TYPE_',
      (['process', 'orphan', 'kernel', 'unaccepted', 'unknown'] satisfies OwnerType[]).map((type) => [
        type,
        v1.OwnerType[ownerTypeToProto(type)],
      ]),
    ],
    [
      'GIVE_UP_REASON_',
      (
        [
          'tcp_retries2',
          'user_timeout',
          'keepalive',
          'syn_retries',
          'orphan_retries',
          'shrunk_window',
        ] satisfies GiveUpReason[]
      ).map((reason) => [reason, v1.GiveUpReason[giveUpReasonToProto(reason)]]),
    ],
    [
      'SENSOR_STATE_',
      (['starting', 'running', 'backoff', 'stopped'] satisfies SensorState[]).map((state) => [
        state,
        v1.SensorState[sensorStateToProto(state)],
      ]),
    ],
  ];
  for (const [prefix, values] of tables) {
    for (const [name, protoName] of values) {
      test(`${name} is ${prefix}${name.toUpperCase()}`, () => {
        assert.equal(protoName, prefix + name.toUpperCase());
      });
    }
  }

  test('an owner that is being looked up is not set', () => {
    assert.equal(ownerTypeToProto('pending'), v1.OwnerType.OWNER_TYPE_UNSPECIFIED);
  });

  test('kinds come back from the proto, unknown numbers do not', () => {
    for (const kind of STUCK_KINDS) {
      assert.equal(kindFromProto(kindToProto(kind)), kind);
    }
    assert.equal(kindFromProto(0), null);
    assert.equal(kindFromProto(999), null);
  });

  test('every kind of the proto is one of core/, and has its short name', () => {
    assert.deepEqual([...KINDS_BY_NAME.keys()].sort(), [...STUCK_KINDS].sort());
    assert.equal(kindName(999 as stuckd.v1.StuckKind), '999');
  });
});

describe('recordToProto', () => {
  test('a record of a live process', () => {
    const json = onTheWire(createRecord());
    delete json['diagnosis'];
    assert.deepEqual(json, {
      id: 'c000000001',
      kind: 'STUCK_KIND_RETRANSMITTING',
      state: 'ESTABLISHED',
      direction: 'DIRECTION_OUTBOUND',
      local: { address: '10.0.0.1', port: 41000 },
      remote: { address: '10.0.0.2', port: 8000 },
      netns: 4026531840,
      cookie: '9007199254740993',
      ownerType: 'OWNER_TYPE_PROCESS',
      owner: {
        pid: 12900,
        comm: 'node',
        startTime: '2026-11-21T20:14:00Z',
        executable: '/usr/bin/node',
        user: '1000',
        holders: [{ pid: 12900, comm: 'node', fd: 21 }],
      },
      since: '2026-11-21T20:13:40Z',
      detectedTime: '2026-11-21T20:13:41.500Z',
      lastProgressTime: '2026-11-21T20:13:39.999900Z',
      unackedBytes: '412',
      receiveBufferBytes: '131072',
      retransmits: 7,
      rto: '25.600s',
      options: { keepaliveIdle: '7200s', keepaliveInterval: '75s', keepaliveProbes: 9 },
      giveUp: {
        time: '2026-11-21T20:29:03Z',
        reason: 'GIVE_UP_REASON_TCP_RETRIES2',
        retransmitsLeft: 8,
        expectedError: 'ETIMEDOUT',
      },
      timeline: [{ time: '2026-11-21T20:13:41.500Z', text: 'detected after 3 retransmission timeouts' }],
    });
  });

  test('a diagnosis comes with it', () => {
    const { diagnosis } = recordToProto(createRecord(), EPOCH_MONO_US, clock, createWorkloads());
    assert.match(diagnosis?.summary ?? '', /10\.0\.0\.2/);
  });

  test('wall times in it name their zone, and their day if it is not today', () => {
    const base = createRecord().giveUp;
    assert.ok(base?.never === false);
    const text = (timeUs: number): string =>
      JSON.stringify(
        recordToProto(createRecord({ giveUp: { ...base, timeUs } }), EPOCH_MONO_US, clock, createWorkloads()).diagnosis,
      );
    assert.match(text(base.timeUs), /\b20:29:03 UTC/);
    assert.doesNotMatch(text(base.timeUs), /2026-11-21/);
    assert.match(text(EPOCH_MONO_US + 4 * 3_600_000_000), /2026-11-22 00:15:00 UTC/);
  });

  test('an orphan that ended', () => {
    const json = onTheWire(
      createRecord({
        previousId: 'c000000000',
        kind: 'closing',
        ownerType: 'orphan',
        owner: null,
        lastOwner: OWNER,
        sinceAtLeast: true,
        giveUp: null,
        outcome: 'reset_by_peer',
        endUs: EPOCH_MONO_US,
        options: { ...createRecord().options, keepalive: true, userTimeoutMs: 1500 },
      }),
    );
    assert.equal(json['previousId'], 'c000000000');
    assert.equal(json['owner'], undefined);
    assert.equal((json['lastOwner'] as { pid: number }).pid, 12900);
    assert.equal(json['sinceAtLeast'], true);
    assert.equal(json['giveUp'], undefined);
    assert.equal(json['outcome'], 'OUTCOME_RESET_BY_PEER');
    assert.equal(json['endTime'], '2026-11-21T20:15:00Z');
    assert.deepEqual(json['options'], {
      keepalive: true,
      keepaliveIdle: '7200s',
      keepaliveInterval: '75s',
      keepaliveProbes: 9,
      userTimeout: '1.500s',
    });
  });

  test('"never" is said, although it is the only field', () => {
    assert.deepEqual(onTheWire(createRecord({ giveUp: { never: true } }))['giveUp'], { never: true });
  });

  test('a window of two candidates has both', () => {
    const base = createRecord().giveUp;
    assert.ok(base?.never === false);
    const json = onTheWire(createRecord({ giveUp: { ...base, latestTimeUs: base.timeUs + 4000 } }));
    assert.equal((json['giveUp'] as { latestTime: string }).latestTime, '2026-11-21T20:29:03.004Z');
  });

  test('a forecast beyond all calendars does not break the message', () => {
    const base = createRecord().giveUp;
    assert.ok(base?.never === false);
    const json = onTheWire(createRecord({ giveUp: { ...base, timeUs: Number.MAX_SAFE_INTEGER * 1000 } }));
    assert.equal((json['giveUp'] as { time: string }).time, '9999-12-31T23:59:59Z');
  });

  test('a change is mapped as what it is for the subscriber', () => {
    const change = { kind: 'updated', timeUs: EPOCH_MONO_US, record: createRecord() } as const;
    assert.deepEqual(Object.keys(changeToProto(change, 'opened', clock, createWorkloads())), ['time', 'opened']);
    assert.deepEqual(Object.keys(changeToProto(change, 'updated', clock, createWorkloads())), ['time', 'updated']);
    assert.deepEqual(Object.keys(changeToProto(change, 'ended', clock, createWorkloads())), ['time', 'ended']);
  });
});

describe('statusToProto', () => {
  test('all fields', () => {
    const message = statusToProto(createStatus({ healthy: false, problems: ['the sensor restarts'] }), 2, clock);
    const decoded = v1.GetStatusResponse.decode(v1.GetStatusResponse.encode(message).finish());
    assert.deepEqual(toProtoJson(decoded), {
      version: '0.1.0',
      startTime: '2026-11-21T19:15:00Z',
      pid: 4711,
      problems: ['the sensor restarts'],
      sensor: {
        state: 'SENSOR_STATE_RUNNING',
        pid: 4712,
        version: '0.1.0',
        capabilities: ['CAP_BPF', 'CAP_PERFMON'],
        programs: [
          { name: 'tcp_retransmit_skb', attached: true },
          { name: 'timer_expire_entry', message: 'ENOENT: keepalive is seen by sweeps only' },
        ],
        mode: 'SENSOR_MODE_EBPF',
      },
      sweep: {
        endTime: '2026-11-21T20:14:58.500Z',
        duration: '0.012340s',
        sockets: 240,
        connections: 200,
        processes: 17,
        cpuTime: '0.009870s',
        interval: '2s',
        configuredInterval: '2s',
        cpuPercentMax: 0.8,
      },
      tracker: {
        suspects: 3,
        stuck: 2,
        stuckByKind: [{ kind: 'STUCK_KIND_RETRANSMITTING', count: 2 }],
        opened: '12',
        ended: [{ outcome: 'OUTCOME_RECOVERED', count: '10' }],
      },
      subscribers: 2,
      alerting: { firing: 1, fired: '4', resolved: '3' },
      node: {
        hostname: 'web-1',
        kernel: '6.18.0',
        architecture: 'x64',
        operatingSystem: 'Debian GNU/Linux 12',
        cpus: 2,
        memoryBytes: '8589934592',
        model: 'KVM',
      },
    });
  });

  test('alerts and their receivers', () => {
    const receivers = [
      {
        name: 'hook',
        pending: 2,
        oldestAgeMs: 61_000,
        delivered: 7,
        dead: 3,
        dropped: 4,
        failedAttempts: 0,
        lastError: 'HTTP 500',
      },
      { name: 'chat', pending: 0, oldestAgeMs: 0, delivered: 0, dead: 0, dropped: 0, failedAttempts: 0, lastError: '' },
    ];
    const alerting = { firing: 5, fired: 9, resolved: 6, alertsDropped: 8, connectionsDropped: 1, receivers };
    const message = statusToProto(createStatus({ alerting }), 2, clock);
    const decoded = v1.GetStatusResponse.decode(v1.GetStatusResponse.encode(message).finish());
    assert.deepEqual((toProtoJson(decoded) as { alerting: unknown }).alerting, {
      firing: 5,
      fired: '9',
      resolved: '6',
      alertsDropped: '8',
      connectionsDropped: '1',
      receivers: [
        {
          name: 'hook',
          pending: 2,
          oldestPendingAge: '61s',
          delivered: '7',
          dead: 3,
          dropped: '4',
          lastError: 'HTTP 500',
        },
        { name: 'chat' },
      ],
    });
  });

  test('no sweep yet', () => {
    assert.equal(statusToProto(createStatus({ sweep: null }), 0, clock).sweep, null);
  });
});
