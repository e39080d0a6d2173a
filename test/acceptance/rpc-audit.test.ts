// Proves what AuditConnections answers over gRPC: pages of one and the same audit, refused filters, thresholds and tokens, and
// why there is none. The connections are made by hand; test/kernel/audit.test.ts asks a real daemon about real ones.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { AuditRequest } from '../../daemon/rpc/grpc-client.js';
import type { WorkloadSource } from '../../daemon/core/ports.js';
import { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { durationFromUs, durationToMs } from '../../daemon/rpc/proto-time.js';
import { stuckctl } from '../support/run-program.js';
import { FakeAudits } from '../support/fake-audits.js';
import { WORKLOAD } from '../unit/rpc/sample-records.js';
import { rejection, RpcBench } from './rpc-harness.js';

let bench: RpcBench;

/** Each process is a service of its own. */
const UNITS: WorkloadSource = {
  workloadOf: ({ owner }) => (owner === null ? null : { ...WORKLOAD, unit: `job-${owner.pid - 100}.service` }),
};

beforeEach(() => {
  bench = new RpcBench();
});

afterEach(() => {
  bench.clean();
});

describe('AuditConnections', () => {
  test('all pages are of one audit, worst first, each with the summary of all', async () => {
    await bench.serve({ audits: new FakeAudits() });
    const client = bench.connect();
    const peers: (string | null | undefined)[] = [];
    let pageToken = '';
    do {
      const page = await client.auditConnections({ pageSize: 2, pageToken });
      assert.equal(page.summary?.outbound?.worst?.neverCount, 3);
      assert.equal(page.summary.outbound.worst.overThresholdCount, 2);
      peers.push(...page.findings.map(({ peer }) => peer?.address));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    assert.deepEqual(peers, ['10.1.0.1', '10.1.0.3', '10.1.0.5', '10.1.0.2', '10.1.0.4']);
  });

  test('of the latest audits further pages can be had, of older ones not', async () => {
    await bench.serve({ audits: new FakeAudits() });
    const client = bench.connect();
    const { nextPageToken: old } = await client.auditConnections({ pageSize: 2 });
    const { nextPageToken: pageToken } = await client.auditConnections({ pageSize: 2 });
    for (let other = 0; other < 3; other++) {
      await client.auditConnections({ pageSize: 2 });
    }
    assert.equal((await client.auditConnections({ pageSize: 2, pageToken })).findings.length, 2);
    const { info, message } = await rejection(client.auditConnections({ pageSize: 2, pageToken: old }));
    assert.equal(info?.reason, 'PAGE_TOKEN_INVALID');
    assert.match(message, /not kept any more/);
  });

  test('an audit of which pages are asked for stays the latest', async () => {
    await bench.serve({ audits: new FakeAudits() });
    const client = bench.connect();
    const first = await client.auditConnections({ pageSize: 2 });
    for (let other = 0; other < 3; other++) {
      await client.auditConnections({ pageSize: 2 });
    }
    const { nextPageToken: pageToken } = await client.auditConnections({ pageSize: 2, pageToken: first.nextPageToken });
    await client.auditConnections({ pageSize: 2 });
    assert.equal((await client.auditConnections({ pageSize: 2, pageToken })).findings.length, 1);
  });

  test('after its last page an audit is forgotten', async () => {
    await bench.serve({ audits: new FakeAudits() });
    const client = bench.connect();
    const { nextPageToken: pageToken } = await client.auditConnections({ pageSize: 3 });
    assert.equal((await client.auditConnections({ pageSize: 3, pageToken })).nextPageToken, '');
    const { info } = await rejection(client.auditConnections({ pageSize: 3, pageToken }));
    assert.equal(info?.reason, 'PAGE_TOKEN_INVALID');
  });

  test('a page has 100 findings where nothing is said, and never more than 500', async () => {
    await bench.serve({ audits: new FakeAudits(600) });
    const client = bench.connect();
    assert.equal((await client.auditConnections({})).findings.length, 100);
    const { findings, nextPageToken: pageToken } = await client.auditConnections({ pageSize: 1000 });
    assert.equal(findings.length, 500);
    const rest = await client.auditConnections({ pageSize: 1000, pageToken });
    assert.deepEqual([rest.findings.length, rest.nextPageToken], [101, '']);
  });

  test('the threshold decides what is too long, the filter what is looked at', async () => {
    await bench.serve({ audits: new FakeAudits() });
    const client = bench.connect();
    const threshold = durationFromUs(3 * 3_600_000_000);
    const patient = await client.auditConnections({ threshold });
    assert.equal(patient.summary?.outbound?.worst?.overThresholdCount, 0);
    assert.match(patient.summary.summary ?? '', /for more than 3 h/);
  });

  const filters: readonly (readonly [string, AuditRequest, readonly string[]])[] = [
    ['a process', { filter: { pids: [102, 104] } }, ['10.1.0.2', '10.1.0.4']],
    ['a peer', { filter: { peers: ['10.1.0.3'] } }, ['10.1.0.3']],
    ['both', { filter: { pids: [102, 103], peers: ['10.1.0.3', '10.1.0.4'] } }, ['10.1.0.3']],
    ['a network namespace that is not there', { filter: { netns: [1] } }, []],
    ['a unit', { filter: { units: ['job-4.service'] } }, ['10.1.0.4']],
    ['a direction', { direction: stuckd.v1.Direction.DIRECTION_INBOUND }, []],
    [
      'the other direction',
      { direction: stuckd.v1.Direction.DIRECTION_OUTBOUND },
      ['10.1.0.1', '10.1.0.3', '10.1.0.5', '10.1.0.2', '10.1.0.4'],
    ],
  ];
  for (const [name, request, expected] of filters) {
    test(`the filter decides what is looked at: ${name}`, async () => {
      await bench.serve({ audits: new FakeAudits(), workloads: UNITS });
      const { findings, summary } = await bench.connect().auditConnections(request);
      assert.deepEqual(
        findings.map(({ peer }) => peer?.address),
        expected,
      );
      const worst = summary?.outbound?.worst;
      assert.equal((worst?.neverCount ?? 0) + (worst?.overThresholdCount ?? 0), expected.length);
      assert.match(summary?.summary ?? '', expected.length === 0 ? /match the filter/ : /asked about on this node/);
    });
  }

  test('a page token is for one direction', async () => {
    await bench.serve({ audits: new FakeAudits() });
    const client = bench.connect();
    const { nextPageToken: pageToken } = await client.auditConnections({ pageSize: 2 });
    const direction = stuckd.v1.Direction.DIRECTION_OUTBOUND;
    const { info } = await rejection(client.auditConnections({ pageSize: 2, pageToken, direction }));
    assert.equal(info?.reason, 'PAGE_TOKEN_INVALID');
  });

  test('each time is one, or never', async () => {
    await bench.serve({ audits: new FakeAudits() });
    const { findings } = await bench.connect().auditConnections({});
    const [forEver] = findings;
    const bounded = findings.at(-1);
    assert.deepEqual(forEver?.hangIdle?.longest, stuckd.v1.HangTime.create({ never: true }));
    assert.equal(forEver.samples?.[0]?.hangIdle?.never, true);
    assert.equal(forEver.samples[0].hangIdle.time ?? null, null);
    assert.equal(forEver.exposure?.idle?.neverCount, 1);
    const seconds = (hang: stuckd.v1.HangTime.$Properties | null | undefined): number =>
      durationToMs(hang?.time ?? {}) / 1000;
    for (const hang of [bounded?.hangInFlight?.shortest, bounded?.samples?.[0]?.hangInFlight]) {
      assert.ok(seconds(hang) > 920 && seconds(hang) < 960);
    }
    assert.ok(seconds(bounded?.hangIdle?.shortest) > 7875);
    assert.equal(bounded?.hangIdle?.longest?.never ?? false, false);
    assert.equal(durationToMs(bounded?.samples?.[0]?.idleTime ?? {}), 1000);
  });

  test('of many connections a finding names the five worst', async () => {
    const audits = new FakeAudits();
    const { connections, ...rest } = await audits.audit();
    const [first] = connections;
    assert.ok(first !== undefined);
    const crowd = Array.from({ length: 7 }, (_, index) => {
      // Without end but two.
      const idleUs = index < 2 ? 5_000_000 : Infinity;
      return { ...first, exposure: { ...first.exposure, idleUs } };
    });
    audits.audit = () => Promise.resolve({ ...rest, connections: crowd });
    await bench.serve({ audits });
    const { findings } = await bench.connect().auditConnections({});
    assert.deepEqual(
      findings.map(({ connectionCount, samples }) => [connectionCount, samples?.length]),
      [[7, 5]],
    );
    assert.ok(findings[0]?.samples?.every(({ hangIdle }) => hangIdle?.never === true));
  });

  const refused: readonly (readonly [string, AuditRequest, RegExp])[] = [
    ['a kind', { filter: { kinds: [1] } }, /filter\.kinds/],
    ['a negative threshold', { threshold: durationFromUs(-1_000_000) }, /threshold/],
    ['a peer that is none', { filter: { peers: ['db'] } }, /filter\.peers/],
    ['a direction that is none', { direction: stuckd.v1.Direction.DIRECTION_UNKNOWN }, /direction/],
    ['a token of another question', { pageToken: 'WzEsIngiLCJ5Il0' }, /another filter/],
  ];
  for (const [name, request, message] of refused) {
    test(`refuses ${name}`, async () => {
      await bench.serve({ audits: new FakeAudits() });
      const { failure, message: text } = await rejection(bench.connect().auditConnections(request));
      assert.equal(failure, 'invalid');
      assert.match(text, message);
    });
  }

  test('without a sensor it says why', async () => {
    await bench.serve();
    const { failure, info, message } = await rejection(bench.connect().auditConnections({}));
    assert.equal(failure, 'failed', 'the daemon was reached');
    assert.equal(info?.reason, 'SENSOR_UNAVAILABLE');
    assert.match(message, /the sensor is not running yet/);
    const { code, stderr } = await stuckctl(bench.address, 'audit');
    assert.equal(code, 1);
    assert.match(stderr, /^stuckctl: connections cannot be audited now: .* \[SENSOR_UNAVAILABLE\]\n$/);
  });
});
