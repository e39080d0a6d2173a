/** The closed vocabularies of stuckd, as the code uses them; `rpc/` maps them to the proto enums. */

export const STUCK_KINDS = [
  'retransmitting',
  'keepalive_unanswered',
  'zero_window',
  'connecting',
  'accepting',
  'accept_queue_full',
  'closing',
  'fin_wait',
  'close_wait',
  'unread',
  'zombie',
  'stale_reuse',
] as const;

/** How a connection is stuck (`StuckKind`). */
export type StuckKind = (typeof STUCK_KINDS)[number];

/** True for the kinds in which something is sent, and not answered. */
export const IS_UNANSWERED: Readonly<Record<StuckKind, boolean>> = {
  retransmitting: true,
  keepalive_unanswered: true,
  zero_window: true,
  connecting: true,
  accepting: false,
  accept_queue_full: false,
  closing: true,
  fin_wait: false,
  close_wait: false,
  unread: false,
  zombie: false,
  stale_reuse: false,
};

/**
 * Why nothing gets through, where the facts tell causes apart. `not_sent`: this host drops its own segments.
 * `neighbour_unreachable`: nobody answers for the next hop. `path_mtu`: small segments get through, full ones do not.
 */
export type StuckCause = 'not_sent' | 'neighbour_unreachable' | 'path_mtu';

/**
 * What had become of a connection that was used again. `closed_before`: the peer's FIN was here already. `closed_during`:
 * the peer closed while the request was on its way. `forgotten`: the peer, or something on the path, knew nothing of it.
 */
export type StaleReuse = 'closed_before' | 'closed_during' | 'forgotten';

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
