/** From the daemon's configuration to the thresholds that the sensor applies in the kernel. */
import type { Config } from './config.js';
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
