/** What GetStuckConnection answers beside the record: its ladder, and what would be under other settings. */
import { status } from '@grpc/grpc-js';
import { ladderOf, type LadderStep } from '../core/ladder.js';
import type { ObservedSocket } from '../core/observation.js';
import type { WallClock } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import { whatIfProblem } from '../core/what-if-ranges.js';
import { whatIf, type WhatIfSettings } from '../core/what-if.js';
import { stuckd } from './gen/stuckd.js';
import { giveUpToProto } from './proto-mapping.js';
import { durationToMs, timestampFromUs } from './proto-time.js';
import { invalidArgument, RpcError } from './status.js';

type GetResponse = stuckd.v1.GetStuckConnectionResponse.$Properties;
type WhatIfRequest = stuckd.v1.WhatIf.$Properties;

const { LadderStepKind } = stuckd.v1;

const STEP_KINDS: Readonly<Record<LadderStep['kind'], stuckd.v1.LadderStepKind>> = {
  past: LadderStepKind.LADDER_STEP_KIND_PAST,
  next: LadderStepKind.LADDER_STEP_KIND_NEXT,
  give_up: LadderStepKind.LADDER_STEP_KIND_GIVE_UP,
};

/** @returns the settings. @throws RpcError INVALID_ARGUMENT if the kernel would not take them. */
export function parseWhatIf(request: WhatIfRequest): WhatIfSettings {
  const { tcpRetries2, tcpSynRetries, tcpOrphanRetries, userTimeout, keepalive } = request;
  const settings: WhatIfSettings = {
    ...(isPresent(tcpRetries2) ? { tcpRetries2 } : {}),
    ...(isPresent(tcpSynRetries) ? { tcpSynRetries } : {}),
    ...(isPresent(tcpOrphanRetries) ? { tcpOrphanRetries } : {}),
    ...(isPresent(userTimeout) ? { userTimeoutMs: durationToMs(userTimeout) } : {}),
    ...(isPresent(keepalive)
      ? {
          keepalive: {
            idleMs: durationToMs(keepalive.idle ?? {}),
            intervalMs: durationToMs(keepalive.interval ?? {}),
            probes: keepalive.probes ?? 0,
          },
        }
      : {}),
  };
  const problem = whatIfProblem(settings);
  if (problem !== null) {
    throw invalidArgument(`what_if: ${problem}`);
  }
  return settings;
}

function isPresent<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}

/** @param nowUs CLOCK_MONOTONIC, microseconds. */
export function ladderToProto(
  record: StuckRecord,
  observed: ObservedSocket | null,
  nowUs: number,
  clock: WallClock,
): NonNullable<GetResponse['ladder']> {
  if (observed === null || record.outcome !== null) {
    return [];
  }
  return ladderOf(observed, nowUs).map(({ timeUs, kind, ordinal }) => ({
    time: timestampFromUs(clock.monoToRealUs(timeUs)),
    kind: STEP_KINDS[kind],
    ordinal,
  }));
}

/**
 * @param nowUs CLOCK_MONOTONIC, microseconds.
 * @throws RpcError FAILED_PRECONDITION if the socket of the record is not known any more.
 */
export function whatIfToProto(
  record: StuckRecord,
  observed: ObservedSocket | null,
  settings: WhatIfSettings,
  nowUs: number,
  clock: WallClock,
): stuckd.v1.WhatIfResult.$Properties {
  if (observed === null) {
    const why = record.outcome === null ? 'the sensor has not been up yet' : 'it ended before the machine was rebooted';
    throw new RpcError(
      status.FAILED_PRECONDITION,
      `what_if cannot be answered for ${record.id}: nothing but the record is known of the socket, since ${why}`,
    );
  }
  const { fromStart, fromNow } = whatIf(observed, settings, record.outcome === null ? nowUs : null);
  return {
    fromStart: fromStart === null ? null : giveUpToProto(fromStart, clock),
    fromNow: fromNow === null ? null : giveUpToProto(fromNow, clock),
  };
}
