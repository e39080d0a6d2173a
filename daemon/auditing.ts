/** Puts together what looks at all connections of the node. */
import { AuditEngine } from './audit/audit-engine.js';
import { auditSettings } from './config-audit.js';
import type { Config } from './config.js';
import type { SensorSupervisor } from './sensor/sensor-supervisor.js';
import type { TrackerEngine } from './tracker/tracker-engine.js';
import { encodePass } from './wire/command-encoder.js';

export function createAudits(
  { audit }: Config,
  engine: Pick<TrackerEngine, 'state'>,
  sensor: Pick<SensorSupervisor, 'send'>,
): AuditEngine {
  return new AuditEngine({
    ...auditSettings(audit),
    requestPass: () => {
      sensor.send(encodePass('audit'));
    },
    context: () => {
      const { context, sensorUp, idleLimits } = engine.state;
      return context === null || !sensorUp
        ? null
        : {
            kernel: context.kernel,
            clock: context.clock,
            peerLimitUs: (netns, peer) => idleLimits.limitUs(netns, peer),
          };
    },
  });
}
