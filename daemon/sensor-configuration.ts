/** From the daemon's configuration to the sensor: which one, and the thresholds that it applies in the kernel. */
import type { Config } from './config.js';
import { parseAddress } from './rpc/address.js';
import { connectSensor, type SensorLink, spawnSensor } from './sensor/sensor-link.js';
import { builtSensorPath } from './sensor/sensor-path.js';
import type { SensorConfiguration } from './wire/command-encoder.js';

/** The highest threshold: what is switched off is never reported by events. */
const NEVER = 255;

export function sensorConfiguration(config: Config): SensorConfiguration {
  const { retransmitting, closing, connecting, keepalive_unanswered: keepalive } = config.kinds;
  return {
    // CLOSING is found by its retransmitted FIN, with the same threshold.
    rtoThreshold: retransmitting.enabled || closing.enabled ? retransmitting.open.retransmits : NEVER,
    synThreshold: connecting.enabled ? connecting.open.retransmits : NEVER,
    probeThreshold: keepalive.enabled ? keepalive.open.probes : NEVER,
    refreshIntervalMs: config.sensor.refreshInterval,
    sweepIntervalMs: config.sensor.sweepInterval,
    fullRefreshIntervalMs: config.sensor.fullRefreshInterval,
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
    : spawnSensor(sensor.path ?? builtSensorPath(), sensor.without, onComplaint);
}
