/**
 * A client of a server that never answers: one request, with the agent of a library as it comes, and then waits. What the
 * library sets on its sockets is what a test wants to see.
 *
 * Arguments: LIBRARY ADDRESS PORT. Ends with its standard input.
 */
import { HttpAgent } from 'agentkeepalive';
import { Agent, get } from 'node:http';
import { request } from 'undici';

const [library = '', address = '', port = ''] = process.argv.slice(2);

/** Whoever waits for an answer that never comes learns of the end by its input. */
function ignore(): void {
  return undefined;
}

switch (library) {
  case 'http':
    get({ host: address, port, agent: new Agent({ keepAlive: true }) }).on('error', ignore);
    break;
  case 'no-keepalive':
    get({ host: address, port, agent: new Agent({ keepAlive: false }) }).on('error', ignore);
    break;
  case 'agentkeepalive':
    get({ host: address, port, agent: new HttpAgent() }).on('error', ignore);
    break;
  case 'undici':
    request(`http://${address}:${port}/`).catch(ignore);
    break;
  default:
    throw new Error(`unknown library: ${library}`);
}
process.stdin.resume().once('end', () => process.exit(0));
