/** A whole daemon in this process, a recorded sensor on one side of it and a gRPC client on the other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, startApp } from '../../daemon/app.js';
import { type Config, loadConfig } from '../../daemon/config.js';
import type { LogLevel, Logger } from '../../daemon/lib/logger.js';
import type { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { createStuckdClient, type StatusResponse, type StuckdClient } from '../../daemon/rpc/grpc-client.js';
import { toProtoJson } from '../../daemon/rpc/proto-json.js';
import type { StuckJson } from '../support/stuckd.js';
import { waitFor } from '../support/wait-for.js';
import type { Recording } from './replay-recording.js';
import { ReplayClock, type ReplayConnection, ReplaySensor } from './replay-sensor.js';

/** One change, as a watching client gets it. */
export interface WatchedChange {
  readonly kind: 'snapshotItem' | 'opened' | 'updated' | 'ended';
  readonly record: StuckJson;
}

const CHANGE_KINDS = ['snapshotItem', 'opened', 'updated', 'ended'] as const;

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

function createMemoryLogger(lines: LogLine[]): Logger {
  const logAt = (level: LogLevel) => (message: string) => {
    lines.push({ level, message });
  };
  return {
    debug: logAt('debug'),
    info: logAt('info'),
    warn: logAt('warn'),
    error: logAt('error'),
    setLevel: () => undefined,
  };
}

function connectionJson(message: stuckd.v1.StuckConnection.$Properties): StuckJson {
  return toProtoJson(message) as unknown as StuckJson;
}

/** A subscriber of WatchStuckConnections. */
export class Watcher {
  readonly changes: WatchedChange[] = [];
  /** Items of the snapshot, once it is complete. */
  snapshotCount: number | null = null;
  readonly #stop = new AbortController();

  constructor(client: StuckdClient) {
    void this.#follow(client);
  }

  /** The kinds of the changes of one record, without repetitions. */
  story(id: string): readonly string[] {
    const kinds = this.changes.filter(({ record }) => record.id === id).map(({ kind }) => kind);
    return kinds.filter((kind, index) => kind !== kinds[index - 1]);
  }

  /** The last that was said about a record that matches. */
  newest(matches: (record: StuckJson) => boolean): StuckJson | undefined {
    return this.changes.findLast(({ record }) => matches(record))?.record;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(client: StuckdClient): Promise<void> {
    try {
      for await (const change of client.watch({}, this.#stop.signal)) {
        if (change.snapshotEnd !== null && change.snapshotEnd !== undefined) {
          this.snapshotCount = change.snapshotEnd.count ?? 0;
        }
        for (const kind of CHANGE_KINDS) {
          const record = change[kind];
          if (record !== null && record !== undefined) {
            this.changes.push({ kind, record: connectionJson(record) });
          }
        }
      }
    } catch {
      // The daemon was stopped by the test; whoever waits for a change says so.
    }
  }
}

/** A daemon with its client. */
export interface RunningDaemon {
  readonly app: App;
  readonly client: StuckdClient;
}

export class ReplayBench {
  readonly directory = mkdtempSync(join(tmpdir(), 'stuckd-replay-'));
  readonly recording: Recording;
  readonly clock = new ReplayClock();
  readonly log: LogLine[] = [];
  readonly sensor: ReplaySensor;
  readonly #daemons: RunningDaemon[] = [];
  readonly #watchers: Watcher[] = [];
  #connection: ReplayConnection | null = null;
  /** Index of the line that is played next. */
  #next = 0;

  constructor(recording: Recording) {
    this.recording = recording;
    this.sensor = new ReplaySensor(join(this.directory, 'sensor.sock'));
  }

  /** Of the file that `config` writes. */
  get configPath(): string {
    return join(this.directory, 'stuckd.yaml');
  }

  config(settings: Readonly<Record<string, unknown>> = {}): Config {
    writeFileSync(this.configPath, JSON.stringify({ http: { address: '127.0.0.1:0' }, ...settings }));
    const flags = {
      configPath: this.configPath,
      grpcAddress: `unix:${this.directory}/stuckd.sock`,
      stateDir: join(this.directory, 'state'),
      sensorAddress: `unix:${this.directory}/sensor.sock`,
    };
    return loadConfig(flags, {});
  }

  async startDaemon(settings: Readonly<Record<string, unknown>> = {}): Promise<RunningDaemon> {
    const app = await startApp(this.config(settings), createMemoryLogger(this.log), this.clock);
    const daemon = { app, client: createStuckdClient(app.grpcAddress) };
    this.#daemons.push(daemon);
    return daemon;
  }

  async watch(client: StuckdClient): Promise<Watcher> {
    const watcher = new Watcher(client);
    this.#watchers.push(watcher);
    await waitFor(() => watcher.snapshotCount !== null, { what: 'the end of the snapshot' });
    return watcher;
  }

  /** The connection to the daemon that the recording plays on. */
  get connection(): ReplayConnection {
    if (this.#connection === null) {
      throw new Error('nothing was played yet');
    }
    return this.#connection;
  }

  /** Plays the recording on, to a mark of the scenario. */
  async playTo(mark: string): Promise<void> {
    for (let line = this.recording.lines[this.#next]; line !== undefined; line = this.recording.lines[this.#next]) {
      this.#next += 1;
      switch (line.type) {
        case 'mark':
          if (line.name === mark) {
            return;
          }
          break;
        case 'session':
          await this.#startSession();
          break;
        case 'record':
          this.clock.advance(line.timeUs);
          await this.connection.send(this.#restOfBatch(line.timeUs, line.bytes));
          break;
      }
    }
    throw new Error(`the recording has no mark "${mark}" after this place; record it anew`);
  }

  /** The bytes of the first record of the session that comes next: its greeting. */
  nextHello(): Uint8Array {
    const session = this.recording.lines.findIndex(({ type }, index) => index >= this.#next && type === 'session');
    const hello = this.recording.lines[session + 1];
    if (hello?.type !== 'record') {
      throw new Error('the recording has no further session; record it anew');
    }
    return hello.bytes;
  }

  /** A record that was played already, to be sent again or in pieces. */
  lastRecord(): Uint8Array {
    const line = this.recording.lines.findLast(({ type }, index) => index < this.#next && type === 'record');
    if (line?.type !== 'record') {
      throw new Error('nothing was played yet');
    }
    return line.bytes;
  }

  /** Waits until the status that a client gets is as it should be. */
  async untilStatus(
    { client }: RunningDaemon,
    what: string,
    matches: (status: StatusResponse) => boolean,
  ): Promise<StatusResponse> {
    let status: StatusResponse | undefined;
    try {
      return await waitFor(
        async () => {
          status = await client.getStatus();
          return matches(status) ? status : null;
        },
        { what },
      );
    } catch (error) {
      throw new Error(`${what}: but the status is ${JSON.stringify(status)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers) {
      watcher.stop();
    }
    for (const { app, client } of this.#daemons) {
      client.close();
      await app.stop();
    }
    this.sensor.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #startSession(): Promise<void> {
    if (this.#connection !== null && !this.#connection.isClosed) {
      await this.#connection.end();
    }
    this.#connection = await this.sensor.accept();
    const hello = this.recording.lines[this.#next];
    if (hello?.type === 'record') {
      this.#next += 1;
      this.clock.advance(hello.timeUs);
      await this.#connection.send(hello.bytes);
    }
    await this.#connection.untilConfigured();
  }

  /** Records that the daemon once got in one piece are sent as one piece. */
  #restOfBatch(timeUs: number, first: Uint8Array): Uint8Array {
    const batch = [first];
    for (
      let line = this.recording.lines[this.#next];
      line?.type === 'record';
      line = this.recording.lines[this.#next]
    ) {
      if (line.timeUs !== timeUs) {
        break;
      }
      batch.push(line.bytes);
      this.#next += 1;
    }
    return Buffer.concat(batch);
  }
}

/** All records that a client can list, as JSON. */
export async function listAll(client: StuckdClient, includeEnded: boolean): Promise<readonly StuckJson[]> {
  const { stuckConnections } = await client.listStuckConnections({ includeEnded });
  return stuckConnections.map(connectionJson);
}

export async function getOne(client: StuckdClient, id: string): Promise<StuckJson> {
  const { stuckConnection } = await client.getStuckConnection(id);
  if (stuckConnection === null || stuckConnection === undefined) {
    throw new Error(`no record ${id}`);
  }
  return connectionJson(stuckConnection);
}
