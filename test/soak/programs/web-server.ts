/**
 * A web server as services have it, over HTTP and HTTPS. `/slow` is a long poll, `/` answers at once, `/chunks` in
 * pieces with pauses. Connections that idle are kept for half a minute.
 *
 * Arguments: ADDRESS HTTP_PORT HTTPS_PORT KEY_FILE CERTIFICATE_FILE. Prints "listening", and ends with its input.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

const LONG_POLL_MS = 25_000;
const KEEP_ALIVE_MS = 30_000;
const CHUNKS = 8;
const CHUNK_PAUSE_MS = 300;

const [address, httpPort, httpsPort, keyFile = '', certificateFile = ''] = process.argv.slice(2);

function sendChunks(response: ServerResponse, left: number): void {
  if (left === 0) {
    response.end('.\n');
    return;
  }
  response.write('a piece of the answer\n');
  setTimeout(() => {
    sendChunks(response, left - 1);
  }, CHUNK_PAUSE_MS);
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  if (request.url === '/slow') {
    setTimeout(() => response.end('at last\n'), LONG_POLL_MS);
  } else if (request.url === '/chunks') {
    sendChunks(response, CHUNKS);
  } else {
    response.end('ok\n');
  }
}

const tls = { key: readFileSync(keyFile), cert: readFileSync(certificateFile) };
const servers: Server[] = [createServer(answer), createTlsServer(tls, answer)];
let listening = 0;
for (const [index, server] of servers.entries()) {
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen(Number(index === 0 ? httpPort : httpsPort), address, () => {
    listening += 1;
    if (listening === servers.length) {
      process.stdout.write('listening\n');
    }
  });
}
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
