/** Two hosts and connections between them, of which the tests compare the sensor's and the kernel's word. */
import { SocketUnderTest } from './kernel-word.js';
import { createTwoHosts, type Ending, SERVER_ADDRESS, type TwoHosts } from './lab.js';
import { Sockprog } from './sockprog.js';

export const FIELD_PORT = 8000;

export interface FieldStage {
  readonly hosts: TwoHosts;
  readonly client: Sockprog;
  /** Listens on FIELD_PORT; its connections are l.1, l.2, ... */
  readonly server: Sockprog;
}

/** @param listening options of the server's listener. */
export async function setFieldStage(test: Ending, listening = 'mode=sink'): Promise<FieldStage> {
  const hosts = await createTwoHosts(test);
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${String(FIELD_PORT)} ${listening}`);
  return { hosts, server, client: await Sockprog.start(hosts.lab, hosts.client) };
}

/** Connects the client. @param options of its socket. */
export async function connectField({ client }: FieldStage, id: string, options = ''): Promise<SocketUnderTest> {
  return SocketUnderTest.of(client, id, await client.connect(id, SERVER_ADDRESS, FIELD_PORT, options));
}
