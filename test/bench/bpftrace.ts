/** bpftrace as a peer. It wants debugfs and tracefs, which a container may have nowhere: it gets them where only it sees them. */
import { isInstalled } from './installed.js';

const SCRIPT = [
  'mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug',
  'mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing',
  'exec bpftrace "$@"',
].join('; ');

export function hasBpftrace(): boolean {
  return isInstalled('bpftrace');
}

/** @returns a command whose pid becomes bpftrace's own. */
export function bpftraceArgv(args: readonly string[]): readonly string[] {
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', SCRIPT, 'sh', ...args];
}
