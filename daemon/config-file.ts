/** The configuration file: its content, and where in it each key stands. */
import { readFileSync, statSync } from 'node:fs';
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type YAMLError,
} from 'yaml';
import { isRecord } from './lib/is-record.js';

/** A configuration is small; a wrong path may lead to something that is not. */
const FILE_BYTES_MAX = 1024 * 1024;

export type KeyPath = readonly PropertyKey[];

export interface ConfigFile {
  /** As it was given. */
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
  /**
   * Where a key stands, or the nearest key around it that is there.
   * @param part the key itself, or its value
   * @returns `FILE:LINE:COLUMN`
   */
  place(keys: KeyPath, part: 'key' | 'value'): string;
}

/** The file cannot be used; the message names it, and the line if there is one. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError';
}

type Contents = ParsedNode | null | undefined;

/** @returns the offset in the text; the deepest one on the way to `keys` if the file does not have them all. */
function offsetOf(contents: Contents, keys: KeyPath, part: 'key' | 'value'): number {
  let node: Contents = contents;
  let offset = 0;
  for (const [index, key] of keys.entries()) {
    if (isMap<ParsedNode, Contents>(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) {
        return offset;
      }
      const wantsValue = part === 'value' && index === keys.length - 1;
      offset = (wantsValue ? pair.value?.range[0] : undefined) ?? pair.key.range[0];
      node = pair.value;
    } else if (isSeq<ParsedNode>(node)) {
      node = node.items[Number(key)];
      offset = node?.range[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function readText(path: string): string {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) {
      throw new Error(`${path} has more than ${FILE_BYTES_MAX} bytes`);
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigFileError(`cannot read the configuration: ${reasonOf(error)}`, { cause: error });
  }
}

function contentOf(document: Document.Parsed, path: string): Readonly<Record<string, unknown>> {
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ConfigFileError(`${path} is not valid YAML: ${reasonOf(error)}`, { cause: error });
  }
  if (content === null || content === undefined) {
    return {}; // an empty file, or one with comments only
  }
  if (!isRecord(content)) {
    throw new ConfigFileError(`${path} must hold keys and values at its top level`);
  }
  return content;
}

/** @throws ConfigFileError */
export function parseConfigText(path: string, text: string): ConfigFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  // A tag that is not known is only a warning to the parser, and its value something else than what was meant.
  const mistakes: readonly YAMLError[] = [...document.errors, ...document.warnings];
  if (mistakes.length > 0) {
    const lines = mistakes.map(({ pos, message }) => `${at(pos[0])}: this is not valid YAML: ${message}`);
    throw new ConfigFileError(lines.join('\n'));
  }
  return {
    path,
    content: contentOf(document, path),
    place: (keys, part) => at(offsetOf(document.contents, keys, part)),
  };
}

/** @throws ConfigFileError */
export function readConfigFile(path: string): ConfigFile {
  return parseConfigText(path, readText(path));
}
