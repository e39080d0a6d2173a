/** The control group of one process, of which the pid may have passed to another by the time it is asked for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { workloadOfProcessCgroup } from '../core/cgroup-path.js';
import type { Workload } from '../core/workload.js';

/** What /proc counts start times in: USER_HZ is 100 on every architecture that the sensor runs on. */
const TICK_US = 10_000;

/** Field 22 of /proc/PID/stat; the name of the program before it may hold spaces and parentheses. */
const FIELDS_BEFORE_START = 19;

function startTicks(stat: string): number {
  const afterName = stat.slice(stat.lastIndexOf(')') + 2);
  return Number(afterName.split(' ', FIELDS_BEFORE_START + 1)[FIELDS_BEFORE_START] ?? NaN);
}

/**
 * Reads files that everybody may read. It is not asked often, and waits for no disk: what is read while the sensor's report
 * is taken belongs to the process as it was reported.
 * @param procRoot where proc is mounted
 * @param startBootUs CLOCK_BOOTTIME, microseconds; with `pid` the identity of the process
 * @returns null if the process is gone, or hidden
 */
export function readProcessWorkload(procRoot: string, pid: number, startBootUs: number): Workload | null {
  const directory = join(procRoot, pid.toString());
  try {
    const cgroup = readFileSync(join(directory, 'cgroup'), 'utf8');
    // Asked afterwards: a process that still has its pid had it while its group was read. The other way round another one
    // could have got the pid in between.
    const ticks = startTicks(readFileSync(join(directory, 'stat'), 'latin1'));
    const isSameProcess = Math.abs(ticks - Math.floor(startBootUs / TICK_US)) <= 1;
    return isSameProcess ? workloadOfProcessCgroup(cgroup) : null;
  } catch {
    return null; // ENOENT or ESRCH: it is gone; hidepid hides it likewise
  }
}
