/**
 * The demo's server: answers every request, and closes connections that were idle for `keepAliveTimeout`.
 *
 * Arguments: ADDRESS PORT KEEP_ALIVE_TIMEOUT_MS. A line `{"keepAliveTimeoutMs": N}` on standard input changes the timeout
 * of all later answers. Prints a ServerEvent a line, and ends with its standard input.
 */
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { printJsonLine } from './json-line.js';

/** What the server reports. */
export type ServerEvent = { readonly event: 'listening' } | { readonly event: 'connections'; readonly open: number };

const [address, port, keepAliveTimeoutMs] = process.argv.slice(2);

process.title = 'http-server';
let open = 0;

function report(event: ServerEvent): void {
  printJsonLine(event);
}

const server = createServer((request, response) => {
  request.resume();
  response.end('ok\n');
});
server.keepAliveTimeout = Number(keepAliveTimeoutMs);
server.on('connection', (socket) => {
  open += 1;
  report({ event: 'connections', open });
  socket.on('close', () => {
    open -= 1;
    report({ event: 'connections', open });
  });
});
server.listen(Number(port), address, () => {
  report({ event: 'listening' });
});

const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  const command = JSON.parse(line) as { readonly keepAliveTimeoutMs: number };
  server.keepAliveTimeout = command.keepAliveTimeoutMs;
});
commands.on('close', () => {
  server.close();
  server.closeAllConnections();
});
