/** A shape of healthy traffic: two hosts of its own, programs that keep it up, and the proof that it was what it says. */
import type { LabLink } from '../../daemon/demo/lab/lab-link.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import type { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { Sockprog, type SockprogInfo } from '../support/sockprog.js';

export const CLIENT_ADDRESS = '10.77.0.1';
export const SERVER_ADDRESS = '10.77.0.2';
export const PORT = 8000;

export interface Hosts {
  readonly lab: NetnsLab;
  readonly client: LabNamespace;
  readonly server: LabNamespace;
  readonly link: LabLink;
}

export interface Shape {
  readonly name: string;
  /** Sets it going; resolves when it is under way, and steady. */
  start(hosts: Hosts): Promise<RunningShape>;
}

export interface RunningShape {
  /** Called again and again while the soak lasts, in order, some times a second. */
  readonly tend?: () => Promise<void>;
  /**
   * @returns in words what has flowed.
   * @throws Error if that is not what the shape is about.
   */
  readonly proof: () => Promise<string>;
}

export async function addHosts(lab: NetnsLab): Promise<Hosts> {
  const client = await lab.addNamespace('client');
  const server = await lab.addNamespace('server');
  const link = await lab.link(
    { namespace: client, addresses: [`${CLIENT_ADDRESS}/24`] },
    { namespace: server, addresses: [`${SERVER_ADDRESS}/24`] },
  );
  return { lab, client, server, link };
}

/** A sockprog at each end; the server's listens. */
export interface Programs {
  readonly using: Sockprog;
  readonly serving: Sockprog;
}

/** @param listen options of the listener: what its connections do. */
export async function startPrograms({ lab, client, server }: Hosts, listen: string): Promise<Programs> {
  const serving = await Sockprog.start(lab, server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT} ${listen}`);
  return { serving, using: await Sockprog.start(lab, client) };
}

/** @returns names of as many sockets. */
export function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `c${index}`);
}

export async function connectAll({ using }: Programs, ids: readonly string[], options = ''): Promise<void> {
  for (const id of ids) {
    await using.connect(id, SERVER_ADDRESS, PORT, options);
  }
}

export async function infos(program: Sockprog, ids: readonly string[]): Promise<readonly SockprogInfo[]> {
  return Promise.all(ids.map((id) => program.info(id)));
}

/** @throws Error that shows both numbers. */
export function expectAtLeast(what: string, measured: number, least: number): string {
  if (!(measured >= least)) {
    throw new Error(`${what}: ${measured}, and it should be ${least} or more`);
  }
  return `${what} ${measured}`;
}

/** @throws Error if a socket of the program failed. */
export function expectNoError({ events }: Sockprog): void {
  const failed = events.find(({ event }) => event === 'error');
  if (failed !== undefined) {
    throw new Error(`socket ${failed.id ?? '?'} got ${failed.errno ?? '?'}`);
  }
}
