/**
 * Runs the containers of a pod as a runtime would, by what its manifest says: the image as read-only root, the mounts that are
 * listed and no others, users, groups and capabilities, no_new_privs, environment, and the namespaces of a pod with hostPID.
 * Without what takes a real runtime: seccomp and AppArmor profiles, limits.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabNamespace } from '../../../daemon/demo/lab/lab-namespace.js';
import { type ManagedProcess, startProcess } from '../../../daemon/demo/lab/managed-process.js';
import type { Ending } from '../lab.js';
import { type ProgramResult, runProgram } from '../run-program.js';
import type { Container, PodSpec } from './manifest-schema.js';
import { prepareVolumes, type VolumeSources } from './volumes.js';

/** The part of a runtime that takes rights away; image-root.ts puts it beside the image. */
export const RUNTIME_TOOL = '/usr/bin/setpriv';

export interface PodOptions extends VolumeSources {
  readonly spec: PodSpec;
  /** Its image; see image-root.ts. */
  readonly imageRoot: string;
  /** Its network. */
  readonly network: LabNamespace;
  /** Its host name. */
  readonly name: string;
  /** What `fieldRef` reads. */
  readonly fields: Readonly<Record<string, string>>;
  /** The file that takes the processes of its control group. */
  readonly cgroupProcs: string;
}

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom'];

/** What containers have if neither image nor manifest say otherwise. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function command(...words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

export class PodUnderTest {
  readonly #options: PodOptions;
  readonly #volumes: ReadonlyMap<string, string>;
  readonly #running: ManagedProcess[] = [];

  constructor(test: Ending, options: PodOptions) {
    this.#options = options;
    const directory = mkdtempSync(join(tmpdir(), 'stuckd-pod-'));
    this.#volumes = prepareVolumes(options.spec, directory, options);
    test.after(async () => {
      await this.stop();
      rmSync(directory, { recursive: true, force: true });
    });
  }

  /** The container of that name in the manifest. */
  container(name: string): Container {
    const { initContainers = [], containers } = this.#options.spec;
    const found = [...initContainers, ...containers].find((container) => container.name === name);
    if (found === undefined) {
      throw new Error(`the pod has no container ${name}`);
    }
    return found;
  }

  /** @param changes to what the manifest says. @returns its process, whose pid is that of the program. */
  start(name: string, changes: Partial<Container> = {}): ManagedProcess {
    const container = { ...this.container(name), ...changes };
    const { network, cgroupProcs } = this.#options;
    const unshare = ['unshare', '--mount', '--uts', '--ipc', '--cgroup', '--'];
    // In its control group first, which is the root of what it then sees of control groups.
    const enter = `echo $$ > ${quoted(cgroupProcs)} && exec "$@"`;
    const prefix = ['sh', '-c', enter, 'sh', 'nsenter', `--net=${network.path}`, '--', ...unshare];
    const run = ['sh', '-e', '-c', this.#setUp(container), 'sh'];
    const process = startProcess([...container.command, ...container.args], { prefix: [...prefix, ...run] });
    this.#running.push(process);
    return process;
  }

  /** Runs a program in a container that runs, as `kubectl exec` does. */
  async exec(name: string, { pid }: ManagedProcess, argv: readonly string[]): Promise<ProgramResult> {
    const container = this.container(name);
    const enter = ['nsenter', '--target', String(pid), '--mount', '--uts', '--ipc', '--net', '--cgroup', '--root'];
    return runProgram([
      'env',
      '-i',
      ...this.#environment(container),
      ...enter,
      '--wd',
      ...this.#become(container),
      ...argv,
    ]);
  }

  /** Ends what runs, as the kubelet does: SIGTERM, and after the time of grace SIGKILL. */
  async stop(): Promise<void> {
    const graceMs = this.#options.spec.terminationGracePeriodSeconds * 1000;
    await Promise.all(this.#running.splice(0).map((process) => process.stop(graceMs)));
  }

  /** The mounts of one container, and the command that then runs the rest of its arguments in it. */
  #setUp(container: Container): string {
    const { imageRoot, name } = this.#options;
    const inRoot = (path: string): string => join(imageRoot, path);
    const mounts = container.volumeMounts.flatMap(({ name: volume, mountPath, readOnly = false }) => {
      const target = inRoot(mountPath);
      // Mount points are made by the runtime.
      mkdirSync(target, { recursive: true });
      return [
        command('mount', '--rbind', this.#volumes.get(volume) ?? '', target),
        // As Kubernetes does unless recursiveReadOnly is set: mounts below this one stay as they are.
        ...(readOnly ? [command('mount', '-o', 'remount,bind,ro', target)] : []),
      ];
    });
    const devices = DEVICES.flatMap((device) => [
      command('touch', inRoot(`dev/${device}`)),
      command('mount', '--bind', `/dev/${device}`, inRoot(`dev/${device}`)),
    ]);
    return [
      command('hostname', name),
      command('mount', '--bind', imageRoot, imageRoot),
      command('mount', '-t', 'proc', 'proc', inRoot('proc')),
      command('mount', '-t', 'sysfs', '-o', 'ro', 'sysfs', inRoot('sys')),
      command('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', inRoot('dev')),
      ...devices,
      ...mounts,
      ...(container.securityContext.readOnlyRootFilesystem
        ? [command('mount', '-o', 'remount,bind,ro', imageRoot)]
        : []),
      `exec ${command('env', '-i', ...this.#environment(container), 'chroot', imageRoot, ...this.#become(container))} "$@"`,
    ].join('\n');
  }

  #environment({ env = [] }: Container): readonly string[] {
    const { fields, name } = this.#options;
    const own = env.map((each) =>
      'value' in each
        ? `${each.name}=${each.value}`
        : `${each.name}=${fields[each.valueFrom.fieldRef.fieldPath] ?? ''}`,
    );
    return [`PATH=${PATH}`, `HOSTNAME=${name}`, ...own];
  }

  /** Root gets what is in the bounding set at exec; nobody else gets anything, since nothing is ambient or inherited. */
  #become({ securityContext }: Container): readonly string[] {
    const { runAsGroup, fsGroup } = this.#options.spec.securityContext;
    const { runAsUser, capabilities, allowPrivilegeEscalation } = securityContext;
    const kept = ['-all', ...(capabilities.add ?? []).map((name) => `+${name.toLowerCase()}`)].join(',');
    return [
      RUNTIME_TOOL,
      `--reuid=${runAsUser}`,
      `--regid=${runAsGroup}`,
      `--groups=${fsGroup}`,
      '--inh-caps=-all',
      '--ambient-caps=-all',
      `--bounding-set=${kept}`,
      ...(allowPrivilegeEscalation ? [] : ['--no-new-privs']),
      '--',
    ];
  }
}
