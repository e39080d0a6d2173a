/** What of the deliveries is wrong, in sentences for `stuckctl status`. */
import type { DeliveryReport } from '../core/delivery.js';

const MINUTE_MS = 60_000;

/** An endpoint that fails for a moment is nobody's concern: what waits is sent soon. */
const WAIT_MAX_MS = 5 * MINUTE_MS;

export function deliveryProblems({ receivers, notDurable }: DeliveryReport): readonly string[] {
  const problems = receivers.flatMap(({ name, pending, oldestAgeMs, dead, dropped, lastError }) => [
    ...(oldestAgeMs > WAIT_MAX_MS
      ? [
          `receiver ${name}: ${pending} messages wait, the oldest for ${Math.floor(oldestAgeMs / MINUTE_MS)} min${lastError === '' ? '' : ` (${lastError})`}`,
        ]
      : []),
    ...(dead > 0
      ? [`receiver ${name}: ${dead} messages were given up; "stuckctl deliveries --state dead" shows them`]
      : []),
    ...(dropped > 0 ? [`receiver ${name}: ${dropped} messages were dropped because too many waited`] : []),
  ]);
  return notDurable === ''
    ? problems
    : [`deliveries are kept in memory only, and would be lost by a restart: ${notDurable}`, ...problems];
}
