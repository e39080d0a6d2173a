/** Whether the service manager wants signs of life, and how often: sd_watchdog_enabled(3) without the library. */

/** Node's timers take no longer time. */
const INTERVAL_MS_MAX = 2 ** 31 - 1;

/**
 * @param pid of this process; a parent may have been asked instead, and have left its variables.
 * @returns how often to say that all is well, ms: twice in the time after which silence means death, as the documentation
 * of sd_watchdog_enabled(3) advises. Null if nobody waits.
 */
export function watchdogIntervalMs(environment: NodeJS.ProcessEnv, pid: number): number | null {
  const text = environment['WATCHDOG_USEC'] ?? '';
  const wanted = environment['WATCHDOG_PID'] ?? '';
  if (!/^[1-9][0-9]{0,17}$/.test(text) || (wanted !== '' && wanted !== String(pid))) {
    return null;
  }
  return Math.min(Math.max(Math.floor(Number(text) / 2000), 1), INTERVAL_MS_MAX);
}
