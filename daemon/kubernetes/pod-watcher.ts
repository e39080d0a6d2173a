/**
 * Keeps the pods of this node known: a list, then a watch from where the list was taken, again and again. The server is
 * asked for this node's pods only; whatever happens to the connection, it is tried again later, and names that are known
 * stay known.
 */
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { Backoff } from '../lib/backoff.js';
import type { ApiClient } from './api-client.js';
import { ApiError } from './api-error.js';
import { LineSplitter } from './line-splitter.js';
import { parsePod, type PodFacts } from './pod-facts.js';
import type { PodTable } from './pod-table.js';

/** Time, so that tests can let hours pass. */
export interface WatchClock {
  /** Of any origin, milliseconds. */
  nowMs(): number;
  /** Ends early when `stop` is given. */
  wait(milliseconds: number, stop: AbortSignal): Promise<void>;
}

const SYSTEM_CLOCK: WatchClock = {
  nowMs: () => performance.now(),
  wait: async (milliseconds, signal) => {
    await delay(milliseconds, undefined, { signal }).catch(() => undefined);
  },
};

export interface PodWatcherOptions {
  readonly api: Pick<ApiClient, 'get'>;
  readonly table: PodTable;
  readonly nodeName: string;
  /** Told when `problem` changes. */
  readonly onTurn: (problem: string | null) => void;
  /** How long the server is asked to keep a watch open, seconds: so long at least, and less than twice as long. */
  readonly watchSeconds?: number;
  /** After that time for its end to arrive, milliseconds. */
  readonly watchGraceMs?: number;
  /** Between two attempts, milliseconds: doubling from the first to the second. */
  readonly retryMs?: readonly [min: number, max: number];
  /** 0 to 1; spreads the agents of a cluster whose server comes back. */
  readonly random?: () => number;
  readonly clock?: WatchClock;
}

const WATCH_SECONDS = 300;
const RETRY_MS = [1000, 60_000] as const;
/** The list of a node is a few MiB at most. */
const LIST_LENGTH_MAX = 64 * 1024 * 1024;
const LIST_DEADLINE_MS = 60_000;
/** A pod cannot be larger than what etcd takes, 1.5 MiB. */
const EVENT_LENGTH_MAX = 4 * 1024 * 1024;
const PAGE_SIZE = '500';
const PAGES_MAX = 100;
const WATCH_GRACE_MS = 30_000;

/** The version asked for is not kept any more: from here on only a new list helps. */
const GONE = 410;
/** Of a list: the server is not yet as far as the version asked for. */
const TIMED_OUT = 504;

/** Any version, as the server has it in memory: a list of that costs it least. */
const ANY_VERSION = '0';
const NEWEST_VERSION = '';

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});
const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const versionSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
const statusSchema = z.object({ code: z.number().default(0), message: z.string().default('no reason given') });

function parseJson<T>(schema: z.ZodType<T>, text: string, what: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new ApiError(0, `${what} is not what an API server sends`);
  }
}

export class PodWatcher {
  readonly #options: PodWatcherOptions;
  readonly #watchSeconds: number;
  readonly #watchGraceMs: number;
  readonly #backoff: Backoff;
  readonly #random: () => number;
  readonly #clock: WatchClock;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  /** Where the next watch goes on; null: a list is needed first. */
  #version: string | null = null;
  /** When the server began to answer the watch of this attempt; null: it has not. */
  #openedMs: number | null = null;
  #listFrom = ANY_VERSION;
  #everListed = false;
  /** Something has worked since the last failure. */
  #worked = false;
  #problem: string | null = null;

  constructor(options: PodWatcherOptions) {
    this.#options = options;
    this.#watchSeconds = options.watchSeconds ?? WATCH_SECONDS;
    this.#watchGraceMs = options.watchGraceMs ?? WATCH_GRACE_MS;
    const [minMs, maxMs] = options.retryMs ?? RETRY_MS;
    this.#backoff = new Backoff(minMs, maxMs, minMs * 10);
    this.#random = options.random ?? Math.random;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  /** Why names are missing or old; null while all is well. */
  get problem(): string | null {
    return this.#problem;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the request under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const retryAfterMs = await this.#attempt();
      const watchedMs = this.#openedMs === null ? 0 : this.#clock.nowMs() - this.#openedMs;
      const waitMs = this.#backoff.next(watchedMs) * (0.5 + this.#random() / 2);
      await this.#clock.wait(Math.max(waitMs, retryAfterMs), this.#stop.signal);
    }
  }

  /** @returns how long the server asks to be left alone, milliseconds. */
  async #attempt(): Promise<number> {
    this.#openedMs = null;
    try {
      this.#version ??= await this.#list();
      await this.#watch();
      this.#worked = true;
      return 0;
    } catch (error) {
      const failure = error instanceof ApiError ? error : new ApiError(0, String(error));
      this.#fail(failure);
      return failure.retryAfterMs;
    }
  }

  #fail({ code, message }: ApiError): void {
    const wasWatching = this.#version !== null;
    // A watch may get the second one from a gateway that does not reach the server, which says nothing of versions.
    if (code === GONE || (code === TIMED_OUT && !wasWatching)) {
      this.#listFrom = this.#version ?? NEWEST_VERSION;
      this.#version = null;
      if (wasWatching) {
        return; // versions expire: a new list is the way on, and no problem
      }
    }
    // A watch is cut some day, and a token expires: what the next attempt mends at once is no problem.
    if (!this.#worked && !this.#stop.signal.aborted) {
      const state = this.#everListed ? 'pod names may be out of date' : 'pod names are unknown';
      this.#turn(`${state}: ${message}`);
    }
    this.#worked = false;
  }

  #turn(problem: string | null): void {
    if (problem !== this.#problem) {
      this.#problem = problem;
      this.#options.onTurn(problem);
    }
  }

  #path(query: Readonly<Record<string, string>>): string {
    // Pods that have finished stay for days, and their connections ended with their network namespace.
    const fieldSelector = `spec.nodeName=${this.#options.nodeName},status.phase!=Succeeded,status.phase!=Failed`;
    return `/api/v1/pods?${new URLSearchParams({ fieldSelector, ...query }).toString()}`;
  }

  /** The beginning of a list, which is not older than `#listFrom`. */
  #firstPage(): Readonly<Record<string, string>> {
    const from = { resourceVersion: this.#listFrom };
    // With a limit, the server takes any other version for the very one that it shall list: from there no watch could go on.
    const mayBePaged = this.#listFrom === ANY_VERSION || this.#listFrom === NEWEST_VERSION;
    return mayBePaged ? { limit: PAGE_SIZE, ...from } : from;
  }

  /** @returns the version of the list. */
  async #list(): Promise<string> {
    const pods: PodFacts[] = [];
    let next = '';
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const query = next === '' ? this.#firstPage() : { limit: PAGE_SIZE, continue: next };
      const { metadata, items } = await this.#listPage(query);
      pods.push(...(items ?? []).map(parsePod).filter((pod) => pod !== null));
      next = metadata.continue ?? '';
      if (next === '') {
        this.#options.table.replace(pods);
        this.#everListed = true;
        this.#worked = true;
        return metadata.resourceVersion;
      }
    }
    throw new ApiError(0, `the list of pods has more than ${PAGES_MAX} pages`);
  }

  async #listPage(query: Readonly<Record<string, string>>): Promise<z.output<typeof listSchema>> {
    const parts: string[] = [];
    let length = 0;
    await this.#options.api.get(
      this.#path(query),
      { deadlineMs: LIST_DEADLINE_MS, stop: this.#stop.signal },
      (text) => {
        length += text.length;
        if (length > LIST_LENGTH_MAX) {
          throw new ApiError(0, `the list of pods has more than ${LIST_LENGTH_MAX} characters`);
        }
        parts.push(text);
      },
    );
    return parseJson(listSchema, parts.join(''), 'the list of pods');
  }

  async #watch(): Promise<void> {
    const lines = new LineSplitter(EVENT_LENGTH_MAX);
    // Or else the agents of a cluster, which were all cut off at once, would all come back at once, again and again.
    const seconds = Math.floor(this.#watchSeconds * (1 + this.#random()));
    const query = {
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#version ?? NEWEST_VERSION,
      timeoutSeconds: seconds.toString(),
    };
    const limits = {
      deadlineMs: seconds * 1000 + this.#watchGraceMs,
      stop: this.#stop.signal,
      onOpen: () => {
        this.#openedMs = this.#clock.nowMs();
        this.#turn(null);
      },
    };
    await this.#options.api.get(this.#path(query), limits, (text) => {
      for (const line of lines.take(text)) {
        this.#take(parseJson(eventSchema, line, 'an event'));
        this.#worked = true;
      }
    });
  }

  #take({ type, object }: z.output<typeof eventSchema>): void {
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED':
        this.#takePod(type, object);
        break;
      case 'BOOKMARK':
        break;
      case 'ERROR': {
        const { code, message } = statusSchema.catch({ code: 0, message: 'an error without a reason' }).parse(object);
        throw new ApiError(code, message);
      }
      default:
        throw new ApiError(0, 'an event is not what an API server sends');
    }
    const version = versionSchema.safeParse(object);
    if (version.success) {
      this.#version = version.data.metadata.resourceVersion;
    }
  }

  #takePod(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: unknown): void {
    const pod = parsePod(object);
    if (pod === null) {
      return;
    }
    if (type === 'DELETED') {
      this.#options.table.delete(pod.uid);
    } else {
      this.#options.table.put(pod);
    }
  }
}
