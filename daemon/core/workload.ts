/** What a process belongs to on this node: a service unit, a container, a pod. */

/** Empty texts: it belongs to none, or that is not known. */
export interface Workload {
  /** Path of the control group, from the root of the node. */
  readonly cgroup: string;
  readonly containerId: string;
  /** `containerd`, `cri-o`, `docker`, `podman`, `lxc`. */
  readonly containerRuntime: string;
  /** Known without the Kubernetes API; what follows comes from there. */
  readonly podUid: string;
  readonly pod: string;
  readonly podNamespace: string;
  readonly container: string;
  readonly podLabels: ReadonlyMap<string, string>;
  /** systemd unit: a service, a scope or a session. */
  readonly unit: string;
}
