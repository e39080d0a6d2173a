/**
 * From what was given to the nodes to ask, each once. grpc-js would balance the load between the addresses of a name; here
 * every one of them is another node with another answer, so names are resolved before it hears of them.
 */
import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { formatAddress } from '../../rpc/address.js';
import { readAddressFile } from './address-file.js';
import { isNamed } from './node-names.js';
import { formatNodeSpec, type NodeSpec } from './node-specs.js';
import { settled } from '../../lib/settled.js';

/** As many as a command asks; each is a connection. */
export const NODES_MAX = 1000;

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
      return resolveNodes(await readAddressFile(spec.path, timeoutMs), ask, timeoutMs);
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

/**
 * Where nodes are chosen by their addresses alone, nobody else has to be asked for a name, or waited for.
 * @param only what is wanted: names and addresses
 * @returns all of them if any of what is wanted may be the name of a node
 */
export function chooseByAddress(resolved: ResolvedNodes, only: readonly string[]): ResolvedNodes {
  const wanted = (names: readonly string[]): NodeAddress[] =>
    resolved.nodes.filter(({ address }) => isNamed(names, { address, hostname: '' }));
  // No host name has a colon.
  const isAddress = (text: string): boolean => text.includes(':') || isIPv4(text);
  const areAddresses = only.length > 0 && only.every((text) => isAddress(text) && wanted([text]).length > 0);
  return areAddresses ? { nodes: wanted(only), unresolved: [] } : resolved;
}
