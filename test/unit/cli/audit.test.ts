// Proves the text of `stuckctl audit` and what its own arguments mean. That the findings are right is proved with core/audit, and
// the exit codes of --fail-on in acceptance/many-nodes and kernel/audit.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAuditQuestion } from '../../../daemon/cli/audit-arguments.js';
import { formatAudit } from '../../../daemon/cli/audit-table.js';
import { UsageError } from '../../../daemon/cli/cli-io.js';
import { displayWidth } from '../../../daemon/lib/terminal.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { durationFromUs } from '../../../daemon/rpc/proto-time.js';

const { AUDIT_RULE_ONE_LOST_PROBE } = stuckd.v1.AuditRule;

const minutes = (count: number): ReturnType<typeof durationFromUs> => durationFromUs(count * 60_000_000);

const FINDINGS: readonly stuckd.v1.AuditFinding.$Properties[] = [
  {
    process: { pid: 7, comm: 'api\u001b[2J' },
    peer: { address: '10.0.0.2', port: 443 },
    connectionCount: 3,
    inFlight: { shortest: minutes(15), longest: minutes(15) },
    idle: { shortest: minutes(2) },
    rules: [{ rule: AUDIT_RULE_ONE_LOST_PROBE, connectionCount: 1 }],
    summary: 'api would wait.',
    advice: [{ layer: 'application', text: 'Give every request a deadline.' }],
  },
  { localPort: 80, connectionCount: 1, inFlight: { shortest: minutes(1), longest: minutes(1) }, idle: {} },
];

const namespace = (netns: number, tcpRetries2: number): stuckd.v1.AuditedNamespace.$Properties => {
  return { netns, connectionCount: 1, tcpRetries2, tcpSynRetries: 6 };
};

describe('the table', () => {
  const text = formatAudit(FINDINGS, { summary: '3 of 3 would hang.', localCount: 2, unreportedCount: 9 }, Infinity);
  const lines = text.split('\n');

  test('a line for each finding, then why, then the sums', () => {
    assert.match(lines[0] ?? '', /^PROCESS +LEADING TO +CONNS +DATA IN FLIGHT +IDLE +RULES BROKEN$/);
    assert.match(lines[1] ?? '', /^api\S*\[7\] +10\.0\.0\.2:443 +3 +15m 0s +2m 0s\.\.never +one_lost_probe$/);
    assert.match(lines[2] ?? '', /^\(none\) +clients of port 80 +1 +1m 0s +never +-$/);
    assert.match(text, /^ {2}api would wait\.\n {4}application: Give every request a deadline\.$/m);
    assert.match(text, /^3 of 3 would hang\.\n2 with both ends on this host are left out/m);
    assert.match(text, /^9 more were not looked at/m);
    assert.ok(!text.includes('\u001b'), 'a name cannot move the cursor');
  });

  test('within the width of a terminal', () => {
    const narrow = formatAudit(FINDINGS, {}, 60).split('\n');
    assert.deepEqual(
      narrow.filter((line) => displayWidth(line) > 60),
      [],
    );
  });

  test('network namespaces with the same sysctls are told once', () => {
    const namespaces = [namespace(11, 15), namespace(12, 15), namespace(13, 5)];
    assert.match(
      formatAudit([], { namespaces }, Infinity),
      /^tcp_retries2=15, tcp_syn_retries=6 in 2 network namespaces; tcp_retries2=5, tcp_syn_retries=6 in\nnetwork namespace 13$/m,
    );
  });
});

describe('arguments', () => {
  test('what --fail-on may be', () => {
    const { failOn, threshold } = parseAuditQuestion(
      ['never', 'ONE-LOST-PROBE', 'AUDIT_RULE_DEFAULT_RETRIES2', '20m'],
      undefined,
    );
    assert.deepEqual(failOn, [
      { kind: 'never' },
      { kind: 'rule', rule: 'one_lost_probe' },
      { kind: 'rule', rule: 'default_retries2' },
      { kind: 'over' },
    ]);
    assert.deepEqual(threshold, minutes(20));
  });

  test('a threshold of its own, or none', () => {
    assert.deepEqual(parseAuditQuestion([], '5m'), { failOn: [], threshold: minutes(5) });
    assert.equal(parseAuditQuestion(['never'], undefined).threshold, null);
    assert.deepEqual(parseAuditQuestion(['5m'], '300s').threshold, minutes(5));
  });

  const refused: readonly (readonly [readonly string[], string | undefined, RegExp])[] = [
    [['soon'], undefined, /^--fail-on "soon": give never, a duration such as 15m, or a rule: no_keepalive/],
    [[], 'long', /^--threshold "long": give a duration such as 15m$/],
    [['5m'], '6m', /give different times/],
    [['5m', '6m'], undefined, /give different times/],
  ];
  for (const [failOn, threshold, message] of refused) {
    test(`refuses ${[...failOn, threshold ?? ''].join(' ')}`, () => {
      assert.throws(
        () => parseAuditQuestion(failOn, threshold),
        (error: unknown) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});
