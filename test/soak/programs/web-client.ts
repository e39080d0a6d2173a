/**
 * A web client with pools of kept-alive connections, over HTTP and HTTPS: a request each 100 ms, now and then a burst that
 * opens more connections, which then idle, and all the time long polls and answers in pieces.
 *
 * Arguments: ADDRESS HTTP_PORT HTTPS_PORT. Prints a line of JSON with its counts each second, and ends with its input.
 */
import { Agent, get as getHttp, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, get as getHttps } from 'node:https';

const REQUEST_INTERVAL_MS = 100;
const BURST_INTERVAL_MS = 10_000;
const BURST = 12;

const [address, httpPort, httpsPort] = process.argv.slice(2);
const plain = new Agent({ keepAlive: true });
const encrypted = new TlsAgent({ keepAlive: true, rejectUnauthorized: false });
const counts = { http: 0, https: 0, slow: 0, chunks: 0, reused: 0, errors: 0, lastError: '' };

function request(scheme: 'http' | 'https', path: string, count: () => void): void {
  const take = (response: IncomingMessage): void => {
    response.resume();
    response.on('end', () => {
      counts[scheme] += 1;
      count();
    });
  };
  const sent =
    scheme === 'http'
      ? getHttp({ host: address, port: httpPort, path, agent: plain }, take)
      : getHttps({ host: address, port: httpsPort, path, agent: encrypted }, take);
  sent.on('error', (error) => {
    counts.errors += 1;
    counts.lastError = error.message;
  });
  sent.on('socket', () => {
    counts.reused += sent.reusedSocket ? 1 : 0;
  });
}

/** One after the other, for ever. */
function repeat(scheme: 'http' | 'https', path: string, counter: 'slow' | 'chunks'): void {
  request(scheme, path, () => {
    counts[counter] += 1;
    repeat(scheme, path, counter);
  });
}

for (const scheme of ['http', 'https'] as const) {
  setInterval(() => {
    request(scheme, '/', () => undefined);
  }, REQUEST_INTERVAL_MS);
  setInterval(() => {
    for (let index = 0; index < BURST; index += 1) {
      request(scheme, '/', () => undefined);
    }
  }, BURST_INTERVAL_MS);
  repeat(scheme, '/slow', 'slow');
  repeat(scheme, '/chunks', 'chunks');
}
setInterval(() => process.stdout.write(`${JSON.stringify(counts)}\n`), 1000);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
