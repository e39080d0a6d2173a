/** Programs of this package run as somebody who may do nothing, wherever the package lies. */
import { chmodSync, mkdirSync, mkdtempSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ManagedProcess, type SpawnOptions, startProcess } from '../../daemon/demo/lab/managed-process.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { packageRoot } from './package-root.js';

/** Numbers need no entry in /etc/passwd. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Names without `cap_`, as setpriv takes them; these are ambient and all that is left in the bounding set. */
  readonly capabilities?: readonly string[];
}

export const NOBODY: User = { uid: 65_534, gid: 65_534 };

/** Where the user finds the package, which may lie below a directory that is closed to everybody, such as /root. */
export interface PackageView {
  /** Root of the package. */
  readonly root: string;
  /** Executable of Node. */
  readonly node: string;
}

const BIND_AND_RUN = 'mount --bind "$1" "$2" && mount --bind "$3" "$4" && shift 4 && exec "$@"';

/**
 * Starts a program as that user, in a mount namespace in which the package is visible.
 * @param argv gets the view, gives the command.
 * @param options `namespace`: the network namespace in which it runs; default: that of this process.
 */
export function startAs(
  user: User,
  argv: (view: PackageView) => readonly string[],
  options: SpawnOptions & { readonly namespace?: LabNamespace } = {},
): ManagedProcess {
  const { namespace, ...spawning } = options;
  const place = mkdtempSync(join(tmpdir(), 'stuckd-view-'));
  chmodSync(place, 0o755);
  const view = { root: join(place, 'package'), node: join(place, 'node') };
  mkdirSync(view.root);
  writeFileSync(view.node, '');
  const mounts = [packageRoot(), view.root, process.execPath, view.node];
  const within = namespace === undefined ? [] : ['nsenter', `--net=${namespace.path}`, '--'];
  const prefix = [...within, 'unshare', '--mount', '--', 'sh', '-c', BIND_AND_RUN, 'sh', ...mounts, ...become(user)];
  const child = startProcess(argv(view), { ...spawning, prefix });
  void child.ended.then(() => {
    // Not recursive: should anything be mounted there still, it is the package itself.
    unlinkSync(view.node);
    rmdirSync(view.root);
    rmdirSync(place);
  });
  return child;
}

/** A command that runs the rest of its arguments as that user. */
function become({ uid, gid, capabilities = [] }: User): readonly string[] {
  const set = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  return [
    'setpriv',
    `--reuid=${String(uid)}`,
    `--regid=${String(gid)}`,
    '--clear-groups',
    `--inh-caps=${set}`,
    `--ambient-caps=${set}`,
    `--bounding-set=${set}`,
    '--',
  ];
}
