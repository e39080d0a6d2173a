/**
 * What the path of a control group says about who runs in it. Service managers and container runtimes name the groups that
 * they make, each in its own way; no API of theirs is needed to read them.
 *
 * A container that may make groups makes them below its own, and chooses their names. So a name is believed from the root
 * downwards: the first pod of a path is the pod, its first container the container, and what is called a unit counts only
 * outside of containers.
 */
import type { Workload } from './workload.js';

/** Pods in nodes that are containers themselves have some 350 characters; it is sent with every record. */
const PATH_LENGTH_MAX = 1024;
/** cgroup v1 has some fourteen controllers, each with a line of its own, and a few named hierarchies. */
const LINES_MAX = 64;

const NO_LABELS: ReadonlyMap<string, string> = new Map();

/** A workload of which nothing but its control group is known. */
function bareWorkload(cgroup: string): Workload {
  return {
    cgroup,
    containerId: '',
    containerRuntime: '',
    podUid: '',
    pod: '',
    podNamespace: '',
    container: '',
    podLabels: NO_LABELS,
    unit: '',
  };
}

interface Container {
  readonly id: string;
  readonly runtime: string;
}

/** Before the 64 digits of an id, by the runtime that writes them so. */
const RUNTIME_OF_PREFIX: ReadonlyMap<string, string> = new Map([
  ['cri-containerd', 'containerd'],
  ['nerdctl', 'containerd'],
  ['crio', 'cri-o'],
  ['docker', 'docker'],
  ['libpod', 'podman'],
  ['libpod-payload', 'podman'],
]);

/** Groups that hold bare ids: `/docker/<id>`. */
const RUNTIME_OF_PARENT: ReadonlyMap<string, string> = new Map([['docker', 'docker']]);
/** Here a bare id is that of a pod of Podman, whose containers are below: `/libpod_parent/<id>/libpod-<id>`. */
const PODMAN_PARENT = 'libpod_parent';

/** `cri-containerd-<id>.scope`, `crio-<id>`, or the bare id. conmon watches over a container and is none. */
const CONTAINER = /^(?:([a-z][a-z0-9-]*)-)?([0-9a-f]{64})(?:\.scope)?$/;
/** containerd gives systemd's `slice:prefix:id` to the file system as it is where the two disagree on the driver. */
const CONTAINER_AFTER_SLICE = /^[^:]+:([a-z][a-z0-9-]*):([0-9a-f]{64})$/;
/** LXC, LXD and Incus: containers have names. The monitor of one is no part of it. */
const LXC = /^lxc\.payload\.([\w.-]{1,128})$/;
const LXC_NAME = /^[\w.-]{1,128}$/;
const LXC_PARENTS: ReadonlySet<string> = new Set(['lxc', 'lxc.payload']);

/**
 * `pod<uid>`, `kubepods-burstable-pod<uid>.slice`, with whatever the kubelet's root group puts before it. systemd takes a
 * dash for a level, so that uids have underscores there; the uid of a static pod is a hash without either.
 */
const POD =
  /^(?:[\w-]*-)?pod([0-9a-f]{8}([-_])[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?::.*)?$/;

const UNIT = /^[\w:.\\@-]{1,250}\.(?:service|scope|socket|mount|swap)$/;
const SLICE = /^[\w:.\\@-]{1,250}\.slice$/;

function containerOf(segment: string, parent: string): Container | null {
  const [, prefix = '', id] = CONTAINER.exec(segment) ?? CONTAINER_AFTER_SLICE.exec(segment) ?? [];
  if (id !== undefined) {
    if (prefix === '' && parent === PODMAN_PARENT) {
      return null;
    }
    const runtime = prefix === '' ? RUNTIME_OF_PARENT.get(parent) : RUNTIME_OF_PREFIX.get(prefix);
    return prefix.endsWith('conmon') ? null : { id, runtime: runtime ?? '' };
  }
  const name = LXC.exec(segment)?.[1] ?? (LXC_PARENTS.has(parent) && LXC_NAME.test(segment) ? segment : undefined);
  return name === undefined ? null : { id: name, runtime: 'lxc' };
}

function podUidOf(segment: string): string | null {
  return POD.exec(segment)?.[1]?.replaceAll('_', '-') ?? null;
}

/** systemd's own rule: the first name below slices. It escapes names that could be mistaken for files of the kernel. */
function unitOf(segments: readonly string[]): string {
  const unescaped = segments.map((segment) => (segment.startsWith('_') ? segment.slice(1) : segment));
  const first = unescaped.find((segment) => !SLICE.test(segment)) ?? '';
  return UNIT.test(first) ? first : '';
}

/** The names in a path, without the steps up of a path that is told from inside of a cgroup namespace. */
function segmentsOf(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '' && segment !== '..');
}

/** @param path as /proc/PID/cgroup has it, or below the mount point of the hierarchy. */
export function workloadOfCgroupPath(path: string): Workload {
  const cgroup = path.slice(0, PATH_LENGTH_MAX).replace(/ \(deleted\)$/, '');
  const segments = segmentsOf(cgroup);
  const podAt = segments.findIndex((segment) => podUidOf(segment) !== null);
  const podUid = podUidOf(segments[podAt] ?? '') ?? '';
  const containerAt = segments.findIndex(
    (segment, index) => index >= podAt && containerOf(segment, segments[index - 1] ?? '') !== null,
  );
  const container = containerOf(segments[containerAt] ?? '', segments[containerAt - 1] ?? '');
  // Where the runtime is a service, or the container a scope, that is not the unit of what runs inside.
  const outside = containerAt < 0 ? segments : segments.slice(0, containerAt);
  return {
    ...bareWorkload(cgroup),
    containerId: container?.id ?? '',
    containerRuntime: container?.runtime ?? '',
    podUid,
    unit: podUid === '' ? unitOf(outside) : '',
  };
}

interface Line {
  readonly controllers: string;
  readonly path: string;
}

/** `4:memory:/path`; for cgroup v2 `0::/path`. */
function parseLine(line: string): Line | null {
  const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/s.exec(line) ?? [];
  return controllers === undefined || path === undefined ? null : { controllers, path };
}

/** The hierarchies in which service managers and runtimes keep processes, the best kept first. */
const HIERARCHIES: readonly string[] = ['', 'name=systemd', 'memory', 'cpu', 'pids'];

function rankOf(controllers: string): number {
  const names = controllers.split(',');
  const rank = HIERARCHIES.findIndex((hierarchy) => controllers === hierarchy || names.includes(hierarchy));
  return rank < 0 ? HIERARCHIES.length : rank;
}

/** How much a path says: on a hybrid machine all processes may be in the root of one hierarchy and sorted in another. */
function detailOf({ containerId, podUid, unit, cgroup }: Workload): number {
  if (containerId !== '') {
    return 4;
  }
  if (podUid !== '') {
    return 3;
  }
  if (unit !== '') {
    return 2;
  }
  return segmentsOf(cgroup).length > 0 ? 1 : 0;
}

/**
 * @param text the contents of /proc/PID/cgroup: one line for cgroup v2, one for each hierarchy of v1, or both.
 * @returns null if it holds no path.
 */
export function workloadOfProcessCgroup(text: string): Workload | null {
  const lines = text.split('\n', LINES_MAX).map(parseLine);
  const ranked = lines.filter((line) => line !== null).sort((a, b) => rankOf(a.controllers) - rankOf(b.controllers));
  let best: Workload | null = null;
  for (const { path } of ranked) {
    const workload = workloadOfCgroupPath(path);
    if (best === null || detailOf(workload) > detailOf(best)) {
      best = workload;
    }
  }
  return best;
}
