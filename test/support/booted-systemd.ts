/** A real systemd, as the first process of namespaces, in which services can be installed as on a machine of one's own. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import { CleanupStack } from '../../daemon/lib/cleanup-stack.js';
import { type Ending, labSkipReason, waitFor } from './lab.js';
import { packageRoot } from './package-root.js';
import { type ProgramResult, runProgram } from './run-program.js';

const SYSTEMD = '/lib/systemd/systemd';

/** Where control groups of version 2 are mounted; undefined where they are not. */
function cgroupMount(): string | undefined {
  return /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1];
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
  return cgroupMount() === undefined ? 'needs control groups of version 2' : false;
}

const GROUP_PREFIX = 'stuckd-systemd-';

/** A test that was killed leaves its control groups behind, without anybody in them. */
function removeLeftovers(mount: string): void {
  for (const name of readdirSync(mount)) {
    const creator = name.startsWith(GROUP_PREFIX) ? name.slice(GROUP_PREFIX.length) : undefined;
    if (creator !== undefined && !existsSync(`/proc/${creator}`)) {
      removeGroups(join(mount, name));
    }
  }
}

/** Groups are removed from the leaves; whoever was in them is dead by then. */
function removeGroups(directory: string): true {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      removeGroups(join(directory, entry.name));
    }
  }
  rmdirSync(directory);
  return true;
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
    const layer = mkdtempSync(join(tmpdir(), 'stuckd-systemd-'));
    cleanup.push('layer', () => {
      rmSync(layer, { recursive: true });
    });
    const mount = cgroupMount() ?? '';
    removeLeftovers(mount);
    const group = join(mount, `${GROUP_PREFIX}${String(process.pid)}`);
    mkdirSync(group);
    cleanup.push('control group', async () => {
      // The kernel takes a moment to forget the processes that were killed.
      await waitFor(() => removeGroups(group), { what: `the end of ${group}` });
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
