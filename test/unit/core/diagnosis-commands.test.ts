/**
 * Proves: the commands in the advice name the right socket and namespace, contain nothing that a process chose itself, and
 * are absent where they would do harm or nothing. Does not run them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STUCK_KINDS, type Direction, type OwnerType, type StuckKind } from '../../../daemon/core/kinds.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import {
  ACCEPTING,
  BY_KIND,
  INBOUND,
  NODE,
  ORPHAN,
  QUEUE_FULL,
  STALE_REUSE,
  ZOMBIE,
  adviceOf,
  of,
  running,
} from './diagnosis-records.js';

/** Kinds for which killing the socket frees it. */
const FREEABLE: readonly StuckKind[] = [
  'retransmitting',
  'keepalive_unanswered',
  'zero_window',
  'connecting',
  'closing',
  'fin_wait',
  'close_wait',
  'unread',
];

function nowOf(changes: Partial<StuckRecord>): string {
  const [first, ...others] = of(changes).advice.filter(({ layer }) => layer === 'now');
  assert.deepEqual(others, []);
  return first?.text ?? '';
}

for (const kind of STUCK_KINDS) {
  const isFreeable = FREEABLE.includes(kind);
  test(`${kind} ${isFreeable ? 'can' : 'cannot'} be freed by killing the socket`, () => {
    const command = 'nsenter -t 12900 -n ss -tK src 10.0.0.1:40000 dst 10.0.0.2:8000';
    const how = `${command} (as root; needs CONFIG_INET_DIAG_DESTROY, else restart node[12900])`;
    const now = nowOf(BY_KIND[kind]);
    assert.equal(now.includes(how), isFreeable, now);
    assert.equal(now.includes('ss -tK'), isFreeable, now);
  });
}

test('an IPv6 endpoint is quoted: brackets are a pattern to the shell', () => {
  assert.match(nowOf(INBOUND), /ss -tK src '\[fd00::1\]:443' dst '\[fd00::9\]:51234' \(/u);
});

test('a listener is never killed, whoever holds it', () => {
  for (const changes of [ACCEPTING, QUEUE_FULL]) {
    for (const owner of [NODE, null]) {
      assert.doesNotMatch(adviceOf({ ...changes, owner }).join('\n'), / -t?K/u);
    }
  }
});

test('what is over needs nothing now', () => {
  for (const kind of STUCK_KINDS) {
    assert.equal(nowOf({ ...BY_KIND[kind], outcome: 'timed_out', endUs: 1 }), '');
  }
  assert.equal(nowOf({ ...STALE_REUSE, outcome: null, endUs: null }), '');
});

test('without a process to name there is no command to free it', () => {
  const types: readonly OwnerType[] = ['pending', 'orphan', 'kernel', 'unaccepted', 'unknown', 'process'];
  for (const ownerType of types) {
    for (const kind of STUCK_KINDS) {
      assert.doesNotMatch(nowOf({ ...BY_KIND[kind], ownerType, owner: null }), /nsenter|ss -tK/u);
    }
  }
});

test('an orphan is freed by way of the process that left it, if that still runs', () => {
  assert.match(nowOf(ORPHAN), / Sooner, if ps -p 123 still shows node\[123\]: nsenter -t 123 -n ss -tK src /u);
});

test('a dead socket names the descriptors that have to be closed, if they are few', () => {
  const fds = (...numbers: readonly number[]): string =>
    nowOf({ ...ZOMBIE, owner: { ...NODE, holders: numbers.map((fd) => ({ pid: NODE.pid, comm: 'node', fd })) } });
  assert.match(fds(21), / by closing descriptor 21; ss -K no longer reaches it\./u);
  assert.match(fds(21, 22), / by closing descriptors 21, 22; /u);
  assert.match(fds(1, 2, 3, 4), / by closing its descriptor; /u);
  const foreign = { ...NODE, holders: [{ pid: 5, comm: 'other', fd: 9 }] };
  assert.match(nowOf({ ...ZOMBIE, owner: foreign }), / by closing its descriptor; /u);
});

test('a name never gets into a command', () => {
  const hostile = { ...running('/tmp/$(reboot)'), comm: '$(reboot)' };
  const directions: readonly Direction[] = ['outbound', 'inbound', 'unknown'];
  for (const kind of STUCK_KINDS) {
    for (const direction of directions) {
      for (const cause of [null, 'not_sent', 'neighbour_unreachable', 'path_mtu'] as const) {
        const advice = adviceOf({ ...BY_KIND[kind], direction, cause, owner: hostile }).join('\n');
        // As the name of a process it is followed by its pid, and stands for itself.
        assert.doesNotMatch(advice.replaceAll('$(reboot)[77]', ''), /reboot/u);
        assert.doesNotMatch(advice, /nsenter[^;)(]*\$\(reboot\)\[77\][^;)(]*(?:ss|sysctl|ip|tc|nft) /u);
      }
    }
  }
});
