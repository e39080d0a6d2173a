// Proves on real sockets that stuckd counts right, in the kernel: how many connections of how many are stuck, for each
// process and each peer; that a descriptor which processes share, and a connection whose two ends are on this node, count
// once; that what came in is told by the local port; and that a dead peer, a poisoned pool, a peer of which a share is
// stuck and one that nobody tries anew are told apart by what becomes of new connections.
// It cannot prove the totals of a peer whose address several namespaces use: those count as one, by design, but for
// loopback addresses, of which each namespace has its own.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LabLink } from '../../daemon/demo/lab/lab-link.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import type { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { atOnce } from '../support/at-once.js';
import { createLab, type Ending, labSkipReason, waitFor } from '../support/lab.js';
import { stuckctl } from '../support/run-program.js';
import { isPolling, notPolled } from '../support/sensor-mode.js';
import { sharedStuckd } from '../support/shared-stuckd.js';
import { Sockprog } from '../support/sockprog.js';
import type { PeerJson, ProcessJson } from '../support/stuckd.js';

const skip = labSkipReason();
const noAttempts = { skip: notPolled('that new connections succeed or fail is told by events, and polling has none') };

/** Of other files nobody uses these: totals are by address, whatever the namespace. */
const A = '10.91.0.2';
const B = '10.92.0.2';

interface Server {
  readonly namespace: LabNamespace;
  readonly link: LabLink;
  readonly sockprog: Sockprog;
  readonly address: string;
}

interface Stage {
  readonly lab: NetnsLab;
  readonly client: LabNamespace;
  /** Adds a host with a server. */
  readonly addServer: (address: string, port: number) => Promise<Server>;
}

async function setStage(test: Ending): Promise<Stage> {
  const lab = await createLab(test);
  const client = await lab.addNamespace('client');
  const addServer = async (address: string, port: number): Promise<Server> => {
    const namespace = await lab.addNamespace(`server${address.split('.')[1] ?? ''}`);
    const near = address.replace(/\.2$/, '.1');
    const link = await lab.link(
      { namespace: client, addresses: [`${near}/24`] },
      { namespace, addresses: [`${address}/24`] },
    );
    const sockprog = await Sockprog.start(lab, namespace);
    await sockprog.command(`listen l ${address} ${String(port)} mode=silent`);
    return { namespace, link, sockprog, address };
  };
  return { lab, client, addServer };
}

interface Connected {
  readonly ids: readonly string[];
  readonly localPorts: readonly number[];
}

async function connectMany(
  program: Sockprog,
  prefix: string,
  to: string,
  port: number,
  count: number,
): Promise<Connected> {
  const ids = Array.from({ length: count }, (_, index) => `${prefix}${String(index)}`);
  const localPorts: number[] = [];
  for (const id of ids) {
    const { localPort = 0 } = await program.connect(id, to, port);
    localPorts.push(localPort);
  }
  return { ids, localPorts };
}

async function sendOn(program: Sockprog, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await program.command(`send ${id} 100`);
  }
}

/** The namespace hears nothing more on connections from these ports: its end knows nothing of them, so to say. */
async function dropFrom({ lab }: Stage, namespace: LabNamespace, ports: readonly number[]): Promise<void> {
  const script = `table inet forgotten {
    chain input {
      type filter hook input priority -10; policy accept;
      tcp sport { ${ports.join(', ')} } drop
    }
  }
  `;
  await lab.run(namespace, ['nft', '-f', '-'], { input: script });
}

function share({ stuckCount, totalCount }: { readonly stuckCount: number; readonly totalCount?: number }): string {
  return `${String(stuckCount)} of ${String(totalCount)}`;
}

/** `PID: 3 of 10 (10.0.0.2 2 of 5, port 80 1 of 5)`, in the order of the list. */
function processText({ process, destinations, ...group }: ProcessJson): string {
  const where = destinations.map(({ peer, localPort, ...destination }) => {
    const name = peer === undefined ? `port ${String(localPort)}` : peer.address;
    return `${name} ${share(destination)}`;
  });
  return `${String(process?.pid)}: ${share(group)} (${where.join(', ')})`;
}

function peerText({ peer, verdict, processCount, ...group }: PeerJson): string {
  return `${peer.address}: ${share(group)} of ${String(processCount)} ${verdict?.replace('PEER_VERDICT_', '') ?? 'UNKNOWN'}`;
}

describe('grouping', { skip, concurrency: atOnce(3) }, () => {
  const stuckd = sharedStuckd();

  async function waitProcesses(namespace: LabNamespace, expected: readonly string[]): Promise<void> {
    let seen: readonly string[] = [];
    const isSo = async (): Promise<boolean> => {
      seen = (await stuckd().processesIn(namespace)).map(processText);
      return JSON.stringify(seen) === JSON.stringify(expected);
    };
    await waitFor(isSo, { what: 'the processes' }).catch(() => {
      assert.deepEqual(seen, expected);
    });
  }

  async function waitPeers(namespace: LabNamespace, expected: readonly string[]): Promise<readonly PeerJson[]> {
    let seen: readonly PeerJson[] = [];
    const isSo = async (): Promise<boolean> => {
      seen = await stuckd().peersIn(namespace);
      return JSON.stringify(seen.map(peerText)) === JSON.stringify(expected);
    };
    await waitFor(isSo, { what: 'the peers' }).catch(() => {
      assert.deepEqual(seen.map(peerText), expected);
    });
    return seen;
  }

  test('200 connections of three processes to two peers, of which one dies', async (t) => {
    const port = 8101;
    const stage = await setStage(t);
    const { lab, client } = stage;
    const a = await stage.addServer(A, port);
    await stage.addServer(B, port);
    const plan = [
      { toA: 60, toB: 20, sending: 50 },
      { toA: 40, toB: 20, sending: 40 },
      { toA: 30, toB: 30, sending: 10 },
    ] as const;
    const programs = await Promise.all(
      plan.map(async ({ toA, toB }) => {
        const program = await Sockprog.start(lab, client);
        const { ids } = await connectMany(program, 'a', A, port, toA);
        await connectMany(program, 'b', B, port, toB);
        return { program, ids };
      }),
    );
    await a.link.cut();
    await Promise.all(programs.map(({ program, ids }, index) => sendOn(program, ids.slice(0, plan[index]?.sending))));

    const pids = programs.map(({ program }) => program.pid);
    await waitProcesses(client, [
      `${String(pids[0])}: 50 of 80 (${A} 50 of 60)`,
      `${String(pids[1])}: 40 of 60 (${A} 40 of 40)`,
      `${String(pids[2])}: 10 of 60 (${A} 10 of 30)`,
    ]);
    await waitPeers(client, [`${A}: 100 of 130 of 3 PARTIAL`]);

    await Promise.all(programs.map(({ program, ids }, index) => sendOn(program, ids.slice(plan[index]?.sending))));
    await waitPeers(client, [`${A}: 130 of 130 of 3 NOT_TRIED`]);
    const { stdout } = await stuckctl(stuckd().address, 'peers', '--netns', String(client.inode));
    assert.match(stdout, /10\.91\.0\.2:8101\s+not_tried\s+130 of 130\s+none\s+3\s+retransmitting/);
    const untried = isPolling ? 'polling does not see whether new ones work' : 'no new one was tried lately';
    assert.ok(stdout.includes(`All 130 connections to it are stuck, and ${untried}`), stdout);

    if (isPolling) {
      return; // What becomes of new connections is told by events.
    }
    await programs[0]?.program.command(`connect late ${A} ${String(port)} user_timeout=1000`);
    await programs[0]?.program.waitEvent({ event: 'error', id: 'late', errno: 'ETIMEDOUT' });
    const [dead] = await waitPeers(client, [`${A}: 130 of 130 of 3 DEAD`]);
    assert.deepEqual(dead?.newConnections?.failed, '1');
    assert.equal(dead.newConnections.succeeded, undefined);
    assert.equal(dead.unackedBytes, '13000');
    assert.match(dead.summary, /^All 130 connections to it are stuck, and new ones fail/);
  });

  test('a peer that forgot its connections but takes new ones is a poisoned pool', noAttempts, async (t) => {
    const port = 8102;
    const stage = await setStage(t);
    const { lab, client } = stage;
    const server = await stage.addServer(A, port);
    const program = await Sockprog.start(lab, client);
    const { ids, localPorts } = await connectMany(program, 'a', A, port, 8);
    await dropFrom(stage, server.namespace, localPorts);
    await sendOn(program, ids);
    await waitPeers(client, [`${A}: 8 of 8 of 1 NOT_TRIED`]);

    await connectMany(program, 'new', A, port, 2);
    const [peer] = await waitPeers(client, [`${A}: 8 of 10 of 1 POISONED_POOL`]);
    assert.deepEqual(peer?.newConnections?.succeeded, '2');
    assert.match(peer.summary, /^8 of 10 connections to it are stuck, but new ones work .*Drop them/);
    const { stdout } = await stuckctl(stuckd().address, 'processes', '-o', 'json', '--netns', String(client.inode));
    const { processes } = JSON.parse(stdout) as { processes: ProcessJson[] };
    assert.deepEqual(processes.map(processText), [`${String(program.pid)}: 8 of 10 (${A} 8 of 10)`]);
  });

  test('a share is stuck while others work', async (t) => {
    const port = 8103;
    const stage = await setStage(t);
    const { lab, client } = stage;
    const server = await stage.addServer(A, port);
    const program = await Sockprog.start(lab, client);
    const { ids, localPorts } = await connectMany(program, 'a', A, port, 10);
    await dropFrom(stage, server.namespace, localPorts.slice(0, 3));
    await sendOn(program, ids);
    const [peer] = await waitPeers(client, [`${A}: 3 of 10 of 1 PARTIAL`]);
    assert.equal(peer?.newConnections?.succeeded, undefined);

    // An answer on another connection, some time after these got stuck, shows that the peer lives.
    await waitFor(
      async () => {
        await sendOn(program, ids.slice(3, 4));
        const [now] = await stuckd().peersIn(client);
        return now?.summary.includes('others work') === true;
      },
      { what: 'a peer that is heard from' },
    );
  });

  test('what processes share counts once for the peer, and for each of them', async (t) => {
    const port = 8104;
    const stage = await setStage(t);
    const { lab, client } = stage;
    const server = await stage.addServer(B, port);
    const program = await Sockprog.start(lab, client);
    const { ids } = await connectMany(program, 'a', B, port, 10);
    const child = await program.fork();
    await program.command(`connect own ${B} ${String(port)}`, child);
    await program.waitEvent({ event: 'connected', id: 'own', pid: child });
    await server.link.cut();
    await sendOn(program, ids.slice(0, 4));
    await program.command('send own 100', child);
    await waitProcesses(client, [
      `${String(program.pid)}: 4 of 10 (${B} 4 of 10)`,
      `${String(child)}: 1 of 11 (${B} 1 of 11)`,
    ]);
    await waitPeers(client, [`${B}: 5 of 11 of 2 PARTIAL`]);
  });

  test('both ends on this node know each other, and count once; what came in is told by its port', async (t) => {
    const port = 8105;
    const stage = await setStage(t);
    const { lab, client } = stage;
    const server = await stage.addServer(B, port);
    const program = await Sockprog.start(lab, client);
    const { ids } = await connectMany(program, 'a', B, port, 6);
    await server.sockprog.waitEvent({ event: 'accepted', id: 'l.6' });
    await stuckd().sweepFromNow(); // listeners are learnt by sweeps
    await server.link.cut();
    await sendOn(program, ids.slice(0, 2));
    await sendOn(server.sockprog, ['l.1', 'l.2', 'l.3']);

    await waitProcesses(server.namespace, [`${String(server.sockprog.pid)}: 3 of 6 (port ${String(port)} 3 of 6)`]);
    await waitPeers(server.namespace, []);
    await waitPeers(client, [`${B}: 2 of 6 of 1 PARTIAL`]);
    for (const own of await openIn(client)) {
      const other = await stuckd().get(own.counterpartId ?? '');
      assert.equal(other.counterpartId, own.id);
      assert.deepEqual([other.local, other.remote], [own.remote, own.local]);
      assert.deepEqual([own.direction, other.direction], ['DIRECTION_OUTBOUND', 'DIRECTION_INBOUND']);
    }
    const alone = (await openIn(server.namespace)).filter(({ counterpartId }) => counterpartId === undefined);
    assert.equal(alone.length, 1, 'the third has no other end that is stuck');
  });

  test('a client that drops its connections leaves orphans: they stay its own while it lives', async (t) => {
    const port = 8106;
    const stage = await setStage(t);
    const { lab, client } = stage;
    const server = await stage.addServer(B, port);
    const program = await Sockprog.start(lab, client);
    const { ids } = await connectMany(program, 'a', B, port, 5);
    await server.link.cut();
    await sendOn(program, ids.slice(0, 2));
    await waitProcesses(client, [`${String(program.pid)}: 2 of 5 (${B} 2 of 5)`]);
    for (const id of ids.slice(0, 2)) {
      await program.command(`close ${id}`);
    }
    const areOrphans = async (): Promise<boolean> =>
      (await openIn(client)).every(({ ownerType }) => ownerType === 'OWNER_TYPE_ORPHAN');
    await waitFor(areOrphans, { what: 'orphans' });
    await stuckd().sweepFromNow();
    await waitProcesses(client, [`${String(program.pid)}: 2 of 5 (${B} 2 of 5)`]);

    program.process.writeLine('0 exit 0');
    await program.process.ended;
    // After a while its exit leaves the other three behind as well.
    const areNobodys = async (): Promise<boolean> => {
      const groups = await stuckd().processesIn(client);
      return groups.length === 1 && groups.every(({ process, stuckCount }) => process === undefined && stuckCount >= 2);
    };
    await waitFor(areNobodys, { what: 'orphans of nobody' });
  });

  test('the same loopback address in two namespaces is two peers', async (t) => {
    const port = 8107;
    const stage = await setStage(t);
    const { lab, client } = stage;
    const other = await lab.addNamespace('other');
    for (const [namespace, count] of [
      [client, 3],
      [other, 5],
    ] as const) {
      const program = await Sockprog.start(lab, namespace);
      await program.command(`listen l 127.0.0.1 ${String(port)} mode=silent`);
      const { ids, localPorts } = await connectMany(program, 'a', '127.0.0.1', port, count);
      await dropFrom(stage, namespace, localPorts.slice(0, 1));
      await sendOn(program, ids.slice(0, 1));
    }
    await waitPeers(client, ['127.0.0.1: 1 of 3 of 1 PARTIAL']);
    await waitPeers(other, ['127.0.0.1: 1 of 5 of 1 PARTIAL']);
    const [peer] = await stuckd().peersIn(other);
    assert.equal(peer?.netns, other.inode);
  });

  test('a server that drains has closed its port: what came in through it is still told by that', async (t) => {
    const port = 8108;
    const stage = await setStage(t);
    const { lab, client } = stage;
    const server = await stage.addServer(B, port);
    const program = await Sockprog.start(lab, client);
    await connectMany(program, 'a', B, port, 4);
    await server.sockprog.waitEvent({ event: 'accepted', id: 'l.4' });
    await stuckd().sweepFromNow(); // listeners are learnt by sweeps
    await server.sockprog.command('close l');
    for (let sweep = 0; sweep < 3; sweep += 1) {
      await stuckd().sweepFromNow();
    }
    await server.link.cut();
    await sendOn(server.sockprog, ['l.1', 'l.2']);
    await waitProcesses(server.namespace, [`${String(server.sockprog.pid)}: 2 of 4 (port ${String(port)} 2 of 4)`]);
    await waitPeers(server.namespace, []);
  });

  async function openIn({ inode }: LabNamespace) {
    const { stuckConnections } = await stuckd().client.listStuckConnections({ filter: { netns: [inode] } });
    return Promise.all(stuckConnections.map(({ id }) => stuckd().get(id ?? '')));
  }
});
