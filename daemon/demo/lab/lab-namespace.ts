/** A network namespace of a lab. */
export interface LabNamespace {
  readonly label: string;
  /** A file by which `nsenter --net=` finds it. */
  readonly path: string;
  /** What `ip link ... netns` takes: a name, or the pid of a process inside. */
  readonly handle: string;
  /** Inode number, by which stuckd calls it. The kernel gives the number of a namespace that is gone to a new one. */
  readonly inode: number;
  /** When it was made, milliseconds since 1970. */
  readonly madeMs: number;
}

/** Runs a command inside a namespace to its end, and gives its standard output. */
export type RunInNamespace = (
  namespace: LabNamespace,
  argv: readonly string[],
  options?: { readonly input?: string },
) => Promise<string>;
