/** The nodes of one command: who they are, and the same question to all of them at once. */
import { Turnstile } from '../../lib/turnstile.js';
import { CallError, type ClientTls, createStuckdClient, type StuckdClient } from '../../rpc/grpc-client.js';
import type { StatusResponse } from '../../rpc/grpc-client.js';
import { isNamed, NodeNames } from './node-names.js';
import type { NodesQuestion } from './nodes-arguments.js';
import { chooseByAddress, type Lookup, type NodeAddress, type ResolvedNodes, resolveNodes } from './resolve-nodes.js';
import { settled } from '../../lib/settled.js';

/** How many are asked at a time. */
const PARALLEL_MAX = 256;

/** A node that has said who it is. */
export interface Node {
  readonly name: string;
  readonly address: string;
  readonly client: StuckdClient;
  readonly status: StatusResponse;
}

/** A node that gave no answer, or not all of it. */
export interface Unreachable {
  readonly node: string;
  readonly address: string;
  readonly reason: string;
  /** It was reached, and refused. */
  readonly failed: boolean;
}

export interface Answer<Value> {
  readonly node: Node;
  readonly value: Value;
}

export function nodeClient(node: NodeAddress, tls: ClientTls | undefined, timeoutMs: number): StuckdClient {
  const overTls = tls === undefined || node.address.startsWith('unix:') ? null : tls;
  const named = overTls === null ? null : { ...overTls, serverName: overTls.serverName ?? node.serverName };
  return createStuckdClient(node.address, named, { deadlineMs: timeoutMs });
}

export class NodeGroup {
  readonly nodes: readonly Node[];
  /** Grows as nodes fail. */
  readonly unreachable: Unreachable[];
  readonly #question: NodesQuestion;
  readonly #turnstile = new Turnstile(PARALLEL_MAX);

  private constructor(nodes: readonly Node[], unreachable: Unreachable[], question: NodesQuestion) {
    this.nodes = nodes;
    this.unreachable = unreachable;
    this.#question = question;
  }

  /**
   * Resolves the addresses and asks every node for its name; takes twice the timeout at most.
   * @throws Error if a file cannot be used, or a file for TLS
   */
  static async open(question: NodesQuestion, tls: ClientTls | undefined, lookup: Lookup): Promise<NodeGroup> {
    const { timeoutMs, only } = question;
    const resolved = chooseByAddress(await resolveNodes(question.specs, lookup, timeoutMs), only);
    const { nodes, unreachable } = await identify(resolved, tls, timeoutMs);
    const chosen = new NodeGroup(nodes, unreachable, question);
    return only.length === 0 ? chosen : chosen.#only(only);
  }

  /**
   * Asks all nodes; those that do not answer in time are noted.
   * @param question may go on after its time, and should not then: nobody hears it.
   * @param limit what the timeout is for: the whole answer, or each call, where it is written while it comes and the reader
   * of the output may be the slow one. An audit has a time of its own.
   */
  async ask<Value>(
    question: (node: Node, expired: AbortSignal) => Promise<Value>,
    limit: 'whole' | 'call' | 'audit' = 'whole',
  ): Promise<Answer<Value>[]> {
    const timeoutMs = limit === 'audit' ? this.#question.auditTimeoutMs : this.#question.timeoutMs;
    const reason = `no complete answer within ${timeoutMs / 1000} s`;
    const asked = this.nodes.map((node) =>
      this.#turnstile.pass(async (): Promise<Answer<Value> | null> => {
        const expired = new AbortController();
        try {
          const answer = question(node, expired.signal);
          return { node, value: await (limit === 'call' ? answer : settled(answer, timeoutMs, reason)) };
        } catch (error) {
          expired.abort();
          this.unreachable.push({ node: node.name, address: node.address, ...failureOf(error) });
          return null;
        }
      }),
    );
    return (await Promise.all(asked)).filter((answer) => answer !== null);
  }

  close(): void {
    for (const { client } of this.nodes) {
      client.close();
    }
  }

  /** Of those without a name, only the ones that are meant by their address count. */
  #only(names: readonly string[]): NodeGroup {
    const isMeant = ({ address, status }: Node, wanted: readonly string[] = names): boolean =>
      isNamed(wanted, { address, hostname: hostnameOf(status) });
    const nodes = this.nodes.filter((node) => isMeant(node));
    for (const { client } of this.nodes.filter((node) => !nodes.includes(node))) {
      client.close();
    }
    const unreachable = this.unreachable.filter(({ address }) => isNamed(names, { address, hostname: '' }));
    const silent = this.unreachable.length - unreachable.length;
    for (const wanted of names) {
      const isKnown =
        nodes.some((node) => isMeant(node, [wanted])) ||
        unreachable.some(({ address }) => isNamed([wanted], { address, hostname: '' }));
      if (!isKnown) {
        const reason = `no node that answers has this name${silent === 0 ? '' : `; ${silent} did not say theirs`}`;
        unreachable.push({ node: wanted, address: '', reason, failed: silent === 0 });
      }
    }
    return new NodeGroup(nodes, unreachable, this.#question);
  }
}

export function failureOf(error: unknown): { readonly reason: string; readonly failed: boolean } {
  const message = error instanceof Error ? error.message : String(error);
  // What grpc-js says where the connection was made and nothing of HTTP/2 came, with a time that helps nobody.
  const reason = message.startsWith('Failed to connect (')
    ? 'it hangs up: perhaps it asks for TLS, or it is not stuckd'
    : message;
  return { reason, failed: error instanceof CallError && error.failure !== 'unreachable' };
}

/** Asks all of them who they are. */
export async function identify(
  { nodes, unresolved }: ResolvedNodes,
  tls: ClientTls | undefined,
  timeoutMs: number,
): Promise<{ nodes: Node[]; unreachable: Unreachable[] }> {
  const turnstile = new Turnstile(PARALLEL_MAX);
  const unreachable = unresolved.map(({ address, reason }) => ({ node: address, address, reason, failed: false }));
  const asked = nodes.map((node) =>
    turnstile.pass(async () => {
      const client = nodeClient(node, tls, timeoutMs);
      try {
        return { address: node.address, client, status: await client.getStatus() };
      } catch (error) {
        client.close();
        unreachable.push({ node: node.address, address: node.address, ...failureOf(error) });
        return null;
      }
    }),
  );
  const known = (await Promise.all(asked)).filter((node) => node !== null);
  const names = new NodeNames(known.map(({ address, status }) => ({ address, hostname: hostnameOf(status) })));
  return { nodes: known.map((node) => ({ ...node, name: names.of(node.address) })), unreachable };
}

export function hostnameOf(status: StatusResponse): string {
  return status.node?.hostname ?? '';
}
