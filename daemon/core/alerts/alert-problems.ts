/** What finds no room in the tables of the alert rules, in sentences for `stuckctl status`. */
import type { AlertState } from './alert-state.js';

/** A table that was full once and is not any more is nobody's concern: the counters keep that. */
export function alertProblems({ config, counters, firing, places }: AlertState): readonly string[] {
  const { alertsRefused, membersRefused } = counters;
  return [
    ...(alertsRefused > 0 && firing >= config.maxFiring
      ? [
          `${firing} alerts are firing, and no more can ("alerts.maxFiring"); since the start ${alertsRefused} had to wait for room`,
        ]
      : []),
    ...(membersRefused > 0 && places.size >= config.maxMembers
      ? [
          `the alert rules look at ${places.size} stuck connections, and at no more; since the start ${membersRefused} were left out`,
        ]
      : []),
  ];
}
