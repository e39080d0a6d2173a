/** Puts together what finds out to which container, pod and unit the processes of this node belong. */
import { NODE_NAME } from './config-kubernetes.js';
import type { Config } from './config.js';
import type { RecordSource, WorkloadSource } from './core/ports.js';
import { ApiClient, type ApiClientOptions } from './kubernetes/api-client.js';
import { PodTable } from './kubernetes/pod-table.js';
import { PodWatcher } from './kubernetes/pod-watcher.js';
import type { Logger } from './lib/logger.js';
import { CgroupTree } from './workload/cgroup-tree.js';
import { readProcessWorkload } from './workload/process-cgroup.js';
import { WorkloadTable } from './workload/workload-table.js';

export interface Workloads {
  readonly source: WorkloadSource;
  /** What keeps names from being known; for the status. */
  problems(): readonly string[];
  start(): void;
  stop(): Promise<void>;
}

/** Where the API server is asked for pods, and for which. */
interface PodQuery extends ApiClientOptions {
  readonly nodeName: string;
}

/** What this node is called in its cluster; null if that is not known, or no name. */
export function nodeNameOf(config: Config['kubernetes'], env: NodeJS.ProcessEnv): string | null {
  const name = config.nodeName ?? env['NODE_NAME'] ?? '';
  return NODE_NAME.test(name) ? name : null;
}

/**
 * @returns null where nobody wants pod names.
 * @throws Error that says what is missing.
 */
export function podQuery(config: Config['kubernetes'], env: NodeJS.ProcessEnv): PodQuery | null {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (config.enabled === false || (config.enabled === 'auto' && host === '')) {
    return null;
  }
  const inCluster = host === '' ? undefined : `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const server = config.apiServer ?? inCluster;
  if (server === undefined) {
    throw new Error('kubernetes.apiServer is not set, and there is no KUBERNETES_SERVICE_HOST');
  }
  const nodeName = nodeNameOf(config, env);
  if (nodeName === null) {
    throw new Error('the name of this node is not set (kubernetes.nodeName, NODE_NAME)');
  }
  return { server, nodeName, tokenFile: config.tokenFile, caFile: config.caFile };
}

/** Follows the pods of this node, or says why it cannot. */
class PodNames {
  readonly #table = new PodTable();
  #watcher: PodWatcher | null = null;
  #problem: string | null = null;

  constructor(config: Config['kubernetes'], env: NodeJS.ProcessEnv, log: Logger) {
    try {
      const query = podQuery(config, env);
      if (query !== null) {
        this.#watcher = new PodWatcher({
          api: new ApiClient(query),
          table: this.#table,
          nodeName: query.nodeName,
          onTurn: (problem) => {
            if (problem === null) {
              log.info('pod names are known again');
            } else {
              log.warn(problem);
            }
          },
        });
      }
    } catch (error) {
      this.#problem = `pod names are unknown: ${(error as Error).message}`;
      log.warn(this.#problem);
    }
  }

  get table(): PodTable {
    return this.#table;
  }

  problems(): readonly string[] {
    const problem = this.#problem ?? this.#watcher?.problem ?? null;
    const { size, refused } = this.#table;
    const full = refused === 0 ? [] : [`names of ${size} pods are known; ${refused} found no room`];
    return problem === null ? full : [problem, ...full];
  }

  start(): void {
    this.#watcher?.start();
  }

  async stop(): Promise<void> {
    await this.#watcher?.stop();
  }
}

/** @param env the variables by which Kubernetes tells a pod where it is */
export function createWorkloads(
  config: Pick<Config, 'kubernetes' | 'workloads'>,
  records: Pick<RecordSource, 'subscribe'>,
  log: Logger,
  env: NodeJS.ProcessEnv,
): Workloads {
  const { procRoot, cgroupRoot } = config.workloads;
  const pods = new PodNames(config.kubernetes, env, log);
  const tree = new CgroupTree({ cgroupRoot });
  const table = new WorkloadTable({
    records,
    readProcess: (pid, startBootUs) => readProcessWorkload(procRoot, pid, startBootUs),
    cgroupPath: (id) => tree.pathOf(id),
    withPodNames: (workload) => pods.table.withNames(workload),
  });
  return {
    source: table,
    problems: () => pods.problems(),
    start: () => {
      tree.start();
      pods.start();
    },
    stop: async () => {
      table.stop();
      tree.stop();
      await pods.stop();
    },
  };
}
