// Proves that a mistake in the configuration is told with file, line, column, key, what was expected and what was found,
// that misspelt keys are recognised, and that variables and flags are named where they are to blame.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import * as z from 'zod';
import { parseConfigText } from '../../../daemon/config-file.js';
import { describeProblems } from '../../../daemon/config-problems.js';
import { ConfigError, type ConfigFlags, loadConfig } from '../../../daemon/config.js';
import { nearestName } from '../../../daemon/lib/nearest-name.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-problems-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});
const path = join(directory, 'stuckd.yaml');

/** The lines of the message, with F for the file. */
function problems(text: string, flags: ConfigFlags = {}, environment: NodeJS.ProcessEnv = {}): readonly string[] {
  writeFileSync(path, text);
  try {
    loadConfig({ configPath: path, ...flags }, environment);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    const [head, ...lines] = error.message.replaceAll(path, 'F').split('\n');
    return head === 'the configuration is wrong:' ? lines : [head ?? '', ...lines];
  }
  throw new Error('the configuration was accepted');
}

describe('one mistake', () => {
  const table: readonly (readonly [string, string])[] = [
    [
      'log:\n  level: wran',
      'F:2:10: expected one of debug, info, warn, error, found "wran" (at log.level); did you mean "warn"?',
    ],
    ['log:\n  level: 7', 'F:2:10: expected one of debug, info, warn, error, found 7 (at log.level)'],
    ['\ngrcp: {}', 'F:2:1: unknown key "grcp" (at the top level); did you mean "grpc"?'],
    ['log: { xyzzy: 1 }', 'F:1:8: unknown key "xyzzy" (at log); the keys there are level'],
    [
      'kinds: { connecting: { open: { retransmits: 0 } } }',
      'F:1:45: expected a number of at least 1, found 0 (at kinds.connecting.open.retransmits)',
    ],
    [
      'kinds:\n  connecting:\n    open:\n      retransmits: 1.5',
      'F:4:20: expected a whole number, found 1.5 (at kinds.connecting.open.retransmits)',
    ],
    [
      'kinds: { retransmitting: { open: { chance: 1 } } }',
      'F:1:44: expected a number of less than 1, found 1 (at kinds.retransmitting.open.chance)',
    ],
    ['kinds: { closing: { enabled: "no" } }', 'F:1:30: expected true or false, found "no" (at kinds.closing.enabled)'],
    ['sensor: 5', 'F:1:9: expected keys and values, found 5 (at sensor)'],
    ['sensor: { without: tcp }', 'F:1:20: expected a list, found "tcp" (at sensor.without)'],
    ['sensor:\n  without:\n    - a\n    - B', 'F:4:7: must be the name of a tracepoint (at sensor.without[1])'],
    ['stateDir: ""', 'F:1:11: expected text that is not empty, found "" (at stateDir)'],
    ['stateDir: [a]', 'F:1:11: expected text, found a list (at stateDir)'],
    ['stateDir:', 'F:1:10: expected text, found null (at stateDir)'],
    [
      'grpc:\n  tcp:\n    tls: { certFile: a, keyFile: b }',
      'F:3:5: expected text, found nothing (at grpc.tcp.tls.clientCaFile)',
    ],
    [
      'grpc:\n  tcp: { address: "0.0.0.0:9736" }',
      'F:2:19: "0.0.0.0:9736" can be reached from other machines: set tls for mTLS, or insecure: true if everybody there may see processes and peers (at grpc.tcp.address)',
    ],
    [
      'grpc: { tcp: { address: nonsense } }',
      'F:1:25: "nonsense" is not an address; write unix:PATH or HOST:PORT ([HOST]:PORT for IPv6) (at grpc.tcp.address)',
    ],
    [
      'grpc: { address: "[::]:9736" }',
      'F:1:18: "[::]:9736" can be reached from other machines: use grpc.tcp, which has tls and insecure (at grpc.address)',
    ],
    ['grpc: { tcp: { address: "unix:/x" } }', 'F:1:25: "unix:/x" must be HOST:PORT (at grpc.tcp.address)'],
    [
      'grpc: { tcp: { insecure: true, tls: { certFile: a, keyFile: b, clientCaFile: c } } }',
      'F:1:26: with tls nothing is insecure; leave one of them out (at grpc.tcp.insecure)',
    ],
    [
      'a: [1,',
      'F:1:7: this is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['log: {}\nlog: {}', 'F:2:1: this is not valid YAML: Map keys must be unique'],
    ['log: !loud {}', 'F:1:6: this is not valid YAML: Unresolved tag: !loud'],
  ];
  for (const [text, expected] of table) {
    test(JSON.stringify(text), () => {
      assert.equal(problems(text)[0], expected);
    });
  }
});

test('several mistakes, each in a line', () => {
  const lines = problems('log: { level: 1 }\ngrcp: {}\nstatedir: /x\nsensor: { swepInterval: 1s }');
  assert.equal(lines.length, 4);
  assert.deepEqual(lines.map((line) => line.split(':')[1]).toSorted(), ['1', '2', '3', '4']);
});

test('a file of something else does not fill the screen', () => {
  const lines = problems(Array.from({ length: 1000 }, (_, index) => `key${index}: 1`).join('\n'));
  assert.equal(lines.length, 21);
  assert.equal(lines.at(-1), 'and 980 more');
});

test('variables and flags do not hide what is wrong in the file', () => {
  const environment = { STUCKD_ADDRESS: 'unix:/x' };
  for (const [text, found] of [
    ['grpc: 5', 'F:1:7: expected keys and values, found 5 (at grpc)'],
    ['grpc: [a]', 'F:1:7: expected keys and values, found a list (at grpc)'],
    ['grpc:', 'F:1:6: expected keys and values, found null (at grpc)'],
  ] as const) {
    assert.deepEqual(problems(text, {}, environment), [found]);
  }
});

test('variables and flags are named', () => {
  const variable = problems('{}', {}, { STUCKD_ADDRESS: 'nonsense' });
  assert.match(variable[0] ?? '', /^STUCKD_ADDRESS: "nonsense" is not an address; .* \(at grpc\.address\)$/);
  const flag = problems('log: { level: info }', { logLevel: 'lod' }, {});
  assert.match(flag[0] ?? '', /^--log-level: expected one of .*, found "lod" \(at log\.level\)$/);
  const elsewhere = problems('stateDir: 5', {}, { STUCKD_ADDRESS: 'unix:/x' });
  assert.match(elsewhere[0] ?? '', /^F:1:11: /);
});

describe('shapes that the schema may have one day', () => {
  const schema = z.strictObject({
    receivers: z.array(
      z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('webhook'), url: z.url() }),
        z.strictObject({ type: z.literal('slack'), channel: z.string() }),
      ]),
    ),
    limit: z.union([z.number(), z.literal('none')]).optional(),
    labels: z.record(z.string(), z.strictObject({ value: z.string() })).optional(),
  });
  const explain = (text: string): readonly string[] => {
    const file = parseConfigText('F', text);
    const result = schema.safeParse(file.content);
    assert.ok(result.error !== undefined);
    return describeProblems(result.error, schema, { content: file.content, file, overriddenBy: () => null });
  };

  test('keys of the variant that is meant', () => {
    assert.deepEqual(explain('receivers:\n  - { type: slack, chanel: a, channel: b }'), [
      'F:2:20: unknown key "chanel" (at receivers[0]); did you mean "channel"?',
    ]);
  });

  test('a URL is not repeated, it may hold a secret', () => {
    const [line = ''] = explain(
      'receivers: [{ type: slack, channel: [1] }, { type: webhook, url: "https://" }]',
    ).toReversed();
    assert.ok(!line.includes('https://'), line);
    assert.match(line, /^F:1:66: .*\(at receivers\[1\]\.url\)$/);
  });

  test('no variant', () => {
    assert.match(explain('receivers: [{ type: mail }]')[0] ?? '', /^F:1:21: .*\(at receivers\[0\]\.type\)$/);
  });

  test('one of several types', () => {
    assert.match(explain('receivers: []\nlimit: many')[0] ?? '', /^F:2:8: expected .*found "many" \(at limit\)$/);
  });

  test('names of the user', () => {
    assert.deepEqual(explain('receivers: []\nlabels: { a: { vlaue: x, value: y } }'), [
      'F:2:16: unknown key "vlaue" (at labels.a); did you mean "value"?',
    ]);
  });
});

describe('the name that was meant', () => {
  const names = ['retransmitting', 'closing', 'close_wait', 'log', 'grpc'];
  const table: readonly (readonly [string, string | null])[] = [
    ['retransmiting', 'retransmitting'],
    ['Closing', 'closing'],
    ['closewait', 'close_wait'],
    ['lgo', null],
    ['lo', 'log'],
    ['gprc', 'grpc'],
    ['xyzzy', null],
    ['', null],
    ['x'.repeat(100_000), null],
  ];
  for (const [word, expected] of table) {
    test(word.slice(0, 20), () => {
      assert.equal(nearestName(word, names), expected);
    });
  }
});
