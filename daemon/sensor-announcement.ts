import type { HelloReport, ProgramReport } from './core/sensor-records.js';
import type { Logger } from './lib/logger.js';

/** Logs what a sensor has attached, and what is missing without the rest. */
export function announceSensor(hello: HelloReport, programs: readonly ProgramReport[], log: Logger): void {
  const missed = programs.filter(({ attached }) => !attached);
  log.info(`sensor attached ${programs.length - missed.length} of ${programs.length} probes`, {
    sensorPid: hello.pid,
    kernel: hello.kernelRelease,
  });
  for (const { name, how, loss } of missed) {
    log.warn(`probe ${name} is missing: ${how}; ${loss}`);
  }
}
