/** Shapes that networks make: packets that are lost, and packets that overtake each other. */
import { tcpCounter } from '../support/record-checks.js';
import { waitFor } from '../support/wait-for.js';
import { connectAll, expectAtLeast, expectNoError, infos, names, startPrograms } from './shape.js';
import { SERVER_ADDRESS, type Hosts, type Programs, type Shape } from './shape.js';

const HOUR_MS = 3_600_000;
const LOSS_PERCENT = 30;
/** By then the path has shown what it is like; a connection that is new on such a path is judged by the prior alone. */
const HISTORY_RETRANSMISSIONS = 60;

/** Small segments make many packets of little data. */
const SMALL_SEGMENTS = 'maxseg=500';

async function progressOf({ using }: Programs, ids: readonly string[]): Promise<readonly number[]> {
  return (await infos(using, ids)).map(({ bytesAcked }) => bytesAcked);
}

const lossy: Shape = {
  name: `a link that loses ${LOSS_PERCENT} %`,
  async start(hosts) {
    const programs = await startPrograms(hosts, 'mode=sink');
    const { using } = programs;
    const ids = names(10);
    await connectAll(programs, ids, SMALL_SEGMENTS);
    await hosts.link.lose(LOSS_PERCENT, 'to_far');
    for (const id of ids) {
      await using.command(`stream ${id} ${HOUR_MS}`);
    }
    const haveHistory = async (): Promise<boolean> =>
      (await infos(using, ids)).every(({ totalRetrans }) => totalRetrans >= HISTORY_RETRANSMISSIONS);
    await waitFor(haveHistory, { what: 'a history of losses' });
    const [rtosBefore, before] = [tcpCounter(using, 'TCPTimeouts'), await progressOf(programs, ids)];
    let longestRun = 0;
    return {
      tend: async () => {
        longestRun = Math.max(longestRun, ...(await infos(using, ids)).map(({ retransmits }) => retransmits));
      },
      proof: async () => {
        expectNoError(using);
        const rtos = expectAtLeast('RTOs', tcpCounter(using, 'TCPTimeouts') - rtosBefore, 20);
        const runs = expectAtLeast('the longest run of them', longestRun, 2);
        const gone = (await progressOf(programs, ids)).map((bytes, index) => bytes - (before[index] ?? 0));
        return `${rtos}, ${runs}, every flow: ${expectAtLeast('bytes', Math.min(...gone), 1)}`;
      },
    };
  },
};

/** Every other packet takes a second cable, on which a narrow shaper lets packets wait. */
async function addDetour({ lab, client, server, link }: Hosts): Promise<void> {
  const detour = await lab.link(
    { namespace: client, addresses: ['10.78.0.1/24'] },
    { namespace: server, addresses: ['10.78.0.2/24'] },
  );
  const { device } = detour.near;
  for (const [way, rate] of [
    [link.near.device, '100mbit'],
    [device, '20mbit'],
  ] as const) {
    const shape = ['tbf', 'rate', rate, 'burst', '30000', 'limit', '60000'];
    await lab.run(client, ['tc', 'qdisc', 'add', 'dev', way, 'root', ...shape]);
  }
  const table = ['table', '100'];
  await lab.run(client, ['ip', 'route', 'add', `${SERVER_ADDRESS}/32`, 'via', '10.78.0.2', 'dev', device, ...table]);
  await lab.run(client, ['ip', 'rule', 'add', 'fwmark', '1', 'lookup', '100']);
  const rules = `table ip detour {
    chain output {
      type route hook output priority 0; policy accept;
      tcp dport 8000 meta mark set numgen inc mod 2
    }
  }
  `;
  await lab.run(client, ['nft', '-f', '-'], { input: rules });
  // A packet that comes in through the other device is not to be taken for a forged one.
  for (const name of ['all', link.far.device, detour.far.device]) {
    await lab.sysctl(server, `net.ipv4.conf.${name}.rp_filter`, 0);
  }
}

export const reordered: Shape = {
  name: 'reordering',
  async start(hosts) {
    const programs = await startPrograms(hosts, 'mode=sink');
    const ids = names(4);
    await connectAll(programs, ids);
    await addDetour(hosts);
    for (const id of ids) {
      await programs.using.command(`stream ${id} ${HOUR_MS}`);
    }
    return {
      proof: async () => {
        expectNoError(programs.using);
        const late = expectAtLeast('segments out of order', tcpCounter(programs.serving, 'TCPOFOQueue'), 50);
        return `${late}, every flow: ${expectAtLeast('bytes', Math.min(...(await progressOf(programs, ids))), 100_000)}`;
      },
    };
  },
};

export const NETWORK_SHAPES: readonly Shape[] = [lossy, reordered];
