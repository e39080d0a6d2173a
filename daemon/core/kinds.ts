/** The closed vocabularies of stuckd, as the code uses them; `rpc/` maps them to the proto enums. */

/** How a connection is stuck (`StuckKind`). */
export type StuckKind = 'retransmitting' | 'keepalive_unanswered' | 'connecting' | 'closing';

export const STUCK_KINDS: readonly StuckKind[] = ['retransmitting', 'keepalive_unanswered', 'connecting', 'closing'];

/** How a record ended. `lost_track`: the end was not seen because the sensor was down or lost a record. */
export type Outcome =
  | 'recovered'
  | 'reset_by_peer'
  | 'timed_out'
  | 'unreachable'
  | 'closed_by_application'
  | 'owner_exited'
  | 'destroyed'
  | 'lost_track';

export const OUTCOMES: readonly Outcome[] = [
  'recovered',
  'reset_by_peer',
  'timed_out',
  'unreachable',
  'closed_by_application',
  'owner_exited',
  'destroyed',
  'lost_track',
];

/** Who opened the connection. */
export type Direction = 'outbound' | 'inbound' | 'unknown';

/** What kind of holder a socket has; `pending` while it is being looked up. */
export type OwnerType = 'pending' | 'process' | 'orphan' | 'kernel' | 'unaccepted' | 'unknown';
