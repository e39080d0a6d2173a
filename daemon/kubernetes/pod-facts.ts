/** What is kept of a pod: its names, its labels and its containers. */
import * as z from 'zod';

export interface ContainerFacts {
  readonly id: string;
  readonly name: string;
  /** As the API writes it: `containerd`, `cri-o`, `docker`. */
  readonly runtime: string;
}

/** Immutable: every change makes a new object. */
export interface PodFacts {
  readonly uid: string;
  /** The uid by which the node knows a static pod, which the API shows under another one; of an annotation. Else empty. */
  readonly configHash: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly containers: readonly ContainerFacts[];
}

/** Labels are sent with every record; few pods have a tenth of this. */
const LABELS_LENGTH_MAX = 4096;
const CONTAINERS_MAX = 256;

const text = z.string().max(1024);
/** Of a container that runs, that ended, or that runs in place of one that ended. */
const ended = z.object({ terminated: z.object({ containerID: text.optional() }).optional() }).optional();
const containerStatus = z.object({
  name: text,
  containerID: text.optional(),
  state: ended,
  lastState: ended,
});
const containerStatuses = z.array(containerStatus).nullish();

const podSchema = z.object({
  metadata: z.object({
    uid: text,
    name: text,
    namespace: text,
    resourceVersion: text.optional(),
    labels: z.record(text, text).nullish(),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
  status: z
    .object({
      containerStatuses,
      initContainerStatuses: containerStatuses,
      ephemeralContainerStatuses: containerStatuses,
    })
    .nullish(),
});

/** `containerd://<id>` */
function containerFacts(name: string, url: string | undefined): ContainerFacts[] {
  const [, runtime, id] = /^([a-z0-9.+-]+):\/\/(.+)$/.exec(url ?? '') ?? [];
  return runtime === undefined || id === undefined ? [] : [{ id, name, runtime }];
}

/** As many of them as fit. */
function boundedLabels(labels: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  let length = 0;
  const kept = Object.entries(labels).filter(([name, value]) => {
    length += name.length + value.length;
    return length <= LABELS_LENGTH_MAX;
  });
  return new Map(kept);
}

/** @returns null if it is no pod. */
export function parsePod(object: unknown): PodFacts | null {
  const parsed = podSchema.safeParse(object);
  if (!parsed.success) {
    return null;
  }
  const { metadata, status } = parsed.data;
  const statuses = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ].slice(0, CONTAINERS_MAX);
  return {
    uid: metadata.uid,
    configHash: metadata.annotations?.['kubernetes.io/config.hash'] ?? '',
    name: metadata.name,
    namespace: metadata.namespace,
    labels: boundedLabels(metadata.labels ?? {}),
    // A connection may outlive the container that opened it, and the restart that follows.
    containers: statuses.flatMap(({ name, containerID, state, lastState }) => [
      ...containerFacts(name, lastState?.terminated?.containerID),
      ...containerFacts(name, state?.terminated?.containerID),
      ...containerFacts(name, containerID),
    ]),
  };
}
