/** Thousands of connections between two network namespaces of their own: one process holds each end. */
import type { LabLink } from '../../daemon/demo/lab/lab-link.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import type { PartContext } from './part.js';
import { buildProgram, LineTool } from './tools.js';

const CLIENT_ADDRESS = '10.77.0.1';
const SERVER_ADDRESS = '10.77.0.2';
const FIRST_PORT = 8000;
/** A client address has some 28,000 ports for each of these. */
const PORTS = 16;
/** Opening one takes some 50 us; this only bounds what goes wrong. */
const OPEN_TIMEOUT_MS = 120_000;

export class ConnectionLoad {
  readonly client: LabNamespace;
  readonly link: LabLink;
  readonly #lab: NetnsLab;
  readonly #clientTool: LineTool;
  readonly #serverTool: LineTool;
  #opened = 0;

  private constructor(lab: NetnsLab, client: LabNamespace, link: LabLink, tools: readonly [LineTool, LineTool]) {
    this.#lab = lab;
    this.client = client;
    this.link = link;
    [this.#clientTool, this.#serverTool] = tools;
  }

  /** Makes the namespaces and starts both processes, without any connection yet. */
  static async start({ cleanup }: PartContext): Promise<ConnectionLoad> {
    const program = await buildProgram('connections');
    const lab = new NetnsLab();
    cleanup.push('network namespaces', () => lab.close());
    const client = await lab.addNamespace('client');
    const server = await lab.addNamespace('server');
    const link = await lab.link(
      { namespace: client, addresses: [`${CLIENT_ADDRESS}/24`] },
      { namespace: server, addresses: [`${SERVER_ADDRESS}/24`] },
    );
    const target = [SERVER_ADDRESS, String(FIRST_PORT), String(PORTS)];
    const serverTool = new LineTool(lab.spawnIn(server, [program, 'listen', ...target]));
    await serverTool.expect('ready');
    const clientTool = new LineTool(lab.spawnIn(client, [program, 'connect', ...target]));
    await clientTool.expect('ready');
    return new ConnectionLoad(lab, client, link, [clientTool, serverTool]);
  }

  /** Opens `count` more, and returns when both ends hold them all. */
  async open(count: number): Promise<void> {
    await this.#clientTool.command(`open ${count}`, 'opened', OPEN_TIMEOUT_MS);
    this.#opened += count;
    await this.#serverTool.command(`await ${this.#opened}`, 'accepted', OPEN_TIMEOUT_MS);
  }

  /** From now on the client's segments vanish; then it sends one on each connection, which will be sent again and again. */
  async blackHole(): Promise<void> {
    await this.link.cut('to_far');
    await this.#clientTool.command('send', 'sent');
  }

  /** Closes everything now instead of at the end of the part. */
  close(): Promise<void> {
    return this.#lab.close();
  }
}
