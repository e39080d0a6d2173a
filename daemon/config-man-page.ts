/** The page stuckd.yaml(5), made of the schema of the configuration: keys, what they may hold, and defaults. */
import { type SchemaNode, variants } from './config-schema.js';
import { DEFAULT_CONFIG_PATH } from './default-config-path.js';
import { roffLines, roffSection, roffText, roffTitle } from './lib/manual/man-page.js';

/** `a | b`, `number`, `list`: what a file may say. */
function typeText(node: SchemaNode): string {
  const words = variants(node).flatMap(({ type, const: constant, enum: values }) => {
    if (constant !== undefined) {
      return [JSON.stringify(constant)];
    }
    return values === undefined ? [type ?? 'any'] : values.map((value) => JSON.stringify(value));
  });
  return [...new Set(words)].join(' | ').replaceAll('array', 'list').replaceAll('object', 'map');
}

function defaultText({ default: value }: SchemaNode): string {
  return value === undefined || typeof value === 'object' ? '' : `, default ${JSON.stringify(value)}`;
}

interface Key {
  readonly path: string;
  readonly text: string;
}

/** The keys below a node, outer ones first. `[]` stands for an entry of a list, `*` for a name of the user's own. */
function keysBelow(node: SchemaNode, path: string): readonly Key[] {
  const keys = variants(node).flatMap(({ properties = {}, additionalProperties, items }): Key[] => [
    ...Object.entries(properties).flatMap(([name, child]) => withKey(child, path === '' ? name : `${path}.${name}`)),
    ...(typeof additionalProperties === 'object' ? withKey(additionalProperties, `${path}.*`) : []),
    ...(items === undefined ? [] : keysBelow(items, `${path}[]`)),
  ]);
  // Variants of one place have keys in common.
  return [...new Map(keys.map((key) => [key.path, key])).values()];
}

function withKey(node: SchemaNode, path: string): Key[] {
  return [{ path, text: `${typeText(node)}${defaultText(node)}` }, ...keysBelow(node, path)];
}

/**
 * @param schema of the file
 * @param example a commented file
 * @param version of stuckd
 */
export function configManPage(schema: SchemaNode, example: string, version: string): string {
  const keys = keysBelow(schema, '').map(({ path, text }) => `.TP\n\\fB${roffText(path)}\\fR\n${roffText(text)}\n`);
  return [
    roffTitle('stuckd.yaml', 5, version, 'File Formats'),
    roffSection('NAME', 'stuckd.yaml \\- configuration of stuckd\n'),
    roffSection('SYNOPSIS', `${roffText(DEFAULT_CONFIG_PATH)}\n`),
    roffSection(
      'DESCRIPTION',
      roffText('A file in YAML. Every key may be left out, and so may the file.') +
        '\n\\fBstuckd config check\\fR says what is wrong in it, \\fBstuckd config print\\fR what is in effect,\n' +
        'and \\fBstuckd config schema\\fR prints its JSON Schema.\n',
    ),
    roffSection('KEYS', keys.join('')),
    roffSection('EXAMPLE', roffLines(example.trimEnd().split('\n'))),
    roffSection('SEE ALSO', 'stuckd(8), stuckctl(1)\n'),
  ].join('');
}
