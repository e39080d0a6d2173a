/** The line about the daemon that `systemctl status` shows. */
import { countWords } from '../core/format-words.js';
import type { StatusReport } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import { escapeForTerminal } from '../lib/terminal.js';

/** What a terminal shows of it, roughly. Problems quote others: the kernel, a file, an API server. */
const CHARS_MAX = 240;

function stuckText(records: readonly StuckRecord[]): string {
  if (records.length === 0) {
    return 'nothing is stuck';
  }
  const processes = new Set(
    records.flatMap(({ owner }) => (owner === null ? [] : [`${owner.pid} ${owner.startBootUs}`])),
  );
  const where = processes.size === 0 ? '' : ` in ${countWords(processes.size, 'process', 'processes')}`;
  return `${countWords(records.length, 'connection', 'connections')} stuck${where}`;
}

/** @param records those that are open. */
export function statusLine({ sensor, problems }: StatusReport, records: readonly StuckRecord[]): string {
  const attached = sensor.programs.filter((program) => program.attached).length;
  const parts = [stuckText(records)];
  if (sensor.state === 'running') {
    const probes = `${attached} of ${countWords(sensor.programs.length, 'probe', 'probes')}`;
    parts.push(sensor.mode === 'polling' ? 'polling' : probes);
  }
  const [first, ...more] = problems;
  if (first !== undefined) {
    parts.push(
      more.length === 0 ? first : `${first} (and ${countWords(more.length, 'more problem', 'more problems')})`,
    );
  }
  const line = escapeForTerminal(parts.join('; '));
  return line.length <= CHARS_MAX ? line : `${line.slice(0, CHARS_MAX - 3)}...`;
}
