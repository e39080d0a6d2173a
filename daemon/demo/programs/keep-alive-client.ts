/**
 * One of the demo's clients: a request every second over a kept-alive connection, as a service does that calls another.
 *
 * Arguments: KIND ADDRESS PORT. Prints a ClientEvent a line, and ends with its standard input.
 */
import { HttpAgent } from 'agentkeepalive';
import { Agent, get } from 'node:http';
import type { ClientEvent } from './client-event.js';
import { printJsonLine } from './json-line.js';

/** More are not sent while so many wait, as in any service that bounds its work. */
const WAITING_MAX = 200;
const REQUEST_INTERVAL_MS = 1000;

/** @throws Error for an unknown kind. */
function createAgent(kind: string): Agent {
  switch (kind) {
    case 'no-timeout':
      return new Agent({ keepAlive: true, maxSockets: 1 });
    case 'with-timeout':
      return new Agent({ keepAlive: true, maxSockets: 1, timeout: 5000 });
    case 'agentkeepalive':
      return new HttpAgent({ maxSockets: 1, freeSocketTimeout: 4000, timeout: 8000 });
    default:
      throw new Error(`unknown kind of client: ${kind}`);
  }
}

const [kind = '', address, port] = process.argv.slice(2);
const agent = createAgent(kind);
/** Start of each request that waits; a Set keeps their order. */
const waiting = new Set<{ readonly startMs: number }>();

process.title = kind;

function report(event: ClientEvent): void {
  printJsonLine(event);
}

function sendRequest(): void {
  const entry = { startMs: performance.now() };
  const age = (): number => Math.round(performance.now() - entry.startMs);
  waiting.add(entry);
  const request = get({ host: address, port, path: '/', agent }, (response) => {
    response.resume();
    response.on('end', () => {
      waiting.delete(entry);
      report({ event: 'response', ms: age(), waiting: waiting.size });
    });
  });
  if (kind === 'with-timeout') {
    // The agent's timeout only reports; what to do about it is left to the application. agentkeepalive destroys the
    // socket itself, as long as nobody listens.
    request.on('timeout', () => {
      request.destroy(new Error('request timeout'));
    });
  }
  request.on('error', (error: NodeJS.ErrnoException) => {
    if (waiting.delete(entry)) {
      report({ event: 'error', code: error.code ?? error.message, ms: age(), waiting: waiting.size });
    }
  });
}

function tick(): void {
  const [oldest] = waiting;
  const oldestMs = oldest === undefined ? 0 : Math.round(performance.now() - oldest.startMs);
  report({ event: 'tick', waiting: waiting.size, oldestMs });
  if (waiting.size < WAITING_MAX) {
    sendRequest();
  }
}

const timer = setInterval(tick, REQUEST_INTERVAL_MS);
tick();
process.stdin.resume();
process.stdin.on('close', () => {
  clearInterval(timer);
  agent.destroy();
  // Requests that still wait for a socket have nothing to destroy and would start anew.
  process.kill(process.pid, 'SIGTERM');
});
