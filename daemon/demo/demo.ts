/**
 * `stuckd demo`: the story for which stuckd was made, on this machine. Three clients keep connections to a server alive,
 * the network between them fails for a while, and it is told in step what each of them sees and what stuckd says.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { countText, durationText } from '../cli/quantity-text.js';
import { createStyle, escapeForTerminal, wantsColor } from '../lib/terminal.js';
import { ClientNarrator } from './client-narrator.js';
import { ConnectionNarrator } from './connection-narrator.js';
import { CUT_SECONDS } from './cut-seconds.js';
import { clockOf, Page } from './page.js';
import { CLIENT_KINDS, type ClientKind } from './programs/client-event.js';
import type { ServerEvent } from './programs/http-server.js';
import { CLIENT_ADDRESS, SERVER_ADDRESS, SERVER_PORT, Stage } from './stage.js';
import { watchedChange } from './watched-change.js';

/** Node.js closes connections that were idle for so long, if nobody sets `keepAliveTimeout`. */
const NODE_KEEP_ALIVE_MS = 5000;
const SECOND_CUT_MS = 9000;
/** After this time without an ACK the server's kernel has forgotten a connection that it closed (see stage.ts). */
const FORGET_MS = 2500;
const POLL_MS = 100;
const DEFAULT_COLUMNS = 100;

export interface DemoOptions {
  /** How long the first cut lasts, see CUT_SECONDS. */
  readonly cutSeconds?: number;
  /** Ends the demo early; everything is cleaned up then, too. */
  readonly signal: AbortSignal;
  readonly output?: NodeJS.WriteStream;
  readonly errorOutput?: NodeJS.WriteStream;
}

/** @returns the exit code: 0 if the story was told to its end, 1 if it could not be, 130 if it was interrupted. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const errorOutput = options.errorOutput ?? process.stderr;
  if (process.getuid?.() !== 0) {
    errorOutput.write('stuckd demo needs root: it makes two network namespaces. Try: sudo stuckd demo\n');
    return 1;
  }
  const demo = new Demo(options);
  try {
    await demo.play();
    return 0;
  } catch (error) {
    demo.page.clearStatus();
    if (options.signal.aborted) {
      errorOutput.write('\nInterrupted; cleaning up.\n');
      return 130;
    }
    errorOutput.write(`stuckd demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    for (const failure of await demo.close()) {
      errorOutput.write(`stuckd demo: could not remove: ${failure.name}: ${failure.message}\n`);
    }
  }
}

class Demo {
  readonly page: Page;
  readonly #startMs = Date.now();
  readonly #cutMs: number;
  /** Aborted by the caller, or by a program that ended unexpectedly: then `reason` is the error. */
  readonly #abort = new AbortController();
  readonly #stage: Stage;
  readonly #connections = new ConnectionNarrator((timeMs) => clockOf(timeMs - this.#startMs));
  readonly #clients: ReadonlyMap<ClientKind, ClientNarrator>;
  #network = 'the network is fine';
  #serverOpen = 0;
  #serverNarrates = false;
  #clock: NodeJS.Timeout | undefined;

  constructor(options: DemoOptions) {
    const output = options.output ?? process.stdout;
    this.page = new Page({
      write: (text) => output.write(text),
      // Some terminals do not know their width and say 0.
      columns: output.isTTY && output.columns > 0 ? output.columns : DEFAULT_COLUMNS,
      runningClock: output.isTTY,
      style: createStyle(wantsColor(output.isTTY, process.env)),
    });
    this.#cutMs = (options.cutSeconds ?? CUT_SECONDS.default) * 1000;
    this.#clients = new Map(CLIENT_KINDS.map((kind) => [kind, new ClientNarrator(kind)]));
    const interrupt = (): void => {
      this.#abort.abort(new Error('interrupted'));
    };
    options.signal.addEventListener('abort', interrupt, { once: true });
    if (options.signal.aborted) {
      interrupt();
    }
    this.#stage = new Stage({
      onClient: (kind, event) => {
        for (const text of this.#clients.get(kind)?.tell(event) ?? []) {
          this.#say(kind, text);
        }
      },
      onServer: (event) => {
        this.#onServer(event);
      },
      onFailure: (error) => {
        this.#abort.abort(error);
      },
    });
  }

  async play(): Promise<void> {
    try {
      this.#introduce();
      await this.#stage.open(this.#abort.signal);
      const watch = this.#watch();
      this.#clock = setInterval(() => {
        this.#showStatus();
      }, 1000);
      await Promise.race([watch, this.#tell()]);
    } catch (error) {
      // Whatever failed afterwards failed because of this.
      const reason: unknown = this.#abort.signal.reason;
      throw reason instanceof Error ? reason : error;
    }
    this.page.clearStatus();
  }

  async close(): ReturnType<Stage['close']> {
    clearInterval(this.#clock);
    this.#abort.abort(new Error('the demo is over'));
    return this.#stage.close();
  }

  #introduce(): void {
    this.#abort.signal.throwIfAborted();
    this.page.heading('stuckd demo: connections that nobody tells you are dead');
    this.page.paragraph(
      `Two network namespaces stand for two hosts: the clients are ${CLIENT_ADDRESS}, the server, a Node.js HTTP server, ` +
        `is ${SERVER_ADDRESS}:${SERVER_PORT}. Three clients send a request every second over a keep-alive connection:`,
    );
    this.page.blank();
    this.page.paragraph('no-timeout      http.Agent({ keepAlive: true, maxSockets: 1 })');
    this.page.paragraph('with-timeout    http.Agent({ keepAlive: true, maxSockets: 1, timeout: 5000 })');
    this.page.paragraph('agentkeepalive  HttpAgent({ maxSockets: 1, freeSocketTimeout: 4000, timeout: 8000 })');
    this.page.blank();
    this.page.paragraph('stuckd watches them from outside; it knows nothing but what the kernel says.');
  }

  async #tell(): Promise<void> {
    this.page.heading(`Act 1. The network fails for ${durationText(this.#cutMs)}, and comes back in time`);
    await this.#until(() => this.#allHealthy(), 20_000);
    await this.#pause(3000);
    await this.#cut();
    await this.#pause(this.#cutMs);
    await this.#heal(this.#cutMs);

    this.page.heading('Act 2. The network fails again, and this time the server gives up meanwhile');
    this.#stage.setKeepAliveTimeout(NODE_KEEP_ALIVE_MS);
    this.#say('server', 'from now on closes connections that are idle for 5 s, as Node.js does by default.');
    await this.#pause(3000);
    this.#serverNarrates = true;
    await this.#cut();
    await Promise.all([this.#pause(SECOND_CUT_MS), this.#until(() => this.#serverOpen === 0, 30_000)]);
    await this.#pause(FORGET_MS);
    this.#serverNarrates = false;
    await this.#heal(SECOND_CUT_MS + FORGET_MS);

    this.page.heading('What to take home');
    this.page.paragraph(
      'A connection without a timeout hangs for as long as the kernel tries, a quarter of an hour, unless the network ' +
        'returns first; and then one retransmission decides whether it goes on or is reset. A timeout frees the client, ' +
        'but what it closed lives on in the kernel as an orphan. All that stuckd said, it said without asking any of ' +
        'the programs. Run `stuckd run` here and `stuckctl watch` beside it to see your own connections.',
    );
  }

  async #cut(): Promise<void> {
    this.#connections.newCut();
    await this.#stage.link.cut();
    this.#network = 'the network is cut';
    this.#say('network', 'IS CUT. A firewall rule drops every packet, in both directions. No FIN, no RST, no ICMP.');
  }

  /** Heals, and waits until the clients are served and no connection is stuck any more. */
  async #heal(cutMs: number): Promise<void> {
    await this.#stage.link.heal();
    this.#network = 'the network is back';
    this.#say(
      'network',
      'IS BACK. TCP cannot know: what hung stays so until its next retransmission, and with each the wait has doubled.',
    );
    // The longest wait until the next retransmission is about as long as the cut was.
    await this.#until(() => this.#allHealthy() && this.#connections.openCount === 0, cutMs + 10_000);
    if (this.#connections.openCount > 0) {
      this.#say('stuckd', `${countText(this.#connections.openCount, 'connection')} of the clients are still stuck.`);
    }
    await this.#pause(2000);
  }

  #allHealthy(): boolean {
    return [...this.#clients.values()].every((client) => client.healthy);
  }

  #onServer(event: ServerEvent): void {
    if (event.event !== 'connections') {
      return;
    }
    if (this.#serverNarrates && event.open === 0 && this.#serverOpen > 0) {
      this.#say(
        'server',
        'has closed all connections, as they were idle for 5 s. Its FINs are lost, too, and it forgets them soon.',
      );
    }
    this.#serverOpen = event.open;
  }

  async #watch(): Promise<never> {
    const { signal } = this.#abort;
    for await (const change of this.#stage.stuckd.watch({ netns: [...this.#stage.netns] }, signal)) {
      const watched = watchedChange(change, Date.now());
      for (const text of watched === null ? [] : this.#connections.tell(watched)) {
        this.#say('stuckd', text);
      }
    }
    signal.throwIfAborted();
    throw new Error('stuckd ended the watch');
  }

  /** @param text has been escaped where it came from outside. */
  #say(who: string, text: string): void {
    this.page.line(Date.now() - this.#startMs, escapeForTerminal(who), text);
  }

  #showStatus(): void {
    const clients = [...this.#clients.values()].map((client) => client.status).join(' · ');
    this.page.status(Date.now() - this.#startMs, `${this.#network} · ${clients}`);
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#abort.signal });
  }

  /** Waits for a condition, at most so long: the story goes on without it. */
  async #until(condition: () => boolean, atMostMs: number): Promise<void> {
    const deadlineMs = performance.now() + atMostMs;
    while (!condition() && performance.now() < deadlineMs) {
      await this.#pause(POLL_MS);
    }
  }
}
