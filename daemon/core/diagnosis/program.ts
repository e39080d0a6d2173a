/** Which program holds the socket, where its name tells which options it has. A Go binary bears any name. */
import type { StuckRecord } from '../record.js';

export type Program = 'node' | 'java' | 'python' | 'envoy' | 'nginx' | 'haproxy' | 'postgres' | 'redis' | 'unknown';

const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([
  ['node', 'node'],
  ['nodejs', 'node'],
  ['java', 'java'],
  ['envoy', 'envoy'],
  ['nginx', 'nginx'],
  ['haproxy', 'haproxy'],
  ['postgres', 'postgres'],
  ['redis-server', 'redis'],
]);

/** `python3`, `python3.11`; not `python-config` or `python3-pip`. */
const PYTHON = /^python[0-9.]*$/u;

/** @returns the program that holds the socket, or held it last; without the executable's path the process's name decides. */
export function programOf(record: Pick<StuckRecord, 'owner' | 'lastOwner'>): Program {
  const owner = record.owner ?? record.lastOwner;
  const path = owner === null ? '' : owner.executable.replace(/ \(deleted\)$/u, '') || owner.comm;
  const name = path.slice(path.lastIndexOf('/') + 1);
  return PYTHON.test(name) ? 'python' : (PROGRAMS.get(name) ?? 'unknown');
}
