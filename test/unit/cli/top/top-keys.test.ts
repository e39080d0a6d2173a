// Proves which bytes are which keys, also in pieces, and what every key does on every screen of `stuckctl top`.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pressKey } from '../../../../daemon/cli/top/press-key.js';
import { decodeKeys, decodeRest, type Key } from '../../../../daemon/cli/top/top-keys.js';
import { INITIAL_STATE, shownScreen, type TopState } from '../../../../daemon/cli/top/top-state.js';
import { topData } from './sample-rows.js';

const nameOf = (key: Key): string => ('named' in key ? `<${key.named}>` : key.typed);

describe('bytes as keys', () => {
  const TABLE: readonly (readonly [text: string, keys: string, rest: string])[] = [
    ['q', 'q', ''],
    ['\x1b[A\x1b[B\x1bOC\x1bOD', '<up><down><right><left>', ''],
    ['\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[5~\x1b[6~', '<home><end><home><end><page up><page down>', ''],
    ['\r\x7f\x03\x15\x0c\x1a', '<enter><backspace><interrupt><clear line><redraw><suspend>', ''],
    ['\u65e5\u{1f600}', '\u65e5\u{1f600}', ''],
    // Nothing is bound to these.
    ['a\x1b[200~\x1b[1;5A\x01b', 'ab', ''],
    ['x\x1b', 'x', '\x1b'],
    ['\x1b[', '', '\x1b['],
    ['\x1b[1;', '', '\x1b[1;'],
    // No key begins like this.
    [`\x1b[${'1'.repeat(40)}`, `<escape>[${'1'.repeat(40)}`, ''],
    ['\x1bj', '<escape>j', ''],
  ];
  for (const [text, keys, rest] of TABLE) {
    test(JSON.stringify(text), () => {
      const decoded = decodeKeys(text);
      assert.deepEqual([decoded.keys.map(nameOf).join(''), decoded.rest], [keys, rest]);
    });
  }

  test('a rest to which nothing came is Escape', () => {
    assert.deepEqual(decodeRest('\x1b').map(nameOf), ['<escape>']);
    assert.deepEqual(decodeRest('\x1b[').map(nameOf), ['<escape>', '[']);
    assert.deepEqual(decodeRest(''), []);
  });
});

/** Room for two lines of a list, and three of a text. */
const SIZE = { columns: 80, lines: 6 };

/** Keys as the terminal sends them. */
function press(text: string, from: TopState = INITIAL_STATE): TopState {
  return decodeKeys(text).keys.reduce((state, key) => pressKey(state, key, topData(), SIZE), from);
}

function where(state: TopState): string {
  const screen = shownScreen(state);
  switch (screen.name) {
    case 'rows':
    case 'connections':
    case 'kinds':
      return `${screen.name} ${screen.cursor.index.toString()}`;
    case 'connection':
      return `connection ${screen.id} ${screen.firstLine.toString()}`;
    case 'help':
      return `help ${screen.firstLine.toString()}`;
  }
}

describe('keys', () => {
  // By age: 0 the wide one, 1 node with two connections, 2 the orphan, 3 curl.
  const TABLE: readonly (readonly [keys: string, where: string])[] = [
    ['', 'rows 0'],
    ['j', 'rows 1'],
    ['jjjjjj', 'rows 3'],
    ['Gk', 'rows 2'],
    ['Gg', 'rows 0'],
    ['\x1b[6~', 'rows 2'],
    ['  ', 'rows 3'],
    ['G\x1b[5~', 'rows 1'],
    ['k', 'rows 0'],
    ['j\r', 'connections 0'],
    ['j\rj', 'connections 1'],
    ['j\rj\r', 'connection c2 0'],
    ['j\rj\rjj\x1b[6~', 'connection c2 0'],
    ['?jj\x1b[6~', 'help 4'],
    ['?k', 'help 0'],
    ['?Gk', 'help 16'],
    ['j\rj\r\x1b[D', 'connections 1'],
    ['j\rj\rqq', 'rows 1'],
    ['?', 'help 0'],
    ['??', 'rows 0'],
    ['?q', 'rows 0'],
    ['f', 'kinds 0'],
    ['fj', 'kinds 1'],
    ['fq', 'rows 0'],
    ['j\rf?f', 'kinds 0'],
    ['j\rf?ff', 'connections 0'],
  ];
  for (const [keys, expected] of TABLE) {
    test(`${JSON.stringify(keys)}: ${expected}`, () => {
      assert.equal(where(press(keys)), expected);
    });
  }

  test('the way out', () => {
    assert.equal(press('q').isDone, true);
    assert.equal(press('\x03').isDone, true);
    assert.equal(press('/a\x03').isDone, true);
    assert.equal(press('j\r\x03').isDone, true);
    assert.equal(press('j\rq').isDone, false);
    assert.equal(pressKey(INITIAL_STATE, { named: 'escape' }, topData(), SIZE).isDone, false);
  });

  test('sorting and pause', () => {
    const order = Array.from({ length: 7 }, (_unused, index) => press('s'.repeat(index)).sort);
    assert.deepEqual(order, ['oldest', 'ends in', 'unacked', 'process', 'peer', 'stuck', 'kind']);
    assert.equal(press('sssssss').sort, 'oldest');
    assert.deepEqual([press('r').isReversed, press('rr').isReversed], [true, false]);
    assert.deepEqual([press('p').isPaused, press('pp').isPaused, press('j\rp').isPaused], [true, false, true]);
  });

  test('a filter: letters are letters, Enter keeps it, Escape leaves the one before', () => {
    const typing = press('/qsf?');
    assert.deepEqual([typing.typing, typing.sort, where(typing)], ['qsf?', 'oldest', 'rows 0']);
    const kept = press('/curl\r');
    assert.deepEqual([kept.filter, kept.typing], ['curl', null]);
    assert.equal(press('/x', kept).typing, 'curlx');
    assert.equal(press('/\x15ab\x7f\r', kept).filter, 'a');
    const escape: Key = { named: 'escape' };
    const left = pressKey(press('/x', kept), escape, topData(), SIZE);
    assert.deepEqual([left.filter, left.typing], ['curl', null]);
    assert.equal(pressKey(kept, escape, topData(), SIZE).filter, '', 'Escape in the overview drops it');
    assert.equal(press(`/${'a'.repeat(500)}\r`).filter.length, 64);
  });

  test('kinds', () => {
    assert.deepEqual([...press('f\rj ').hiddenKinds], ['retransmitting', 'keepalive_unanswered']);
    assert.deepEqual([...press('f\r\r').hiddenKinds], []);
    assert.equal(press('fn').hiddenKinds.size, 12);
    assert.equal(press('fna').hiddenKinds.size, 0);
  });

  test('the cursor stays with its line when others come and go', () => {
    const chosen = press('j');
    const rows = topData().rows.filter(({ process }) => !process.includes('1234567'));
    const opened = pressKey(chosen, { named: 'enter' }, { ...topData(), rows }, SIZE);
    const screen = shownScreen(opened);
    assert.equal(screen.name === 'connections' && screen.title, 'node[12900] -> 10.0.0.2:8000');
  });

  test('a page is as long as a notice leaves it', () => {
    const data = topData({ problems: ['the sensor is down'] });
    assert.equal(where(pressKey(INITIAL_STATE, { named: 'page down' }, data, SIZE)), 'rows 1');
  });

  test('nothing to open', () => {
    assert.equal(where(pressKey(INITIAL_STATE, { named: 'enter' }, topData({}, []), SIZE)), 'rows 0');
  });
});
