import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'];
const impure = [...timers, 'queueMicrotask', 'Date', 'performance', 'process', 'Buffer', 'fetch', 'crypto', 'console'];

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration, ExportSpecifier[exported.name="default"]',
  message: 'Name what you export: a default export has another name in every importing file.',
};

const noProcessExit = {
  object: 'process',
  property: 'exit',
  message: 'Only the main files end the process; elsewhere throw, or return an exit code.',
};

export default defineConfig(
  globalIgnores(['build/', 'bpf/.output/', 'daemon/rpc/gen/', '**/*.generated.ts']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    rules: {
      curly: ['error', 'all'],
      eqeqeq: 'error',
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 70, skipComments: true }],
      'no-console': 'error',
      'no-restricted-properties': ['error', noProcessExit],
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    // The scripts that run before anything is installed or built.
    files: ['**/*.mjs', '**/*.cjs', 'eslint.config.js'],
    languageOptions: {
      globals: { process: 'readonly', URL: 'readonly', AbortController: 'readonly', module: 'writable' },
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-restricted-syntax': ['error', noDefaultExport],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // node:test collects the promises of its own functions.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] },
          ],
        },
      ],
      // Numbers read well in messages; objects, null and undefined do not, and stay forbidden.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // "() => stream.end()" is clear enough without braces.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    // The pure part: its result depends on its arguments alone, so time, chance and the machine stay outside. Imports
    // are the matter of the layer rules in .dependency-cruiser.cjs.
    files: ['daemon/core/**/*.ts', 'daemon/wire/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...impure.map((name) => ({ name, message: 'core/ and wire/ are pure: take the value as a parameter.' })),
      ],
      'no-restricted-properties': [
        'error',
        noProcessExit,
        { object: 'Math', property: 'random', message: 'core/ and wire/ are pure: chance is a parameter.' },
      ],
      'no-restricted-syntax': [
        'error',
        noDefaultExport,
        {
          selector: 'MemberExpression[object.name="globalThis"]',
          message: 'core/ and wire/ are pure: take the value as a parameter.',
        },
      ],
    },
  },
  {
    // protobufjs takes any object with low and high for a Long, and any number off the wire for an enum; the types of the
    // generated classes promise more than that.
    files: ['daemon/rpc/**/*.ts', 'daemon/cli/**/*.ts', 'daemon/demo/**/*.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
    },
  },
  {
    files: ['daemon/main.ts', 'daemon/cli/main.ts', 'test/**/*.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // A scenario is one long table, and a suite is one long function.
    files: ['test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off' },
  },
);
