/** One node of a watch of many: followed for as long as it is wanted, lost and found again without disturbing the others. */
import { Backoff } from '../../lib/backoff.js';
import { CallError, type StuckdClient } from '../../rpc/grpc-client.js';
import type { CliIo } from '../cli-io.js';
import { type Follower, followChanges, type LossTeller, type OpenWatch } from '../watch-command.js';
import { pause } from '../watch-retry.js';
import { hostnameOf } from './node-group.js';

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15_000;

/** What a node is asked to tell, and to whom. */
export interface NodeWatchPlan<Change> {
  readonly address: string;
  readonly client: StuckdClient;
  open(client: StuckdClient, resumeToken: string, signal: AbortSignal): ReturnType<OpenWatch<Change>>;
  /** @returns what it is called from now on; null if it is not one of those that are wanted. */
  admit(hostname: string): string | null;
  follower(name: () => string): Follower<Change>;
  teller(name: () => string): LossTeller;
}

export class NodeWatch<Change extends { readonly lost?: unknown }> {
  readonly #plan: NodeWatchPlan<Change>;
  readonly #io: CliIo;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #teller: LossTeller;
  #name: string | null = null;
  #follower: Follower<Change> | null = null;
  #isLost = false;

  /** @param signal ends it, as `stop` does. @param name if it has said who it is already. */
  constructor(plan: NodeWatchPlan<Change>, io: CliIo, signal: AbortSignal, name: string | null) {
    this.#plan = plan;
    this.#io = io;
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
    this.#name = name;
    this.#teller = plan.teller(() => this.name);
  }

  /** Its address until it has said who it is. */
  get name(): string {
    return this.#name ?? this.#plan.address;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** For a node that is known not to answer: it is told of by whoever knows why. */
  markLost(): this {
    this.#isLost = true;
    return this;
  }

  /** Another node has the name now: this one, which is lost, goes by its address. */
  giveUpName(): void {
    this.#name = this.#plan.address;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Resolves when it is stopped. @throws CallError if the daemon does not take the question: trying again would not help. */
  async run(): Promise<void> {
    const backoff = new Backoff(RETRY_MIN_MS, RETRY_MAX_MS, RETRY_MAX_MS);
    try {
      for (;;) {
        const beganMs = this.#io.nowMs();
        try {
          await this.#follow();
          return;
        } catch (error) {
          if (!(error instanceof CallError) || error.failure === 'invalid') {
            throw error;
          }
          await this.#tellLost(error.message);
        }
        await pause(backoff.next(this.#io.nowMs() - beganMs), this.#signal);
        if (this.#signal.aborted) {
          return;
        }
      }
    } finally {
      this.#plan.client.close();
    }
  }

  async #follow(): Promise<void> {
    const { client } = this.#plan;
    if (this.#name === null) {
      this.#name = this.#plan.admit(hostnameOf(await client.getStatus()));
      if (this.#name === null || this.#signal.aborted) {
        return;
      }
    }
    this.#follower ??= this.#plan.follower(() => this.name);
    const teller: LossTeller = {
      lost: (reason) => this.#tellLost(reason),
      back: (isComplete) => {
        this.#isLost = false;
        return this.#teller.back(isComplete);
      },
    };
    const io = { ...this.#io, interruptSignal: () => this.#signal };
    // It is back when it takes the question: one that answers, and refuses to be watched, is still lost.
    let wasLost = this.#isLost;
    const plan = this.#plan;
    const heard = async (): Promise<void> => {
      if (wasLost) {
        wasLost = false;
        await teller.back(false);
      }
    };
    const open: OpenWatch<Change> = async function* (token, signal) {
      for await (const response of plan.open(client, token, signal)) {
        await heard();
        yield response;
      }
    };
    await followChanges(open, io, this.#follower, teller);
  }

  async #tellLost(reason: string): Promise<void> {
    if (!this.#isLost) {
      this.#isLost = true;
      await this.#teller.lost(reason);
    }
  }
}
