// Proves every screen of `stuckctl top`, letter by letter where it matters, at 80x24 and at 200x50; that whatever is shown,
// the lines are as many as the screen has and none is wider; what gives way where there is no room; and that hostile names,
// a lost daemon and its problems are shown as such.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { topScreen } from '../../../../daemon/cli/top/top-screen.js';
import { AT_TOP, INITIAL_STATE, type Screen, SORT_KEYS, type TopState } from '../../../../daemon/cli/top/top-state.js';
import { type Page, visibleConnections, visibleRows } from '../../../../daemon/cli/top/top-view.js';
import { displayWidth } from '../../../../daemon/lib/terminal.js';
import { stuckd } from '../../../../daemon/rpc/gen/stuckd.js';
import { EPOCH_MONO_US, OWNER } from '../../rpc/sample-records.js';
import { connection, listed, NOW_MS, SAMPLE, topData } from './sample-rows.js';

const SMALL = { columns: 80, lines: 24 };
const LARGE = { columns: 200, lines: 50 };

/** Without the empty lines between list and foot. */
function shown(state: TopState, data = topData(), size = SMALL): readonly string[] {
  return topScreen(data, state, size)
    .map(({ text }) => text)
    .filter((text) => text !== '');
}

function on(screen: Screen): TopState {
  return { ...INITIAL_STATE, screens: [...INITIAL_STATE.screens, screen] };
}

const ROW_KEY = topData().rows[0]?.key ?? '';
const CONNECTIONS = on({ name: 'connections', rowKey: ROW_KEY, title: 'node[12900] -> 10.0.0.2:8000', cursor: AT_TOP });
const CONNECTION = on({ name: 'connection', id: 'c1', firstLine: 0 });
const KINDS = on({ name: 'kinds', cursor: AT_TOP });
const HELP = on({ name: 'help', firstLine: 0 });

function page(id: string): Page {
  const { GetStuckConnectionResponse } = stuckd.v1;
  const bytes = GetStuckConnectionResponse.encode({ stuckConnection: connection({ id }) }).finish();
  return { id, response: GetStuckConnectionResponse.decode(bytes), problem: '' };
}

describe('screens of 80x24', () => {
  test('the overview', () => {
    assert.deepEqual(shown(INITIAL_STATE).slice(1), [
      '5 stuck connections; 4 processes, 3 peers; by oldest',
      '  PROCESS                 PEER                    STUCK KIND      OLDEST ENDS IN',
      '> \u65e5\u672c\u8a9e\\x1b[31m[1234567] clients of :8080        1     close_w~   1d 1h   never',
      '  node[12900]             10.0.0.2:8000           2     closing~  1m 20s  14m 3s',
      '  curl[7] (orphan)        10.0.0.2:8000           1     retrans~    6.0s  14m 3s',
      '  curl[7]                 ~bc:def0:1234:5678]:443 1     keepali~    5.0s   never',
      'Enter connections  s sort  r reverse  / filter  f kinds  p pause  ? help  q quit',
    ]);
  });

  test('the connections of a row', () => {
    assert.deepEqual(shown(CONNECTIONS).slice(1), [
      'node[12900] -> 10.0.0.2:8000',
      '  LOCAL          PEER          KIND              STUCK  RETRANS ENDS IN  UNACKED',
      '> 10.0.0.1:41000 10.0.0.2:8000 retransmitting   1m 20s        7  14m 3s    412 B',
      '  10.0.0.1:41001 10.0.0.2:8000 closing          1m 20s        7  14m 3s  4.9 KiB',
      'Enter the connection in full  Esc back  f kinds  p pause  ? help',
    ]);
  });

  test('one connection: asked for, here, and unknown', () => {
    assert.ok(shown(CONNECTION).includes('  asking stuckd ...'));
    const text = shown(CONNECTION, topData({ page: page('c1') })).join('\n');
    assert.match(text, /^connection c1\nnode\[12900\] has had no answer from 10\.0\.0\.2:8000/m);
    assert.match(text, /^What to do:$/m);
    const problem = 'stuckd does not know this connection any more.';
    const unknown = shown(CONNECTION, topData({ page: { id: 'c1', response: null, problem } }));
    assert.deepEqual(unknown.slice(1, 3), ['connection c1', `  ${problem}`]);
    const another = topData({ page: page('c2') });
    assert.ok(shown(CONNECTION, another).includes('  asking stuckd ...'), 'of another one nothing is shown');
  });

  test('one connection that could not be asked for again: as it was, and why', () => {
    const old = shown(CONNECTION, topData({ page: { ...page('c1'), problem: 'no answer within 5 s' } }));
    assert.deepEqual(old.slice(1, 3), ['not up to date: no answer within 5 s', 'connection c1']);
    assert.match(old.join('\n'), /^What to do:$/m);
  });

  test('the whole help fits', () => {
    const text = shown(HELP).join('\n');
    assert.match(text, /^Keys$/m);
    assert.match(text, /dim\.\nEsc back$/);
    assert.ok(!text.includes('~'));
  });

  test('kinds', () => {
    assert.deepEqual(shown({ ...KINDS, hiddenKinds: new Set(['keepalive_unanswered']) }).slice(1, 5), [
      'Kinds that are shown',
      '  SHOWN KIND                   STUCK',
      '> [x]   retransmitting             2',
      '  [ ]   keepalive_unanswered       1',
    ]);
  });

  test('a long list: the chosen line stays in the middle', () => {
    const many = Array.from({ length: 100 }, (_unused, index) =>
      listed({ id: `c${index.toString()}`, remote: { address: '10.0.0.2', port: 1000 + index } }),
    );
    const data = topData({}, many);
    const at = (index: number): readonly string[] =>
      shown({ ...INITIAL_STATE, screens: [{ name: 'rows', cursor: { key: null, index } }] }, data);
    assert.equal(at(0).length, 24);
    assert.match(at(0)[3] ?? '', /^> .*:1000 /);
    assert.match(at(50)[13] ?? '', /^> .*:1050 /);
    assert.match(at(99)[22] ?? '', /^> .*:1099 /);
  });
});

describe('what the head says', () => {
  const head = (data = topData(), state = INITIAL_STATE): string => shown(state, data).slice(0, 2).join('\n');

  test('nothing stuck', () => {
    const data = topData({}, []);
    assert.match(head(data), /^0 stuck connections; 0 processes, 0 peers; by oldest$/m);
    assert.ok(shown(INITIAL_STATE, data).includes('  No stuck connections.'));
  });

  test('pause, sort, filter, kinds, and what is left out', () => {
    assert.match(head(topData(), { ...INITIAL_STATE, isPaused: true }), /:00 {2}PAUSED {2}unix:/);
    const state = { ...INITIAL_STATE, sort: 'peer' as const, isReversed: true };
    assert.match(head(topData({ leftOut: 7 }), state), /connections, 7 more not shown; .*; by peer, reversed$/m);
    const filtered = { ...INITIAL_STATE, filter: 'no\u202esuch' };
    assert.match(head(topData(), filtered), /; filter: no\\u\{202e\}such; by/);
    assert.ok(shown(filtered).includes('  Nothing that the filter lets through.'));
  });

  test('the numbers are those of what is shown, of all', () => {
    assert.match(
      head(topData(), { ...INITIAL_STATE, filter: 'curl' }),
      /^2 of 5 stuck connections; 2 processes, 2 peers;/m,
    );
    const hiding = { ...INITIAL_STATE, hiddenKinds: new Set(['closing']) };
    assert.match(
      head(topData(), hiding),
      /^4 of 5 stuck connections; 4 processes, 3 peers; 1 kind hidden; by oldest$/m,
    );
    assert.match(shown(hiding).join('\n'), /^ {2}node\[12900\] +10\.0\.0\.2:8000 +1 +retrans~ +1m 20s +14m 3s$/m);
  });

  test('what is being typed is text, and no more', () => {
    const typing = { ...INITIAL_STATE, typing: 'a\x1b[2J\u202e' };
    assert.equal(shown(typing).at(-1), '/a\\x1b[2J\\u{202e}_  (Enter keeps, Esc drops)');
  });

  const lost = (reason: string): Parameters<typeof topData>[0] => ({
    link: { isLive: false, reason, sinceMs: NOW_MS - 80_000 },
    problems: ['a problem of before'],
  });
  const REASONS = [
    'connect ENOENT /run/stuckd/stuckd.sock',
    'connect EACCES /run/stuckd/stuckd.sock',
    'too many subscribers',
  ];

  test('a daemon that is gone: since when, and why, on every screen', () => {
    for (const reason of REASONS) {
      for (const state of [INITIAL_STATE, CONNECTIONS, CONNECTION, KINDS, HELP]) {
        const [first = '', second] = shown(state, topData(lost(reason)));
        assert.match(first, /NOT CONNECTED for 1m 20s {2}unix:\/run\/stuckd\/stuck.*$/);
        assert.equal(second, `trying again: ${reason}`);
      }
    }
  });

  test('paused meanwhile: both are told, and the time of the outage runs on', () => {
    const data = topData({ ...lost('connect ENOENT'), nowMs: NOW_MS - 60_000 });
    assert.match(shown({ ...INITIAL_STATE, isPaused: true }, data)[0] ?? '', /PAUSED {2}NOT CONNECTED for 1m 20s/);
  });

  test('what is wrong with stuckd has lines of its own, on every screen', () => {
    const problem =
      'the kernel dropped 12,345 events of the sensor because the ring buffer was full, so some are seen late';
    for (const state of [INITIAL_STATE, CONNECTIONS, CONNECTION, KINDS, HELP]) {
      const calm = shown(state)[1];
      const [, first, second, title] = shown(state, topData({ problems: [problem] }));
      assert.equal(`${first ?? ''} ${second ?? ''}`, `stuckd: ${problem}`);
      assert.equal(title, calm, 'and the title is there');
    }
    const many = shown(INITIAL_STATE, topData({ problems: [problem.repeat(3), 'another'] }));
    assert.match(many.slice(1, 3).join(' '), /^stuckd has 2 problems: the kernel .*~$/);
    const low = topScreen(topData({ problems: [problem] }), INITIAL_STATE, { columns: 80, lines: 6 });
    assert.deepEqual(
      low.map(({ text }) => text.slice(0, 9)),
      ['stuckctl ', 'stuckd: t', '5 stuck c', '  PROCESS', '> \u65e5\u672c\u8a9e\\x1b', 'Enter con'],
      'a list keeps a line',
    );
  });
});

describe('where there is no room for all of it', () => {
  const rowsOf = (...owners: readonly Parameters<typeof listed>[0][]): readonly string[] => {
    const connections = owners.map((changes, index) => listed({ id: `c${index.toString()}`, ...changes }));
    return shown(INITIAL_STATE, topData({}, connections)).slice(2, -1);
  };
  const named = (comm: string, pid: number): typeof OWNER => ({ ...OWNER, comm, pid, holders: [] });

  test('the kind is cut before a name is', () => {
    assert.deepEqual(rowsOf({ owner: named('agentkeepalive', 25608) }), [
      '  PROCESS               PEER          STUCK KIND         OLDEST ENDS IN  UNACKED',
      '> agentkeepalive[25608] 10.0.0.2:8000 1     retransmit~  1m 20s  14m 3s    412 B',
    ]);
  });

  test('unacknowledged bytes are left out before a name is cut, unless the order is by them', () => {
    const longer = { owner: named('agentkeepalive', 1_256_081), remote: { address: '10.123.123.12', port: 44_300 } };
    const columns = ['PROCESS                 PEER                STUCK KIND', 'OLDEST ENDS IN'];
    const [header = '', row = ''] = rowsOf(longer);
    assert.match(header, new RegExp(`^  ${columns.join(' +')}$`));
    assert.match(row, /^> agentkeepalive\[1256081\] 10\.123\.123\.12:44300 1 +retransmitt~ +1m 20s +14m 3s$/);
    const byThem = shown({ ...INITIAL_STATE, sort: 'unacked' }, topData({}, [listed(longer)]));
    assert.match(byThem[3] ?? '', /^> age.*~\[1256081\] +10.* +1 +retrans~ +1m 20s +14m 3s +412 B$/);
    assert.match(shown(INITIAL_STATE, topData({}, [listed(longer)]), LARGE)[2] ?? '', /UNACKED$/);
  });

  test('of an orphan its circumstances are cut, then its name, and never its pid', () => {
    const orphan = listed({ owner: null, lastOwner: named('agentkeepalive', 25608), ownerType: 'orphan' });
    const cells = Array.from({ length: 60 }, (_unused, index) => {
      const [, , row = ''] = shown(INITIAL_STATE, topData({}, [orphan]), { columns: 100 - index, lines: 24 }).slice(1);
      return /^> (.*?) +(?:~|10\.)/.exec(row)?.[1] ?? row;
    });
    const [whole, ...cut] = [...new Set(cells)];
    assert.equal(whole, 'agentkeepalive[25608] (orphan)');
    for (const expected of [
      'agentkeepalive[25608] (o~',
      'agentkeepalive[25608]~',
      'agentkeep~[25608]~',
      'a~[25608]~',
    ]) {
      assert.ok(cut.includes(expected), `${expected} is not one of ${cut.join(', ')}`);
    }
    assert.ok(
      cut.filter((cell) => cell.length >= 10).every((cell) => cell.includes('[25608]')),
      cut.join(', '),
    );
  });

  test('orphans keep their names, processes their pids, and addresses of one network their ends', () => {
    const orphan = { owner: null, lastOwner: named('agentkeepalive', 25608), ownerType: 'orphan' } as const;
    const ofNetwork = (end: string): Parameters<typeof listed>[0] => ({
      ...orphan,
      remote: { address: `fd66:1234:5678:9abc:def0:1234:cafe:${end}`, port: 44_300 },
    });
    const rows = rowsOf(ofNetwork('10'), ofNetwork('11'), { owner: named('a-name-as-long-as-15', 1_234_567) });
    assert.match(rows[1] ?? '', /^. a-name-.*~\[1234567\] /);
    assert.match(rows[2] ?? '', /^. agentkeepalive\[25608\] ?\(?.*~ +~[0-9a-f:]*:cafe:10\]:44300 /);
    assert.match(rows[3] ?? '', /^. agentkeepalive\[25608\] ?\(?.*~ +~[0-9a-f:]*:cafe:11\]:44300 /);
  });
});

describe('which rows, and in which order', () => {
  const names = (state: Partial<TopState>): string =>
    visibleRows(topData(), { ...INITIAL_STATE, ...state })
      .map(({ process }) => /orphan|node|curl$/.exec(process.replace(/\[\d+\]$/, ''))?.[0] ?? 'wide')
      .join(' ');
  const TABLE: readonly (readonly [Partial<TopState>, string])[] = [
    [{}, 'wide node orphan curl'],
    [{ isReversed: true }, 'curl orphan node wide'],
    [{ sort: 'stuck' }, 'node curl orphan wide'],
    [{ sort: 'ends in' }, 'curl wide orphan node'],
    [{ sort: 'unacked' }, 'node curl orphan wide'],
    [{ sort: 'process' }, 'curl orphan node wide'],
    [{ sort: 'peer' }, 'orphan node curl wide'],
    [{ sort: 'kind' }, 'wide node curl orphan'],
    [{ filter: 'CURL' }, 'orphan curl'],
    [{ filter: 'curl 8000' }, 'orphan'],
    [{ filter: 'curl', typing: 'node' }, 'node'],
    [{ hiddenKinds: new Set(['retransmitting', 'close_wait']) }, 'node curl'],
  ];
  for (const [state, expected] of TABLE) {
    test(`${JSON.stringify(state)}: ${expected}`, () => {
      assert.equal(names(state), expected);
    });
  }
});

test('equal rows stand by their names, whichever came first', () => {
  const both = [7, 8].map((pid) =>
    listed({ id: `c${pid.toString()}`, owner: { ...OWNER, pid, comm: 'curl', holders: [] } }),
  );
  const ports = [9, 10].map((port) => listed({ id: `p${port.toString()}`, remote: { address: '10.0.0.2', port } }));
  const all = [...both, ...ports];
  for (const state of [INITIAL_STATE, { ...INITIAL_STATE, isReversed: true }]) {
    const order = (connections: typeof all): readonly string[] =>
      visibleRows(topData({}, connections), state).map(({ process, peer }) => `${process} ${peer}`);
    assert.deepEqual(order(all), [
      'curl[7] 10.0.0.2:8000',
      'curl[8] 10.0.0.2:8000',
      'node[12900] 10.0.0.2:10',
      'node[12900] 10.0.0.2:9',
    ]);
    assert.deepEqual(order(all.toReversed()), order(all));
  }
});

test('the connections of a row: the longest stuck one first, and none of a hidden kind', () => {
  const ids = (hidden: readonly string[]): readonly string[] => {
    const all = [
      listed({ id: 'c', kind: 'closing' }),
      listed({ id: 'b' }),
      listed({ id: 'a' }),
      listed({ id: 'd', sinceUs: EPOCH_MONO_US - 90_000_000 }),
    ];
    const data = topData({}, all);
    return visibleConnections(data, data.rows[0]?.key ?? '', { ...INITIAL_STATE, hiddenKinds: new Set(hidden) }).map(
      ({ id }) => id,
    );
  };
  assert.deepEqual(ids([]), ['d', 'a', 'b', 'c']);
  assert.deepEqual(ids(['closing']), ['d', 'a', 'b']);
  assert.equal(visibleConnections(topData(), 'gone', INITIAL_STATE).length, 0);
});

test('a list is filtered and sorted once, until it or the question is another', () => {
  const data = topData();
  const { key = '' } = data.rows[0] ?? {};
  const asked = (state: TopState): readonly unknown[] => [
    visibleRows(data, state),
    visibleConnections(data, key, state),
  ];
  const before = asked(INITIAL_STATE);
  const later = asked({ ...INITIAL_STATE, isPaused: true });
  assert.ok(later.every((list, index) => list === before[index]));
  const changes: readonly Partial<TopState>[] = [
    ...[{ sort: 'peer' as const }, { isReversed: true }, { filter: 'x' }, { typing: 'x' }],
  ];
  for (const change of changes) {
    const changed = { ...INITIAL_STATE, ...change };
    assert.notEqual(visibleRows(data, changed), visibleRows(data, INITIAL_STATE), JSON.stringify(change));
  }
  const hiding = { ...INITIAL_STATE, hiddenKinds: new Set(['closing']) };
  assert.ok(asked(hiding).every((list, index) => list !== before[index]));
});

test('every screen fills its size, and no line is wider', () => {
  const data = topData({ page: page('c1'), problems: ['p'.repeat(300)] });
  const typing = { ...INITIAL_STATE, typing: 'x'.repeat(64) };
  for (const size of [SMALL, LARGE, { columns: 20, lines: 6 }, { columns: 33, lines: 7 }, { columns: 5, lines: 1 }]) {
    for (const state of [INITIAL_STATE, CONNECTIONS, CONNECTION, KINDS, HELP, typing]) {
      for (const sort of SORT_KEYS) {
        const lines = topScreen(data, { ...state, sort }, size);
        assert.equal(lines.length, size.lines);
        const widest = Math.max(...lines.map(({ text }) => displayWidth(text)));
        assert.ok(widest <= size.columns, `${widest.toString()} of ${size.columns.toString()} columns`);
      }
    }
  }
  assert.equal(SAMPLE.length, 5);
});
