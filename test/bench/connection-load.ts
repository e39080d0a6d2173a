/**
 * Thousands of connections between two network namespaces of their own: one process holds each end, or several where
 * one may not have as many descriptors.
 */
import type { Interest } from '../../daemon/core/interest.js';
import { runCommand } from '../../daemon/demo/lab/command.js';
import type { LabLink } from '../../daemon/demo/lab/lab-link.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import type { PartContext } from './part.js';
import { buildProgram, LineTool } from './tools.js';

const CLIENT_ADDRESS = '10.77.0.1';
const SERVER_ADDRESS = '10.77.0.2';
const FIRST_PORT = 8000;
/** A device in the client's namespace that loses what it is given. */
const HOLE = 'hole';
/** A client address has some 28,000 ports for each of these. */
const PORTS = 16;
/** What the client ends of the first pair of programs lead to, and what the server ends came in through. */
export const LOAD_INTERESTS: readonly Interest[] = Array.from(
  { length: PORTS },
  (_, index) => FIRST_PORT + index,
).flatMap((port): Interest[] => [
  { kind: 'peer', peer: { address: SERVER_ADDRESS, port, netns: 0 } },
  { kind: 'listener', port },
]);
/** Opening one takes some 50 us; this only bounds what goes wrong. */
const OPEN_TIMEOUT_MS = 120_000;
const TRICKLE_TIMEOUT_MS = 120_000;

/** Where not even root may raise its limit of descriptors, more connections need more processes. */
const SPARE_DESCRIPTORS = 200;

/** A process of each role, and how many connections they share. */
interface Pair {
  client: LineTool;
  readonly server: LineTool;
  readonly capacity: number;
  /** Of the process that is the client now. */
  open: number;
  /** By all that were, also those that were closed since. */
  accepted: number;
}

export class ConnectionLoad {
  readonly client: LabNamespace;
  readonly server: LabNamespace;
  readonly #lab: NetnsLab;
  readonly #link: LabLink;
  readonly #program: string;
  readonly #pairs: Pair[] = [];

  private constructor(lab: NetnsLab, link: LabLink, client: LabNamespace, server: LabNamespace, program: string) {
    this.#lab = lab;
    this.#link = link;
    this.client = client;
    this.server = server;
    this.#program = program;
  }

  /** Makes the namespaces, without any connection yet. What is sent again is sent again segment by segment. */
  static async start({ cleanup }: Pick<PartContext, 'cleanup'>): Promise<ConnectionLoad> {
    const program = await buildProgram('connections');
    const lab = new NetnsLab();
    cleanup.push('network namespaces', () => lab.close());
    const client = await lab.addNamespace('client');
    const server = await lab.addNamespace('server');
    const link = await lab.link(
      { namespace: client, addresses: [`${CLIENT_ADDRESS}/24`] },
      { namespace: server, addresses: [`${SERVER_ADDRESS}/24`] },
    );
    const load = new ConnectionLoad(lab, link, client, server, program);
    await load.#ip(`link set dev ${link.near.device} gso_max_segs 1`);
    await load.#makeHole();
    return load;
  }

  /** Of a process that holds client ends, once there is one. */
  get clientPid(): number {
    return this.#pairs[0]?.client.process.pid ?? 0;
  }

  /** Of what is opened from now on. */
  async setClientSysctl(key: string, value: string | number): Promise<void> {
    await this.#lab.sysctl(this.client, key, value);
  }

  /** As `clientPid`, for server ends. */
  get serverPid(): number {
    return this.#pairs[0]?.server.process.pid ?? 0;
  }

  /** Kills all processes with client ends. Their sockets are gone at once, with a RST. */
  async killClients(): Promise<void> {
    for (const { client } of this.#pairs) {
      client.process.kill('SIGKILL');
      await client.process.ended;
    }
  }

  /** Kills them, and has others in their place, without any connection yet. */
  async replaceClients(): Promise<void> {
    await this.killClients();
    for (const [index, pair] of this.#pairs.entries()) {
      pair.client = this.#start(this.client, 'connect', index);
      await pair.client.expect('ready');
      pair.open = 0;
    }
  }

  /** Opens `count` more, and returns when both ends hold them all. */
  async open(count: number): Promise<void> {
    let left = count;
    while (left > 0) {
      const pair = this.#pairs.find(({ open, capacity }) => open < capacity) ?? (await this.#addPair());
      const share = Math.min(left, pair.capacity - pair.open);
      await pair.client.command(`open ${share}`, 'opened', OPEN_TIMEOUT_MS);
      pair.open += share;
      pair.accepted += share;
      await pair.server.command(`await ${pair.accepted}`, 'accepted', OPEN_TIMEOUT_MS);
      left -= share;
    }
  }

  /**
   * From now on the client's segments vanish; then it sends one on each connection, which will be sent again and again.
   * They are led to a device that takes and loses them: a firewall behind a veth would refuse most of a burst of thousands
   * (net.core.netdev_max_backlog), which TCP is told, and a segment that was refused is no sign of a black hole.
   */
  async blackHole(): Promise<void> {
    await this.#cut();
    for (const { client } of this.#pairs) {
      await client.command('send', 'sent');
    }
  }

  /** The same, with a pause after each segment, so that no two connections get stuck at once. */
  async blackHoleOneByOne(pauseUs: number): Promise<void> {
    await this.#cut();
    for (const { client } of this.#pairs) {
      await client.command(`trickle ${pauseUs}`, 'sent', TRICKLE_TIMEOUT_MS);
    }
  }

  /** Closes what is open with a RST from the server's side; the client's ends, reset, stay with the client. */
  async closeFromServer(): Promise<void> {
    for (const { server } of this.#pairs) {
      await server.command('close', 'closed', OPEN_TIMEOUT_MS);
    }
  }

  /** Closes up to `count` of the client's ends, the newest first: with a RST, unless the server has reset them before. */
  async closeFromClient(count: number): Promise<void> {
    let left = count;
    for (const pair of this.#pairs.toReversed()) {
      const share = Math.min(left, pair.open);
      if (share > 0) {
        await pair.client.command(`close ${share}`, 'closed', OPEN_TIMEOUT_MS);
        pair.open -= share;
        left -= share;
      }
    }
  }

  /** Sends bulk data on the first connections while the link loses packets on the way to the server. */
  async pumpThroughLoss(connections: number, percent: number, durationMs: number): Promise<void> {
    await this.#link.lose(percent, 'to_far');
    const timeoutMs = durationMs + OPEN_TIMEOUT_MS;
    await this.#pairs[0]?.client.command(`pump ${connections} ${durationMs}`, 'pumped', timeoutMs);
    await this.#link.heal();
  }

  /** Has the first connections send a keepalive probe every second, which the server answers. */
  async probeEverySecond(count: number): Promise<void> {
    await this.#pairs[0]?.client.command(`probe ${count}`, 'probing');
  }

  /** Ends what `blackHole` did; each connection recovers with its next retransmission. */
  async heal(): Promise<void> {
    await this.#ip(`route del ${SERVER_ADDRESS}/32 dev ${HOLE}`);
  }

  async #cut(): Promise<void> {
    await this.#ip(`route add ${SERVER_ADDRESS}/32 dev ${HOLE} src ${CLIENT_ADDRESS}`);
  }

  /** A bridge whose only port takes nothing that is not addressed to it. */
  async #makeHole(): Promise<void> {
    await this.#ip(`link add ${HOLE} type bridge`);
    await this.#ip(`link add ${HOLE}-port type veth peer name ${HOLE}-end`);
    await this.#ip(`link set ${HOLE}-port master ${HOLE}`);
    await this.#ip(`link set ${HOLE}-port type bridge_slave flood off`);
    for (const device of [`${HOLE}-end`, `${HOLE}-port`, HOLE]) {
      await this.#ip(`link set ${device} up`);
    }
    await this.#ip(`neighbour add ${SERVER_ADDRESS} lladdr 02:00:00:00:00:01 dev ${HOLE} nud permanent`);
  }

  async #ip(command: string): Promise<void> {
    await runCommand(['nsenter', `--net=${this.client.path}`, 'ip', ...command.split(' ')]);
  }

  async #addPair(): Promise<Pair> {
    const index = this.#pairs.length;
    const server = this.#start(this.server, 'listen', index);
    await server.expect('ready');
    const client = this.#start(this.client, 'connect', index);
    const [descriptors] = await client.expect('ready');
    const pair: Pair = { client, server, capacity: Number(descriptors) - SPARE_DESCRIPTORS, open: 0, accepted: 0 };
    this.#pairs.push(pair);
    return pair;
  }

  #start(namespace: LabNamespace, role: 'listen' | 'connect', pairIndex: number): LineTool {
    const target = [SERVER_ADDRESS, String(FIRST_PORT + pairIndex * PORTS), String(PORTS)];
    return new LineTool(this.#lab.spawnIn(namespace, [this.#program, role, ...target]));
  }
}
