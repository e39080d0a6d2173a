/** Resident memory of daemon and sensor, at rest and with some thousand records, beside a Node.js that does nothing. */
import type { StatusResponse } from '../../daemon/rpc/grpc-client.js';
import { BenchDaemon } from './bench-daemon.js';
import { ConnectionLoad } from './connection-load.js';
import { startEmptyNode } from './empty-node.js';
import type { Part, PartContext, PartResult, Row } from './part.js';
import { residentKib } from './process-usage.js';
import { formatKib } from './report.js';
import { ratio, significant } from './statistics.js';

const CONNECTIONS = 2000;
/** The records open with RTO 3, 1.7 s after the cut; this only bounds what goes wrong. */
const STUCK_TIMEOUT_MS = 60_000;

interface Resident {
  readonly daemonKib: number;
  readonly sensorKib: number;
}

function sweepEnd({ sweep }: StatusResponse): string {
  return `${String(sweep?.endTime?.seconds)}.${String(sweep?.endTime?.nanos)}`;
}

async function readResident(daemon: BenchDaemon): Promise<Resident> {
  // Two more sweeps, so that what the moment before left behind is not counted as its cost.
  for (let sweep = 0; sweep < 2; sweep += 1) {
    const before = sweepEnd(await daemon.status());
    await daemon.waitFor((status) => sweepEnd(status) !== before, 'another sweep');
  }
  const { pid, sensor } = await daemon.status();
  return { daemonKib: residentKib(pid), sensorKib: residentKib(sensor?.pid ?? 0) };
}

function row(what: string, { daemonKib, sensorKib }: Resident, emptyKib: number): Row {
  return {
    what,
    measured: `daemon ${formatKib(daemonKib)}, sensor ${formatKib(sensorKib)}`,
    compared: `empty Node.js: ${formatKib(emptyKib)}`,
    ratio: `${ratio(daemonKib, emptyKib).toFixed(2)} x the limit (daemon)`,
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const emptyKib = residentKib(await startEmptyNode(context));
  const load = await ConnectionLoad.start(context);
  await load.open(CONNECTIONS);
  const daemon = await BenchDaemon.startFor(context);
  context.progress('at rest');
  const rest = await readResident(daemon);
  context.progress(`cutting the network under ${CONNECTIONS} connections`);
  await load.blackHole();
  const allStuck = ({ tracker }: StatusResponse): boolean => (tracker?.stuck ?? 0) >= CONNECTIONS;
  await daemon.waitFor(allStuck, 'all connections to be stuck', STUCK_TIMEOUT_MS);
  const stuck = await readResident(daemon);
  return {
    title: `resident memory with ${CONNECTIONS} connections`,
    rows: [row('all healthy', rest, emptyKib), row(`all stuck, ${CONNECTIONS} records`, stuck, emptyKib)],
    figures: {
      connections: CONNECTIONS,
      emptyNodeKib: emptyKib,
      rest: { ...rest },
      stuck: { ...stuck },
      daemonRatioVsEmptyNode: significant(ratio(rest.daemonKib, emptyKib)),
    },
  };
}

export const memoryPart: Part = {
  name: 'memory',
  summary: 'resident memory of daemon and sensor, at rest and with records',
  run,
};
