// Proves what AuditConnections answers over gRPC: pages of one and the same audit, refused filters, thresholds and tokens, and
// why there is none. The connections are made by hand; test/kernel/audit.test.ts asks a real daemon about real ones.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { AuditRequest } from '../../daemon/rpc/grpc-client.js';
import { durationFromUs } from '../../daemon/rpc/proto-time.js';
import { FakeAudits } from '../support/fake-audits.js';
import { rejection, RpcBench } from './rpc-harness.js';

let bench: RpcBench;

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
      assert.equal(page.summary.outbound.worst?.overThresholdCount, 2);
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
    for (const filter of [{ pids: [102] }, { peers: ['10.1.0.2'] }]) {
      const one = await client.auditConnections({ filter });
      assert.deepEqual(
        one.findings.map(({ peer }) => peer?.address),
        ['10.1.0.2'],
      );
    }
    assert.equal((await client.auditConnections({ filter: { netns: [1] } })).findings.length, 0);
  });

  const refused: readonly (readonly [string, AuditRequest, RegExp])[] = [
    ['a kind', { filter: { kinds: [1] } }, /filter\.kinds/],
    ['a negative threshold', { threshold: durationFromUs(-1_000_000) }, /threshold/],
    ['a peer that is none', { filter: { peers: ['db'] } }, /filter\.peers/],
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
    const { info, message } = await rejection(bench.connect().auditConnections({}));
    assert.equal(info?.reason, 'SENSOR_NOT_RUNNING');
    assert.match(message, /the sensor is not running yet/);
  });
});
