// Proves that every stuckctl command in runbooks, READMEs of deploy/prometheus, rules and dashboards is one that stuckctl takes,
// with its options. It cannot prove that the command answers the question of the page.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCommand } from '../../../daemon/cli/arguments.js';
import { alertRules, dashboard, PROMETHEUS_FOLDER } from '../../support/prometheus-files.js';

/** What stands for a value that only the reader knows. */
const PLACEHOLDERS: readonly (readonly [RegExp, string])[] = [
  [/\bPID\b/g, '4711'],
  [/\bNODE:/g, 'node-17:'],
];

/** `stuckctl ...` in code of Markdown, or "stuckctl ..." in a sentence. */
function commandsIn(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.split('\n'));
  const prose = text.replaceAll(/^```\n.*?^```$/gms, '');
  const spans = [...prose.matchAll(/`([^`]+)`|"([^"]+)"/g)].map(([, code, quoted]) => code ?? quoted ?? '');
  return [...blocks, ...spans].flatMap((line) => /(?:^|-- )stuckctl( .*)/.exec(line.replace(/ #.*/, ''))?.[1] ?? []);
}

function problemOf(command: string): string | null {
  const text = PLACEHOLDERS.reduce((soFar, [pattern, value]) => soFar.replaceAll(pattern, value), command);
  try {
    parseCommand(text.trim().split(/\s+/), {});
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function pages(): readonly { readonly name: string; readonly text: string }[] {
  const paths = readdirSync(PROMETHEUS_FOLDER, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.md'),
  );
  const files = paths.map((name) => ({ name, text: readFileSync(join(PROMETHEUS_FOLDER, name), 'utf8') }));
  const descriptions = alertRules().map(({ alert, annotations }) => ({
    name: alert,
    text: annotations['description'] ?? '',
  }));
  const panels = dashboard().panels.map(({ title, description = '' }) => ({ name: title, text: description }));
  return [...files, ...descriptions, ...panels];
}

test('every command is one that stuckctl takes', () => {
  const commands = pages().flatMap(({ name, text }) => commandsIn(text).map((command) => ({ name, command })));
  assert.ok(commands.length > 60, `${commands.length} commands were found`);
  for (const { name, command } of commands) {
    assert.equal(problemOf(command), null, `${name}: stuckctl${command}`);
  }
});

test('a command that stuckctl does not take is found', () => {
  const found = commandsIn(
    'Ask `stuckctl list --sort age`, or "stuckctl pears".\n\n```\nstuckctl get   # which one?\n```\n',
  );
  assert.deepEqual(
    found.map(problemOf).map((problem) => typeof problem),
    ['string', 'string', 'string'],
  );
});
