/** Serves the host's file system to a guest, read-only, through virtiofs. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../daemon/demo/lab/command.js';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import { waitFor } from '../support/wait-for.js';

/** Debian 12 has it in qemu's folder, later ones as a program of its own. */
const PROGRAMS = ['/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd'];

/**
 * Binds $4 to $1, and each mount point to its place below, all read-only, in a mount namespace that ends with the server.
 * Only the mounts that are needed: the guest has /proc, /sys, /dev and /tmp of its own.
 */
const SERVE = `
set -e
root=$1 socket=$2 program=$3 base=$4
shift 4
mount --bind "$base" "$root"
for point in "$@"; do
  mkdir -p "$root$point"
  mount --bind "$point" "$root$point"
done
for point in / "$@"; do
  mount -o remount,ro,bind "$root$point"
done
exec "$program" --socket-path="$socket" -o source="$root" -o cache=always -o sandbox=chroot
`;

/** @returns the mount points on which these paths lie, but for the root, each after those it lies on */
async function mountPoints(paths: readonly string[]): Promise<readonly string[]> {
  const points = new Set<string>();
  for (const path of paths) {
    points.add((await runCommand(['findmnt', '-n', '-o', 'TARGET', '--target', path])).trim());
  }
  points.delete('/');
  return [...points].sort((a, b) => a.length - b.length);
}

export interface HostFiles {
  readonly socket: string;
  readonly server: ManagedProcess;
}

/**
 * The guest may keep what it has read (cache=always): nobody may change these files while it runs.
 * @param directory folder for the socket
 * @param paths must be visible to the guest, whichever mount they are on
 * @param userland what is served in place of this machine's root, and the paths in it
 */
export async function serveHostFiles(
  directory: string,
  paths: readonly string[],
  userland?: string,
): Promise<HostFiles> {
  const program = PROGRAMS.find((path) => existsSync(path));
  if (program === undefined) {
    throw new Error(`virtiofsd is not installed; looked for ${PROGRAMS.join(', ')}`);
  }
  const socket = join(directory, 'files.sock');
  const root = join(directory, 'host');
  mkdirSync(root);
  const [base, points] = userland === undefined ? ['/', await mountPoints(paths)] : [userland, paths];
  const server = startProcess(['sh', '-c', SERVE, 'sh', root, socket, program, base, ...points], {
    prefix: ['unshare', '--mount', '--propagation', 'private', '--'],
  });
  await waitFor(() => existsSync(socket) || !server.running, { what: 'virtiofsd' });
  if (!server.running) {
    await server.ended;
    throw new Error(`virtiofsd ended: ${server.stderrTail.trim()}`);
  }
  return { socket, server };
}
