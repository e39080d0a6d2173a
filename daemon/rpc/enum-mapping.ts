/** The closed vocabularies of `core/kinds.ts` and `core/record.ts` as proto enums, and the short names of those. */
import {
  STUCK_KINDS,
  type Direction,
  type Outcome,
  type OwnerType,
  type StaleReuse,
  type StuckCause,
  type StuckKind,
} from '../core/kinds.js';
import type { SensorState } from '../core/ports.js';
import type { SensorMode } from '../core/sensor-records.js';
import type { PeerVerdict } from '../core/peer-verdict.js';
import type { GiveUpReason } from '../core/record.js';
import { stuckd } from './gen/stuckd.js';

const proto = stuckd.v1;

const KINDS: Readonly<Record<StuckKind, stuckd.v1.StuckKind>> = {
  retransmitting: proto.StuckKind.STUCK_KIND_RETRANSMITTING,
  keepalive_unanswered: proto.StuckKind.STUCK_KIND_KEEPALIVE_UNANSWERED,
  zero_window: proto.StuckKind.STUCK_KIND_ZERO_WINDOW,
  connecting: proto.StuckKind.STUCK_KIND_CONNECTING,
  accepting: proto.StuckKind.STUCK_KIND_ACCEPTING,
  accept_queue_full: proto.StuckKind.STUCK_KIND_ACCEPT_QUEUE_FULL,
  closing: proto.StuckKind.STUCK_KIND_CLOSING,
  fin_wait: proto.StuckKind.STUCK_KIND_FIN_WAIT,
  close_wait: proto.StuckKind.STUCK_KIND_CLOSE_WAIT,
  unread: proto.StuckKind.STUCK_KIND_UNREAD,
  zombie: proto.StuckKind.STUCK_KIND_ZOMBIE,
  stale_reuse: proto.StuckKind.STUCK_KIND_STALE_REUSE,
};

const KINDS_BY_NUMBER: ReadonlyMap<number, StuckKind> = new Map(STUCK_KINDS.map((kind) => [KINDS[kind], kind]));

const CAUSES: Readonly<Record<StuckCause, stuckd.v1.StuckCause>> = {
  not_sent: proto.StuckCause.STUCK_CAUSE_NOT_SENT,
  neighbour_unreachable: proto.StuckCause.STUCK_CAUSE_NEIGHBOUR_UNREACHABLE,
  path_mtu: proto.StuckCause.STUCK_CAUSE_PATH_MTU,
};

const REUSES: Readonly<Record<StaleReuse, stuckd.v1.StaleReuse>> = {
  closed_before: proto.StaleReuse.STALE_REUSE_CLOSED_BEFORE,
  closed_during: proto.StaleReuse.STALE_REUSE_CLOSED_DURING,
  forgotten: proto.StaleReuse.STALE_REUSE_FORGOTTEN,
};

const VERDICTS: Readonly<Record<PeerVerdict, stuckd.v1.PeerVerdict>> = {
  poisoned_pool: proto.PeerVerdict.PEER_VERDICT_POISONED_POOL,
  dead: proto.PeerVerdict.PEER_VERDICT_DEAD,
  partial: proto.PeerVerdict.PEER_VERDICT_PARTIAL,
  not_tried: proto.PeerVerdict.PEER_VERDICT_NOT_TRIED,
};

export function verdictToProto(verdict: PeerVerdict): stuckd.v1.PeerVerdict {
  return VERDICTS[verdict];
}

export function kindToProto(kind: StuckKind): stuckd.v1.StuckKind {
  return KINDS[kind];
}

/** @returns null for a number that this version does not know, and for UNSPECIFIED. */
export function kindFromProto(value: number): StuckKind | null {
  return KINDS_BY_NUMBER.get(value) ?? null;
}

export function causeToProto(cause: StuckCause): stuckd.v1.StuckCause {
  return CAUSES[cause];
}

export function reuseToProto(reuse: StaleReuse): stuckd.v1.StaleReuse {
  return REUSES[reuse];
}

export function outcomeToProto(outcome: Outcome): stuckd.v1.Outcome {
  switch (outcome) {
    case 'recovered':
      return proto.Outcome.OUTCOME_RECOVERED;
    case 'reset_by_peer':
      return proto.Outcome.OUTCOME_RESET_BY_PEER;
    case 'timed_out':
      return proto.Outcome.OUTCOME_TIMED_OUT;
    case 'unreachable':
      return proto.Outcome.OUTCOME_UNREACHABLE;
    case 'closed_by_application':
      return proto.Outcome.OUTCOME_CLOSED_BY_APPLICATION;
    case 'owner_exited':
      return proto.Outcome.OUTCOME_OWNER_EXITED;
    case 'destroyed':
      return proto.Outcome.OUTCOME_DESTROYED;
    case 'lost_track':
      return proto.Outcome.OUTCOME_LOST_TRACK;
  }
}

export function directionToProto(direction: Direction): stuckd.v1.Direction {
  switch (direction) {
    case 'outbound':
      return proto.Direction.DIRECTION_OUTBOUND;
    case 'inbound':
      return proto.Direction.DIRECTION_INBOUND;
    case 'unknown':
      return proto.Direction.DIRECTION_UNKNOWN;
  }
}

export function ownerTypeToProto(ownerType: OwnerType): stuckd.v1.OwnerType {
  switch (ownerType) {
    case 'pending':
      return proto.OwnerType.OWNER_TYPE_UNSPECIFIED;
    case 'process':
      return proto.OwnerType.OWNER_TYPE_PROCESS;
    case 'orphan':
      return proto.OwnerType.OWNER_TYPE_ORPHAN;
    case 'kernel':
      return proto.OwnerType.OWNER_TYPE_KERNEL;
    case 'unaccepted':
      return proto.OwnerType.OWNER_TYPE_UNACCEPTED;
    case 'unknown':
      return proto.OwnerType.OWNER_TYPE_UNKNOWN;
  }
}

export function giveUpReasonToProto(reason: GiveUpReason): stuckd.v1.GiveUpReason {
  switch (reason) {
    case 'tcp_retries2':
      return proto.GiveUpReason.GIVE_UP_REASON_TCP_RETRIES2;
    case 'user_timeout':
      return proto.GiveUpReason.GIVE_UP_REASON_USER_TIMEOUT;
    case 'keepalive':
      return proto.GiveUpReason.GIVE_UP_REASON_KEEPALIVE;
    case 'syn_retries':
      return proto.GiveUpReason.GIVE_UP_REASON_SYN_RETRIES;
    case 'orphan_retries':
      return proto.GiveUpReason.GIVE_UP_REASON_ORPHAN_RETRIES;
    case 'shrunk_window':
      return proto.GiveUpReason.GIVE_UP_REASON_SHRUNK_WINDOW;
  }
}

export function sensorStateToProto(state: SensorState): stuckd.v1.SensorState {
  switch (state) {
    case 'starting':
      return proto.SensorState.SENSOR_STATE_STARTING;
    case 'running':
      return proto.SensorState.SENSOR_STATE_RUNNING;
    case 'backoff':
      return proto.SensorState.SENSOR_STATE_BACKOFF;
    case 'stopped':
      return proto.SensorState.SENSOR_STATE_STOPPED;
  }
}

/** @param mode null while there is no sensor */
export function sensorModeToProto(mode: SensorMode | null): stuckd.v1.SensorMode {
  switch (mode) {
    case null:
      return proto.SensorMode.SENSOR_MODE_UNSPECIFIED;
    case 'ebpf':
      return proto.SensorMode.SENSOR_MODE_EBPF;
    case 'polling':
      return proto.SensorMode.SENSOR_MODE_POLLING;
  }
}

/** `STUCK_KIND_CLOSING` is `closing` in tables and flags. */
function shortName(names: Readonly<Record<number, string>>, prefix: string, value: number): string {
  const name = names[value];
  // A newer daemon may know values that this client does not.
  return name === undefined ? value.toString() : name.slice(prefix.length).toLowerCase();
}

export function kindName(value: stuckd.v1.StuckKind | null | undefined): string {
  return shortName(proto.StuckKind, 'STUCK_KIND_', value ?? 0);
}

export function causeName(value: stuckd.v1.StuckCause | null | undefined): string {
  return shortName(proto.StuckCause, 'STUCK_CAUSE_', value ?? 0);
}

export function reuseName(value: stuckd.v1.StaleReuse | null | undefined): string {
  return shortName(proto.StaleReuse, 'STALE_REUSE_', value ?? 0);
}

export function outcomeName(value: stuckd.v1.Outcome | null | undefined): string {
  return shortName(proto.Outcome, 'OUTCOME_', value ?? 0);
}

export function directionName(value: stuckd.v1.Direction | null | undefined): string {
  return shortName(proto.Direction, 'DIRECTION_', value ?? 0);
}

export function giveUpReasonName(value: stuckd.v1.GiveUpReason | null | undefined): string {
  return shortName(proto.GiveUpReason, 'GIVE_UP_REASON_', value ?? 0);
}

export function sensorStateName(value: stuckd.v1.SensorState | null | undefined): string {
  return shortName(proto.SensorState, 'SENSOR_STATE_', value ?? 0);
}

export function sensorModeName(value: stuckd.v1.SensorMode | null | undefined): string {
  return shortName(proto.SensorMode, 'SENSOR_MODE_', value ?? 0);
}

export function verdictName(value: stuckd.v1.PeerVerdict | null | undefined): string {
  return shortName(proto.PeerVerdict, 'PEER_VERDICT_', value ?? 0);
}

/** All kinds by their short names. */
export const KINDS_BY_NAME: ReadonlyMap<string, stuckd.v1.StuckKind> = new Map(
  Object.values(proto.StuckKind)
    .filter((value): value is stuckd.v1.StuckKind => typeof value === 'number')
    .filter((value) => value !== proto.StuckKind.STUCK_KIND_UNSPECIFIED)
    .map((value) => [kindName(value), value]),
);
