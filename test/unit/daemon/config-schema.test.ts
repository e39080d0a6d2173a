// Proves that the defaults which the JSON Schema tells editors are ones that a file may hold, that they are all there, and
// that writing them into a file changes nothing. What else an editor makes of the schema is its own affair.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as z from 'zod';
import { configSchema } from '../../../daemon/config.js';
import { jsonSchema, type SchemaNode, variants } from '../../../daemon/config-schema.js';

const SCHEMA = jsonSchema(configSchema);

/** Every node that may stand in a file, with the key under which it does: `rules[].stop`. */
function nodes(node: SchemaNode, at = ''): readonly (readonly [string, SchemaNode])[] {
  return variants(node).flatMap(({ properties = {}, items }) => [
    ...Object.entries(properties).flatMap(([key, inner]) => {
      const name = at === '' ? key : `${at}.${key}`;
      return [[name, inner] as const, ...nodes(inner, name)];
    }),
    ...(items === undefined ? [] : nodes(items, `${at}[]`)),
  ]);
}

/** What a file would say that says every default. */
function defaultsOf({ default: preset, properties }: SchemaNode): unknown {
  if (properties === undefined || preset === undefined) {
    return preset;
  }
  const inner = Object.entries(properties).map(([key, node]) => [key, defaultsOf(node)] as const);
  return Object.fromEntries(inner.filter(([, value]) => value !== undefined));
}

/** The dotted keys of all values that are not objects. */
function leaves(value: unknown, at = ''): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return value === undefined ? [] : [at];
  }
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, at === '' ? key : `${at}.${key}`));
}

describe('a default is valid where it stands', () => {
  const withDefault = nodes(SCHEMA).filter(([, node]) => node.default !== undefined);
  for (const [key, node] of withDefault) {
    test(`${key}: ${JSON.stringify(node.default)}`, () => {
      const schema = z.fromJSONSchema(node as Parameters<typeof z.fromJSONSchema>[0]);
      assert.deepEqual(schema.safeParse(node.default).error?.issues ?? [], []);
    });
  }
});

test('every value of an empty file has its default in the schema, and a file that says them all means the same', () => {
  const written = defaultsOf({ ...SCHEMA, default: {} });
  const effective = configSchema.parse({});
  assert.deepEqual(leaves(written).toSorted(), leaves(effective).toSorted());
  assert.deepEqual(configSchema.parse(written), effective);
});
