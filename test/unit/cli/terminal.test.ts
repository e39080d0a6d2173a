// Proves that no text from outside can do anything to a terminal but be drawn, and that widths are those that terminals
// use for common scripts. It cannot prove how a given terminal draws a given character.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createStyle, displayWidth, escapeForTerminal, escapeJsonForTerminal } from '../../../daemon/lib/terminal.js';
import { fitWidth, fitWidthMiddle, fitWidthTail, wantsColor, wrapWords } from '../../../daemon/lib/terminal.js';

describe('escapeForTerminal', () => {
  const table: readonly [string, string][] = [
    ['node', 'node'],
    ['näöß 日本 é 😀', 'näöß 日本 é 😀'],
    ['a\nb\tc\rd', 'a\\nb\\tc\\rd'],
    ['\x1b[2J\x07', '\\x1b[2J\\x07'],
    ['\x00\x7f', '\\x00\\x7f'],
    ['\x9b31m', '\\x9b31m'],
    ['a\u202eb', 'a\\u{202e}b'],
    ['a\u200bb\ufeff', 'a\\u{200b}b\\u{feff}'],
    ['a\u2028b', 'a\\u{2028}b'],
    ['\ud800', '\\u{d800}'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\u3164', '\\u{3164}'],
    ['C:\\n', 'C:\\\\n'],
  ];
  for (const [text, expected] of table) {
    test(JSON.stringify(text), () => {
      assert.equal(escapeForTerminal(text), expected);
    });
  }

  test('no output has a control or format character, a line separator or half a character', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const escaped = escapeForTerminal(text);
        assert.doesNotMatch(escaped, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
      { numRuns: 2000 },
    );
  });

  test('two texts never look the same', () => {
    const evil = fc.string({ unit: fc.constantFrom('\\', 'n', '\n', 'x', '1', 'b', '\x1b', 'u', '{', '}', '2') });
    fc.assert(
      fc.property(evil, evil, (a, b) => {
        assert.equal(escapeForTerminal(a) === escapeForTerminal(b), a === b);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('escapeJsonForTerminal', () => {
  test('8-bit controls, direction and characters beyond the first plane', () => {
    assert.equal(
      escapeJsonForTerminal('"\x9b31m \u202e \u{e0041} \\\\ 日本"'),
      '"\\u009b31m \\u202e \\udb40\\udc41 \\\\ 日本"',
    );
  });

  test('the meaning stays, and nothing is left that a terminal obeys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), (value) => {
        const escaped = escapeJsonForTerminal(JSON.stringify(value, null, 2));
        assert.doesNotMatch(escaped.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        assert.equal(JSON.stringify(JSON.parse(escaped)), JSON.stringify(value));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('width', () => {
  const table: readonly [string, number][] = [
    ['', 0],
    ['node', 4],
    ['日本', 4],
    ['e\u0301', 1],
    ['😀', 2],
  ];
  for (const [text, expected] of table) {
    test(`${JSON.stringify(text)} takes ${expected.toString()}`, () => {
      assert.equal(displayWidth(text), expected);
    });
  }

  test('a text is cut to fit', () => {
    assert.equal(fitWidth('abcdef', 6), 'abcdef');
    assert.equal(fitWidth('abcdef', 5), 'abcd~');
    assert.equal(fitWidth('日本語', 5), '日本~');
    assert.equal(fitWidth('日本語', 4), '日~');
  });

  test('an address is cut in its middle, so that its ends can be told apart', () => {
    assert.equal(fitWidthMiddle('[2001:db8::2]:8000', 18), '[2001:db8::2]:8000');
    assert.equal(fitWidthMiddle('[2001:db8::2]:8000', 13), '[2001:~]:8000');
    assert.equal(fitWidthMiddle('[2001:db8::2]:8000', 8), '[200~000');
    assert.equal(fitWidthMiddle('日本語日本語', 7), '日本~語');
    assert.equal(fitWidthMiddle('日本語日本語', 6), '日~語');
  });

  test('or in front, where only its end tells it apart', () => {
    assert.equal(fitWidthTail('[2001:db8::2]:8000', 18), '[2001:db8::2]:8000');
    assert.equal(fitWidthTail('[2001:db8::2]:8000', 13), '~db8::2]:8000');
    assert.equal(fitWidthTail('日本語日本語', 6), '~本語');
  });

  test('words are wrapped, and one that is too long stands alone', () => {
    assert.deepEqual(wrapWords('aa bb cccccccc d', 5), ['aa bb', 'cccccccc', 'd']);
    assert.deepEqual(wrapWords('日本 語', 5), ['日本', '語']);
    assert.deepEqual(wrapWords('', 5), ['']);
  });
});

describe('colours', () => {
  test('only where they are wanted', () => {
    assert.equal(createStyle(true).red('x'), '\x1b[31mx\x1b[39m');
    assert.equal(createStyle(false).red('x'), 'x');
    assert.equal(wantsColor(true, {}), true);
    assert.equal(wantsColor(true, { NO_COLOR: '' }), true);
    assert.equal(wantsColor(true, { NO_COLOR: '1' }), false);
    assert.equal(wantsColor(true, { TERM: 'dumb' }), false);
    assert.equal(wantsColor(false, {}), false);
  });
});
