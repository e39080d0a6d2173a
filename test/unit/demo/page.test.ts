// Proves the demo's layout: columns, wrapping, and a running line that leaves nothing behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockOf, Page } from '../../../daemon/demo/page.js';
import { createStyle } from '../../../daemon/lib/terminal.js';

function pageTo(written: string[], columns: number, runningClock: boolean): Page {
  return new Page({ write: (text) => written.push(text), columns, runningClock, style: createStyle(false) });
}

test('a line has clock, speaker and text, and goes on below the text', () => {
  const written: string[] = [];
  pageTo(written, 50, false).line(65_400, 'stuckd', 'node[42] hangs since two minutes ago');
  assert.equal(written.join(''), `  01:05  stuckd          node[42] hangs since two\n${' '.repeat(25)}minutes ago\n`);
});

test('no line is wider than the terminal, down to 50 columns', () => {
  for (const columns of [10, 50, 80, 100, 1000, Infinity]) {
    const written: string[] = [];
    const page = pageTo(written, columns, false);
    const text = 'word '.repeat(100).trim();
    page.heading(text);
    page.paragraph(text);
    page.line(0, 'network', text);
    const widest = Math.max(
      ...written
        .join('')
        .split('\n')
        .map((line) => line.length),
    );
    assert.ok(widest <= Math.max(50, Math.min(columns, 100)), `${widest} of ${columns}`);
  }
});

test('the running line is replaced, and removed before anything else is written', () => {
  const written: string[] = [];
  const page = pageTo(written, 50, true);
  page.status(1000, 'first');
  page.status(2000, 'x'.repeat(100));
  page.line(2000, 'network', 'is cut');
  page.clearStatus();
  assert.equal(written[0], '\r\x1b[K  00:01  first');
  assert.ok((written[1] ?? '').length <= 50 + '\r\x1b[K'.length);
  assert.deepEqual(written.slice(2), ['\r\x1b[K', '  00:02  network         is cut\n', '']);
});

test('without a terminal there is no running line', () => {
  const written: string[] = [];
  pageTo(written, 80, false).status(1000, 'first');
  assert.deepEqual(written, []);
});

test('the clock counts minutes and seconds', () => {
  assert.equal(clockOf(-1), '00:00');
  assert.equal(clockOf(3_599_999), '59:59');
});
