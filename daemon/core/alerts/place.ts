/** Where a stuck connection belongs: which alert it is told in. */
import { type Peer, peerKey, peerOf } from '../interest.js';
import { processKey } from '../ownership.js';
import type { StuckKind } from '../kinds.js';
import type { StuckRecord } from '../record.js';
import type { Workload } from '../workload.js';
import { workloadIdentity } from './workload-identity.js';

/**
 * `outbound`: to one peer. `inbound`: from whatever client to one port. `listener`: the listener itself. `process`: all
 * connections of a kind that only the number makes a problem, wherever they go.
 */
export type Side = 'outbound' | 'inbound' | 'listener' | 'process';

/** What the alerts of several processes have in common. */
export interface Target {
  readonly key: string;
  readonly kind: StuckKind;
  readonly side: Side;
  readonly peer: Peer | null;
  readonly localPort: number;
}

export interface Place {
  readonly target: Target;
  /** Whose connections they are. */
  readonly subject: string;
}

export function placeOf(record: StuckRecord, workload: Workload | null): Place {
  return { target: targetOf(record), subject: subjectOf(record, workload) };
}

function targetOf({ kind, direction, netns, local, remote }: StuckRecord): Target {
  if (kind === 'accepting' || kind === 'accept_queue_full') {
    return {
      key: `${kind} listener ${netns} ${local.port}`,
      kind,
      side: 'listener',
      peer: null,
      localPort: local.port,
    };
  }
  if (direction === 'inbound') {
    // The same port in another namespace is another service.
    return { key: `${kind} inbound ${netns} ${local.port}`, kind, side: 'inbound', peer: null, localPort: local.port };
  }
  if (kind === 'closing' || kind === 'zombie') {
    return { key: `${kind} process`, kind, side: 'process', peer: null, localPort: 0 };
  }
  const peer = peerOf({ remote, netns });
  return { key: `${kind} outbound ${peerKey(peer)}`, kind, side: 'outbound', peer, localPort: 0 };
}

/** Of orphans, the program that left them: its process is gone, and those of its kind that follow leave the same. */
function subjectOf({ ownerType, owner, lastOwner }: StuckRecord, workload: Workload | null): string {
  if (ownerType === 'process' && owner !== null) {
    return processKey(owner.pid, owner.startBootUs);
  }
  if (ownerType === 'orphan' && lastOwner !== null) {
    return `orphans of ${lastOwner.executable} ${workloadIdentity(workload)}`;
  }
  return ownerType;
}
