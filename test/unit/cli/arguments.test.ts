// Proves how the command line of stuckctl is read, that flag beats variable beats default, and that wrong usage is named.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCommand } from '../../../daemon/cli/arguments.js';
import { UsageError } from '../../../daemon/cli/cli-io.js';
import { helpText } from '../../../daemon/cli/help.js';

const ANY = { pids: [], kinds: [], peers: [], netns: [], containers: [], pods: [], units: [] };
const COMMON = { address: 'unix:/run/stuckd/stuckd.sock', output: 'table' };

describe('commands', () => {
  const table: readonly [string, unknown][] = [
    ['list', { name: 'list', ...COMMON, filter: ANY, limit: Infinity, includeEnded: false, since: null, until: null }],
    [
      'list --ended --since 2h --until 2026-11-22T08:30:00Z',
      {
        name: 'list',
        ...COMMON,
        filter: ANY,
        limit: Infinity,
        includeEnded: true,
        since: { agoMs: 7_200_000 },
        until: { atMs: Date.UTC(2026, 10, 22, 8, 30) },
      },
    ],
    [
      'list --pid 1,2 --pid 3 --kind STUCK_KIND_CLOSING --kind RETRANSMITTING,keepalive-unanswered --peer 10.0.0.2 --peer [::1]:80 --netns 7 --limit 5 --ended -o json',
      {
        name: 'list',
        ...COMMON,
        output: 'json',
        filter: { ...ANY, pids: [1, 2, 3], kinds: [7, 1, 2], peers: ['10.0.0.2', '[::1]:80'], netns: [7] },
        limit: 5,
        includeEnded: true,
        since: null,
        until: null,
      },
    ],
    [
      'watch --netns net:[4026531840] -o jsonl',
      { name: 'watch', ...COMMON, output: 'jsonl', filter: { ...ANY, netns: [4026531840] } },
    ],
    ['processes', { name: 'processes', ...COMMON, filter: ANY, limit: Infinity }],
    [
      'peers --peer 10.0.0.2 --limit 3 -o jsonl',
      { name: 'peers', ...COMMON, output: 'jsonl', filter: { ...ANY, peers: ['10.0.0.2'] }, limit: 3 },
    ],
    [
      'list --container containerd://3F1C3F1C3F1C,web --pod shop/web-7d9c --unit nginx,session-3.scope,getty@tty1',
      {
        name: 'list',
        ...COMMON,
        filter: {
          ...ANY,
          containers: ['3f1c3f1c3f1c', 'web'],
          pods: ['shop/web-7d9c'],
          units: ['nginx.service', 'session-3.scope', 'getty@tty1.service'],
        },
        limit: Infinity,
        includeEnded: false,
        since: null,
        until: null,
      },
    ],
    ['get c1', { name: 'get', ...COMMON, id: 'c1', whatIf: null }],
    [
      'alerts',
      {
        name: 'alerts',
        ...COMMON,
        filter: { pids: [], kinds: [], peers: [], minSeverity: 0 },
        limit: Infinity,
        includeResolved: false,
        since: null,
        watch: false,
        test: null,
      },
    ],
    [
      'alerts --pid 1 --kind closing --peer 10.0.0.2 --severity SEVERITY_WARNING --all --limit 3 -o jsonl',
      {
        name: 'alerts',
        ...COMMON,
        output: 'jsonl',
        filter: { pids: [1], kinds: [7], peers: ['10.0.0.2'], minSeverity: 2 },
        limit: 3,
        includeResolved: true,
        since: null,
        watch: false,
        test: null,
      },
    ],
    [
      'alerts --since 1d',
      {
        name: 'alerts',
        ...COMMON,
        filter: { pids: [], kinds: [], peers: [], minSeverity: 0 },
        limit: Infinity,
        includeResolved: true,
        since: { agoMs: 86_400_000 },
        watch: false,
        test: null,
      },
    ],
    ['--address 127.0.0.1:9736 status', { name: 'status', ...COMMON, address: '127.0.0.1:9736' }],
    ['--help', { name: 'help', topic: null }],
    ['-h', { name: 'help', topic: null }],
    ['list --help', { name: 'help', topic: 'list' }],
    ['get --help', { name: 'help', topic: 'get' }],
    ['help', { name: 'help', topic: null }],
    ['help watch', { name: 'help', topic: 'watch' }],
    ['--version', { name: 'version' }],
  ];
  for (const [line, expected] of table) {
    test(`stuckctl ${line}`, () => {
      assert.deepEqual(parseCommand(line.split(' '), {}), expected);
    });
  }

  test('flag beats variable beats default', () => {
    const address = (args: string[], env: Record<string, string>): unknown => {
      const command = parseCommand(['status', ...args], env);
      return 'address' in command && command.address;
    };
    const env = { STUCKD_ADDRESS: 'unix:/tmp/a.sock' };
    assert.equal(address(['--address', 'unix:/tmp/b.sock'], env), 'unix:/tmp/b.sock');
    assert.equal(address([], env), 'unix:/tmp/a.sock');
    assert.equal(address([], { STUCKD_ADDRESS: '' }), 'unix:/run/stuckd/stuckd.sock');
  });
});

describe('TLS', () => {
  const tls = (args: string, env: Record<string, string> = {}): unknown => {
    const command = parseCommand(['status', ...args.split(' ')], env);
    return 'tls' in command ? command.tls : null;
  };
  const none = { caFile: null, certFile: null, keyFile: null, serverName: null };
  const env = { STUCKD_TLS_CA: '/ca', STUCKD_TLS_CERT: '/cert', STUCKD_TLS_KEY: '/key', STUCKD_TLS_SERVER_NAME: 'n' };
  const table: readonly (readonly [string, Record<string, string>, unknown])[] = [
    ['--address h:1', {}, null],
    ['--address h:1 --tls-ca /a', {}, { ...none, caFile: '/a' }],
    ['--address h:1', env, { caFile: '/ca', certFile: '/cert', keyFile: '/key', serverName: 'n' }],
    ['--address h:1 --tls-ca /a', env, { caFile: '/a', certFile: '/cert', keyFile: '/key', serverName: 'n' }],
    ['--address h:1', { STUCKD_TLS_CA: '' }, null],
    ['--address unix:/x', env, null],
  ];
  for (const [args, variables, expected] of table) {
    test(`${args} ${JSON.stringify(variables)}`, () => {
      assert.deepEqual(tls(args, variables), expected);
    });
  }
});

describe('wrong usage', () => {
  const table: readonly [string, RegExp][] = [
    ['', /give a command: list, get, watch, top, processes, peers, audit, alerts, deliveries, status, completion/],
    ['list --address h:1 --tls-cert /c', /--tls-cert and --tls-key .* belong together/],
    ['list --tls-ca /a', /--tls-ca: a unix socket is not used with TLS/],
    ['lst', /no command "lst"/],
    ['alerts --severity bad', /--severity "bad": give info, warning, critical/],
    ['alerts --watch --all', /--all, --since and --limit are for the list/],
    ['alerts --watch --since 1d', /--all, --since and --limit are for the list/],
    ['alerts --since yesterday', /--since "yesterday": give how long ago/],
    ['alerts --test ops --since 1d', /--test .* goes with none of the other options/],
    ['alerts --netns 1', /alerts has no option --netns/],
    ['alerts --test ops --kind closing', /--test .* goes with none of the other options/],
    ['alerts --test=', /--test: give the name of a receiver/],
    ['list --watch', /list has no option --watch/],
    ['help lst', /no command "lst"/],
    ['list --pdi 1', /--pdi/],
    ['list --since 2h', /^--since .*: give --ended too$/],
    ['list --ended --since yesterday', /--since "yesterday": give how long ago/],
    ['list --until 2026-13-01', /--until "2026-13-01"/],
    ['list extra', /unexpected argument "extra"/],
    ['get', /give the id/],
    ['get a b', /unexpected argument "b"/],
    ['get a --pid 1', /^get has no option --pid$/],
    ['watch --ended', /^watch has no option --ended$/],
    ['peers --ended', /^peers has no option --ended$/],
    ['processes 4', /^processes: unexpected argument "4"$/],
    ['processes --limit 0', /--limit "0"/],
    ['list --pid', /--pid/],
    ['list --pid -1', /^Option '--pid' argument is ambiguous$/],
    ['list --pid x', /--pid "x": give a whole number/],
    ['list --pid 0', /--pid "0"/],
    ['list --pid 1,,2', /--pid ""/],
    ['list --pid 4294967296', /--pid "4294967296"/],
    ['list --limit 1.5', /--limit "1.5"/],
    ['list --kind slow', /the kinds are retransmitting, keepalive_unanswered, zero_window, /],
    ['list --peer example.org', /--peer "example.org"/],
    ['list --container 3f1c3f1c3f1', /--container "3f1c3f1c3f1": give at least 12 digits/],
    ['list --container ,', /--container: give a name/],
    ['watch --pod ,', /--pod: give a name/],
    ['watch --unit ,', /--unit: give a name/],
    ['get c1 --pod web', /^get has no option --pod$/],
    ['list -o xml', /give table, json or jsonl/],
    ['list --address nowhere', /"nowhere" is not an address/],
  ];
  for (const [line, naming] of table) {
    test(`stuckctl ${line}`, () => {
      assert.throws(
        () => parseCommand(line === '' ? [] : line.split(' '), {}),
        (error) => error instanceof UsageError && naming.test(error.message),
      );
    });
  }
});

describe('help', () => {
  for (const topic of [null, 'list', 'get', 'watch', 'status'] as const) {
    test(`of ${topic ?? 'stuckctl'} fits 100 columns and tells the common options`, () => {
      const text = helpText(topic);
      assert.match(text, /--address ADDR/);
      assert.equal(Math.max(...text.split('\n').map((line) => line.length)) <= 100, true);
    });
  }
});
