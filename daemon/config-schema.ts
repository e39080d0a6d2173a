/** The schema of the configuration as JSON Schema, and ways to walk it: for editors, messages, printing and tests. */
import * as z from 'zod';
import { isRecord } from './lib/is-record.js';

/** The part of JSON Schema that zod writes for a configuration. */
export interface SchemaNode {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  /** As a file would say it. */
  readonly default?: unknown;
  readonly pattern?: string;
  /** What a key means. */
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

/** What the file may hold: durations are text here. */
export function jsonSchema(schema: z.ZodType): SchemaNode {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' });
  return {
    $schema,
    title: 'Configuration of stuckd',
    ...rest,
  } as SchemaNode;
}

/** The node itself, or the several that it may be. */
export function variants(node: SchemaNode): readonly SchemaNode[] {
  return [...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap(variants).concat(hasShape(node) ? [node] : []);
}

function hasShape(node: SchemaNode): boolean {
  return node.anyOf === undefined && node.oneOf === undefined;
}

/** Of the variants the one that a value is meant to be: its constants agree, and most of its keys are known. */
function variantOf(node: SchemaNode, value: unknown): SchemaNode | undefined {
  const all = variants(node);
  if (!isRecord(value)) {
    return all.find(({ type }) => type === (Array.isArray(value) ? 'array' : typeof value)) ?? all[0];
  }
  const score = ({ properties = {} }: SchemaNode): number =>
    Object.keys(value).filter((key) => {
      const constant = properties[key]?.const;
      return key in properties && (constant === undefined || constant === value[key]);
    }).length;
  return all.toSorted((a, b) => score(b) - score(a))[0];
}

/** What may stand under a key, or at an index, of `value`. */
export function childOf(node: SchemaNode | undefined, key: PropertyKey, value: unknown): SchemaNode | undefined {
  const variant = node === undefined ? undefined : variantOf(node, value);
  if (variant === undefined || typeof key === 'number') {
    return variant?.items;
  }
  const { properties, additionalProperties } = variant;
  return properties?.[String(key)] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
}

/** The keys that may stand in `value`. */
export function keysOf(node: SchemaNode | undefined, value: unknown): readonly string[] {
  return node === undefined ? [] : Object.keys(variantOf(node, value)?.properties ?? {});
}
