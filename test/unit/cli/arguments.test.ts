// Proves how the command line of stuckctl is read, that flag beats variable beats default, and that wrong usage is named.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCommand } from '../../../daemon/cli/arguments.js';
import { UsageError } from '../../../daemon/cli/cli-io.js';
import { helpText } from '../../../daemon/cli/help.js';

const ANY = { pids: [], kinds: [], peers: [], netns: [] };
const COMMON = { address: 'unix:/run/stuckd/stuckd.sock', output: 'table' };

describe('commands', () => {
  const table: readonly [string, unknown][] = [
    ['list', { name: 'list', ...COMMON, filter: ANY, limit: Infinity, includeEnded: false }],
    [
      'list --pid 1,2 --pid 3 --kind STUCK_KIND_CLOSING --kind RETRANSMITTING,keepalive-unanswered --peer 10.0.0.2 --peer [::1]:80 --netns 7 --limit 5 --ended -o json',
      {
        name: 'list',
        ...COMMON,
        output: 'json',
        filter: { pids: [1, 2, 3], kinds: [7, 1, 2], peers: ['10.0.0.2', '[::1]:80'], netns: [7] },
        limit: 5,
        includeEnded: true,
      },
    ],
    [
      'watch --netns net:[4026531840] -o jsonl',
      { name: 'watch', ...COMMON, output: 'jsonl', filter: { ...ANY, netns: [4026531840] } },
    ],
    ['get c1', { name: 'get', ...COMMON, id: 'c1', whatIf: null }],
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

describe('wrong usage', () => {
  const table: readonly [string, RegExp][] = [
    ['', /give a command: list, get, watch, deliveries, status/],
    ['lst', /no command "lst"/],
    ['help lst', /no command "lst"/],
    ['list --pdi 1', /--pdi/],
    ['list extra', /unexpected argument "extra"/],
    ['get', /give the id/],
    ['get a b', /unexpected argument "b"/],
    ['get a --pid 1', /^get has no option --pid$/],
    ['watch --ended', /^watch has no option --ended$/],
    ['list --pid', /--pid/],
    ['list --pid -1', /^Option '--pid' argument is ambiguous$/],
    ['list --pid x', /--pid "x": give a whole number/],
    ['list --pid 0', /--pid "0"/],
    ['list --pid 1,,2', /--pid ""/],
    ['list --pid 4294967296', /--pid "4294967296"/],
    ['list --limit 1.5', /--limit "1.5"/],
    ['list --kind slow', /the kinds are retransmitting, keepalive_unanswered, zero_window, /],
    ['list --peer example.org', /--peer "example.org"/],
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
