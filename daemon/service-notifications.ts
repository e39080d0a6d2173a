/** Joins the daemon with the service manager that has started it, if one has. */
import type { App } from './app.js';
import type { Logger } from './lib/logger.js';
import { monotonicUs } from './lib/system-clock.js';
import { NotifySocketError, openNotifySocket, type NotifySocket } from './service-manager/notify-socket.js';
import { ServiceNotifier } from './service-manager/service-notifier.js';
import { statusLine } from './service-manager/status-line.js';
import { watchdogIntervalMs } from './service-manager/watchdog.js';

function openSocket(environment: NodeJS.ProcessEnv, log: Logger): NotifySocket | null {
  try {
    return openNotifySocket(environment);
  } catch (error) {
    if (!(error instanceof NotifySocketError)) {
      throw error;
    }
    log.warn(error.message);
    return null;
  }
}

/**
 * Tells the service manager that the daemon serves: it is ready as soon as it answers over gRPC, whether or not a sensor is
 * there, since a start that waits for a sensor could wait for ever. What is missing stands in the status.
 * @returns null where nobody wants to be told
 */
export function notifyServiceManager(app: App, log: Logger, environment: NodeJS.ProcessEnv): ServiceNotifier | null {
  const socket = openSocket(environment, log);
  if (socket === null) {
    return null;
  }
  const notifier = new ServiceNotifier({
    socket,
    watchdogMs: watchdogIntervalMs(environment, process.pid),
    status: () => statusLine(app.status(), app.engine.open()),
    nowUs: monotonicUs,
    warn: (message) => {
      log.warn(message);
    },
  });
  notifier.ready();
  void app.firstPicture.then(() => {
    notifier.update();
  });
  return notifier;
}
