/** What /proc says about the rights of a process. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessStatus {
  /** Real, effective, saved and filesystem uid. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  readonly noNewPrivs: boolean;
  /** A filter decides which system calls it may make. */
  readonly seccompFilter: boolean;
  /** Sets of capabilities as bit masks (linux/capability.h). */
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly ambient: bigint;
}

/** CAP_PERFMON 38 and CAP_BPF 39. */
export const BPF_AND_PERFMON = (1n << 38n) | (1n << 39n);

/** What a sensor that polls uses: CAP_DAC_READ_SEARCH 2, CAP_SYS_PTRACE 19, CAP_SYS_ADMIN 21. */
export const POLLING_CAPABILITIES = (1n << 2n) | (1n << 19n) | (1n << 21n);

/** Also of a process that has ended and waits for init, which may take its time. */
export function hasEnded(pid: number): boolean {
  try {
    return /^State:\tZ/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return true;
  }
}

/** @throws Error if there is no such process. */
export function processStatus(pid: number): ProcessStatus {
  return parseProcessStatus(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
}

/** Of each of its threads, which may have rights of their own. */
export function threadStatuses(pid: number): readonly ProcessStatus[] {
  const directory = `/proc/${String(pid)}/task`;
  return readdirSync(directory).map((thread) =>
    parseProcessStatus(readFileSync(`${directory}/${thread}/status`, 'utf8')),
  );
}

/** @param text of /proc/PID/status */
export function parseProcessStatus(text: string): ProcessStatus {
  const lines = text.split('\n');
  const fields = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
  const numbers = (name: string): readonly number[] =>
    (fields.get(name) ?? '')
      .split(/\s/)
      .filter((word) => word !== '')
      .map(Number);
  const mask = (name: string): bigint => BigInt(`0x${(fields.get(name) ?? '').trim()}`);
  return {
    uids: numbers('Uid'),
    gids: numbers('Gid'),
    groups: numbers('Groups'),
    noNewPrivs: numbers('NoNewPrivs')[0] === 1,
    seccompFilter: numbers('Seccomp')[0] === 2,
    inheritable: mask('CapInh'),
    permitted: mask('CapPrm'),
    effective: mask('CapEff'),
    bounding: mask('CapBnd'),
    ambient: mask('CapAmb'),
  };
}
