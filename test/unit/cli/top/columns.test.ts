// Proves how columns share a line that is too short for all of them: which gives way first, how far, and which is left out.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { headerText, itemText, layoutColumns, type TopColumn } from '../../../../daemon/cli/top/columns.js';

const column = (header: string, changes: Partial<TopColumn<string>> = {}): TopColumn<string> => ({
  header,
  cell: (item) => item,
  ...changes,
});

describe('columns of a list', () => {
  const TEXT = 'abcdefghij';
  const words = { shrinksTo: 8 };
  const TABLE: readonly (readonly [string, readonly TopColumn<string>[], number, readonly number[]])[] = [
    ['there is room', [column('A'), column('B')], 23, [10, 10]],
    ['the wider one gives way', [column('A', { cell: () => `${TEXT}kl` }), column('B')], 22, [9, 10]],
    ['none to less than six', [column('A'), column('B')], 5, [6, 6]],
    ['words give way first', [column('A'), column('B', words)], 22, [10, 9]],
    ['one after the other, as far as it takes', [column('A', words), column('B', words)], 20, [8, 9]],
    ['then the others', [column('A'), column('B', words)], 20, [9, 8]],
    ['a fixed one never', [column('A', { width: 9 }), column('B')], 20, [9, 8]],
    [
      'what can be done without goes when words are not enough',
      [column('A', words), column('B', { isDispensable: true })],
      20,
      [10],
    ],
    ['and not before', [column('A', words), column('B', { isDispensable: true })], 21, [8, 10]],
    ['a header needs room too', [column('A HEADER THAT IS LONG'), column('B')], 80, [21, 10]],
  ];
  for (const [name, columns, screenColumns, expected] of TABLE) {
    test(name, () => {
      const widths = layoutColumns(columns, [TEXT], screenColumns).map(({ width }) => width);
      assert.deepEqual(widths, expected);
    });
  }

  test('a line: the mark, cells that are padded or cut, each in its way', () => {
    const fit = (text: string, width: number): string => `<${text.slice(2 - width)}`;
    const columns = [column('LEFT'), column('RIGHT', { alignRight: true }), column('CUT', { fit, width: 4 })];
    const sized = layoutColumns(columns, ['abcdefg'], 80);
    assert.equal(headerText(sized), '  LEFT      RIGHT CUT ');
    assert.equal(itemText('abc', sized, true), '> abc         abc <bc ');
  });
});
