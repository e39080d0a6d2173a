// Proves the text of `stuckctl audit`, what its own arguments mean, and what --fail-on makes of each summary. That the findings are
// right is proved with core/audit.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAuditQuestion } from '../../../daemon/cli/audit-arguments.js';
import { check } from '../../../daemon/cli/audit-command.js';
import { parseCommand } from '../../../daemon/cli/arguments.js';
import { formatAudit } from '../../../daemon/cli/audit-table.js';
import { UsageError } from '../../../daemon/cli/cli-io.js';
import { displayWidth } from '../../../daemon/lib/terminal.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { durationFromUs } from '../../../daemon/rpc/proto-time.js';

const { AUDIT_RULE_ONE_LOST_PROBE, AUDIT_RULE_DEFAULT_RETRIES2 } = stuckd.v1.AuditRule;

const minutes = (count: number): ReturnType<typeof durationFromUs> => durationFromUs(count * 60_000_000);

const never = { never: true };
const after = (count: number): stuckd.v1.HangTime.$Properties => ({ time: minutes(count) });

const FINDINGS: readonly stuckd.v1.AuditFinding.$Properties[] = [
  {
    process: { pid: 7, comm: 'api\u001b[2J' },
    peer: { address: '10.0.0.2', port: 443 },
    connectionCount: 36,
    exposure: { inFlight: { neverCount: 1, overThresholdCount: 2 }, idle: { neverCount: 33, overThresholdCount: 1 } },
    hangInFlight: { shortest: after(15), longest: after(15) },
    hangIdle: { shortest: after(2), longest: never },
    rules: [{ rule: AUDIT_RULE_ONE_LOST_PROBE, connectionCount: 1 }],
    summary: 'api would wait.',
    advice: [{ layer: 'application', text: 'Give every request a deadline.' }],
  },
  {
    ...{ localPort: 80, connectionCount: 1 },
    hangInFlight: { shortest: after(1), longest: after(1) },
    hangIdle: { shortest: never, longest: never },
  },
];

const RULES: readonly stuckd.v1.AuditRuleCount.$Properties[] = [
  { rule: AUDIT_RULE_ONE_LOST_PROBE, connectionCount: 3, explanation: 'It is not long enough.' },
  { rule: AUDIT_RULE_DEFAULT_RETRIES2, connectionCount: 240, explanation: 'It has its default. '.repeat(9).trim() },
];

const namespace = (netns: number, tcpRetries2: number): stuckd.v1.AuditNamespace.$Properties => {
  return { netns, connectionCount: 1, tcpRetries2, tcpSynRetries: 6 };
};

describe('the table', () => {
  const summary = {
    ...{ summary: '3 of 3 would hang.', localCount: 2, unreportedCount: 9, threshold: minutes(15) },
    rules: [...RULES],
  };
  const text = formatAudit(FINDINGS, summary, Infinity);
  const lines = text.split('\n');

  test('a line for each finding, with how many are above the threshold and without end', () => {
    assert.match(lines[0] ?? '', /^PROCESS +LEADING TO +CONNS +IN FLIGHT +>15m +IDLE +NEVER +RULES BROKEN$/);
    assert.match(lines[1] ?? '', /^api\S*\[7\] +10\.0\.0\.2:443 +36 +15m 0s +3 +2m 0s\.\.never +33 +one_lost_probe$/);
    assert.match(lines[2] ?? '', /^\(none\) +clients of :80 +1 +1m 0s +- +never +- +-$/);
  });

  test('then why, then the sums', () => {
    assert.match(text, /^ {2}api would wait\.\n {4}application: Give every request a deadline\.$/m);
    assert.match(text, /^3 of 3 would hang\.$/m);
    assert.match(text, /^2 with both ends on this host left out/m);
    assert.match(text, /^An audit looks at 100,000 descriptors of a node/m);
    assert.ok(!text.includes('\u001b'), 'a name cannot move the cursor');
  });

  test('then every rule, by how many it is broken, and what it means', () => {
    assert.match(
      text,
      /would hang\.\n\n {4}3 {2}one_lost_probe: It is not long enough\.\n {2}240 {2}default_retries2: It has .*\n {7}\S/,
    );
    assert.ok(!formatAudit([], {}, Infinity).includes('\n\n'), 'no room for rules that are not there');
  });

  test('within the width of a terminal, where the rules still have their names', () => {
    for (const width of [64, 80]) {
      const narrow = formatAudit(FINDINGS, summary, width);
      assert.deepEqual(
        narrow.split('\n').filter((line) => displayWidth(line) > width),
        [],
      );
      assert.match(narrow, /^ {4}3 {2}one_lost_probe: /m);
    }
  });

  test('what was advised above is one line; a sysctl holds for one namespace of one node', () => {
    const deadline = { layer: 'application', text: 'Give every request a deadline.' };
    const withAdvice = (pid: number, netns: number, more: readonly object[]): stuckd.v1.AuditFinding.$Properties => ({
      ...{ process: { pid, comm: 'api' }, summary: `api[${pid}] would wait.`, samples: [{ netns }] },
      advice: [deadline, { layer: 'system', text: `nsenter -t ${pid}.` }, ...more],
    });
    const findings = [
      withAdvice(1, 7, []),
      withAdvice(2, 7, []),
      withAdvice(3, 8, []),
      withAdvice(4, 8, [{ text: 'New.' }]),
    ];
    const said = formatAudit(findings, {}, 60);
    const known = ' {4}application: Give every request a deadline\\. \\(above\\)';
    const first = ' {4}application: Give every request a deadline\\.';
    assert.match(said, new RegExp(`api\\[1\\] would wait\\.\n${first}\n {4}system: nsenter -t 1\\.\n\n`));
    assert.match(said, new RegExp(`api\\[2\\] would wait\\.\n${known}\n {4}system: nsenter -t 2\\. \\(above\\)\n\n`));
    assert.match(said, new RegExp(`api\\[3\\] would wait\\.\n${known}\n {4}system: nsenter -t 3\\.\n\n`));
    assert.match(said, new RegExp(`api\\[4\\] would wait\\.\n${known}\n.* \\(above\\)\n {4}: New\\.\n\n`));
    const narrow = formatAudit(findings, {}, 40);
    assert.match(narrow, /^ {4}application: Give every req~ \(above\)$/m);
    const node = {
      header: 'NODE',
      cell: ({ process }: stuckd.v1.AuditFinding.$Properties) => `web-${process?.pid ?? 0}`,
    };
    assert.match(
      formatAudit(findings, {}, Infinity, [node]),
      /web-2: api\[2\] would wait\.\n.* \(above\)\n {4}system: nsenter -t 2\.\n/,
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
    const none = parseAuditQuestion(['never'], undefined, undefined);
    assert.deepEqual([none.threshold, none.direction], [null, null]);
    assert.deepEqual(parseAuditQuestion([], '5m', undefined), { failOn: [], threshold: minutes(5), direction: null });
    assert.deepEqual(parseAuditQuestion(['5m'], '300s', undefined).threshold, minutes(5));
  });

  test('a direction', () => {
    const { DIRECTION_INBOUND, DIRECTION_OUTBOUND } = stuckd.v1.Direction;
    assert.equal(parseAuditQuestion([], undefined, 'outbound').direction, DIRECTION_OUTBOUND);
    assert.equal(parseAuditQuestion([], undefined, 'Inbound').direction, DIRECTION_INBOUND);
    assert.throws(() => parseAuditQuestion([], undefined, 'up'), /--direction "up": give one of outbound, inbound/);
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
        () => parseAuditQuestion(failOn, threshold, undefined),
        (error: unknown) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});

/** What stands on standard error, and the exit code. */
function checked(
  failOn: readonly string[],
  summary: stuckd.v1.AuditSummary.$Properties,
  more: readonly string[] = [],
): readonly [number, string] {
  const args = ['audit', ...failOn.flatMap((what) => ['--fail-on', what]), ...more];
  const command = parseCommand(args, {});
  assert.ok(command.name === 'audit');
  let said = '';
  const code = check(command, summary, { writeError: (text) => (said += text) });
  return [code, said];
}

describe('--fail-on', () => {
  const some = (counts: stuckd.v1.HangCounts.$Properties): stuckd.v1.Exposure.$Properties => ({ worst: counts });
  const forEver = some({ neverCount: 1 });
  const over = some({ overThresholdCount: 1 });
  const within = some({ withinThresholdCount: 1 });
  const rules = [{ rule: AUDIT_RULE_ONE_LOST_PROBE, connectionCount: 3 }];
  const threshold = minutes(15);
  const rows: readonly (readonly [string, readonly string[], stuckd.v1.AuditSummary.$Properties, readonly string[]])[] =
    [
      ['nothing asked for', [], { outbound: forEver, rules }, []],
      ['never, made here', ['never'], { outbound: forEver }, ['1 connection would hang for ever']],
      ['never, from clients', ['never'], { inbound: forEver }, ['1 connection would hang for ever']],
      ['never, both', ['never'], { inbound: forEver, outbound: forEver }, ['2 connections would hang for ever']],
      ['never, and there are only long ones', ['never'], { outbound: over, inbound: over, rules }, []],
      ['a time, made here', ['15m'], { outbound: over, threshold }, ['1 connection would hang for more than 15m 0s']],
      ['a time, from clients', ['15m'], { inbound: over, threshold }, ['1 connection would hang for more than 15m 0s']],
      [
        'a time, and one for ever is longer',
        ['15m'],
        { inbound: forEver, outbound: over, threshold },
        ['2 connections would hang for more than 15m 0s'],
      ],
      ['a time, and all are shorter', ['15m'], { outbound: within, inbound: within, rules }, []],
      ['a rule', ['one_lost_probe'], { outbound: within, rules }, ['3 connections with one_lost_probe']],
      ['another rule', ['default_retries2'], { outbound: forEver, rules }, []],
      [
        'two of three',
        ['default_retries2', 'never', 'one_lost_probe'],
        { outbound: forEver, rules },
        ['1 connection would hang for ever', '3 connections with one_lost_probe'],
      ],
      ['an idle node', ['never'], {}, []],
    ];
  for (const [name, failOn, summary, reasons] of rows) {
    test(name, () => {
      const said = reasons.map((reason) => `stuckctl: --fail-on: ${reason}\n`).join('');
      assert.deepEqual(checked(failOn, summary), [reasons.length === 0 ? 0 : 4, said]);
    });
  }

  test('nothing matches the filters: that is no success', () => {
    for (const more of [
      ['--unit', 'typo.service'],
      ['--pid', '1'],
      ['--direction', 'inbound'],
    ]) {
      const [code, said] = checked(['never'], {}, more);
      assert.equal(code, 1);
      assert.match(said, /^stuckctl: --fail-on: no established connection matches the filters/);
      assert.deepEqual(checked([], {}, more), [0, ''], 'who only looks sees it');
      for (const found of [{ localCount: 1 }, { outbound: within }, { inbound: within }]) {
        assert.deepEqual(checked(['never'], found, more), [0, '']);
      }
    }
  });

  test('not all could be looked at: what was found counts, and otherwise it cannot be said', () => {
    const [code, said] = checked(['never'], { outbound: within, unreportedCount: 9 });
    assert.equal(code, 1);
    assert.match(said, /^stuckctl: --fail-on: 9 descriptors were not looked at/);
    assert.equal(checked(['never'], { outbound: forEver, unreportedCount: 9 })[0], 4);
    assert.deepEqual(checked([], { unreportedCount: 9 }), [0, '']);
  });
});
