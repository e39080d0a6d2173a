/**
 * Writes the changes of one stream to its history and lets watches resume from it. It knows nothing of what the items are:
 * connections use it through ConnectionHistory and alerts through AlertHistory, each with a name, a history and labels of
 * its own, by calling `record` for each change before any watch hears of it.
 */
import { status } from '@grpc/grpc-js';
import type { LogContent, LogEntry, StreamHistory } from '../core/history.js';
import type { WatchKind } from './followed-items.js';
import { type HistoryLabel, parseLabel } from './history-label.js';
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
  #isSettling = false;
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

  /** True of an item whose end an earlier run has told; known until `settle`. */
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

  /**
   * To be called when what earlier runs left open is open again. What is not was told by a daemon that was killed before it
   * saved it: it ends here, so that whoever resumes does not wait for it for ever. From then on watches can be resumed.
   * @param here items that are open
   * @param endOf makes the end of an item out of the newest that was told of it; null if that cannot be understood
   */
  async settle(
    here: ReadonlySet<string>,
    endOf: (label: HistoryLabel, payload: Uint8Array) => RecordedChange | null,
  ): Promise<void> {
    if (this.#isSettling) {
      return;
    }
    this.#isSettling = true;
    const missing = new Set([...this.#open].filter((id) => !here.has(id)));
    const newest = missing.size === 0 ? new Map<string, LogEntry>() : await this.#newestOf(missing);
    for (const id of missing) {
      const { label: text = '', payload } = newest.get(id) ?? {};
      const label = parseLabel(text);
      const end = label === null || payload === undefined ? null : endOf(label, payload);
      if (end === null) {
        this.#history.journal.cut(); // whoever resumed over this place would wait for its end
      } else {
        this.record(end);
      }
    }
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

  async #newestOf(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, LogEntry>> {
    const newest = new Map<string, LogEntry>();
    const { journal } = this.#history;
    try {
      for await (const entries of journal.read(journal.floor)) {
        for (const entry of entries) {
          const id = parseLabel(entry.label)?.id ?? '';
          if (ids.has(id)) {
            newest.set(id, { ...entry, payload: Uint8Array.from(entry.payload) });
          }
        }
      }
    } catch {
      journal.cut(); // what cannot be read cannot be resumed either
    }
    return newest;
  }
}
