/** One use of `stuckctl top`: keys and changes in, frames out. */
import type { Style } from '../../lib/terminal.js';
import type { ConnectionFilterRequest, StuckdClient } from '../../rpc/grpc-client.js';
import { pause } from '../watch-retry.js';
import { FollowedPage } from './followed-page.js';
import { FollowedRecords } from './followed-records.js';
import { type Frame, frameDiff } from './frame-diff.js';
import { FramePacer } from './frame-pacer.js';
import { pressKey } from './press-key.js';
import type { Terminal } from './terminal.js';
import { type Feed, type FeedEvents, followRecords, followTotals } from './top-feed.js';
import { decodeKeys, decodeRest, type Key } from './top-keys.js';
import { groupRows, type TopTotals } from './top-rows.js';
import { topScreen } from './top-screen.js';
import { INITIAL_STATE, shownScreen, type TopState } from './top-state.js';
import type { Link, TopData } from './top-view.js';

/** How long a sequence may take to arrive: longer than a packet of a slow line, shorter than Escape takes a person. */
const SEQUENCE_TIMEOUT_MS = 50;

interface Setup {
  readonly client: StuckdClient;
  readonly terminal: Terminal;
  readonly filter: ConnectionFilterRequest;
  /** Escaped. */
  readonly address: string;
  readonly style: Style;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

export class TopSession {
  readonly #setup: Setup;
  readonly #records = new FollowedRecords();
  readonly #ended = new AbortController();
  readonly #pacer: FramePacer;
  readonly #followedPage: FollowedPage;
  #state: TopState = INITIAL_STATE;
  #link: Link;
  #totals: TopTotals = new Map();
  #problems: readonly string[] = [];
  /** What the last frame was drawn of; while paused, also the next ones are. */
  #data: TopData;
  #grouped = { version: -1, totals: this.#totals };
  #shown: Frame | null = null;
  #unread = '';
  #unreadTimer: NodeJS.Timeout | null = null;
  #failure: Error | null = null;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#link = { isLive: false, reason: 'connecting', sinceMs: setup.nowMs() };
    this.#data = {
      ...{ nowMs: setup.nowMs(), headMs: setup.nowMs(), address: setup.address, link: this.#link },
      ...{ rows: [], leftOut: 0, problems: [], page: null },
    };
    const monotonicMs = (): number => performance.now();
    this.#followedPage = new FollowedPage(setup.client, monotonicMs);
    this.#pacer = new FramePacer(() => this.#draw(), monotonicMs);
  }

  /** @param interrupted ends it as the key `q` does. */
  async run(interrupted: AbortSignal): Promise<void> {
    const { terminal, client, filter, nowMs } = this.#setup;
    const end = (): void => {
      this.#ended.abort();
    };
    interrupted.addEventListener('abort', end);
    if (interrupted.aborted) {
      end();
    }
    const { signal } = this.#ended;
    const feed: Feed = { client, filter, nowMs, pause, events: this.#feedEvents() };
    terminal.open({
      input: (text) => {
        this.#input(text);
      },
      blank: () => {
        this.#shown = null;
        this.#pacer.pressed();
      },
      hungUp: end,
    });
    try {
      this.#pacer.pressed();
      void this.#guarded(followRecords(feed, this.#records, signal));
      void this.#guarded(followTotals(feed, signal));
      // Not for these two: a call to a daemon that is frozen takes its time, and who wants to leave shall not wait for it.
      await this.#untilEnded();
    } finally {
      interrupted.removeEventListener('abort', end);
      clearTimeout(this.#unreadTimer ?? undefined);
      this.#pacer.close();
      terminal.close();
    }
    if (this.#failure !== null) {
      throw this.#failure;
    }
  }

  async #untilEnded(): Promise<void> {
    const { signal } = this.#ended;
    if (!signal.aborted) {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
    }
  }

  /** Whatever fails ends all of it, and is thrown when the screen has been given back. */
  async #guarded(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      this.#ended.abort();
    }
  }

  #feedEvents(): FeedEvents {
    return {
      changed: () => {
        this.#pacer.changed();
      },
      linked: (link) => {
        this.#link = link;
        this.#pacer.changed();
      },
      counted: (totals, problems) => {
        this.#totals = totals;
        this.#problems = problems;
        this.#pacer.changed();
      },
    };
  }

  #input(text: string): void {
    clearTimeout(this.#unreadTimer ?? undefined);
    const { keys, rest } = decodeKeys(this.#unread + text);
    this.#unread = rest;
    this.#press(keys);
    if (rest !== '') {
      this.#unreadTimer = setTimeout(() => {
        this.#unread = '';
        this.#press(decodeRest(rest));
      }, SEQUENCE_TIMEOUT_MS);
    }
  }

  #press(keys: readonly Key[]): void {
    const size = this.#setup.terminal.size();
    for (const key of keys) {
      this.#pressOutside(key);
      this.#state = pressKey(this.#state, key, this.#data, size);
      if (this.#state.isDone) {
        this.#ended.abort();
        return;
      }
    }
    if (keys.length > 0) {
      this.#pacer.pressed();
    }
  }

  /** What concerns the terminal, and not what is shown. */
  #pressOutside(key: Key): void {
    if ('typed' in key) {
      return;
    }
    if (key.named === 'redraw') {
      this.#shown = null;
    } else if (key.named === 'suspend') {
      this.#setup.terminal.suspend();
    }
  }

  /** The data of now, or what they were when somebody pressed pause; whether the daemon is there is never held back. */
  #refresh(): void {
    const nowMs = this.#setup.nowMs();
    const neverHeldBack = { headMs: nowMs, link: this.#link, page: this.#followedPage.page };
    if (this.#state.isPaused) {
      this.#data = { ...this.#data, ...neverHeldBack };
      return;
    }
    const { version } = this.#records;
    const isOld = version !== this.#grouped.version || this.#totals !== this.#grouped.totals;
    this.#grouped = { version, totals: this.#totals };
    this.#data = {
      ...neverHeldBack,
      nowMs,
      address: this.#setup.address,
      rows: isOld ? groupRows(this.#records.connections, this.#totals, this.#data.rows) : this.#data.rows,
      leftOut: this.#records.leftOut,
      problems: this.#problems,
    };
  }

  async #lookAtPage(): Promise<void> {
    const screen = shownScreen(this.#state);
    if (screen.name === 'connection' && (await this.#followedPage.look(screen.id, this.#state.isPaused))) {
      this.#pacer.pressed();
    }
  }

  async #draw(): Promise<void> {
    const { terminal, style } = this.#setup;
    this.#refresh();
    void this.#guarded(this.#lookAtPage());
    const size = terminal.size();
    const frame: Frame = { size, lines: topScreen(this.#data, this.#state, size) };
    const bytes = frameDiff(this.#shown, frame, style);
    this.#shown = frame;
    if (bytes !== '') {
      await this.#guarded(terminal.write(bytes));
    }
  }
}
