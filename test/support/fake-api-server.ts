/**
 * As much of a Kubernetes API server as serves pods: list in pages, of the newest version or of an exact one, watch from a
 * version, bookmarks, versions that are not kept any more, bearer tokens; over HTTPS. And what can go wrong with one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ending } from './lab.js';
import { Notice } from './notice.js';
import { createServerIdentity } from './self-signed.js';
import { waitFor } from './wait-for.js';

export interface PodObject {
  readonly metadata: { readonly uid: string; readonly name: string; readonly namespace: string } & Record<
    string,
    unknown
  >;
  readonly spec: { readonly nodeName: string };
  readonly status?: unknown;
}

/** One request as it came in. */
export interface ApiRequest {
  readonly isWatch: boolean;
  readonly query: Readonly<Record<string, string>>;
  readonly token: string;
}

/** A version of a pod; of one that was deleted the last. */
interface LogEntry {
  readonly version: number;
  readonly object: PodObject;
  readonly isDeleted: boolean;
  readonly before: PodObject | undefined;
}

interface Watch {
  readonly nodeName: string;
  readonly response: ServerResponse;
}

/** The pods of one node, less those that have finished: the only ones that the server lets the client ask for. */
const FIELD_SELECTOR = /^spec\.nodeName=([a-z0-9.-]+),status\.phase!=Succeeded,status\.phase!=Failed$/;

function isSelected({ spec, status }: PodObject, nodeName: string): boolean {
  const { phase } = (status ?? {}) as { readonly phase?: string };
  return spec.nodeName === nodeName && phase !== 'Succeeded' && phase !== 'Failed';
}

/** What a watch says of a change; null if it is of no concern to it. A pod that is selected no more is deleted to it. */
function eventType({ object, isDeleted, before }: LogEntry, nodeName: string): string | null {
  const was = before !== undefined && isSelected(before, nodeName);
  const is = !isDeleted && isSelected(object, nodeName);
  if (was) {
    return is ? 'MODIFIED' : 'DELETED';
  }
  return is ? 'ADDED' : null;
}

/** What the server does instead of answering. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => void;

export class FakeApiServer {
  readonly requests: ApiRequest[] = [];
  /** Of a request, or of a watch that begins or ends. */
  readonly notice = new Notice();
  readonly tokenFile: string;
  readonly caFile: string;
  token = 'token-1';
  /** Pods in one page of a list, whatever limit the client asks for. */
  pageSize = 500;
  /** Of the paths that it serves: a proxy may have several API servers below its address. */
  prefix = '';
  fault: Fault | null = null;
  readonly #directory = mkdtempSync(join(tmpdir(), 'stuckd-api-'));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #pods = new Map<string, PodObject>();
  readonly #watches = new Set<Watch>();
  /** All versions. Those that no watch can begin at any more can still be listed: the store keeps them longer. */
  readonly #log: LogEntry[] = [];
  #version = 1000;
  /** No watch begins at a version before this one. */
  #compacted = 0;
  #port = 0;

  private constructor() {
    const { key, certificate } = createServerIdentity();
    this.tokenFile = join(this.#directory, 'token');
    this.caFile = join(this.#directory, 'ca.crt');
    writeFileSync(this.caFile, certificate);
    this.writeToken(this.token);
    this.#server = createServer({ key, cert: certificate }, (request, response) => {
      this.#serve(request, response);
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
    this.#server.on('tlsClientError', () => undefined);
  }

  static async start(test: Ending): Promise<FakeApiServer> {
    const server = new FakeApiServer();
    test.after(() => {
      server.close();
      rmSync(server.#directory, { recursive: true, force: true });
    });
    await server.listen();
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** On the port that it had before. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Nobody answers on its port any more. */
  close(): void {
    this.#server.close();
    this.cut();
  }

  /** Resets all connections. */
  cut(): void {
    for (const socket of this.#sockets) {
      socket.resetAndDestroy();
    }
    this.#watches.clear();
  }

  /** As the kubelet does, from time to time. */
  writeToken(token: string): void {
    writeFileSync(this.tokenFile, `${token}\n`);
  }

  put(pod: PodObject): void {
    this.#happen(pod, false);
  }

  delete(uid: string): void {
    const pod = this.#pods.get(uid);
    if (pod !== undefined) {
      this.#happen(pod, true);
    }
  }

  /** Something happens in the cluster that is of no concern to this client. */
  advance(): void {
    this.#version += 1;
  }

  bookmark(): void {
    this.advance();
    const object = { kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion: this.#version.toString() } };
    for (const { response } of this.#watches) {
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
    }
  }

  /** No watch can begin at what was before now. */
  compact(): void {
    this.advance();
    this.#compacted = this.#version;
  }

  /** Whatever text, to everybody who watches. */
  sendRaw(text: string): void {
    for (const { response } of this.#watches) {
      response.write(text);
    }
  }

  endWatches(): void {
    for (const { response } of this.#watches) {
      response.end();
    }
    this.#watches.clear();
  }

  async waitFor(what: string, condition: () => boolean): Promise<void> {
    await waitFor(condition, { what, notice: this.notice });
  }

  async waitWatching(): Promise<void> {
    await this.waitFor('a watch', () => this.#watches.size > 0);
  }

  #happen(pod: PodObject, isDeleted: boolean): void {
    this.#version += 1;
    const { uid } = pod.metadata;
    const object = { ...pod, metadata: { ...pod.metadata, resourceVersion: this.#version.toString() } };
    const entry = { version: this.#version, object, isDeleted, before: this.#pods.get(uid) };
    if (isDeleted) {
      this.#pods.delete(uid);
    } else {
      this.#pods.set(uid, object);
    }
    this.#log.push(entry);
    for (const watch of this.#watches) {
      this.#send(watch, entry);
    }
  }

  #send({ nodeName, response }: Watch, entry: LogEntry): void {
    const type = eventType(entry, nodeName);
    if (type !== null) {
      response.write(`${JSON.stringify({ type, object: { kind: 'Pod', apiVersion: 'v1', ...entry.object } })}\n`);
    }
  }

  #podsAt(version: number): readonly PodObject[] {
    const pods = new Map<string, PodObject>();
    for (const { object, isDeleted } of this.#log.filter((entry) => entry.version <= version)) {
      pods.delete(object.metadata.uid);
      if (!isDeleted) {
        pods.set(object.metadata.uid, object);
      }
    }
    return [...pods.values()];
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const query = Object.fromEntries(searchParams);
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const isWatch = query['watch'] === '1';
    this.requests.push({ isWatch, query, token });
    this.notice.give();
    const nodeName = FIELD_SELECTOR.exec(query['fieldSelector'] ?? '')?.[1];
    if (this.fault !== null) {
      this.fault(request, response);
    } else if (token !== this.token) {
      refuse(response, 401, 'Unauthorized');
    } else if (pathname !== `${this.prefix}/api/v1/pods` || nodeName === undefined) {
      refuse(response, 403, 'pods is forbidden: User "stuckd" cannot list resource "pods" at the cluster scope');
    } else if (isWatch) {
      this.#serveWatch(query, nodeName, response);
    } else {
      this.#serveList(query, nodeName, response);
    }
  }

  #serveList(query: Readonly<Record<string, string>>, nodeName: string, response: ServerResponse): void {
    const wanted = query['resourceVersion'] ?? '';
    if (Number(wanted) > this.#version) {
      refuse(response, 504, 'Too large resource version');
      return;
    }
    // A version together with a limit, and without a word on how to match it, means this very version.
    const { limit, resourceVersionMatch } = query;
    const isExact = limit !== undefined && resourceVersionMatch === undefined && Number(wanted) > 0;
    const version = isExact ? Number(wanted) : this.#version;
    const pods = this.#podsAt(version).filter((pod) => isSelected(pod, nodeName));
    const from = Number(query['continue'] ?? 0);
    const next = limit === undefined ? Infinity : from + this.pageSize;
    const metadata = {
      resourceVersion: version.toString(),
      ...(next < pods.length ? { continue: next.toString() } : {}),
    };
    const list = { kind: 'PodList', apiVersion: 'v1', metadata, items: pods.slice(from, next) };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(list));
  }

  #serveWatch(query: Readonly<Record<string, string>>, nodeName: string, response: ServerResponse): void {
    const from = Number(query['resourceVersion']);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < this.#compacted) {
      const object = { kind: 'Status', code: 410, reason: 'Expired', message: `too old resource version: ${from}` };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    const watch = { nodeName, response };
    this.#watches.add(watch);
    response.on('close', () => {
      this.#watches.delete(watch);
      this.notice.give();
    });
    for (const entry of this.#log.filter(({ version }) => version > from)) {
      this.#send(watch, entry);
    }
    this.notice.give();
  }
}

/** An answer of that code, with a Status object. */
export function refuse(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code };
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(status));
}
