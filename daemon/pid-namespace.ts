/** Whether stuckd sees the processes of the machine, or those of its own container only. */

/** What a namespace of its own costs, and the way out of it in the place where this happens most. */
export const PID_NAMESPACE_LOSS = 'owners outside this container are not found; in Kubernetes set hostPID: true';

/**
 * The first process of a pid namespace is what a container runs that has not got the one of its node. A node that is a
 * container itself (kind, k3d) has another first process, and is no problem: all that is meant to be seen there is seen.
 * The sensor of a pod is in the same case as its daemon.
 * @param daemonPid as the daemon knows itself.
 */
export function pidNamespaceProblems(daemonPid: number): readonly string[] {
  return daemonPid === 1
    ? [`the processes of this node cannot be seen, but only those of this container: ${PID_NAMESPACE_LOSS}`]
    : [];
}
