// Proves that what nodes say about exposure adds up, in numbers, by rule and in words. What is shown of it by stuckctl, and the
// order of findings, are in acceptance/many-nodes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AuditSummary, mergeAuditSummaries } from '../../../../daemon/cli/nodes/merge-audits.js';
import { stuckd } from '../../../../daemon/rpc/gen/stuckd.js';
import { toProtoJson } from '../../../../daemon/rpc/proto-json.js';
import { durationFromUs } from '../../../../daemon/rpc/proto-time.js';

const { AUDIT_RULE_ONE_LOST_PROBE, AUDIT_RULE_DEFAULT_RETRIES2 } = stuckd.v1.AuditRule;
const THRESHOLD = durationFromUs(60_000_000);

const FIRST: AuditSummary = {
  outbound: {
    inFlight: { neverCount: 0, overThresholdCount: 3, withinThresholdCount: 3 },
    idle: { neverCount: 1, overThresholdCount: 1, withinThresholdCount: 4 },
    worst: { neverCount: 1, overThresholdCount: 2, withinThresholdCount: 3 },
  },
  inbound: { inFlight: { overThresholdCount: 10 }, idle: { neverCount: 10 }, worst: { neverCount: 10 } },
  ...{ localCount: 4, unreportedCount: 0, threshold: THRESHOLD },
  rules: [{ rule: AUDIT_RULE_DEFAULT_RETRIES2, connectionCount: 5, explanation: 'the first says' }],
  namespaces: [{ netns: 1, connectionCount: 16 }],
};

const SECOND: AuditSummary = {
  outbound: { inFlight: { withinThresholdCount: 100 }, idle: { neverCount: 100 }, worst: { neverCount: 100 } },
  ...{ localCount: 1, unreportedCount: 7, threshold: THRESHOLD },
  rules: [
    { rule: AUDIT_RULE_ONE_LOST_PROBE, connectionCount: 1, explanation: 'one' },
    { rule: AUDIT_RULE_DEFAULT_RETRIES2, connectionCount: 6, explanation: 'the second says' },
  ],
};

describe('audits of several nodes', () => {
  test('add up', () => {
    const merged = mergeAuditSummaries([FIRST, SECOND], false);
    assert.deepEqual(toProtoJson(merged), {
      outbound: {
        inFlight: { overThresholdCount: 3, withinThresholdCount: 103 },
        idle: { neverCount: 101, overThresholdCount: 1, withinThresholdCount: 4 },
        worst: { neverCount: 101, overThresholdCount: 2, withinThresholdCount: 3 },
      },
      inbound: { inFlight: { overThresholdCount: 10 }, idle: { neverCount: 10 }, worst: { neverCount: 10 } },
      ...{ localCount: 5, unreportedCount: 7, threshold: '60s' },
      rules: [
        { rule: 'AUDIT_RULE_ONE_LOST_PROBE', connectionCount: 1, explanation: 'one' },
        { rule: 'AUDIT_RULE_DEFAULT_RETRIES2', connectionCount: 11, explanation: 'the first says' },
      ],
      summary: merged.summary,
    });
  });

  test('in words', () => {
    assert.equal(
      mergeAuditSummaries([FIRST, SECOND], false).summary,
      '3 of 106 connections on these 2 nodes would hang a request for more than 1 min if the peer vanished now; 101 would look ' +
        'alive for ever while idle, and 1 for more than 1 min. Of 10 connections from clients, 10 would hold a descriptor for ' +
        'more than 1 min with data under way; 10 for ever while idle. This is not all: 7 descriptors were not looked at.',
    );
    assert.match(mergeAuditSummaries([FIRST], false).summary, /^3 of 6 connections on this node /);
    assert.match(mergeAuditSummaries([FIRST], true).summary, /^3 of 6 connections that were asked about on this node /);
    const idle = { outbound: {}, inbound: {}, threshold: THRESHOLD };
    assert.equal(
      mergeAuditSummaries([idle, idle], false).summary,
      'There are no established connections to peers on these 2 nodes.',
    );
  });
});
