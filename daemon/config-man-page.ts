/** The page stuckd.yaml(5), made of the schema of the configuration: keys, what they mean, what they may hold, and defaults. */
import { type SchemaNode, variants } from './config-schema.js';
import { DEFAULT_CONFIG_PATH } from './default-config-path.js';
import { BYTE_SIZE_PATTERN } from './lib/byte-size.js';
import { DURATION_PATTERN } from './lib/duration-schema.js';
import { roffLines, roffSection, roffText, roffTitle } from './lib/manual/man-page.js';

/** What the daemon makes numbers of, though the file has text. */
const UNITS: ReadonlyMap<string | undefined, string> = new Map([
  [DURATION_PATTERN, 'duration'],
  [BYTE_SIZE_PATTERN, 'size'],
]);

const TYPES: Readonly<Record<string, string>> = {
  array: 'list',
  object: 'map',
  integer: 'whole number',
  string: 'text',
  boolean: 'true | false',
};

/** `1 to 255`, where both ends are known and mean something. */
function rangeText({ minimum, maximum }: SchemaNode): string {
  return minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`;
}

/** `"a" | "b"`, `whole number from 1 to 255`, `list of text`: what a file may say. */
function typeText(node: SchemaNode): string {
  const words = variants(node).flatMap((variant) => {
    const { type = 'any', const: constant, enum: values, pattern, items } = variant;
    if (constant !== undefined) {
      return [JSON.stringify(constant)];
    }
    if (values !== undefined) {
      return values.map((value) => JSON.stringify(value));
    }
    if (items !== undefined) {
      return [`list of ${items.properties === undefined ? typeText(items) : 'maps'}`];
    }
    return [UNITS.get(pattern) ?? `${TYPES[type] ?? type}${rangeText(variant)}`];
  });
  return [...new Set(words)].join(' | ');
}

function defaultText({ default: value }: SchemaNode): string {
  return value === undefined || typeof value === 'object' ? '' : `, default ${JSON.stringify(value)}`;
}

interface Key {
  readonly path: string;
  readonly meaning: string;
  /** What it may hold, and what holds without it. */
  readonly value: string;
}

/** Variants of one place have keys in common, which may hold different things: the type of a receiver does. */
function joined(keys: readonly Key[]): Key {
  const [first = { path: '', meaning: '', value: '' }] = keys;
  return { ...first, value: [...new Set(keys.map(({ value }) => value))].join(' | ') };
}

/** The keys below a node, outer ones first. `[]` stands for an entry of a list, `*` for a name of the user's own. */
function keysBelow(node: SchemaNode, path: string): readonly Key[] {
  const keys = variants(node).flatMap(({ properties = {}, additionalProperties, items }): Key[] => [
    ...Object.entries(properties).flatMap(([name, child]) => withKey(child, path === '' ? name : `${path}.${name}`)),
    ...(typeof additionalProperties === 'object' ? withKey(additionalProperties, `${path}.*`) : []),
    ...(items === undefined ? [] : keysBelow(items, `${path}[]`)),
  ]);
  return [...new Set(keys.map((key) => key.path))].map((one) => joined(keys.filter((key) => key.path === one)));
}

function withKey(node: SchemaNode, path: string): Key[] {
  const meaning = node.description ?? '';
  return [{ path, meaning, value: `${typeText(node)}${defaultText(node)}` }, ...keysBelow(node, path)];
}

/**
 * @param schema of the file
 * @param example a commented file
 * @param version of stuckd
 */
export function configManPage(schema: SchemaNode, example: string, version: string): string {
  const keys = keysBelow(schema, '').map(
    ({ path, meaning, value }) =>
      `.TP\n\\fB${roffText(path)}\\fR\n${roffText(meaning)}\n.br\n${roffText(`(${value})`)}\n`,
  );
  return [
    roffTitle('stuckd.yaml', 5, version, 'File Formats'),
    roffSection('NAME', 'stuckd.yaml \\- configuration of stuckd\n'),
    roffSection('SYNOPSIS', `${roffText(DEFAULT_CONFIG_PATH)}\n`),
    roffSection(
      'DESCRIPTION',
      roffText('A file in YAML. Every key may be left out, and so may the file.') +
        '\n\\fBstuckd config check\\fR says what is wrong in it, \\fBstuckd config print\\fR what is in effect,\n' +
        'and \\fBstuckd config schema\\fR prints its JSON Schema.\n' +
        `.PP\n${roffText('A duration is a number with its unit: 500ms, 2s, 10m, 2h or 7d; a size is one too: 64MiB, 1GiB.')}\n` +
        `${roffText('In the names of keys, [] stands for each entry of a list.')}\n`,
    ),
    roffSection('KEYS', keys.join('')),
    roffSection('EXAMPLE', roffLines(example.trimEnd().split('\n'))),
    roffSection('SEE ALSO', 'stuckd(8), stuckctl(1)\n'),
  ].join('');
}
