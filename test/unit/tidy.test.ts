// Proves that the tree keeps the habits that no other tool checks: unfinished work is not committed, files stay short,
// the BPF programs say their licence and their design, the lock file names no host, every npm script is explained, and
// every npm package is used. It cannot prove that what the comments and descriptions say is true.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const linesMax = 400;

interface Rule {
  readonly name: string;
  readonly applies: RegExp;
  readonly exempt?: RegExp;
  readonly isBroken: (content: string) => boolean;
  /** A content that breaks the rule, so that the rule itself is tested. */
  readonly example: string;
}

const code = /\.([chj]s?|[cm]js|ts|proto|sh|yaml|yml)$|^\.ci\//;
const generated = /\.generated\.|^bpf\/(vmlinux|layout_hash)\.h$/;
const licence = /^(\/\/|\/\*) SPDX-License-Identifier: \(GPL-2\.0-only OR BSD-2-Clause\)/;

// The marks are put together here so that this file does not break its own rule.
const unfinished = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`);
const focused = new RegExp(`\\b(test|it|describe|suite)\\.${'on' + 'ly'}\\(`);

const rules: readonly Rule[] = [
  {
    name: 'no mark of unfinished work',
    applies: code,
    exempt: generated,
    isBroken: (content) => unfinished.test(content),
    example: '// TO' + 'DO later',
  },
  {
    name: 'no test that switches the others off',
    applies: /^test\//,
    isBroken: (content) => focused.test(content),
    example: 'test.on' + "ly('a', () => {});",
  },
  {
    name: `no file of more than ${linesMax} lines`,
    applies: code,
    exempt: generated,
    isBroken: (content) => content.split('\n').length - 1 > linesMax,
    example: '\n'.repeat(linesMax + 1),
  },
  {
    name: 'no binary file',
    applies: /./,
    isBroken: (content) => content.includes('\0'),
    example: 'ELF\0',
  },
  {
    name: 'everything in bpf/ says its licence in the first line',
    applies: /^bpf\/.*\.[ch]$/,
    isBroken: (content) => !licence.test(content),
    example: '/* A program. */',
  },
  {
    name: 'every BPF program opens with its design decisions',
    applies: /\.bpf\.c$/,
    isBroken: (content) => !/^[^\n]*\n\/\*(?:(?!\*\/)[^])*\bDesign decisions\b/.test(content),
    example: '/* SPDX */\n/* Sees things. */\n#include "vmlinux.h"\n/* Design decisions */',
  },
  {
    name: 'the lock file names no host',
    applies: /^package-lock\.json$/,
    isBroken: (content) => content.includes('"resolved"'),
    example: '"resolved": "https://host.invalid/a.tgz"',
  },
];

/** Tracked files, and new ones that git does not ignore; null where this is not a git checkout. */
function filesOfTheTree(): readonly string[] | null {
  const git = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (git.status !== 0) {
    return null;
  }
  return git.stdout.split('\0').filter((path) => path !== '' && existsSync(join(root, path)));
}

describe('the tree is tidy', () => {
  const files = filesOfTheTree();
  const skip = files === null ? 'this is not a git checkout, so there is no list of files to look at' : false;
  for (const rule of rules) {
    test(rule.name, { skip }, () => {
      const looked = (files ?? []).filter((path) => rule.applies.test(path) && rule.exempt?.test(path) !== true);
      assert.notEqual(looked.length, 0, 'the rule applies to no file at all');
      assert.deepEqual(
        looked.filter((path) => rule.isBroken(readFileSync(join(root, path), 'utf8'))),
        [],
      );
    });
    test(`${rule.name}: the rule finds what breaks it`, () => {
      assert.equal(rule.isBroken(rule.example), true);
    });
  }

  test('every npm package is used', { skip }, () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
      'dependencies' | 'devDependencies',
      object
    >;
    // The layer rules name packages as well, whether or not somebody imports them.
    const users = (files ?? []).filter((path) => /^(daemon|deploy|test)\/.*\.(ts|mjs)$|^eslint/.test(path));
    const text = users.map((path) => readFileSync(join(root, path), 'utf8')).join('\n');
    const isUsed = (name: string): boolean => text.includes(`'${name}'`) || text.includes(`'${name}/`);
    const names = Object.keys({ ...dependencies, ...devDependencies });
    assert.deepEqual(
      names.filter((name) => !name.startsWith('@types/') && !isUsed(name)),
      [],
    );
  });

  test('every npm script has its line in "npm run help"', () => {
    const help = spawnSync(process.execPath, ['deploy/setup/help.mjs'], { cwd: root, encoding: 'utf8' });
    assert.equal(help.stderr, '');
    assert.equal(help.status, 0);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    for (const name of Object.keys(scripts)) {
      assert.match(help.stdout, new RegExp(`^npm run ${name} +\\S`, 'm'));
    }
  });
});
