/** Whether what a program prints goes to the journal of systemd, and how it says there how severe a line is. */
import { fstatSync } from 'node:fs';

/** What sd-daemon(3) puts at the beginning of a line: the levels of syslog. The journal takes it off again. */
export const JOURNAL_PRIORITIES = { debug: '<7>', info: '<6>', warn: '<4>', error: '<3>' } as const;

/**
 * @param fd 1 or 2
 * @returns true if the descriptor is the stream that systemd has connected to the journal. JOURNAL_STREAM alone does not say
 * so: it is inherited by programs whose output goes elsewhere (systemd.exec(5), "Environment Variables").
 */
export function isJournal(fd: number, environment: NodeJS.ProcessEnv): boolean {
  const [, device, inode] = /^([0-9]{1,20}):([0-9]{1,20})$/.exec(environment['JOURNAL_STREAM'] ?? '') ?? [];
  if (device === undefined || inode === undefined) {
    return false;
  }
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return dev === BigInt(device) && ino === BigInt(inode);
  } catch {
    return false; // the descriptor is closed
  }
}

/** @returns what a line to the descriptor begins with: its priority where the journal reads it, nothing elsewhere. */
export function linePrefix(fd: number, level: keyof typeof JOURNAL_PRIORITIES, environment: NodeJS.ProcessEnv): string {
  return isJournal(fd, environment) ? JOURNAL_PRIORITIES[level] : '';
}
