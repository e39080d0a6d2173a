// Proves the command line of the kernel runner: what runs without arguments, and that mistakes are told.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ALL_KERNELS, ARM64_KERNELS, parseMatrixArguments, UsageError, usage } from '../../matrix/arguments.js';

test('without arguments every kernel runs all tests', () => {
  const { kernels, only, command, jobs, write } = parseMatrixArguments([], 3);
  assert.deepEqual([kernels, only, command, jobs, write], [ALL_KERNELS, '', undefined, 3, false]);
});

test('kernels and options', () => {
  const args = parseMatrixArguments(['6.1', 'newest', '--only', 'story', '--timeout', '0.5', '--run', 'uname'], 1);
  assert.deepEqual(args.kernels, ['6.1', 'newest']);
  assert.deepEqual([args.only, args.timeoutMs, args.command], ['story', 30_000, 'uname']);
});

test('arm64 stands for some kernels', () => {
  assert.deepEqual(parseMatrixArguments(['6.1', 'arm64'], 1).kernels, ['6.1', ...ARM64_KERNELS]);
});

test('--quick is a choice of test files', () => {
  assert.match(parseMatrixArguments(['--quick'], 1).only, /fields/);
});

describe('mistakes', () => {
  for (const argv of [
    ['--quick', '--only', 'a'],
    ['--run', 'a', '--write'],
    ['--jobs', '0'],
    ['--jobs', 'many'],
    ['--timeout', '-1'],
    ['--nonsense'],
  ]) {
    test(argv.join(' '), () => {
      assert.throws(() => parseMatrixArguments(argv, 1), UsageError);
    });
  }
});

test('the usage names every kernel that runs without arguments', () => {
  for (const kernel of [...ALL_KERNELS, ...ARM64_KERNELS]) {
    assert.ok(usage().includes(kernel));
  }
});
