// Proves that no option or command can be forgotten: what the parsers of both programs take is what their manuals tell, command
// by command, and all of it is in help, in the completions for each shell and in the manual pages. Whether shells and man(1)
// understand these is in acceptance/completion.test.ts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  COMMAND_OPTIONS as STUCKCTL_OPTIONS,
  type CommandName,
  OPTIONS as STUCKCTL_PARSER,
} from '../../../daemon/cli/arguments.js';
import { helpText } from '../../../daemon/cli/help.js';
import { COMMON, ONE_NODE } from '../../../daemon/cli/manual/options.js';
import { STUCKCTL } from '../../../daemon/cli/manual/stuckctl-manual.js';
import { configSchema } from '../../../daemon/config.js';
import { jsonSchema, type SchemaNode, variants } from '../../../daemon/config-schema.js';
import { completionScript } from '../../../daemon/lib/manual/completion.js';
import { manPage, roffLines, roffText } from '../../../daemon/lib/manual/man-page.js';
import { allOptions, commandWords, type ProgramManual, SHELLS } from '../../../daemon/lib/manual/manual.js';
import { manPages } from '../../../daemon/man-pages.js';
import { stuckdHelp } from '../../../daemon/stuckd-help.js';
import { STUCKD } from '../../../daemon/stuckd-manual.js';
import { COMMAND_OPTIONS as STUCKD_OPTIONS } from '../../../daemon/stuckd-options.js';
import { packageRoot } from '../../support/package-root.js';

const PAGES = manPages(readFileSync(join(packageRoot(), 'deploy/stuckd.example.yaml'), 'utf8'));

/** Of both programs: the options that the parser takes for each first word. `--help` and `--version` go with all. */
const PROGRAMS: readonly (readonly [ProgramManual, Readonly<Record<string, readonly string[]>>])[] = [
  [STUCKCTL, STUCKCTL_OPTIONS],
  [STUCKD, STUCKD_OPTIONS],
];

const withoutGeneral = (names: readonly string[]): string[] =>
  names.filter((name) => name !== 'help' && name !== 'version').sort();

for (const [program, parsed] of PROGRAMS) {
  describe(program.name, () => {
    test('the manual has the commands and options of the parser', () => {
      const told = commandWords(program)
        .filter(({ word }) => word !== 'help')
        .map(({ word, options }) => [word, withoutGeneral(options.map(({ name }) => name))]);
      const taken = Object.entries(parsed).map(([word, names]) => [word, withoutGeneral(names)]);
      assert.deepEqual(Object.fromEntries(told), Object.fromEntries(taken));
    });

    test('each is in the manual page', () => {
      const page = PAGES.get(`${program.name}.${program.section.toString()}`) ?? '';
      for (const { name, text } of allOptions(program)) {
        assert.ok(page.includes(`\\fB\\-\\-${roffText(name)}\\fR`), name);
        assert.ok(page.includes(roffText(text)), text);
      }
      for (const { name } of program.commands) {
        assert.match(page, new RegExp(`^\\.SS ${name}\\b`, 'm'));
      }
    });

    for (const shell of SHELLS) {
      test(`each is in the completions for ${shell}`, () => {
        const script = completionScript(program, shell);
        for (const { name } of allOptions(program)) {
          const flag = shell === 'fish' ? ` -l ${name} ` : `--${name}`;
          assert.ok(script.includes(flag), flag);
        }
        for (const { word } of commandWords(program)) {
          assert.match(script, new RegExp(`\\b${word}\\b`));
        }
      });
    }
  });
}

describe('help', () => {
  for (const { name, options, summary } of STUCKCTL.commands.filter((command) => command.name !== 'help')) {
    test(`of stuckctl ${name}`, () => {
      const text = helpText(name as CommandName);
      for (const option of options) {
        assert.match(text, new RegExp(`^ +(?:-\\w, )?--${option.name}\\b`, 'm'));
      }
      assert.ok(helpText(null).includes(summary));
    });
  }

  test('of stuckd', () => {
    const text = stuckdHelp('1.2.3');
    for (const { name } of allOptions(STUCKD)) {
      assert.match(text, new RegExp(`--${name}\\b`));
    }
    for (const { name } of STUCKD.commands) {
      assert.match(text, new RegExp(`^  stuckd ${name}\\b`, 'm'));
    }
  });

  test('of nothing in particular is a command too', () => {
    for (const program of [STUCKCTL, STUCKD]) {
      assert.ok(commandWords(program).some(({ word }) => word === 'help'));
    }
  });

  test('nothing is wider than 100 columns', () => {
    const texts = [
      null,
      ...STUCKCTL.commands.filter(({ name }) => name !== 'help').map(({ name }) => name as CommandName),
    ].map(helpText);
    const lines = [...texts, stuckdHelp('1.2.3')].flatMap((text) => text.split('\n'));
    assert.deepEqual(
      lines.filter((line) => line.length > 100),
      [],
    );
  });
});

test('the page of the configuration has every key of the schema, and what it means', () => {
  const page = PAGES.get('stuckd.yaml.5') ?? '';
  const visit = (node: SchemaNode, path: string): void => {
    for (const { properties = {}, items } of variants(node)) {
      for (const [name, child] of Object.entries(properties)) {
        const key = path === '' ? name : `${path}.${name}`;
        const { description = '' } = child;
        assert.match(description, /^\S.+\.$/, `${key} has no description`);
        assert.doesNotMatch(
          description,
          /^A (?:duration|size), such as/,
          `${key} says what it may hold, not what it means`,
        );
        assert.ok(page.includes(`.TP\n\\fB${roffText(key)}\\fR\n${roffText(description)}\n.br\n(`), key);
        visit(child, key);
      }
      if (items !== undefined) {
        visit(items, `${path}[]`);
      }
    }
  };
  visit(jsonSchema(configSchema), '');
});

describe('lists', () => {
  const multiple = Object.entries(STUCKCTL_PARSER)
    .filter(([, option]) => 'multiple' in option)
    .map(([name]) => name);

  test('what may come again is what the parser takes again', () => {
    const options = [...STUCKCTL.commands.flatMap((command) => command.options), ...STUCKCTL.options];
    for (const { name, isList = false } of options.filter((option) => option !== ONE_NODE[0])) {
      assert.equal(isList, multiple.includes(name), name);
    }
  });

  test('help says so', () => {
    assert.match(
      helpText('deliveries').replaceAll(/\s+/g, ' '),
      /--receiver, --state, --address and --node may be given several times, or once with commas\./,
    );
    assert.doesNotMatch(helpText('completion'), /several times/);
  });
});

test('the manual page tells common options once, and which commands take them', () => {
  const page = PAGES.get('stuckctl.1') ?? '';
  const [commands = '', common = ''] = page.split('.SH COMMON OPTIONS\n');
  for (const { name } of COMMON.filter((option) => option.name !== 'address')) {
    const head = `--${name}\\fR`.replaceAll('-', '\\-');
    assert.ok(!commands.includes(head), name);
    assert.ok(common.includes(head), name);
  }
  const section = (name: string): string => commands.split(`.SS ${name}\n`)[1]?.split('.SS ')[0] ?? '';
  assert.match(section('status'), /^It takes the common options\.$/m);
  assert.match(section('top'), /^Of the common options it takes \\-\\-tls\\-ca, .*\\-\\-help\.$/m);
  assert.match(section('list'), /several times, or once with commas/);
  assert.match(section('get ID'), /^\\-\\-what\\-if may be given several times/m);
  const without = STUCKCTL.commands.map((command) => ({ ...command, options: [] }));
  assert.doesNotMatch(manPage({ ...STUCKCTL, commands: without }, '1.2.3'), /common options it takes/);
  assert.match(common, /--?.*several times, or once with commas/);
});

test('the page of the configuration says what a key may hold, with units', () => {
  const page = PAGES.get('stuckd.yaml.5') ?? '';
  const value = (key: string): string =>
    new RegExp(`\\n\\\\fB${roffText(key).replace(/[\\[\].]/g, '\\$&')}\\\\fR\\n.*\\n\\.br\\n(.*)\\n`).exec(page)?.[1] ??
    '';
  const table: readonly (readonly [key: string, value: string])[] = [
    ['sensor.sweepInterval', '(duration, default "2s")'],
    ['history.disk.maxBytes', '(size, default "64MiB")'],
    ['audit.interval', '("off" | duration, default "10m")'],
    ['kinds.closing.alert.connections', '(whole number from 1 to 1000000, default 50)'],
    ['sensor.without', '(list of text)'],
    ['rules', '(list of maps)'],
    ['rules[].match.ports', '(list of whole number from 1 to 65535)'],
    ['receivers[].type', '("webhook" | "alertmanager" | "slack")'],
    ['grpc.tcp', '(map)'],
    ['alerts.inbound.share', '(number from 0 to 1, default 0.05)'],
  ];
  for (const [key, expected] of table) {
    assert.equal(value(key), roffText(expected), key);
  }
});

test('roff takes text for text', () => {
  assert.equal(roffText('.TH a\\b --c'), '\\&.TH a\\eb \\-\\-c');
  assert.equal(roffLines(["'quoted", ' .kept']), ".nf\n\\&'quoted\n .kept\n.fi\n");
});
