// Proves every screen of `stuckctl top`, letter by letter where it matters, at 80x24 and at 200x50; that whatever is shown,
// the lines are as many as the screen has and none is wider; and that hostile names and a lost daemon are shown as such.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { topScreen } from '../../../../daemon/cli/top/top-screen.js';
import { AT_TOP, INITIAL_STATE, type Screen, SORT_KEYS, type TopState } from '../../../../daemon/cli/top/top-state.js';
import { visibleRows } from '../../../../daemon/cli/top/top-view.js';
import { displayWidth } from '../../../../daemon/lib/terminal.js';
import { stuckd } from '../../../../daemon/rpc/gen/stuckd.js';
import { connection, NOW_MS, SAMPLE, topData } from './sample-rows.js';

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

function page(id: string): stuckd.v1.GetStuckConnectionResponse {
  const { GetStuckConnectionResponse } = stuckd.v1;
  const stuckConnection = connection({ id });
  return GetStuckConnectionResponse.decode(GetStuckConnectionResponse.encode({ stuckConnection }).finish());
}

describe('screens of 80x24', () => {
  test('the overview', () => {
    assert.deepEqual(shown(INITIAL_STATE).slice(1), [
      '5 stuck connections; 4 processes, 3 peers; by oldest',
      '  PROCESS         PEER            STUCK KIND             OLDEST ENDS IN  UNACKED',
      '> \u65e5\u672c\u8a9e\\~234567] clients~f :8080 1     close_wait        1d 1h   never      0 B',
      '  node[12900]     10.0.0.2:8000   2     closing 1, ret~  1m 20s  14m 3s  5.3 KiB',
      '  orphan ~url[7]) 10.0.0.2:8000   1     retransmitting     6.0s  14m 3s    412 B',
      '  curl[7]         [2001:d~78]:443 1     keepalive_unan~    5.0s   never    412 B',
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
    const text = shown(CONNECTION, topData({ page: { id: 'c1', response: page('c1') } })).join('\n');
    assert.match(text, /^connection c1\nnode\[12900\] has had no answer from 10\.0\.0\.2:8000/m);
    assert.match(text, /^What to do:$/m);
    const unknown = topData({ page: { id: 'c1', problem: 'stuckd does not know this connection any more.' } });
    assert.ok(shown(CONNECTION, unknown).includes('  stuckd does not know this connection any more.'));
    const another = topData({ page: { id: 'c2', response: page('c2') } });
    assert.ok(shown(CONNECTION, another).includes('  asking stuckd ...'), 'of another one nothing is shown');
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
      connection({ id: `c${index.toString()}`, remote: { address: '10.0.0.2', port: 1000 + index } }),
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

  test('pause, sort, filter, kinds, what is left out, and problems', () => {
    assert.match(head(topData(), { ...INITIAL_STATE, isPaused: true }), /PAUSED$/m);
    const state = { ...INITIAL_STATE, sort: 'peer' as const, isReversed: true };
    assert.match(head(topData({ leftOut: 7 }), state), /connections, 7 more not shown; .*; by peer, reversed$/m);
    const filtered = { ...INITIAL_STATE, filter: 'no\u202esuch' };
    assert.match(head(topData({}, []), { ...INITIAL_STATE, hiddenKinds: new Set(['unread']) }), /; 1 kind hidden$/m);
    assert.match(head(topData({}, []), filtered), /; filter: no\\u\{202e\}such$/m);
    assert.ok(shown(filtered).includes('  Nothing that the filter lets through.'));
    const wide = shown(INITIAL_STATE, topData({ problems: ['the sensor is down'] }), LARGE)[1];
    assert.match(wide ?? '', /; stuckd: the sensor is down$/);
  });

  test('a daemon that is gone', () => {
    const link = { isLive: false, reason: 'connect ENOENT', sinceMs: NOW_MS - 3000 };
    assert.match(head(topData({ link })), /NOT CONNECTED for 3\.0s/);
    assert.match(
      shown(INITIAL_STATE, topData({ link }), LARGE)[0] ?? '',
      /NOT CONNECTED for 3\.0s, trying again: connect/,
    );
  });
});

describe('which rows, and in which order', () => {
  const names = (state: Partial<TopState>): string =>
    visibleRows(topData(), { ...INITIAL_STATE, ...state })
      .map(({ process }) => /orphan|node|curl/.exec(process)?.[0] ?? 'wide')
      .join(' ');
  const TABLE: readonly (readonly [Partial<TopState>, string])[] = [
    [{}, 'wide node orphan curl'],
    [{ isReversed: true }, 'curl orphan node wide'],
    [{ sort: 'stuck' }, 'node curl orphan wide'],
    [{ sort: 'gives up' }, 'curl wide node orphan'],
    [{ sort: 'unacked' }, 'node curl orphan wide'],
    [{ sort: 'process' }, 'curl node orphan wide'],
    [{ sort: 'peer' }, 'node orphan curl wide'],
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

test('every screen fills its size, and no line is wider', () => {
  const data = topData({ page: { id: 'c1', response: page('c1') }, problems: ['p'.repeat(300)] });
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
