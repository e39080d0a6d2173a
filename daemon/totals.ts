/** Puts together what counts all that the records of the tracker are a part of. */
import type { WallClock } from './core/ports.js';
import type { PassPacer } from './sensor/pass-pacer.js';
import type { SensorSupervisor } from './sensor/sensor-supervisor.js';
import { TotalsEngine } from './tracker/totals-engine.js';
import type { TrackerEngine } from './tracker/tracker-engine.js';
import { encodeCount, encodeUncount } from './wire/command-encoder.js';

/** @param onCounted is called after every sweep that has counted. */
export function createTotals(
  tracker: Pick<TrackerEngine, 'subscribe'>,
  supervisor: Pick<SensorSupervisor, 'send'>,
  passes: Pick<PassPacer, 'request'>,
  clock: Pick<WallClock, 'nowUs'>,
  onCounted: () => void,
): TotalsEngine {
  const totals = new TotalsEngine({
    sensor: {
      count: (id, interest) => {
        supervisor.send(encodeCount(id, interest));
      },
      uncount: (id, interest) => {
        supervisor.send(encodeUncount(id, interest));
      },
      requestSweep: () => {
        passes.request('sweep');
      },
    },
    nowUs: () => clock.nowUs(),
    onCounted,
  });
  tracker.subscribe((change) => {
    totals.change(change);
  });
  return totals;
}
