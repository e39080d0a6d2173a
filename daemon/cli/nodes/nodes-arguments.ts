/** `--address`, `--node` and `--timeout`: one daemon, or many nodes. */
import { parseDurationMs } from '../../lib/duration.js';
import { ownSocket } from '../../lib/own-places.js';
import { AddressError, DEFAULT_ADDRESS } from '../../rpc/address.js';
import { UsageError } from '../cli-io.js';
import { AUDIT_DEADLINE_MS } from '../../rpc/call-error.js';
import { formatNodeSpec, isManyNodes, type NodeSpec, parseNodeSpecs } from './node-specs.js';

export const NODES_OPTIONS = {
  node: { type: 'string', multiple: true },
  timeout: { type: 'string' },
} as const;

export const NODES_OPTION_NAMES = ['node', 'timeout'] as const;

/** As long as a single daemon has for an answer. */
const TIMEOUT_MS_DEFAULT = 5000;
const TIMEOUT_MS_MAX = 600_000;

/** The nodes that a command asks, where it is not one daemon. */
export interface NodesQuestion {
  readonly specs: readonly NodeSpec[];
  /** Names or addresses of those that are meant; none: all. */
  readonly only: readonly string[];
  /** How long a node has to say who it is, and then again to answer. */
  readonly timeoutMs: number;
  /** The same for the answer to an audit, for which a node has longer. */
  readonly auditTimeoutMs: number;
}

export interface Destination {
  /** In the form in which it is used; for many nodes as it was given. */
  readonly address: string;
  /** Absent for one daemon. */
  readonly nodes?: NodesQuestion;
  /** Whether any of it is reached over TCP, or may be. */
  readonly overTcp: boolean;
}

interface Values {
  readonly address?: string[] | undefined;
  readonly node?: string[] | undefined;
  readonly timeout?: string | undefined;
}

function parseTimeout(text: string | undefined): number {
  const ms = text === undefined ? TIMEOUT_MS_DEFAULT : parseDurationMs(text);
  if (ms === null || ms < 1 || ms > TIMEOUT_MS_MAX) {
    throw new UsageError(`--timeout ${JSON.stringify(text)}: give a time up to 10m, for example 2s or 500ms`);
  }
  return ms;
}

function parseSpecs(texts: readonly string[]): NodeSpec[] {
  try {
    return parseNodeSpecs(texts);
  } catch (error) {
    throw error instanceof AddressError ? new UsageError(error.message) : error;
  }
}

/** Of the daemon that this user runs for himself, or else of the one of the node. */
function defaultAddress(env: Readonly<Record<string, string | undefined>>): string {
  const own = ownSocket(env);
  return own === null ? DEFAULT_ADDRESS : `unix:${own}`;
}

/** Flag beats variable beats default. @throws UsageError */
export function parseDestination(values: Values, env: Readonly<Record<string, string | undefined>>): Destination {
  const variable = env['STUCKD_ADDRESS'] ?? '';
  const texts = values.address ?? [variable === '' ? defaultAddress(env) : variable];
  const specs = parseSpecs(texts);
  const overTcp = specs.some((spec) => spec.kind !== 'address' || spec.address.kind === 'tcp');
  const [first] = specs;
  if (first === undefined || isManyNodes(specs)) {
    const only = (values.node ?? []).flatMap((text) => text.split(',')).map((text) => text.trim());
    const timeoutMs = parseTimeout(values.timeout);
    const auditTimeoutMs = values.timeout === undefined ? AUDIT_DEADLINE_MS : timeoutMs;
    return { address: texts.join(','), nodes: { specs, only, timeoutMs, auditTimeoutMs }, overTcp };
  }
  const foreign = NODES_OPTION_NAMES.find((name) => values[name] !== undefined);
  if (foreign !== undefined) {
    throw new UsageError(`--${foreign} goes with several nodes: give --address a list, dns:///HOST:PORT or @FILE`);
  }
  return { address: formatNodeSpec(first), overTcp };
}
