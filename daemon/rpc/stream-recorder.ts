/**
 * Writes the changes of one stream to its history and lets watches resume from it. It knows nothing of what the items are:
 * connections use it through ConnectionHistory, and another stream (alerts) would in the same way, with a name, a history
 * and labels of its own, by calling `record` for each change before any watch hears of it.
 */
import { status } from '@grpc/grpc-js';
import type { LogContent, StreamHistory } from '../core/history.js';
import type { RecordChange } from '../core/ports.js';
import { parseLabel } from './history-label.js';
import { decodeResumeToken, encodeResumeToken } from './resume-token.js';
import { RpcError } from './status.js';
import { type DecodeChange, type StoredFilter, WatchBacklog } from './watch-backlog.js';

/** A change as it goes to disk. What takes time is made when it is written. */
export interface RecordedChange {
  readonly kind: RecordChange['kind'];
  readonly id: string;
  /** Microseconds since 1970. */
  readonly timeUs: number;
  readonly label: () => string;
  /** The encoded message of the change. */
  readonly change: () => Uint8Array;
  /** The encoded item, for what ended. */
  readonly item: () => Uint8Array;
}

/** A daemon that has just started knows within this time what became of open items, or something is wrong. */
const SETTLE_MS = 10_000;

function expired(): RpcError {
  return new RpcError(
    status.OUT_OF_RANGE,
    'the changes since this resume_token are not kept any more, or were lost when stuckd or the machine was killed; ' +
      'watch again without a token, which begins with a snapshot',
  );
}

export class StreamRecorder {
  readonly #name: string;
  readonly #history: StreamHistory;
  /** Items that are open as far as the journal says. */
  readonly #open = new Set<string>();
  #ended: Set<string> | null = new Set();
  #isSettled = false;
  #settle: () => void = () => undefined;
  readonly #settled = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  /** @param name of the stream; part of its tokens */
  constructor(name: string, history: StreamHistory) {
    this.#name = name;
    this.#history = history;
  }

  /** Reads what earlier runs left. Never rejects. */
  async open(): Promise<void> {
    await this.#history.open(({ label }) => {
      const { kind, id } = parseLabel(label) ?? {};
      if (id !== undefined && kind === 'ended') {
        this.#open.delete(id);
        this.#ended?.add(id);
      } else if (id !== undefined) {
        this.#open.add(id);
      }
    });
  }

  /** Items that earlier runs, or this one, left open. */
  get openIds(): ReadonlySet<string> {
    return this.#open;
  }

  /** True of an item whose end an earlier run has told; known until `settled`. */
  hasEnded(id: string): boolean {
    return this.#ended?.has(id) ?? false;
  }

  /** Sequence number of the newest change. */
  get position(): number {
    return this.#history.journal.last;
  }

  /** To be called for each change, before any watch hears of it. */
  record({ kind, id, timeUs, label, change, item }: RecordedChange): void {
    if (kind === 'opened' && this.#open.has(id)) {
      return; // it was brought back after a restart, which is no news to whoever resumes
    }
    if (kind === 'ended') {
      this.#open.delete(id);
      this.#history.ended.append(timeUs, () => ({ label: label(), payload: item() }));
    } else {
      this.#open.add(id);
    }
    this.#history.journal.append(timeUs, (): LogContent => ({ label: label(), payload: change() }));
  }

  /** What earlier runs left open is either open again or has ended: from now on watches can be resumed. */
  settled(): void {
    this.#isSettled = true;
    this.#ended = null;
    this.#settle();
  }

  /** @returns the token of a place; empty where nothing could be resumed from it. @param fingerprint of the filter */
  token(sequence: number, fingerprint: string): string {
    const { journal } = this.#history;
    return this.#isSettled ? encodeResumeToken(this.#name, { run: journal.run, sequence }, fingerprint) : '';
  }

  /**
   * @throws RpcError INVALID_ARGUMENT for a token of another watch, OUT_OF_RANGE for one from which nothing can be
   *   resumed any more, UNAVAILABLE if it cannot be told yet
   */
  async resume<Change>(
    token: string,
    filter: StoredFilter & { readonly fingerprint: string },
    decode: DecodeChange<Change>,
  ): Promise<WatchBacklog<Change>> {
    const { run, sequence } = decodeResumeToken(token, this.#name, filter.fingerprint);
    const { journal } = this.#history;
    if (!journal.reaches(run, sequence)) {
      throw expired();
    }
    await this.#untilSettled();
    if (!journal.reaches(run, sequence)) {
      throw expired();
    }
    return new WatchBacklog(journal, sequence, filter, decode);
  }

  async #untilSettled(): Promise<void> {
    if (this.#isSettled) {
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise((resolve) => {
      timer = setTimeout(resolve, SETTLE_MS);
    });
    await Promise.race([this.#settled, timeout]);
    clearTimeout(timer);
    if (!this.#isSettled) {
      throw new RpcError(
        status.UNAVAILABLE,
        'stuckd has started and its sensor is not up yet; try again with the same token, or watch without one',
      );
    }
  }
}
