/** The connection that is looked at: it is asked for again and again. */
import { escapeForTerminal } from '../../lib/terminal.js';
import { CallError, type StuckdClient } from '../../rpc/grpc-client.js';
import type { Page } from './top-view.js';

const PERIOD_MS = 2000;

type Client = Pick<StuckdClient, 'getStuckConnection'>;

/** What was known stays in sight while the daemon is gone; only the daemon itself can say that there is no such connection. */
function withProblem(id: string, { failure, message }: CallError, before: Page | null): Page {
  return failure === 'not_found'
    ? { id, response: null, problem: 'stuckd does not know this connection any more.' }
    : { id, response: before?.id === id ? before.response : null, problem: escapeForTerminal(message) };
}

export class FollowedPage {
  readonly #client: Client;
  readonly #nowMs: () => number;
  #page: Page | null = null;
  /** The question that has not been answered, of which there is one at a time. */
  #asking: string | null = null;
  #askedMs = -Infinity;

  /** @param nowMs a clock that never goes back */
  constructor(client: Client, nowMs: () => number) {
    this.#client = client;
    this.#nowMs = nowMs;
  }

  /** The last answer, which may be about another connection; null until there is one. */
  get page(): Page | null {
    return this.#page;
  }

  /**
   * Asks, if the last answer is too old.
   * @param isPaused one answer will do
   * @returns whether there is a new answer
   */
  async look(id: string, isPaused: boolean): Promise<boolean> {
    const isAnswered = this.#page?.id === id && isPaused && this.#page.problem === '';
    const isFresh = this.#page?.id === id && this.#nowMs() < this.#askedMs + PERIOD_MS;
    if (isAnswered || isFresh || this.#asking === id) {
      return false;
    }
    this.#asking = id;
    this.#askedMs = this.#nowMs();
    const page = await this.#ask(id);
    // Somebody may look at another one by now.
    if (this.#asking !== id) {
      return false;
    }
    this.#asking = null;
    this.#page = page;
    return true;
  }

  async #ask(id: string): Promise<Page> {
    try {
      return { id, response: await this.#client.getStuckConnection(id), problem: '' };
    } catch (error) {
      if (!(error instanceof CallError)) {
        throw error;
      }
      return withProblem(id, error, this.#page);
    }
  }
}
