/**
 * From what was given to the nodes to ask, each once. grpc-js would balance the load between the addresses of a name; here
 * every one of them is another node with another answer, so names are resolved before it hears of them.
 */
import { lookup } from 'node:dns/promises';
import { readFileSync, statSync } from 'node:fs';
import { AddressError, formatAddress } from '../../rpc/address.js';
import { UsageError } from '../cli-io.js';
import { formatNodeSpec, type NodeSpec, parseAddressFile } from './node-specs.js';
import { settled } from './settled.js';

/** As many as a command asks; each is a connection. */
export const NODES_MAX = 1000;
const FILE_BYTES_MAX = 1024 * 1024;

/** One node as it can be called. */
export interface NodeAddress {
  readonly address: string;
  /** The name that its certificate must have, where it is not the host of the address; null: that host. */
  readonly serverName: string | null;
}

/** What cannot be asked, and why. */
export interface Unresolved {
  readonly address: string;
  readonly reason: string;
}

export interface ResolvedNodes {
  readonly nodes: readonly NodeAddress[];
  readonly unresolved: readonly Unresolved[];
}

/** @returns the addresses of a name; rejects with an error of Node's, with its `code`. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/**
 * getaddrinfo, not a query of our own: it knows /etc/hosts and the search domains, without which the name of a service in a
 * cluster (`stuckd.monitoring.svc`) does not resolve.
 */
export async function systemLookup(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function readAddressFile(path: string): NodeSpec[] {
  let content: string;
  try {
    if (statSync(path).size > FILE_BYTES_MAX) {
      throw new Error('it is larger than 1 MiB');
    }
    content = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`the file of addresses ${path} cannot be read: ${reason}`);
  }
  try {
    return parseAddressFile(path, content);
  } catch (error) {
    throw error instanceof AddressError ? new UsageError(error.message) : error;
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ENOTFOUND':
      return 'the name does not resolve';
    case 'EAI_AGAIN':
      return 'the name does not resolve: no name server answers';
    default:
      return `the name does not resolve: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function resolveSpec(spec: NodeSpec, ask: Lookup, timeoutMs: number): Promise<ResolvedNodes> {
  switch (spec.kind) {
    case 'address':
      return { nodes: [{ address: formatAddress(spec.address), serverName: null }], unresolved: [] };
    case 'file':
      return resolveNodes(readAddressFile(spec.path), ask, timeoutMs);
    case 'dns': {
      const { host, port } = spec;
      try {
        const found = await settled(ask(host), timeoutMs, 'no name server answers');
        const hosts = [...found].sort();
        // As gRPC does it: the certificate is for the name that was asked for, not for the address of a pod.
        const nodes = hosts.map((ip) => ({
          address: formatAddress({ kind: 'tcp', host: ip, port }),
          serverName: host,
        }));
        return { nodes, unresolved: [] };
      } catch (error) {
        return { nodes: [], unresolved: [{ address: formatNodeSpec(spec), reason: reasonOf(error) }] };
      }
    }
  }
}

/**
 * @param timeoutMs after which a name counts as one that does not resolve.
 * @throws UsageError if a file cannot be used, or Error if there are too many nodes
 */
export async function resolveNodes(specs: readonly NodeSpec[], ask: Lookup, timeoutMs: number): Promise<ResolvedNodes> {
  const parts = await Promise.all(specs.map((spec) => resolveSpec(spec, ask, timeoutMs)));
  const nodes = new Map<string, NodeAddress>();
  for (const node of parts.flatMap((part) => part.nodes)) {
    if (!nodes.has(node.address)) {
      nodes.set(node.address, node);
    }
  }
  const unresolved = parts.flatMap((part) => part.unresolved);
  if (nodes.size + unresolved.length > NODES_MAX) {
    throw new Error(`these are ${nodes.size + unresolved.length} nodes; stuckctl asks ${NODES_MAX} at most`);
  }
  return { nodes: [...nodes.values()], unresolved };
}
