/** What the log says of a sensor that has come up. */
import { degradedSentence } from './degradation.js';
import type { Logger } from './lib/logger.js';
import type { SensorIntroduction } from './sensor/sensor-session.js';

/** For somebody who tries stuckd without being root, and wonders what that would change. */
const AS_ROOT: readonly string[] = [
  'what root would add (sudo stuckd run):',
  '- BPF: events as they happen, user timeouts and keepalive settings in forecasts, audits',
  '- all network namespaces, so also connections of containers',
  '- the owners of connections that processes of other users hold',
];

/**
 * Logs what a sensor has attached and what is missing without the rest; or that it polls, why, and what that costs.
 * @param isAgain another one was up before: what does not change is not told again
 * @param uid of this process, which has started the sensor
 */
export function announceSensor(
  introduction: SensorIntroduction,
  log: Logger,
  isAgain: boolean,
  uid: number | undefined = process.getuid?.(),
): void {
  const { hello, programs, mode } = introduction;
  const facts = { sensorPid: hello.pid, kernel: hello.kernelRelease };
  const degraded = degradedSentence(introduction);
  if (degraded !== null) {
    log.info('the sensor polls', facts);
    log.warn(degraded);
    if (!isAgain && uid !== 0 && mode.code === 'privilege') {
      for (const line of AS_ROOT) {
        log.info(line);
      }
    }
    return;
  }
  const missed = programs.filter(({ attached }) => !attached);
  log.info(`sensor attached ${programs.length - missed.length} of ${programs.length} probes`, facts);
  for (const { name, how, loss } of missed) {
    log.warn(`probe ${name} is missing: ${how}; ${loss}`);
  }
}
