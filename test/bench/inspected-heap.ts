/**
 * The heap of a Node.js process that was started with --inspect, through its debugging protocol: what is alive can only be
 * told after a full collection, which nothing else can ask of another process.
 */
import { once } from 'node:events';
import { WebSocket } from 'undici';
import { Mailbox } from './mailbox.js';

/** Have the process listen on a free port of this machine, and say which. */
export const INSPECT_FLAG = '--inspect=127.0.0.1:0';

const ANSWER_TIMEOUT_MS = 30_000;

interface Answer {
  readonly id: number;
  readonly result: Readonly<Record<string, unknown>>;
}

/** @param stderr of the process. @returns where it listens; null if it has not said so */
export function inspectorUrl(stderr: string): string | null {
  return /^Debugger listening on (ws:\/\/\S+)$/m.exec(stderr)?.[1] ?? null;
}

export class InspectedHeap {
  readonly #socket: WebSocket;
  readonly #answers = new Mailbox<Answer>('inspector');
  #asked = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      this.#answers.put(JSON.parse(String(data)) as Answer);
    });
    socket.addEventListener('close', () => {
      this.#answers.close('the process closed the connection');
    });
  }

  /** @param url as from `inspectorUrl` */
  static async connect(url: string): Promise<InspectedHeap> {
    const socket = new WebSocket(url);
    await once(socket, 'open');
    return new InspectedHeap(socket);
  }

  /** Collects all garbage. @returns bytes of what is still in use */
  async liveBytes(): Promise<number> {
    await this.#ask('HeapProfiler.collectGarbage');
    const { usedSize } = await this.#ask('Runtime.getHeapUsage');
    return Number(usedSize);
  }

  close(): void {
    this.#socket.close();
  }

  /** One question at a time; no domain is enabled, so that nothing but answers comes. */
  async #ask(method: string): Promise<Answer['result']> {
    this.#asked += 1;
    this.#socket.send(JSON.stringify({ id: this.#asked, method }));
    const { id, result } = await this.#answers.take(ANSWER_TIMEOUT_MS);
    if (id !== this.#asked) {
      throw new Error(`the inspector answered question ${id}, not ${this.#asked}`);
    }
    return result;
  }
}
