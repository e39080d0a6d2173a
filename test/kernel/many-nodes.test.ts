// Proves that stuckctl asks many nodes as one: ten daemons, each in a network namespace and with a host name of its own,
// over TCP. Two have a real sensor and see a real black hole; one is frozen, one asks for TLS, one name does not resolve,
// and of those that are followed two are killed and started again, and one frozen. What the others say comes all the same,
// and who is silent is told with the reason.
// It cannot prove that nodes are told apart by what they see: all namespaces are on one kernel, so that both sensors see the
// same black hole, as two nodes would that have lost the same peer.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import type { ManagedProcess } from '../../daemon/demo/lab/managed-process.js';
import type { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { createAuthority } from '../support/certificates.js';
import { createLab, type Ending, labSkipReason, waitFor } from '../support/lab.js';
import { packageRoot } from '../support/package-root.js';
import { SENSOR_OF_THIS_RUN } from '../support/sensor-mode.js';
import { Sockprog } from '../support/sockprog.js';
import { DAEMON_PROGRAM } from '../support/stuckd.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const skip = labSkipReason();

const NODES = 10;
const PORT = 9736;
const PEER = '10.112.0.2';
const PEER_PORT = 8000;
const MISSING = `dns:///no-such-node.invalid:${String(PORT)}`;

const addressOf = (node: number): string => `10.111.${String(node)}.2`;

interface NodeUnderTest {
  readonly namespace: LabNamespace;
  daemon: ManagedProcess;
  /** Starts its daemon, again if it had one. */
  start(): Promise<void>;
}

/** What asks for TLS talks to nobody without it. */
function tlsFiles(directory: string): Readonly<Record<string, string>> {
  const authority = createAuthority('test authority');
  const { cert, key } = authority.issue(['node9']);
  const files = { certFile: cert, keyFile: key, clientCaFile: authority.cert };
  return Object.fromEntries(
    Object.entries(files).map(([name, pem]) => {
      const path = join(directory, `${name}.pem`);
      writeFileSync(path, pem, { mode: 0o600 });
      return [name, path];
    }),
  );
}

class Stage {
  readonly lab: NetnsLab;
  readonly hub: LabNamespace;
  readonly nodes = new Map<number, NodeUnderTest>();
  readonly #directory = temporaryDirectory();

  private constructor(lab: NetnsLab, hub: LabNamespace) {
    this.lab = lab;
    this.hub = hub;
  }

  static async set(test: Ending): Promise<Stage> {
    const lab = await createLab(test);
    const stage = new Stage(lab, await lab.addNamespace('hub'));
    for (let node = 1; node <= NODES; node += 1) {
      await stage.#addNode(node);
    }
    await Promise.all([...stage.nodes.values()].map((node) => node.start()));
    return stage;
  }

  node(number: number): NodeUnderTest {
    const node = this.nodes.get(number);
    assert.ok(node, `node ${String(number)}`);
    return node;
  }

  /** Starts stuckctl where all nodes can be reached; by default it asks all ten, and a name that does not resolve. */
  stuckctl(...args: readonly string[]): ManagedProcess {
    const program = join(packageRoot(), 'build/bin/stuckctl.js');
    const addresses = [...this.nodes.keys()].map((node) => `${addressOf(node)}:${String(PORT)}`);
    const env = { STUCKD_ADDRESS: [...addresses, MISSING].join(','), TZ: 'UTC' };
    return this.lab.spawnIn(this.hub, [process.execPath, program, ...args], { env });
  }

  async run(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const stuckctl = this.stuckctl(...args);
    const { code } = await stuckctl.ended;
    return { code, stdout: stuckctl.lines.join('\n'), stderr: stuckctl.stderrTail };
  }

  async #addNode(number: number): Promise<void> {
    const name = `node${String(number)}`;
    const namespace = await this.lab.addNamespace(name);
    const address = addressOf(number);
    await this.lab.link(
      { namespace: this.hub, addresses: [`${address.replace(/2$/, '1')}/24`] },
      { namespace, addresses: [`${address}/24`] },
    );
    const directory = join(this.#directory, name);
    mkdirSync(directory);
    const configPath = join(directory, 'stuckd.yaml');
    writeFileSync(configPath, JSON.stringify(this.#config(number, directory)));
    const daemon = [process.execPath, join(packageRoot(), DAEMON_PROGRAM), 'run', '--config', configPath];
    const named = ['unshare', '--uts', '--', 'sh', '-c', 'hostname "$0" && exec "$@"', name, ...daemon];
    const spawn = (): ManagedProcess => this.lab.spawnIn(namespace, named);
    const node: NodeUnderTest = {
      namespace,
      daemon: spawn(),
      start: async () => {
        if (!node.daemon.running) {
          node.daemon = spawn();
        }
        await waitFor(() => node.daemon.lines.some((line) => line.includes('gRPC listens on')), { what: name });
      },
    };
    this.nodes.set(number, node);
  }

  #config(number: number, directory: string): Readonly<Record<string, unknown>> {
    const tcp = { address: `${addressOf(number)}:${String(PORT)}` };
    const isReal = number <= 2;
    return {
      grpc: {
        address: `unix:${directory}/stuckd.sock`,
        tcp: number === 9 ? { ...tcp, tls: tlsFiles(directory) } : { ...tcp, insecure: true },
      },
      http: { address: 'off' },
      stateDir: join(directory, 'state'),
      sensor: isReal ? SENSOR_OF_THIS_RUN : { address: `unix:${directory}/no-sensor.sock` },
    };
  }
}

interface NodesJson {
  readonly peers: readonly {
    readonly peer: { readonly address: string; readonly port: number };
    readonly nodeCount: number;
    readonly answeredCount: number;
    readonly askedCount: number;
    readonly stuckCount: number;
    readonly nodes: readonly { readonly node: string }[];
    readonly summary: string;
  }[];
  readonly nodes: readonly { readonly node: string; readonly response: unknown }[];
  readonly unreachable: readonly { readonly node: string; readonly reason: string }[];
}

const ANSWERING = [1, 2, 3, 4, 5, 6, 7, 10].map((node) => `node${String(node)}`);

describe('ten nodes', { skip }, () => {
  test('what they say is one answer, and who is silent is told', async (t) => {
    const stage = await Stage.set(t);
    const { lab } = stage;
    const peer = await lab.addNamespace('peer');
    const client = stage.node(1).namespace;
    const link = await lab.link(
      { namespace: client, addresses: [PEER.replace(/2$/, '1') + '/24'] },
      { namespace: peer, addresses: [`${PEER}/24`] },
    );
    const [server, program] = [await Sockprog.start(lab, peer), await Sockprog.start(lab, client)];
    await server.command(`listen l ${PEER} ${String(PEER_PORT)} mode=silent`);
    await program.connect('c', PEER, PEER_PORT);
    await link.cut();
    await program.command('send c 100');
    stage.node(8).daemon.kill('SIGSTOP');

    await t.test('peers', async () => {
      const merged = await waitFor(
        async () => {
          const { code, stdout, stderr } = await stage.run('peers', '-o', 'json', '--timeout', '20s');
          assert.equal(code, 5, stderr);
          const answer = JSON.parse(stdout) as NodesJson;
          assert.deepEqual(answer.nodes.map(({ node }) => node).sort(), [...ANSWERING].sort());
          const reasons = new Map(answer.unreachable.map(({ node, reason }) => [node, reason]));
          assert.equal(reasons.size, 3);
          assert.match(reasons.get(`${addressOf(8)}:${String(PORT)}`) ?? '', /no answer within 20 s/);
          assert.match(reasons.get(`${addressOf(9)}:${String(PORT)}`) ?? '', /perhaps it asks for TLS/);
          assert.match(reasons.get(MISSING) ?? '', /does not resolve/);
          const found = answer.peers.find(({ peer }) => peer.address === PEER);
          return found?.nodeCount === 2 ? found : false;
        },
        { what: 'the black hole, from both nodes that can see it' },
      );
      assert.deepEqual(merged.nodes.map(({ node }) => node).sort(), ['node1', 'node2']);
      assert.equal(merged.answeredCount, ANSWERING.length);
      assert.equal(merged.askedCount, NODES + 1);
      assert.equal(merged.stuckCount, 2);
      assert.match(merged.summary, /from 2 of 8 nodes that answered/);
    });

    await t.test('list and --node', async () => {
      const all = await stage.run('list', '--peer', PEER);
      assert.equal(all.code, 5, all.stderr);
      assert.match(all.stdout, /^NODE .*\nnode[12] .*\nnode[12] /, all.stdout);
      assert.match(all.stderr, /3 nodes of 11 did not answer/);
      const one = await stage.run('list', '--peer', PEER, '--node', 'node2', '-o', 'jsonl');
      assert.equal(one.code, 0, one.stderr);
      const item = JSON.parse(one.stdout) as { node: string; item: { remote: { address: string } } };
      assert.deepEqual([item.node, item.item.remote.address], ['node2', PEER]);
    });

    await t.test('watch: a node that is lost, or comes back, disturbs no other', async () => {
      const watch = stage.stuckctl('watch', '--peer', PEER);
      const says = async (what: RegExp): Promise<void> => {
        const text = (): string => `${watch.lines.join('\n')}\n${watch.stderrTail}`;
        await waitFor(() => what.test(text()) || !watch.running, { what: `${String(what)} in:\n${text()}` });
        assert.match(text(), what);
      };
      for (const node of ['node1', 'node2']) {
        await says(new RegExp(`^${node} .*STUCK .*-> ${PEER}:${String(PEER_PORT)}`, 'm'));
      }
      for (const killed of [2, 7]) {
        stage.node(killed).daemon.kill('SIGKILL');
        await says(new RegExp(`^node${String(killed)}: connection lost`, 'm'));
      }
      stage.node(6).daemon.kill('SIGSTOP');
      stage.node(8).daemon.kill('SIGCONT');
      await says(/^node8: connected, with a new snapshot/m);
      for (const killed of [2, 7]) {
        await stage.node(killed).daemon.ended;
        await stage.node(killed).start();
        await says(new RegExp(`^node${String(killed)}: connected`, 'm'));
      }
      await link.heal();
      for (const node of ['node1', 'node2']) {
        await says(new RegExp(`^${node} .*END .*-> ${PEER}:${String(PEER_PORT)}.*recovered`, 'm'));
      }
      await says(/^node6: connection lost/m);
      assert.doesNotMatch(watch.stderrTail, /^node(?:1|3|4|5|10): connection lost/m);
      const told = watch.lines.filter((line) => line.includes(' STUCK ')).map((line) => line.split(' ')[0]);
      assert.deepEqual(told.sort(), ['node1', 'node2'], 'what was told before a node was lost is not told again');
      watch.kill('SIGINT');
      assert.equal((await watch.ended).code, 0);
    });
  });
});
