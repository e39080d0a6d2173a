/** Which alerts a rule or a silence means. */
import type { StuckKind } from '../kinds.js';
import type { Endpoint } from '../snapshot.js';
import type { Workload } from '../workload.js';
import { matchesGlob } from './glob.js';
import { isInNetwork, type Network } from './network.js';

/** All fields that are there must match; of the values of one field, any. Texts are patterns with `*` and `?`. */
export interface AlertMatch {
  readonly kinds?: readonly StuckKind[];
  /** The path, or its last part. */
  readonly executables?: readonly string[];
  readonly cgroups?: readonly string[];
  /** Name of the container in its pod, or id, or the first twelve digits of that. */
  readonly containers?: readonly string[];
  readonly pods?: readonly string[];
  readonly podNamespaces?: readonly string[];
  readonly units?: readonly string[];
  /** Of connections that this node opened. */
  readonly peers?: readonly Network[];
  /** The peer's port of connections that this node opened, else the port that clients connect to. */
  readonly ports?: readonly number[];
  /** Only what is, or only what is not, for information. */
  readonly informational?: boolean;
}

/** What an alert is about. */
export interface AlertFacts {
  readonly kind: StuckKind;
  readonly executable: string;
  readonly workload: Workload | null;
  /** Null for connections that came in, listeners, and what is told of a process as a whole. */
  readonly peer: Endpoint | null;
  /** 0 for what is told of a process as a whole. */
  readonly port: number;
  /** All of its connections are for information. */
  readonly informational: boolean;
}

const SHORT_ID_LENGTH = 12;

export function matchesAlert(match: AlertMatch, facts: AlertFacts): boolean {
  const { kind, executable, workload, peer, port } = facts;
  return (
    isIn(match.kinds, kind) &&
    isIn(match.ports, port) &&
    (match.informational ?? facts.informational) === facts.informational &&
    anyMatches(match.executables, [executable, executable.slice(executable.lastIndexOf('/') + 1)]) &&
    matchesWorkload(match, workload) &&
    (match.peers === undefined || (peer !== null && match.peers.some((network) => isInNetwork(peer, network))))
  );
}

function matchesWorkload(match: AlertMatch, workload: Workload | null): boolean {
  const containerId = workload?.containerId ?? '';
  return (
    anyMatches(match.cgroups, [workload?.cgroup ?? '']) &&
    anyMatches(match.containers, [workload?.container ?? '', containerId, containerId.slice(0, SHORT_ID_LENGTH)]) &&
    anyMatches(match.pods, [workload?.pod ?? '']) &&
    anyMatches(match.podNamespaces, [workload?.podNamespace ?? '']) &&
    anyMatches(match.units, [workload?.unit ?? ''])
  );
}

function isIn<Value>(values: readonly Value[] | undefined, value: Value): boolean {
  return values?.includes(value) ?? true;
}

/** What is not known has no name: not even `*` matches it. */
function anyMatches(patterns: readonly string[] | undefined, names: readonly string[]): boolean {
  return patterns?.some((pattern) => names.some((name) => name !== '' && matchesGlob(pattern, name))) ?? true;
}
