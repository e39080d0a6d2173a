// Proves of the commented example that it has every key of the schema, that what stands in it are the defaults, and that what
// is commented out is valid when the "#" is taken away. It cannot judge whether its comments are true.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { configSchema, loadConfig } from '../../../daemon/config.js';
import { jsonSchema, type SchemaNode, variants } from '../../../daemon/config-schema.js';
import { isRecord } from '../../../daemon/lib/is-record.js';
import { packageRoot } from '../../support/package-root.js';

const path = join(packageRoot(), 'deploy/stuckd.example.yaml');
const text = readFileSync(path, 'utf8');

/** Lists that are empty unless somebody fills them: the example shows entries, which are commented out with their key. */
const OFF_BY_DEFAULT: readonly string[] = ['rules', 'silences', 'receivers'];

/** Prose has one space after its "#"; settings that are commented out have none, and those inside of them two or more. */
const uncommented = text.replaceAll(/^( *)#(?=[^ \n#]| {2})/gm, '$1');

/** `receivers[].url`: all keys of the schema, of all that a value may be. */
function schemaKeys(node: SchemaNode, at = ''): readonly string[] {
  return variants(node).flatMap(({ properties = {}, items }) => [
    ...Object.entries(properties).flatMap(([key, inner]) => {
      const name = at === '' ? key : `${at}.${key}`;
      return [name, ...schemaKeys(inner, name)];
    }),
    ...(items === undefined ? [] : schemaKeys(items, `${at}[]`)),
  ]);
}

/** The same of a document. */
function documentKeys(value: unknown, at = ''): readonly string[] {
  if (Array.isArray(value)) {
    return value.flatMap((entry) => documentKeys(entry, `${at}[]`));
  }
  if (!isRecord(value)) {
    return [];
  }
  return Object.entries(value).flatMap(([key, inner]) => {
    const name = at === '' ? key : `${at}.${key}`;
    return [name, ...documentKeys(inner, name)];
  });
}

function missingKeys(document: unknown): readonly string[] {
  const present = new Set(documentKeys(document));
  return [...new Set(schemaKeys(jsonSchema(configSchema)))].filter((key) => !present.has(key));
}

describe('deploy/stuckd.example.yaml', () => {
  test('has every key', () => {
    assert.deepEqual(missingKeys(parse(uncommented)), [], 'these keys are missing in the example');
  });

  test('has every default: what is not commented out changes nothing', () => {
    assert.deepEqual(loadConfig({ configPath: path }, {}), configSchema.parse({}));
    const defaults = documentKeys(configSchema.parse({})).filter((key) => !OFF_BY_DEFAULT.includes(key));
    const active = new Set(documentKeys(parse(text)));
    assert.deepEqual(
      defaults.filter((key) => !active.has(key)),
      [],
      'these have defaults, and are commented out or missing',
    );
  });

  test('is valid when all that is commented out is taken in', () => {
    const result = configSchema.safeParse(parse(uncommented));
    assert.deepEqual(result.error?.issues ?? [], []);
    assert.ok(
      documentKeys(parse(uncommented)).length > documentKeys(parse(text)).length,
      'something was commented out',
    );
  });
});

test('a key that is missing is named', () => {
  const document = parse(uncommented) as { grpc: { tcp: { tls: Record<string, string> } }; log?: unknown };
  delete document.grpc.tcp.tls['certFile'];
  delete document.log;
  assert.deepEqual(missingKeys(document), ['grpc.tcp.tls.certFile', 'log', 'log.level']);
});
