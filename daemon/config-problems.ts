/** Mistakes in the configuration as lines for whoever wrote it: where, what was expected, what was found, which key. */
import type * as z from 'zod';
import type { ConfigFile, KeyPath } from './config-file.js';
import { childOf, jsonSchema, keysOf, type SchemaNode } from './config-schema.js';
import { nearestName } from './lib/nearest-name.js';

type Issue = z.core.$ZodIssue;

/** Where values come from. */
export interface ConfigOrigin {
  /** The content that was judged: of the file, with variables and flags over it. */
  readonly content: unknown;
  /** Null if there is none. */
  readonly file: ConfigFile | null;
  /** The variable or flag that set a key, or null if none did. */
  readonly overriddenBy: (keys: KeyPath) => string | null;
}

/** A file with more mistakes than this is of another program. */
const PROBLEMS_MAX = 20;
const SHOWN_CHARS_MAX = 60;

/** `sensor.without[0]`. */
function keyText(keys: KeyPath): string {
  return keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(content: unknown, keys: KeyPath): unknown {
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Readonly<Record<PropertyKey, unknown>>)[key] : undefined,
    content,
  );
}

function schemaAt(schema: SchemaNode, content: unknown, keys: KeyPath): SchemaNode | undefined {
  return keys.reduce<SchemaNode | undefined>(
    (node, key, index) => childOf(node, key, valueAt(content, keys.slice(0, index))),
    schema,
  );
}

/** What was found, as the file has it. URLs can hold secrets, and long values say no more than short ones. */
function shown(value: unknown): string {
  if (value === undefined) {
    return 'nothing';
  }
  if (Array.isArray(value)) {
    return 'a list';
  }
  if (typeof value === 'object' && value !== null) {
    return 'keys and values';
  }
  if (typeof value === 'string' && value.includes('://')) {
    return 'a URL';
  }
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
}

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'keys and values',
  record: 'keys and values',
  string: 'text',
};

function didYouMean(word: string, names: readonly string[], otherwise: string): string {
  const nearest = nearestName(word, names);
  return nearest === null ? otherwise : `did you mean "${nearest}"?`;
}

/** Of the ways in which a value could have been right, the one that came furthest. */
function likeliest(issues: readonly (readonly Issue[])[]): readonly Issue[] {
  const depth = (branch: readonly Issue[]): number => Math.max(0, ...branch.map(({ path }) => path.length));
  return issues.toSorted((a, b) => depth(b) - depth(a) || a.length - b.length)[0] ?? [];
}

function bound(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const isSmall = issue.code === 'too_small';
  const limit = String(isSmall ? issue.minimum : issue.maximum);
  const relation = `${isSmall ? 'at least' : 'at most'} ${limit}`;
  const strict = `${isSmall ? 'more' : 'less'} than ${limit}`;
  if (issue.origin === 'string') {
    return limit === '1' && isSmall ? 'text that is not empty' : `text of ${relation} characters`;
  }
  if (issue.origin === 'array' || issue.origin === 'set') {
    return `a list of ${relation} entries`;
  }
  return `a number of ${issue.inclusive === false ? strict : relation}`;
}

function expectation(issue: Issue): string | null {
  if (issue.code === 'invalid_type') {
    return TYPES[issue.expected] ?? issue.expected;
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    return bound(issue);
  }
  if (issue.code === 'invalid_value') {
    const [only, ...others] = issue.values;
    return others.length === 0 ? JSON.stringify(only) : `one of ${issue.values.map(String).join(', ')}`;
  }
  return null;
}

/** Zod's own messages begin so; what a schema of ours says itself is better than what can be put together here. */
const ZODS_OWN = /^(Invalid|Too|Unrecognized)\b/;

function problemLines(issue: Issue, origin: ConfigOrigin, schema: SchemaNode): readonly string[] {
  const { file, content, overriddenBy } = origin;
  const keys = issue.path;
  const line = (part: 'key' | 'value', at: KeyPath, message: string): string => {
    const where = overriddenBy(at) ?? file?.place(at, part) ?? 'the configuration';
    return `${where}: ${message}`;
  };
  const inside = keys.length === 0 ? 'at the top level' : `at ${keyText(keys)}`;
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemaAt(schema, content, keys), valueAt(content, keys));
    return issue.keys.map((key) => {
      const advice = didYouMean(key, known, `the keys there are ${known.join(', ')}`);
      return line('key', [...keys, key], `unknown key ${JSON.stringify(key)} (${inside}); ${advice}`);
    });
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    return likeliest(issue.errors).flatMap((inner) =>
      problemLines({ ...inner, path: [...keys, ...inner.path] }, origin, schema),
    );
  }
  const found = valueAt(content, keys);
  const expected = ZODS_OWN.test(issue.message) ? expectation(issue) : null;
  const names = issue.code === 'invalid_value' && typeof found === 'string' ? issue.values.map(String) : [];
  const nearest = typeof found === 'string' ? nearestName(found, names) : null;
  const meant = nearest === null ? '' : `; did you mean "${nearest}"?`;
  const message = expected === null ? issue.message : `expected ${expected}, found ${shown(found)}`;
  return [line('value', keys, `${message} (${inside})${meant}`)];
}

/** One line for each mistake. */
export function describeProblems(error: z.ZodError, schema: z.ZodType, origin: ConfigOrigin): readonly string[] {
  const tree = jsonSchema(schema);
  const lines = error.issues.flatMap((issue) => problemLines(issue, origin, tree));
  const more = lines.length - PROBLEMS_MAX;
  return more > 0 ? [...lines.slice(0, PROBLEMS_MAX), `and ${more} more`] : lines;
}
