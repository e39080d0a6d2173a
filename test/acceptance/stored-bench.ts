/** What tests of a history on a real disk share, be it of connections or of alerts: its clients, its starts and its ends. */
import { join } from 'node:path';
import type { StuckdClient } from '../../daemon/rpc/grpc-client.js';
import type { GrpcServer } from '../../daemon/rpc/grpc-server.js';
import { History, type HistoryLimits } from '../../daemon/store/history.js';
import { waitFor } from '../support/wait-for.js';
import { RpcBench } from './rpc-harness.js';

const LIMITS: HistoryLimits = { maxAgeMs: 86_400_000, maxBytes: 64 << 20, journalMaxBytes: 64 << 20 };

interface Response<Change> {
  readonly changes: readonly Change[];
  readonly resumeToken: string;
}

/** One client of a watch, which remembers what it got. */
export abstract class WatchFollower<Change> {
  readonly changes: Change[] = [];
  /** Of every response. */
  readonly tokens: string[] = [];
  /** What ended it, if anything did. */
  error: unknown = null;
  readonly #stop = new AbortController();

  constructor(open: (signal: AbortSignal) => AsyncIterable<Response<Change>>) {
    void this.#follow(open(this.#stop.signal));
  }

  /** Changes as words: `opened c2`. */
  abstract get words(): string[];

  /** Of the last response. */
  get token(): string {
    return this.tokens.at(-1) ?? '';
  }

  stop(): void {
    this.#stop.abort();
  }

  async untilHas(count: number): Promise<void> {
    await waitFor(() => this.changes.length >= count, { what: `${count} changes` });
  }

  async #follow(responses: AsyncIterable<Response<Change>>): Promise<void> {
    try {
      for await (const response of responses) {
        this.changes.push(...response.changes);
        this.tokens.push(response.resumeToken);
      }
    } catch (error) {
      this.error = error;
    }
  }
}

/** What was told of each item, in order, with commas; updates fold into one. */
export function storiesOf(followers: readonly { readonly words: readonly string[] }[]): Record<string, string> {
  const found: Record<string, string[]> = {};
  for (const word of followers.flatMap(({ words }) => words)) {
    const [kind = '', id = ''] = word.split(' ');
    if (id !== '') {
      const story = (found[id] ??= []);
      if (!(kind === 'updated' && story.at(-1) === 'updated')) {
        story.push(kind);
      }
    }
  }
  return Object.fromEntries(Object.entries(found).map(([id, story]) => [id, story.join()]));
}

/** What one start of a bench has, at least. */
export interface StoredRun {
  readonly history: History;
  readonly server: GrpcServer;
  readonly client: StuckdClient;
}

export class StoredBench {
  readonly rpc = new RpcBench();
  readonly directory = join(this.rpc.directory.path, 'history');
  /** Lines that were logged. */
  readonly log: string[] = [];
  readonly #histories = new Set<History>();
  readonly #followers: { stop(): void }[] = [];

  /** @param name of the stream */
  protected createHistory(name: string, limits: Partial<HistoryLimits>): History {
    const keep = (message: string): void => {
      this.log.push(message);
    };
    const log = { info: keep, warn: keep, error: keep };
    const history = new History(this.directory, name, { ...LIMITS, ...limits }, log);
    this.#histories.add(history);
    return history;
  }

  protected keep<Follower extends { stop(): void }>(follower: Follower): Follower {
    this.#followers.push(follower);
    return follower;
  }

  /** Ends in good order. */
  async stop({ client, server, history }: StoredRun): Promise<void> {
    client.close();
    await server.drain(1000);
    await history.close();
    this.#histories.delete(history);
  }

  async untilWritten({ history }: StoredRun): Promise<void> {
    const { journal, ended } = history;
    await waitFor(() => journal.log.written === journal.last && ended.written === ended.last, { what: 'the disk' });
  }

  async clean(): Promise<void> {
    for (const follower of this.#followers) {
      follower.stop();
    }
    for (const history of this.#histories) {
      await history.close();
    }
    this.rpc.clean();
  }
}
