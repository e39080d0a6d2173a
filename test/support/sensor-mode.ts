/** The mode in which the sensors of the kernel tests observe: `node test/run.mjs kernel --mode polling`. */

/** Without BPF, by sock_diag and /proc. */
export const isPolling = process.env['STUCKD_TEST_MODE'] === 'polling';

/** The runner tells these tests from those that this machine cannot run (`test/polling-table.mjs`). */
const MARK = 'does not apply to polling: ';

/**
 * For the `skip` option of a test, or of a suite.
 * @param reason why a sensor that polls cannot pass it, as a sentence for users: it becomes a line of the table
 * @returns false if the sensor does not poll.
 */
export function notPolled(reason: string): string | false {
  return isPolling && MARK + reason;
}

/** Reasons that several tests share. */
export const NEEDS_BPF = {
  audit: 'an audit needs BPF: what a healthy connection would do depends on settings that sock_diag does not tell',
  events: 'it is about events, and polling has none',
  members: 'it is about members of struct sock, which BPF reads',
  privileges: 'it is about the privileges of a sensor that uses BPF',
  userTimeout: 'TCP_USER_TIMEOUT is not in sock_diag: it shows in the last wait before it ends, and not at detection',
} as const;

/** Part `sensor` of the configuration of a daemon. */
export const SENSOR_OF_THIS_RUN: Readonly<Record<string, unknown>> = isPolling ? { mode: 'polling' } : {};

/** Whatever a sensor that polls tells, a look at all sockets made it say so: tests wait for these. */
export const OFTEN = { sweepInterval: '300ms', refreshInterval: '200ms', fullRefreshInterval: '1s' };

/**
 * What a test may assert of the time at which something was found: at the look that comes next, by which a busy machine
 * may be late.
 */
export const POLL_MS = isPolling ? 1500 : 0;
