/** Sysctls of a polled socket's namespace, in the units of a snapshot. */
import { msToJiffies } from './jiffies.js';
import type { PolledSocket } from './polled-socket.js';
import type { TcpSysctls } from './snapshot.js';
import { areSameSysctls } from './unchanged-socket.js';

let last: TcpSysctls | null = null;

/** @returns the sysctls; the kernel's defaults where they could not be read. The same object for sockets in a row. */
export function polledSysctls(polled: PolledSocket, hz: number): TcpSysctls {
  const sysctls = polled.hasSysctls ? readSysctls(polled, hz) : defaultSysctls(hz);
  if (last === null || !areSameSysctls(last, sysctls)) {
    last = sysctls;
  }
  return last;
}

function readSysctls(polled: PolledSocket, hz: number): TcpSysctls {
  return {
    retries1: polled.sysctlRetries1,
    retries2: polled.sysctlRetries2,
    orphanRetries: polled.sysctlOrphanRetries,
    synRetries: polled.sysctlSynRetries,
    synLinearTimeouts: polled.sysctlSynLinearTimeouts,
    earlyRetrans: polled.sysctlEarlyRetrans,
    thinLinearTimeouts: polled.sysctlThinLinearTimeouts !== 0,
    keepaliveProbes: polled.sysctlKeepaliveProbes,
    keepaliveTimeJiffies: msToJiffies(polled.sysctlKeepaliveTimeS * 1000, hz),
    keepaliveIntvlJiffies: msToJiffies(polled.sysctlKeepaliveIntvlS * 1000, hz),
    finTimeoutJiffies: msToJiffies(polled.sysctlFinTimeoutS * 1000, hz),
  };
}

/** As tcp_sk_init() sets them; tcp_syn_linear_timeouts as before Linux 6.5. */
function defaultSysctls(hz: number): TcpSysctls {
  return {
    retries1: 3,
    retries2: 15,
    orphanRetries: 0,
    synRetries: 6,
    synLinearTimeouts: 0,
    earlyRetrans: 3,
    thinLinearTimeouts: false,
    keepaliveProbes: 9,
    keepaliveTimeJiffies: 7200 * hz,
    keepaliveIntvlJiffies: 75 * hz,
    finTimeoutJiffies: 60 * hz,
  };
}
