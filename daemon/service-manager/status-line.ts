/** The line about the daemon that `systemctl status` shows. */
import type { StatusReport } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import { escapeForTerminal } from '../lib/terminal.js';

/** What a terminal shows of it, roughly. Problems quote others: the kernel, a file, an API server. */
const CHARS_MAX = 240;

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`;
}

function stuckText(records: readonly StuckRecord[]): string {
  if (records.length === 0) {
    return 'nothing is stuck';
  }
  const processes = new Set(
    records.flatMap(({ owner }) => (owner === null ? [] : [`${owner.pid} ${owner.startBootUs}`])),
  );
  const where = processes.size === 0 ? '' : ` in ${count(processes.size, 'process')}`;
  return `${count(records.length, 'connection')} stuck${where}`;
}

/** @param records those that are open. */
export function statusLine({ sensor, problems }: StatusReport, records: readonly StuckRecord[]): string {
  const attached = sensor.programs.filter((program) => program.attached).length;
  const parts = [stuckText(records)];
  if (sensor.state === 'running') {
    parts.push(`${attached} of ${count(sensor.programs.length, 'probe')}`);
  }
  const [first, ...more] = problems;
  if (first !== undefined) {
    parts.push(more.length === 0 ? first : `${first} (and ${count(more.length, 'more problem')})`);
  }
  const line = escapeForTerminal(parts.join('; '));
  return line.length <= CHARS_MAX ? line : `${line.slice(0, CHARS_MAX - 3)}...`;
}
