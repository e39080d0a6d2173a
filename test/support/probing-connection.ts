import { SERVER_ADDRESS, type TwoHosts } from './lab.js';
import { Sockprog } from './sockprog.js';

const PORT = 8000;

/** An accepted connection of the client that probes its peer each second, for as long as a test takes. */
export async function connectProbing(hosts: TwoHosts): Promise<{ client: Sockprog; localPort: number }> {
  const server = await Sockprog.start(hosts.lab, hosts.server);
  await server.command(`listen l ${SERVER_ADDRESS} ${String(PORT)}`);
  const client = await Sockprog.start(hosts.lab, hosts.client);
  const { localPort } = await client.connect('a', SERVER_ADDRESS, PORT, 'keepalive=1 idle=1 intvl=1 cnt=60');
  await server.waitEvent({ event: 'accepted', id: 'l.1' });
  if (localPort === undefined) {
    throw new Error('connect told no port');
  }
  return { client, localPort };
}
