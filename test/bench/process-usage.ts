/** What a process uses, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { runCommand } from '../../daemon/demo/lab/command.js';

const MS_PER_SECOND = 1000;

/** Totals since the process started. */
export interface ProcessUsage {
  /** Processor time of all threads, user and system, milliseconds. */
  readonly cpuMs: number;
  /** How often a thread gave up the processor by itself, that is, slept and had to be woken. */
  readonly wakeups: number;
  /** CLOCK_MONOTONIC when this was read, milliseconds. */
  readonly atMs: number;
}

/** What happened between two readings. */
export interface UsageRate {
  /** Of one core, per cent. */
  readonly cpuPercent: number;
  readonly wakeupsPerSecond: number;
}

function readMemoryKib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (match === null) {
    throw new Error(`process ${pid} has no ${field}`);
  }
  return Number(match[1]);
}

/** @returns resident memory of a process, KiB. @throws Error if it ended */
export function residentKib(pid: number): number {
  return readMemoryKib(pid, 'VmRSS');
}

/** @returns the most that it was since the process started, KiB. @throws Error if it ended */
export function residentPeakKib(pid: number): number {
  return readMemoryKib(pid, 'VmHWM');
}

/** @returns clock ticks per second, the unit of processor time in /proc/PID/stat. */
export async function clockTicks(): Promise<number> {
  return Number(await runCommand(['getconf', 'CLK_TCK']));
}

/** @param statLine of /proc/PID/stat. @returns utime + stime, in clock ticks */
export function cpuTicksOf(statLine: string): number {
  // The second field, the name of the program, may hold blanks and brackets; what follows its last bracket does not.
  const fields = statLine.slice(statLine.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/**
 * @param ticksPerSecond as from `clockTicks`
 * @throws Error if the process ended
 */
export function readUsage(pid: number, ticksPerSecond: number): ProcessUsage {
  let wakeups = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    wakeups += Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  }
  const ticks = cpuTicksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return { cpuMs: (ticks / ticksPerSecond) * MS_PER_SECOND, wakeups, atMs: performance.now() };
}

/** @throws RangeError if no time passed. */
export function usageRate(before: ProcessUsage, after: ProcessUsage): UsageRate {
  const elapsedMs = after.atMs - before.atMs;
  if (!(elapsedMs > 0)) {
    throw new RangeError('no time passed between the two readings');
  }
  return {
    cpuPercent: (100 * (after.cpuMs - before.cpuMs)) / elapsedMs,
    wakeupsPerSecond: (MS_PER_SECOND * (after.wakeups - before.wakeups)) / elapsedMs,
  };
}
