// Proves on the running kernel what an audit says of real clients as they come: Node's http.Agent with and without
// keepAlive, agentkeepalive, undici, Python's http.client and sockets, and curl with and without its options; that each
// finding names its process, that the options are those which the library documents, that the advice is for the program, and
// that `stuckctl audit` shows it and ends with the exit code that was asked for.
// It cannot prove what other versions of these libraries do.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { durationToMs } from '../../daemon/rpc/proto-time.js';
import { auditWith, ruleNames, waitMs, type Finding } from '../support/audits.js';
import { createTwoHosts, labSkipReason, SERVER_ADDRESS, type TwoHosts } from '../support/lab.js';
import { packageRoot } from '../support/package-root.js';
import { stuckctl } from '../support/run-program.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import { suiteEnding } from '../support/suite-ending.js';

const skip = notPolled(NEEDS_BPF.audit) || labSkipReason();
const PORT = 8000;

/** The path of a program as it is really started: a shim of a version manager would start another one. */
function programPath(name: string, ...args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(name, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

const python = programPath('python3', '-c', 'import sys; print(sys.executable)');
const hasCurl = programPath('curl', '--version') !== null;

/** What a client is, and what its library says that it sets. */
interface Client {
  readonly argv: readonly string[];
  readonly keepalive: false | { readonly idleMs: number };
  readonly userTimeoutMs?: number;
  readonly rules: readonly string[];
  /** In the advice. */
  readonly advice?: RegExp;
}

const NOTHING = ['no_keepalive_no_user_timeout', 'default_retries2', 'default_syn_retries'];
const DEFAULTS = ['default_retries2', 'default_syn_retries'];

const PYTHON_HTTP = `
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
connection.request("GET", "/")
sys.stdin.read()
`;

const PYTHON_OPTIONS = `
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 400)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30000)
sys.stdin.read()
`;

function nodeClient(library: string): readonly string[] {
  return [process.execPath, join(packageRoot(), 'build/test/support/clients/http-client.js'), library];
}

const CLIENTS: ReadonlyMap<string, Client> = new Map<string, Client>([
  ['http', { argv: nodeClient('http'), keepalive: { idleMs: 1000 }, rules: DEFAULTS, advice: /AbortSignal/ }],
  ['no-keepalive', { argv: nodeClient('no-keepalive'), keepalive: false, rules: NOTHING, advice: /setKeepAlive/ }],
  ['agentkeepalive', { argv: nodeClient('agentkeepalive'), keepalive: { idleMs: 1000 }, rules: DEFAULTS }],
  ['undici', { argv: nodeClient('undici'), keepalive: { idleMs: 60_000 }, rules: DEFAULTS, advice: /undici/ }],
  ...(python === null
    ? []
    : ([
        ['python', { argv: [python, '-c', PYTHON_HTTP], keepalive: false, rules: NOTHING, advice: /requests/ }],
        [
          'python with options',
          {
            argv: [python, '-c', PYTHON_OPTIONS],
            ...{ keepalive: { idleMs: 400_000 }, userTimeoutMs: 30_000 },
            rules: ['keepalive_longer_than_idle_limit', 'one_lost_probe'],
          },
        ],
      ] as const)),
  ...(hasCurl
    ? ([
        ['curl', { argv: ['curl', '-s', '--url'], keepalive: { idleMs: 60_000 }, rules: DEFAULTS }],
        [
          'curl with an option',
          { argv: ['curl', '-s', '--keepalive-time', '20', '--url'], keepalive: { idleMs: 20_000 }, rules: DEFAULTS },
        ],
        ['curl without', { argv: ['curl', '-s', '--no-keepalive', '--url'], keepalive: false, rules: NOTHING }],
      ] as const)
    : []),
]);

describe('an audit of real clients', { skip }, () => {
  const stuckd = sharedStuckd();
  const ending = suiteEnding();
  const pids = new Map<string, number>();
  let hosts: TwoHosts;
  let findings: readonly Finding[] = [];

  before(async () => {
    hosts = await createTwoHosts(ending);
    const server = await Sockprog.start(hosts.lab, hosts.server);
    await server.command(`listen l ${SERVER_ADDRESS} ${PORT} mode=silent`);
    for (const [name, { argv }] of CLIENTS) {
      const where = argv[0] === 'curl' ? [`http://${SERVER_ADDRESS}:${PORT}/`] : [SERVER_ADDRESS, PORT.toString()];
      pids.set(name, hosts.lab.spawnIn(hosts.client, [...argv, ...where]).pid);
    }
    ({ findings } = await auditWith(stuckd(), hosts.client, CLIENTS.size));
  });

  for (const [name, { keepalive, userTimeoutMs = 0, rules, advice }] of CLIENTS) {
    test(name, () => {
      const finding = findings.find(({ process }) => process?.pid === pids.get(name));
      const [sample] = finding?.samples ?? [];
      assert.ok(finding !== undefined && sample !== undefined, `a finding for ${name}`);
      assert.deepEqual([finding.peer?.address, finding.peer?.port], [SERVER_ADDRESS, PORT]);
      assert.equal(sample.options?.keepalive ?? false, keepalive !== false);
      if (keepalive !== false) {
        assert.equal(durationToMs(sample.options?.keepaliveIdle ?? {}), keepalive.idleMs);
      }
      assert.deepEqual(ruleNames(sample), rules);
      assert.equal(waitMs(sample.hangIdle) === Infinity, keepalive === false);
      // tcp_retries2 is 15: 924.6 s from the first retransmission; the last wait may be two minutes longer.
      const [least, most] = userTimeoutMs > 0 ? [userTimeoutMs, userTimeoutMs * 1.1] : [924_600, 1_060_000];
      const inFlight = waitMs(sample.hangInFlight);
      assert.ok(inFlight >= least && inFlight <= most, `${inFlight} ms`);
      if (advice !== undefined) {
        assert.match((finding.advice ?? []).map(({ text }) => text).join('\n'), advice);
      }
    });
  }

  test('those that would wait for ever come first', () => {
    const never = findings.map(({ exposure }) => (exposure?.worst?.neverCount ?? 0) > 0);
    assert.deepEqual(
      never,
      never.toSorted((a, b) => Number(b) - Number(a)),
    );
  });

  test('stuckctl shows them, and ends as it was told to', async () => {
    const filter = ['audit', '--netns', hosts.client.inode.toString()];
    const table = await stuckctl(stuckd().address, ...filter);
    assert.equal(table.code, 0);
    assert.match(table.stdout, /^PROCESS +LEADING TO +CONNS +IN FLIGHT +>15m +IDLE +NEVER/);
    assert.match(
      table.stdout,
      /connections that were asked about on this\s+node would hang a request for more than 15 min/,
    );
    assert.match(table.stdout, /^ +\d+ {2}default_retries2: tcp_retries2 has its default of 15/m);
    const codes = new Map([
      ['never', 4],
      ['15m', 4],
      ['365d', 4],
      ['no-keepalive-no-user-timeout', 4],
      ['pool_longer_than_peer', 0],
      ['often', 2],
    ]);
    for (const [failOn, code] of codes) {
      assert.equal((await stuckctl(stuckd().address, ...filter, '--fail-on', failOn)).code, code, failOn);
    }
    const pid = pids.get('http')?.toString() ?? '';
    const bounded = [...filter, '--pid', pid, '--fail-on'];
    assert.equal((await stuckctl(stuckd().address, ...bounded, 'never')).code, 0);
    assert.equal((await stuckctl(stuckd().address, ...bounded, '30m')).code, 0);
    const json = await stuckctl(stuckd().address, ...bounded, 'never', '-o', 'json');
    assert.equal((JSON.parse(json.stdout) as { findings: unknown[] }).findings.length, 1);
  });
});
