/** How many connections would hang for how long, as proto messages. */
import type { Exposed, HangCounts } from '../core/audit/exposure-tally.js';
import type { stuckd } from './gen/stuckd.js';

function countsToProto({ never, over, bounded }: HangCounts): stuckd.v1.HangCounts.$Properties {
  return { neverCount: never, overThresholdCount: over, withinThresholdCount: bounded };
}

export function exposedToProto({ inFlight, idle, worst }: Exposed): stuckd.v1.Exposure.$Properties {
  return { inFlight: countsToProto(inFlight), idle: countsToProto(idle), worst: countsToProto(worst) };
}
