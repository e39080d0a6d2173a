/** From the daemon's configuration to the sensor: which one, and the thresholds that it applies in the kernel. */
import type { Config } from './config.js';
import { STUCK_KINDS, type StuckKind } from './core/kinds.js';
import { parseAddress } from './rpc/address.js';
import { connectSensor, type SensorLink, spawnSensor } from './sensor/sensor-link.js';
import { builtSensorPath } from './sensor/sensor-path.js';
import type { Condition, SensorConfiguration } from './wire/command-encoder.js';

/** The highest threshold: what is switched off is never reported by events. */
const NEVER = 255;

/** Long enough that a reader who is busy is not one who does not read; the rule itself asks for much more. */
const UNREAD_AGE_MS = 250;

const PPM_PER_PERCENT = 10_000;

/** What the sensor must look for to find each of these kinds. */
const CONDITIONS: Readonly<Partial<Record<StuckKind, Condition>>> = {
  zero_window: 'window_closed',
  close_wait: 'close_wait',
  fin_wait: 'fin_wait2',
  unread: 'unread',
  zombie: 'zombie',
  accept_queue_full: 'accept_queue',
  accepting: 'handshakes',
  stale_reuse: 'stale_reuse',
};

export function sensorConfiguration(config: Config): SensorConfiguration {
  const { kinds } = config;
  const { retransmitting, closing, connecting, keepalive_unanswered: keepalive } = kinds;
  return {
    // CLOSING is found by its retransmitted FIN, with the same threshold.
    rtoThreshold: retransmitting.enabled || closing.enabled ? retransmitting.open.retransmits : NEVER,
    synThreshold: connecting.enabled ? connecting.open.retransmits : NEVER,
    probeThreshold: keepalive.enabled ? keepalive.open.probes : NEVER,
    windowProbeThreshold: kinds.zero_window.open.probes,
    handshakeThreshold: kinds.accepting.open.handshakes,
    unreadAgeMs: UNREAD_AGE_MS,
    idleGapMs: kinds.stale_reuse.open.idle,
    conditions: STUCK_KINDS.filter((kind) => kinds[kind].enabled).flatMap((kind) => CONDITIONS[kind] ?? []),
    refreshIntervalMs: config.sensor.refreshInterval,
    sweepIntervalMs: config.sensor.sweepInterval,
    fullRefreshIntervalMs: config.sensor.fullRefreshInterval,
    sweepCpuMaxPpm: Math.round(config.sensor.sweepCpuPercentMax * PPM_PER_PERCENT),
  };
}

/**
 * Connects to the sensor that runs apart, or starts one.
 * @param onComplaint gets each line that a sensor of our own writes to standard error
 */
export function openSensor({ sensor }: Config, onComplaint: (line: string) => void): SensorLink {
  const apart = sensor.address === undefined ? null : parseAddress(sensor.address);
  return apart?.kind === 'unix'
    ? connectSensor(apart.path)
    : spawnSensor(sensor.path ?? builtSensorPath(), sensor.without, onComplaint, sensor);
}
