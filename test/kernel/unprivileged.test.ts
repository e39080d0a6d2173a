// Proves what stuckd does for somebody who may do nothing: `stuckd run` of an ordinary user, without arguments and without
// any configuration, finds the real black hole of his own process in his own network namespace, with peer and forecast,
// says that it is degraded and what root would add, and is found by his stuckctl without arguments. The kernel gives up
// when it said.
// It cannot prove anything about other network namespaces: he may not look into them.
import assert from 'node:assert/strict';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import type { ManagedProcess } from '../../daemon/demo/lab/managed-process.js';
import { atOnce } from '../support/at-once.js';
import { createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS, waitFor } from '../support/lab.js';
import { processStatus } from '../support/process-status.js';
import { assertDiagnosisNames, assertOwner, timeMs } from '../support/record-checks.js';
import { buildSockprog, Sockprog } from '../support/sockprog.js';
import { DAEMON_PROGRAM, type StuckJson } from '../support/stuckd.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { type PackageView, startAs, type User } from '../support/unprivileged.js';

const skip = labSkipReason();
const PORT = 8000;
const SOMEBODY: User = { uid: 64_021, gid: 64_021 };
const RETRIES2 = 5;

/** Nothing of whoever runs the tests. */
const FOREIGN = ['STUCKD_ADDRESS', 'STUCKD_HTTP_ADDRESS', 'STUCKD_STATE_DIR', 'STUCKD_SENSOR_ADDRESS'];
const DESKTOP = ['XDG_RUNTIME_DIR', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME'];

/** What the user starts, as he would start it. */
class Session {
  readonly #env: Readonly<Record<string, string>>;
  readonly #namespace: LabNamespace;
  readonly #test: Ending;

  /** @param hasRuntimeDirectory as of a login; else there is only a home. */
  constructor(test: Ending, namespace: LabNamespace, hasRuntimeDirectory: boolean) {
    const home = this.#directory();
    this.#env = { HOME: home, ...(hasRuntimeDirectory ? { XDG_RUNTIME_DIR: this.#directory() } : {}) };
    this.#namespace = namespace;
    this.#test = test;
  }

  start(argv: (view: PackageView) => readonly string[]): ManagedProcess {
    const child = startAs(SOMEBODY, argv, {
      ...{ namespace: this.#namespace, env: this.#env, unsetEnv: [...FOREIGN, ...DESKTOP] },
    });
    this.#test.after(async () => {
      await child.stop();
    });
    return child;
  }

  async stuckctl(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = this.start(({ root, node }) => [node, join(root, 'build/bin/stuckctl.js'), ...args]);
    const { code } = await child.ended;
    return { code, stdout: child.lines.join('\n'), stderr: child.stderrTail };
  }

  #directory(): string {
    const directory = temporaryDirectory();
    chownSync(directory, SOMEBODY.uid, SOMEBODY.gid);
    return directory;
  }
}

/** Waits for the record of a connection, asked for as he would ask. */
async function waitListed(session: Session, args: readonly string[], isIt: (record: StuckJson) => boolean) {
  let last = '';
  const find = async (): Promise<StuckJson | undefined> => {
    const { code, stdout, stderr } = await session.stuckctl('list', '-o', 'json', ...args);
    last = stdout + stderr;
    return code === 0
      ? (JSON.parse(stdout) as { stuckConnections: StuckJson[] }).stuckConnections.find(isIt)
      : undefined;
  };
  return waitFor(find, { what: 'the record', intervalMs: 250 }).catch((error: unknown) => {
    throw new Error(`not listed: ${last}`, { cause: error });
  });
}

describe('an ordinary user', { skip, concurrency: atOnce(2) }, () => {
  for (const [name, hasRuntimeDirectory] of [
    ['who has logged in', true],
    ['who has only a home', false],
  ] as const) {
    test(`${name}: his stuck connection, by his own daemon`, async (t) => {
      const hosts = await createTwoHosts(t);
      await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_retries2', RETRIES2);
      const serving = await Sockprog.start(hosts.lab, hosts.server);
      await serving.command(`listen l ${SERVER_ADDRESS} ${String(PORT)}`);
      await buildSockprog();
      const session = new Session(t, hosts.client, hasRuntimeDirectory);
      const using = new Sockprog(session.start(({ root }) => [join(root, 'build/test-tools/sockprog')]));
      const { fd } = await using.connect('a', SERVER_ADDRESS, PORT);

      const daemon = session.start(({ root, node }) => [node, join(root, DAEMON_PROGRAM), 'run']);
      const isUp = async (): Promise<boolean> => (await session.stuckctl('status')).stdout.includes('degraded');
      await waitFor(async () => !daemon.running || (await isUp()), { what: 'a degraded daemon' });
      const said = (): string => `${daemon.lines.join('\n')}\n${daemon.stderrTail}`;
      assert.ok(daemon.running, said());
      const { uids, permitted } = processStatus(daemon.pid);
      assert.deepEqual([uids[0], permitted], [SOMEBODY.uid, 0n]);
      // What it lacks, and what would mend that.
      assert.match(said(), /degraded/);
      assert.match(said(), /root/);
      assert.match(said(), /CAP_BPF/);

      await hosts.link.cut();
      await using.command('send a 1000');
      const record = await waitListed(session, [], ({ ownerType }) => ownerType !== undefined);
      assert.equal(record.kind, 'STUCK_KIND_RETRANSMITTING');
      assert.equal(record.netns, hosts.client.inode);
      assert.deepEqual(record.remote, { address: SERVER_ADDRESS, port: PORT });
      assertOwner(record.owner, { pid: using.pid, comm: 'sockprog', fd });
      assertDiagnosisNames(record, `sockprog[${String(using.pid)}]`, `${SERVER_ADDRESS}:${String(PORT)}`);
      assert.equal(record.giveUp?.reason, 'GIVE_UP_REASON_TCP_RETRIES2');
      assert.equal(record.giveUp.expectedError, 'ETIMEDOUT');
      const page = await session.stuckctl('get', record.id, '-o', 'table');
      assert.match(page.stdout, /polling/, 'the page says how it was seen');

      const error = await using.waitEvent({ event: 'error', id: 'a' });
      assert.equal(error.errno, 'ETIMEDOUT');
      const ended = await waitListed(
        session,
        ['--ended'],
        ({ id, outcome }) => id === record.id && outcome !== undefined,
      );
      assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
      assert.ok(timeMs(ended.endTime) >= timeMs(record.detectedTime));
    });
  }
});
