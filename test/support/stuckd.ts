/** A real stuckd with a state directory and a socket of its own, and what it says about the namespaces of a test. */
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { CallError, createStuckdClient, type StatusResponse } from '../../daemon/rpc/grpc-client.js';
import type { StuckdClient, WatchChange } from '../../daemon/rpc/grpc-client.js';
import type { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { toProtoJson } from '../../daemon/rpc/proto-json.js';
import { durationToMs, timestampToMs } from '../../daemon/rpc/proto-time.js';
import { followWatch } from './follow-watch.js';
import type { Ending } from './lab.js';
import { Notice } from './notice.js';
import { packageRoot } from './package-root.js';
import { isPolling, SENSOR_OF_THIS_RUN } from './sensor-mode.js';
import { switchedOff } from './switched-off.js';
import type { ChangeJson, PeerJson, ProcessJson, StuckJson } from './stuckd-json.js';
import { startAs, type User } from './unprivileged.js';
import { waitFor } from './wait-for.js';
import { WatchStory } from './watch-story.js';

export type * from './stuckd-json.js';

export interface StuckdOptions {
  /** Further configuration, merged over the defaults at the top level. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The part `sensor` of it, for example its intervals. */
  readonly sensor?: Readonly<Record<string, unknown>>;
  /** A state directory that outlives this daemon; default: one of its own. */
  readonly stateDir?: string;
  /** Runs the daemon as somebody else, without any capability; default: as root. */
  readonly user?: User;
  /** Of the old generation, MiB; default: what Node.js makes of the machine. */
  readonly heapMib?: number;
}

/** From the root of the package. */
export const DAEMON_PROGRAM = 'build/bin/stuckd.js';

/** Between the clock of this process and that of the sensor, as the daemon converts it. */
const CLOCK_ERROR_MS = 50;

const CALL_ATTEMPTS = 5;

const CHANGE_KINDS = ['snapshotItem', 'opened', 'updated', 'ended'] as const;

function startDaemon(configPath: string, directory: string, { user, heapMib }: StuckdOptions): ManagedProcess {
  const command = ['run', '--config', configPath];
  if (user === undefined) {
    const heap = heapMib === undefined ? [] : [`--max-old-space-size=${heapMib}`];
    return startProcess([process.execPath, ...heap, join(packageRoot(), DAEMON_PROGRAM), ...command]);
  }
  chownSync(directory, user.uid, user.gid);
  return startAs(user, ({ root, node }) => [node, join(root, DAEMON_PROGRAM), ...command]);
}

export class StuckdUnderTest {
  readonly process: ManagedProcess;
  readonly client: StuckdClient;
  readonly address: string;
  /** Every change of every connection, in order. */
  readonly changes: ChangeJson[] = [];
  /** What all these changes come to. */
  readonly story = new WatchStory<StuckJson>();
  readonly #directory: string;
  readonly #watch = new AbortController();
  /** Of a change, or of the end of the watch. */
  readonly #notice = new Notice();
  #following = false;
  /** Why the watch ended, each time. */
  readonly #losses: string[] = [];

  private constructor(process: ManagedProcess, directory: string, address: string) {
    this.process = process;
    this.#directory = directory;
    this.address = address;
    this.client = createStuckdClient(address);
  }

  /** Starts the daemon as root does, waits for its first complete picture, and follows what it says. */
  static async start(test: Ending, options: StuckdOptions = {}): Promise<StuckdUnderTest> {
    const directory = mkdtempSync(join(tmpdir(), 'stuckd-test-'));
    const address = `unix:${directory}/stuckd.sock`;
    const configPath = join(directory, 'stuckd.yaml');
    const config = {
      grpc: { address },
      http: { address: '127.0.0.1:0' },
      stateDir: options.stateDir ?? join(directory, 'state'),
      ...options.config,
      // Tests ask for intervals because they wait for sweeps; the CPU of a busy or emulated machine must not slow these.
      sensor: { without: switchedOff(), sweepCpuPercentMax: 100, ...SENSOR_OF_THIS_RUN, ...options.sensor },
    };
    writeFileSync(configPath, JSON.stringify(config));
    const daemon = startDaemon(configPath, directory, options);
    const stuckd = new StuckdUnderTest(daemon, directory, address);
    test.after(() => stuckd.close());
    await stuckd.#untilReady();
    stuckd.#following = true;
    void stuckd.#follow();
    return stuckd;
  }

  async status(): Promise<StatusResponse> {
    return this.#ask(() => this.client.getStatus());
  }

  /** What is wrong, but that a sensor polls as it was told. */
  async problems(): Promise<readonly string[]> {
    const { problems } = await this.status();
    return problems.filter((problem) => !(isPolling && problem.startsWith('degraded: ')));
  }

  /** `http://HOST:PORT` of metrics and health. */
  get httpOrigin(): string {
    const match = this.process.lines.map((line) => /metrics are at (http:\/\/[^/"]+)/.exec(line)).find(Boolean);
    if (match?.[1] === undefined) {
      throw new Error(`stuckd does not say where its metrics are:\n${this.process.lines.join('\n')}`);
    }
    return match[1];
  }

  /** The pid of the sensor that runs now. */
  async sensorPid(): Promise<number> {
    return waitFor(async () => (await this.status()).sensor?.pid ?? 0, { what: 'a running sensor' });
  }

  /** Changes of connections that belong to a namespace. */
  changesIn(namespace: LabNamespace): readonly ChangeJson[] {
    return this.changes.filter(({ record }) => isIn(namespace, record));
  }

  /**
   * Waits for a change, past or to come.
   * @throws Error with all changes so far, if it does not come in time.
   */
  async waitChange(what: string, matches: (change: ChangeJson) => boolean): Promise<StuckJson> {
    const find = (): ChangeJson | undefined => this.changes.find(matches);
    let problem: unknown;
    try {
      await waitFor(() => find() ?? !this.#following, { what, notice: this.#notice });
    } catch (error) {
      problem = error;
    }
    const change = find();
    if (change === undefined) {
      throw new Error(`stuckd did not say: ${what}\n${this.#story()}`, { cause: problem });
    }
    return change.record;
  }

  /** Waits until a record of `kind` (short name, lower case) opens in a namespace. */
  async waitOpened(namespace: LabNamespace, kind: string): Promise<StuckJson> {
    const name = `STUCK_KIND_${kind.toUpperCase()}`;
    return this.waitChange(
      `opened ${kind} in ${namespace.label}`,
      ({ kind: change, record }) => change === 'opened' && record.kind === name && isIn(namespace, record),
    );
  }

  /** Waits until the record has an owner or is known to have none. */
  async waitOwner(id: string): Promise<StuckJson> {
    return this.waitChange(`the owner of ${id}`, ({ record }) => record.id === id && record.ownerType !== undefined);
  }

  async waitEnded(id: string): Promise<StuckJson> {
    return this.waitChange(`the end of ${id}`, ({ kind, record }) => kind === 'ended' && record.id === id);
  }

  /** The record as GetStuckConnection gives it. */
  async get(id: string): Promise<StuckJson> {
    const { stuckConnection } = await this.#ask(() => this.client.getStuckConnection(id));
    if (stuckConnection === null || stuckConnection === undefined) {
      throw new Error(`no record ${id}`);
    }
    return connectionJson(stuckConnection);
  }

  /** The stuck connections of a namespace, by process. */
  async processesIn({ inode }: LabNamespace): Promise<readonly ProcessJson[]> {
    const { processes } = await this.#ask(() => this.client.listProcesses({ filter: { netns: [inode] } }));
    return processes.map((process) => toProtoJson(process) as unknown as ProcessJson);
  }

  /** The stuck connections of a namespace, by peer. */
  async peersIn({ inode }: LabNamespace): Promise<readonly PeerJson[]> {
    const { peers } = await this.#ask(() => this.client.listPeers({ filter: { netns: [inode] } }));
    return peers.map((peer) => toProtoJson(peer) as unknown as PeerJson);
  }

  /** Changes the part `sensor` of the configuration, and has it read again. */
  async reload(sensor: Readonly<Record<string, unknown>>): Promise<void> {
    const path = join(this.#directory, 'stuckd.yaml');
    const config = JSON.parse(readFileSync(path, 'utf8')) as { readonly sensor: object };
    const before = this.process.lines.length;
    writeFileSync(path, JSON.stringify({ ...config, sensor: { ...config.sensor, ...sensor } }));
    this.process.kill('SIGHUP');
    const isRead = (): boolean => this.process.lines.slice(before).some((line) => line.includes('was read again'));
    await waitFor(isRead, { what: 'the new configuration' });
  }

  /** Waits for a complete sweep that begins after this call, and until the watch has told what it found. */
  async sweepFromNow(): Promise<void> {
    const fromMs = Date.now() + CLOCK_ERROR_MS;
    const isSwept = async (): Promise<boolean> => {
      const { endTime, duration } = (await this.status()).sweep ?? {};
      return timestampToMs(endTime ?? {}) - durationToMs(duration ?? {}) > fromMs;
    };
    await waitFor(isSwept, { what: 'a sweep' });
    // Changes leave the daemon in its next turn: an answer that is asked for now comes behind them.
    await this.status();
  }

  /** Ends it with SIGTERM, as a service manager does. */
  async stop(): Promise<void> {
    this.#watch.abort();
    this.client.close();
    await this.process.stop(10_000);
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** A call has a deadline, within which a daemon that runs may not get its turn on a machine that is slow enough. */
  async #ask<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call();
      } catch (error) {
        const isLate = error instanceof CallError && error.failure === 'unreachable' && this.process.running;
        if (!isLate || attempt === CALL_ATTEMPTS) {
          throw error;
        }
      }
    }
  }

  async #untilReady(): Promise<void> {
    try {
      const path = this.address.slice('unix:'.length);
      // Before it listens there is nobody to be asked, and every attempt to connect would cost it time.
      const isReady = async (): Promise<boolean> => existsSync(path) && (await this.status()).sweep !== null;
      await waitFor(async () => !this.process.running || (await isReady()), { what: 'the first sweep' });
      if (!this.process.running) {
        await this.process.ended; // only then its last lines are there
        throw new Error('it has ended');
      }
    } catch (error) {
      const output = [...this.process.lines, this.process.stderrTail].join('\n');
      throw new Error(`stuckd does not come up:\n${output}`, { cause: error });
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#watch;
    const open = (token: string): ReturnType<StuckdClient['watchResponses']> =>
      this.client.watchResponses({}, token, signal);
    const take = (change: WatchChange): void => {
      this.#take(change);
    };
    await followWatch({ open, take, signal, process: this.process }, (reason) => this.#losses.push(reason));
    this.#following = false;
    this.#notice.give();
  }

  #take(change: WatchChange): void {
    for (const kind of CHANGE_KINDS) {
      const message = change[kind];
      if (message !== null && message !== undefined) {
        const record = connectionJson(message);
        this.changes.push({ kind, record });
        this.story.take(kind, record);
        this.#notice.give();
      }
    }
    if (change.snapshotEnd) {
      this.story.takeSnapshotEnd();
    }
    this.story.takeLoss(change.lost?.count?.toNumber() ?? 0);
  }

  #story(): string {
    const lines = this.changes.map(({ kind, record }) => {
      const peer = `${record.remote.address}:${String(record.remote.port)}`;
      return `  ${kind} ${record.id} ${record.kind} ${record.state} netns ${String(record.netns)} -> ${peer} ${record.outcome ?? ''}`;
    });
    const losses = this.#losses.map((loss) => `  watch lost: ${loss}`);
    return `changes so far:\n${[...lines, ...losses].join('\n')}\nits output:\n${this.process.lines.slice(-20).join('\n')}`;
  }
}

/** A record from before the namespace was made is of another one, which had the same inode number. */
function isIn(namespace: LabNamespace, record: StuckJson): boolean {
  return record.netns === namespace.inode && Date.parse(record.detectedTime) >= namespace.madeMs;
}

function connectionJson(message: stuckd.v1.StuckConnection.$Properties): StuckJson {
  return toProtoJson(message) as unknown as StuckJson;
}
