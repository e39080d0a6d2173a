/** A real systemd, as the first process of namespaces, in which services can be installed as on a machine of one's own. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import { CleanupStack } from '../../daemon/lib/cleanup-stack.js';
import { cgroup2Mount, removeGroups } from './cgroups.js';
import { type Ending, labSkipReason, waitFor } from './lab.js';
import { packageRoot } from './package-root.js';
import { type ProgramResult, runProgram } from './run-program.js';

const SYSTEMD = '/lib/systemd/systemd';

/** Mounts below an overlay do not show through it; what systemd and the services are made of must lie on one with the root. */
function separatePlace(): string | undefined {
  const { dev } = statSync('/');
  return ['/usr', '/etc', '/var', '/var/lib'].find((place) => statSync(place).dev !== dev);
}

/** As the stage does it; a container whose root is an overlay itself may not have it. */
function canOverlayRoot(): boolean {
  const script = `mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/root &&
    mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root`;
  return spawnSync('unshare', ['--mount', 'sh', '-c', script], { timeout: 30_000 }).status === 0;
}

/** Why no systemd can be booted here, for the `skip` option of a test; false if one can. */
export function systemdSkipReason(): string | false {
  const reason = labSkipReason();
  if (reason !== false) {
    return reason;
  }
  if (!existsSync(SYSTEMD)) {
    return `needs ${SYSTEMD} (Debian package systemd)`;
  }
  if (cgroup2Mount() === undefined) {
    return 'needs control groups of version 2';
  }
  const separate = separatePlace();
  if (separate !== undefined) {
    return `needs ${separate} on the file system of the root`;
  }
  return canOverlayRoot() ? false : 'needs an overlay over the root file system';
}

const GROUP_PREFIX = 'stuckd-systemd-';

/** A test that was killed leaves its control groups behind, without anybody in them, and the directory of its layer. */
function removeLeftovers(mount: string): void {
  for (const name of readdirSync(tmpdir())) {
    const creator = name.startsWith(GROUP_PREFIX)
      ? /^[0-9]+(?=-)/.exec(name.slice(GROUP_PREFIX.length))?.[0]
      : undefined;
    if (creator !== undefined && !existsSync(`/proc/${creator}`)) {
      // Empty: what was mounted on it went with its namespace.
      rmdirSync(join(tmpdir(), name));
    }
  }
  for (const name of readdirSync(mount)) {
    const creator = name.startsWith(GROUP_PREFIX) ? name.slice(GROUP_PREFIX.length) : undefined;
    if (creator !== undefined && !existsSync(`/proc/${creator}`)) {
      removeGroups(join(mount, name));
    }
  }
}

export class BootedSystemd {
  readonly #process: ManagedProcess;
  /** Of its first process, as this machine counts. */
  readonly #pid: number;

  private constructor(process: ManagedProcess, pid: number) {
    this.#process = process;
    this.#pid = pid;
  }

  /** Boots one, which ends with the test. */
  static async start(test: Ending): Promise<BootedSystemd> {
    const cleanup = new CleanupStack(30_000);
    test.after(async () => {
      const failures = await cleanup.releaseAll();
      if (failures.length > 0) {
        throw new Error(failures.map(({ name, message }) => `${name}: ${message}`).join('; '));
      }
    });
    const layer = mkdtempSync(join(tmpdir(), `${GROUP_PREFIX}${String(process.pid)}-`));
    cleanup.push('layer', () => {
      rmSync(layer, { recursive: true });
    });
    const mount = cgroup2Mount() ?? '';
    removeLeftovers(mount);
    const group = join(mount, `${GROUP_PREFIX}${String(process.pid)}`);
    mkdirSync(group);
    cleanup.push('control group', async () => {
      // The kernel takes a moment to forget the processes that were killed.
      const isRemoved = (): boolean => {
        removeGroups(group);
        return true;
      };
      await waitFor(isRemoved, { what: `the end of ${group}` });
    });
    // systemd takes the group in which its namespace of groups begins for the root of all.
    const enter = ['sh', '-c', 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', 'sh', group];
    const namespaces = ['--mount', '--pid', '--cgroup', '--net', '--uts', '--ipc'];
    const stage = join(packageRoot(), 'test/support/booted-systemd/stage');
    const unshare = ['unshare', ...namespaces, '--fork', '--kill-child', 'sh', stage];
    const first = startProcess([...enter, ...unshare, layer, packageRoot(), process.execPath]);
    cleanup.push('systemd', async () => {
      first.kill('SIGKILL');
      await first.ended;
    });
    const children = `/proc/${first.pid}/task/${first.pid}/children`;
    const pid = await waitFor(() => Number(readFileSync(children, 'utf8')) || null, {
      what: `the first process; ${first.stderrTail}`,
    });
    const booted = new BootedSystemd(first, pid);
    await waitFor(async () => (await booted.run('systemctl', 'is-active', 'stage.target')).code === 0, {
      what: `systemd to be up; ${first.stderrTail}`,
    });
    return booted;
  }

  /** What runs the rest of its arguments there. */
  get prefix(): readonly string[] {
    const everywhere = ['--mount', '--pid', '--cgroup', '--net', '--uts', '--ipc'];
    return ['nsenter', `--target=${String(this.#pid)}`, ...everywhere, '--'];
  }

  /** Runs a program there, as root. */
  run(...argv: readonly string[]): Promise<ProgramResult> {
    return runProgram([...this.prefix, ...argv]);
  }

  /** As `run`. @returns its standard output. @throws Error with all that it said, unless it exits with 0 */
  async must(...argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...argv);
    if (code !== 0) {
      throw new Error(`${argv.join(' ')}: exit status ${String(code)}\n${stdout}${stderr}${this.#process.stderrTail}`);
    }
    return stdout;
  }

  /** A property of a unit, as `systemctl show` prints it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.must('systemctl', 'show', '--value', `--property=${name}`, unit)).trim();
  }

  /** Starts a program there that goes on running. */
  spawn(...argv: readonly string[]): ManagedProcess {
    return startProcess(argv, { prefix: this.prefix });
  }

  /** Writes a file there; its directory is made. */
  async write(path: string, text: string): Promise<void> {
    await this.must('sh', '-c', 'mkdir -p "$(dirname "$1")" && printf %s "$2" >"$1"', 'sh', path, text);
  }
}
