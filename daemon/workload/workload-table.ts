/**
 * What the processes behind stuck connections belong to. It is learnt when a record opens or its owner becomes known, since
 * the process may be gone when somebody asks, and is kept for as long as the record is.
 */
import { workloadOfCgroupPath } from '../core/cgroup-path.js';
import { processKey } from '../core/ownership.js';
import type { Held, RecordSource, WorkloadSource } from '../core/ports.js';
import type { Owner } from '../core/record.js';
import type { Workload } from '../core/workload.js';
import { BoundedCache } from './bounded-cache.js';

export interface WorkloadTableOptions {
  readonly records: Pick<RecordSource, 'subscribe'>;
  /** Of a process that is there; null if it is gone. */
  readonly readProcess: (pid: number, startBootUs: number) => Workload | null;
  /** Path of a control group by its id; null if it is not known, or not yet. */
  readonly cgroupPath: (id: bigint) => string | null;
  /** Adds the names of the pod, as far as they are known by now. */
  readonly withPodNames: (workload: Workload) => Workload;
  /** Processes, and control groups, that are remembered beyond the life of their records. */
  readonly cacheMax?: number;
}

const CACHE_MAX = 4096;

/**
 * A path that is told from inside of a cgroup namespace does not name all of it: it begins with steps up, or is the root,
 * which the daemon's own group is where it has a namespace.
 */
function isRelative({ cgroup }: Workload): boolean {
  return cgroup === '/' || /^\/\.\.(?:\/|$)/.test(cgroup);
}

export class WorkloadTable implements WorkloadSource {
  readonly #options: WorkloadTableOptions;
  readonly #unsubscribe: () => void;
  /** A record keeps its owner as one object for as long as nothing about it changes, also when the process is gone. */
  readonly #byOwner = new WeakMap<Owner, Workload>();
  readonly #gone = new WeakSet<Owner>();
  /** One process may own thousands of sockets, each with an owner object of its own. */
  readonly #byProcess: BoundedCache<string, Workload>;
  readonly #byCgroup: BoundedCache<bigint, Workload>;

  constructor(options: WorkloadTableOptions) {
    this.#options = options;
    this.#byProcess = new BoundedCache(options.cacheMax ?? CACHE_MAX);
    this.#byCgroup = new BoundedCache(options.cacheMax ?? CACHE_MAX);
    this.#unsubscribe = options.records.subscribe(({ record }) => {
      this.workloadOf(record);
    });
  }

  workloadOf(record: Held): Workload | null {
    const owner = record.owner ?? record.lastOwner;
    let workload: Workload | null = null;
    if (owner !== null) {
      workload = this.#ofOwner(owner);
    } else if (record.ownerType !== 'pending') {
      workload = this.#ofCgroup(record.creatorCgroupId);
    }
    return workload === null ? null : this.#options.withPodNames(workload);
  }

  /** Learns nothing any more. */
  stop(): void {
    this.#unsubscribe();
  }

  #ofOwner(owner: Owner): Workload | null {
    const known = this.#byOwner.get(owner);
    if (known !== undefined && !isRelative(known)) {
      return known;
    }
    // A process that is moved to another group is learnt anew.
    const key = `${processKey(owner.pid, owner.startBootUs)}/${owner.cgroupId}`;
    let workload = known ?? this.#byProcess.get(key) ?? this.#learn(owner);
    if (workload !== null && isRelative(workload)) {
      workload = this.#ofCgroup(owner.cgroupId) ?? workload;
    }
    if (workload !== null) {
      this.#byOwner.set(owner, workload);
      this.#byProcess.set(key, workload);
    }
    return workload;
  }

  /** From /proc if the process is there; its group, which the sensor has seen, may outlive it. */
  #learn(owner: Owner): Workload | null {
    const read = this.#gone.has(owner) ? null : this.#options.readProcess(owner.pid, owner.startBootUs);
    if (read !== null) {
      return read;
    }
    this.#gone.add(owner);
    return this.#ofCgroup(owner.cgroupId);
  }

  /** The root says nothing: where v1 sorts processes, all of them are in the root of v2. */
  #ofCgroup(id: bigint): Workload | null {
    const known = this.#byCgroup.get(id);
    if (known !== undefined) {
      return known;
    }
    const path = this.#options.cgroupPath(id);
    if (path === null || path === '/') {
      return null;
    }
    const workload = workloadOfCgroupPath(path);
    this.#byCgroup.set(id, workload);
    return workload;
  }
}
