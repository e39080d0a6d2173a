/** Which nodes a command asks: the grammar of `--address`, of a line in a file of addresses, and of STUCKD_ADDRESS. */
import { type Address, AddressError, formatAddress, parseAddress } from '../../rpc/address.js';

/** One node, all that a name resolves to, or all that a file lists. */
export type NodeSpec =
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'dns'; readonly host: string; readonly port: number }
  | { readonly kind: 'file'; readonly path: string };

/**
 * A comma separates addresses where what follows looks like another one: a path of a unix socket may have commas as well,
 * and an address that was good before there were lists stays what it was.
 */
const SEPARATOR = /\s*,\s*(?=unix:|dns:|file:|@|[^,/]+:\d{1,5}\s*(?:,|$))/;

/** gRPC writes `dns:///HOST:PORT`, with the name server between the slashes, or `dns:HOST:PORT`. */
function parseDns(text: string): NodeSpec {
  const target = /^dns:(?:\/\/([^/]*)\/)?(.*)$/.exec(text);
  if ((target?.[1] ?? '') !== '') {
    throw new AddressError(`"${text}": the name server cannot be chosen; write dns:///HOST:PORT`);
  }
  let address: Address | null = null;
  try {
    address = parseAddress(target?.[2] ?? '');
  } catch {
    // Said below, in words that fit.
  }
  if (address?.kind !== 'tcp') {
    throw new AddressError(`"${text}" is not a name to resolve; write dns:///HOST:PORT`);
  }
  return { kind: 'dns', host: address.host, port: address.port };
}

/** @throws AddressError */
function parseNodeSpec(text: string): NodeSpec {
  if (text.startsWith('dns:')) {
    return parseDns(text);
  }
  if (text.startsWith('@') || text.startsWith('file:')) {
    const path = text.slice(text.startsWith('@') ? '@'.length : 'file:'.length);
    if (path === '') {
      throw new AddressError(`"${text}" names no file; write @FILE, with one address a line`);
    }
    return { kind: 'file', path };
  }
  return { kind: 'address', address: parseAddress(text) };
}

/**
 * @param texts each an address, or several with commas between them.
 * @throws AddressError
 */
export function parseNodeSpecs(texts: readonly string[]): NodeSpec[] {
  return texts.flatMap((text) => text.split(SEPARATOR)).map((text) => parseNodeSpec(text.trim()));
}

/**
 * The lines of a file of addresses. Empty lines and those that begin with # do not count; a file names no other file.
 * @throws AddressError with the number of the line
 */
export function parseAddressFile(path: string, content: string): NodeSpec[] {
  return content.split('\n').flatMap((line, index) => {
    const text = line.trim();
    return text === '' || text.startsWith('#') ? [] : parseLine(text, `${path}, line ${index + 1}`);
  });
}

function parseLine(text: string, where: string): NodeSpec[] {
  let specs: NodeSpec[];
  try {
    specs = parseNodeSpecs([text]);
  } catch (error) {
    throw error instanceof AddressError ? new AddressError(`${where}: ${error.message}`) : error;
  }
  if (specs.some(({ kind }) => kind === 'file')) {
    throw new AddressError(`${where}: a file of addresses names no other file`);
  }
  return specs;
}

/**
 * Whether a command speaks of several nodes. A name or a file does, even if it turns out to stand for one: what the output
 * looks like must not depend on what a name server says today.
 */
export function isManyNodes(specs: readonly NodeSpec[]): boolean {
  return specs.length > 1 || specs[0]?.kind !== 'address';
}

/** As one would write it. */
export function formatNodeSpec(spec: NodeSpec): string {
  switch (spec.kind) {
    case 'address':
      return formatAddress(spec.address);
    case 'dns':
      return `dns:///${formatAddress({ kind: 'tcp', host: spec.host, port: spec.port })}`;
    case 'file':
      return `@${spec.path}`;
  }
}
