/**
 * Writes the changes of one stream to its history and lets watches resume from it. It knows nothing of what the items are:
 * connections use it through ConnectionHistory, and another stream (alerts) would in the same way, with a name, a history
 * and labels of its own, by calling `record` for each change before any watch hears of it.
 */
import { status } from '@grpc/grpc-js';
import type { LogContent, StreamHistory } from '../core/history.js';
import type { WatchKind } from './followed-items.js';
import { parseLabel } from './history-label.js';
import { decodeResumeToken, encodeResumeToken } from './resume-token.js';
import { RpcError } from './status.js';
import { Turnstile } from '../lib/turnstile.js';
import { type DecodeChange, type StoredFilter, WatchBacklog, type WatchPlace } from './watch-backlog.js';

/** A change as it goes to disk. What takes time is made when it is written. */
export interface RecordedChange {
  readonly kind: WatchKind;
  readonly id: string;
  /** Microseconds since 1970. */
  readonly timeUs: number;
  readonly label: () => string;
  /** The encoded message of the change. */
  readonly change: () => Uint8Array;
  /** The encoded item, for what ended. */
  readonly item: () => Uint8Array;
}

/** Each reads all changes that are on disk, in the worst case; what more than these read at a time takes longer for all. */
const READERS_MAX = 4;

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
  readonly #readers = new Turnstile(READERS_MAX);
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

  /**
   * Where a watch begins.
   * @param resumeToken empty for one that begins with a snapshot
   * @throws RpcError INVALID_ARGUMENT for a token of another watch, OUT_OF_RANGE for one from which nothing can be resumed
   *   any more
   */
  place<Change>(
    filter: StoredFilter & { readonly fingerprint: string },
    resumeToken: string,
    decode: DecodeChange<Change>,
  ): WatchPlace<Change> {
    const { journal } = this.#history;
    const token = (sequence: number): string =>
      encodeResumeToken(this.#name, { run: journal.run, sequence }, filter.fingerprint);
    const position = (): number => journal.last;
    if (resumeToken === '') {
      // A snapshot that was taken before open items are back is no place from which changes make sense.
      return { position, token: (sequence) => (this.#isSettled ? token(sequence) : ''), backlog: null };
    }
    const { run, sequence } = decodeResumeToken(resumeToken, this.#name, filter.fingerprint);
    if (!journal.reaches(run, sequence)) {
      throw expired();
    }
    const backlog = new WatchBacklog(journal, sequence, filter, decode, this.#settled, this.#readers);
    return { position, token, backlog };
  }
}
