/** Puts together what looks at all connections of the node. */
import { AuditEngine } from './audit/audit-engine.js';
import { AuditTimer } from './audit/audit-timer.js';
import { auditSettings } from './config-audit.js';
import type { Config } from './config.js';
import type { AuditSource } from './core/audit/source.js';
import type { WallClock } from './core/ports.js';
import type { SensorMode, SensorRecord } from './core/sensor-records.js';
import type { CleanupStack } from './lib/cleanup-stack.js';
import type { SensorSupervisor } from './sensor/sensor-supervisor.js';
import type { TrackerEngine } from './tracker/tracker-engine.js';
import { encodePass } from './wire/command-encoder.js';

/** Keepalive and user timeout of a socket, by which an audit judges, are not in sock_diag. */
const POLLING_REFUSAL =
  'audits need BPF, and this sensor polls: what an application has set on its sockets is not in sock_diag';

export interface AuditingParts {
  readonly config: Config['audit'];
  readonly clock: Pick<WallClock, 'nowUs'>;
  readonly tracker: Pick<TrackerEngine, 'state'>;
  readonly sensor: Pick<SensorSupervisor, 'send'>;
}

export class Auditing {
  readonly #engine: AuditEngine;
  readonly #timer: AuditTimer;
  #mode: SensorMode = 'ebpf';

  constructor({ config, clock, tracker, sensor }: AuditingParts) {
    const { idleLimits, intervalMs } = auditSettings(config);
    this.#engine = new AuditEngine({
      idleLimits,
      nowUs: () => clock.nowUs(),
      refusal: () => (this.#mode === 'polling' ? POLLING_REFUSAL : null),
      requestPass: () => {
        sensor.send(encodePass('audit'));
      },
      context: () => {
        const { context, sensorUp, idleLimits: learnt } = tracker.state;
        return context === null || !sensorUp
          ? null
          : {
              kernel: context.kernel,
              clock: context.clock,
              peerLimitUs: (netns, peer) => learnt.limitUs(netns, peer),
            };
      },
    });
    this.#timer = new AuditTimer({ intervalMs, audit: () => this.#engine.audit() });
  }

  get source(): AuditSource {
    return this.#engine;
  }

  /** Begins to audit by itself when the first picture is complete. @param cleanup learns how it ends */
  start(firstPicture: Promise<void>, cleanup: CleanupStack): void {
    let isStopped = false;
    void firstPicture.then(() => {
      if (!isStopped) {
        this.#timer.start();
      }
    });
    cleanup.push('audits', () => {
      isStopped = true;
      this.#timer.stop();
      this.#engine.stop();
    });
  }

  reconfigure(config: Config['audit']): void {
    const { idleLimits, intervalMs } = auditSettings(config);
    this.#engine.idleLimits = idleLimits;
    this.#timer.reconfigure(intervalMs);
  }

  /** @returns those records that are not part of an audit. */
  take(records: readonly SensorRecord[]): readonly SensorRecord[] {
    return this.#engine.take(records);
  }

  /** @param mode in which the sensor observes that is there now */
  sensorUp(mode: SensorMode): void {
    this.#mode = mode;
  }

  sensorDown(): void {
    this.#engine.sensorDown();
  }
}
