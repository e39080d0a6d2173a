// Proves that the committed table of the kernel tests of a sensor that polls (test/kernel/POLLING.md) has a row for each file
// of kernel tests and no other, and that each test that it names exists. It cannot prove that they pass: a run does.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../support/package-root.js';

const FOLDER = join(packageRoot(), 'test/kernel');
const ENDING = '.test.ts';

const PAGE = readFileSync(join(FOLDER, 'POLLING.md'), 'utf8');

/** The files of the table. */
function files(): readonly string[] {
  return [...PAGE.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, file = '']) => file);
}

/** Of each line of what does not apply, the file and the rest. */
function reasons(): readonly (readonly [file: string, rest: string])[] {
  return [...PAGE.matchAll(/^- `([^`]+)`: (.*)$/gm)].map(([, file = '', rest = '']) => [file, rest] as const);
}

/** A pattern for each title in a file; what a template puts in may be anything. */
function titlesIn(file: string): readonly RegExp[] {
  const source = readFileSync(join(FOLDER, file + ENDING), 'utf8');
  const titles = [...source.matchAll(/(?:test|describe)\(\s*(['"`])(.*?)\1,/g)].map(([, , title = '']) => title);
  return titles.map(
    (title) =>
      new RegExp(
        `^${title
          .split(/\$\{.*?\}/)
          .map(escaped)
          .join('.*')}$`,
      ),
  );
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

test('a row for each file of kernel tests', () => {
  const present = readdirSync(FOLDER).filter((name) => name.endsWith(ENDING));
  assert.deepEqual([...files()].sort(), present.map((name) => name.slice(0, -ENDING.length)).sort());
});

test('it names no test that does not exist', () => {
  let named = 0;
  for (const [file, rest] of reasons()) {
    const titles = titlesIn(file);
    for (const [, name = ''] of rest.matchAll(/"([^"]+)"/g)) {
      named += 1;
      assert.ok(
        titles.some((title) => title.test(name)),
        `${file} has no test "${name}"`,
      );
    }
  }
  assert.ok(named > 0, 'names were found');
});
