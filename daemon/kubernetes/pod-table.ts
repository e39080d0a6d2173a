/** The pods of this node by what their processes show: the id of the container and the uid of the pod. */
import type { Workload } from '../core/workload.js';
import type { ContainerFacts, PodFacts } from './pod-facts.js';

/** The kubelet runs 110 pods on a node by default; nodes of a thousand are known. */
const PODS_MAX = 2000;

interface Match {
  readonly pod: PodFacts;
  readonly container: ContainerFacts | null;
}

export class PodTable {
  readonly #podsMax: number;
  readonly #pods = new Map<string, PodFacts>();
  readonly #byContainer = new Map<string, Match>();
  /** Names last as long as the workload does, which its records hold: a pod that is deleted had a name all the same. */
  readonly #named = new WeakMap<Workload, { readonly match: Match; readonly workload: Workload }>();
  /** The uids of pods that found no room. */
  readonly #refused = new Set<string>();

  constructor(podsMax = PODS_MAX) {
    this.#podsMax = podsMax;
  }

  get size(): number {
    return this.#pods.size;
  }

  /** How many pods found no room and are there still, as far as that is known; no more are counted than have room. */
  get refused(): number {
    return this.#refused.size;
  }

  /** @param pods all there are. */
  replace(pods: readonly PodFacts[]): void {
    this.#pods.clear();
    this.#byContainer.clear();
    this.#refused.clear();
    for (const pod of pods) {
      this.put(pod);
    }
  }

  put(pod: PodFacts): void {
    this.delete(pod.uid);
    if (this.#pods.size >= this.#podsMax) {
      if (this.#refused.size < this.#podsMax) {
        this.#refused.add(pod.uid);
      }
      return;
    }
    this.#pods.set(pod.uid, pod);
    for (const container of pod.containers) {
      this.#byContainer.set(container.id, { pod, container });
    }
  }

  delete(uid: string): void {
    this.#refused.delete(uid);
    const pod = this.#pods.get(uid);
    if (pod === undefined) {
      return;
    }
    this.#pods.delete(uid);
    for (const { id } of pod.containers) {
      if (this.#byContainer.get(id)?.pod === pod) {
        this.#byContainer.delete(id);
      }
    }
  }

  /** @returns the workload with the names of its pod, as far as they are known; the same object while nothing changes. */
  withNames(workload: Workload): Workload {
    const known = this.#named.get(workload);
    const match = this.#find(workload);
    if (match === null || (match.pod === known?.match.pod && match.container === known.match.container)) {
      return known?.workload ?? workload;
    }
    const { pod, container } = match;
    const named: Workload = {
      ...workload,
      containerRuntime: workload.containerRuntime === '' ? (container?.runtime ?? '') : workload.containerRuntime,
      podUid: workload.podUid === '' ? pod.uid : workload.podUid,
      pod: pod.name,
      podNamespace: pod.namespace,
      container: container?.name ?? '',
      podLabels: pod.labels,
    };
    this.#named.set(workload, { match, workload: named });
    return named;
  }

  /** The uid comes first: it stands above the container in the path, where nothing inside of a container can put it. */
  #find({ podUid, containerId }: Workload): Match | null {
    const inContainer = containerId === '' ? undefined : this.#byContainer.get(containerId);
    if (podUid === '') {
      return inContainer ?? null;
    }
    // Whoever may create pods may write the hash of a static pod to one of his own. Which containers belong to a pod is
    // written by the kubelet: a hash counts together with a container only.
    const ofHash = inContainer?.pod.configHash === podUid ? inContainer.pod : undefined;
    const pod = this.#pods.get(podUid) ?? ofHash;
    if (pod === undefined) {
      return null;
    }
    return inContainer?.pod === pod ? inContainer : { pod, container: null };
  }
}
