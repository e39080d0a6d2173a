/**
 * Commands for a person to run; stuckd prints them and runs none. They are made of numbers and addresses only: a process
 * chooses its own name, and a name must never get near a shell.
 */
import { endpointWords, processWords } from '../format-words.js';
import type { StuckRecord } from '../record.js';
import type { Endpoint } from '../snapshot.js';

/** @returns the command for the network namespace of the process that holds the socket, or a word that it belongs there. */
export function inItsNamespace(record: StuckRecord, command: string): string {
  return record.owner === null ? `${command} in its network namespace` : inNamespaceOf(record.owner.pid, command);
}

export function inNamespaceOf(pid: number, command: string): string {
  return `nsenter -t ${pid} -n ${command}`;
}

/**
 * `-t` keeps ss from asking about protocols that the kernel refuses to look up. An IPv4 filter finds IPv4-mapped sockets
 * too.
 */
export function killCommand({ local, remote }: StuckRecord): string {
  return `ss -tK src ${shellEndpoint(local)} dst ${shellEndpoint(remote)}`;
}

/** Brackets are a pattern to the shell, and zsh stops at one that matches no file. */
function shellEndpoint(endpoint: Endpoint): string {
  const text = endpointWords(endpoint);
  return text.startsWith('[') ? `'${text}'` : text;
}

/**
 * @returns how to free this one connection, and what to restart where the kernel cannot; null if no process holds it, or if
 * it is a listener.
 */
export function freeingWords(record: StuckRecord): string | null {
  if (record.owner === null || record.remote.port === 0) {
    return null;
  }
  const process = processWords(record.owner);
  return `${inNamespaceOf(record.owner.pid, killCommand(record))} (as root; needs CONFIG_INET_DIAG_DESTROY, else restart ${process})`;
}
