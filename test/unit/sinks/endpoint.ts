/** A receiver on loopback that keeps what it got and answers as a test wants it to. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Notice } from '../../support/notice.js';
import { waitFor } from '../../support/wait-for.js';

export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Answer = (response: ServerResponse, request: Received, socket: Socket) => void;

export const answerWith =
  (status: number, headers: Readonly<Record<string, string>> = {}, body = ''): Answer =>
  (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };

export class Endpoint {
  readonly received: Received[] = [];
  readonly #notice = new Notice();
  readonly #server: ReturnType<typeof createServer>;
  /** How the next requests are answered. */
  answer: Answer = answerWith(200);
  /** Requests whose answer has not been given, and the most of them at a time. */
  open = 0;
  openMax = 0;
  readonly #secure: boolean;

  private constructor(tls: { readonly key: string; readonly cert: string } | null) {
    const listener: RequestListener = (request, response) => {
      this.#take(request, response);
    };
    this.#secure = tls !== null;
    this.#server = tls === null ? createServer(listener) : createTlsServer(tls, listener);
  }

  /** @param port 0 for any */
  static async start(port = 0, tls: { readonly key: string; readonly cert: string } | null = null): Promise<Endpoint> {
    const endpoint = new Endpoint(tls);
    await new Promise<void>((resolve, reject) => {
      endpoint.#server.once('error', reject);
      endpoint.#server.listen(port, '127.0.0.1', resolve);
    });
    return endpoint;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#secure ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  async waitFor(count: number): Promise<readonly Received[]> {
    await waitFor(() => this.received.length >= count, { what: `${count} requests`, notice: this.#notice });
    return this.received;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    let body = '';
    this.open += 1;
    this.openMax = Math.max(this.openMax, this.open);
    response.once('close', () => {
      this.open -= 1;
    });
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const headers = request.headers as Readonly<Record<string, string>>;
      const received = { path: request.url ?? '', headers, body };
      this.received.push(received);
      this.answer(response, received, request.socket);
      this.#notice.give();
    });
  }
}
