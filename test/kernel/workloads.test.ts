// Proves that a stuck connection is attributed to the container, pod and unit in whose control group its process is, on a
// running kernel: with the names of the pod where the API server knows it and with ids alone where it does not, also when
// the process is gone, when the group is gone too, when nobody saw the process at all, and where cgroup v1 holds the
// container. And that a user without any capability can find this out.
// The groups are laid out as runtimes do, but no runtime made them: that theirs look so is a matter of cgroup-path.test.ts.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { atOnce } from '../support/at-once.js';
import { cgroup1Mount, cgroup2Mount, cgroupSkipReason, TestCgroup } from '../support/cgroups.js';
import { FakeApiServer } from '../support/fake-api-server.js';
import { createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS, type TwoHosts } from '../support/lab.js';
import { stuckctl } from '../support/run-program.js';
import { Sockprog } from '../support/sockprog.js';
import { StuckdUnderTest, type StuckJson } from '../support/stuckd.js';
import { suiteEnding } from '../support/suite-ending.js';
import { NOBODY, startAs } from '../support/unprivileged.js';
import { waitFor } from '../support/wait-for.js';
import { containerId, createPod, NODE, podGroup, podUid } from '../unit/kubernetes/sample-pods.js';

const PORT = 8000;
const ORPHAN_RETRIES = 8;
const mount2 = cgroup2Mount();
const mount1 = cgroup1Mount('pids');

interface Stage extends TwoHosts {
  /** Not connected yet, and in no group of its own. */
  readonly using: Sockprog;
}

async function setStage(test: Ending): Promise<Stage> {
  const hosts = await createTwoHosts(test);
  await hosts.lab.sysctl(hosts.client, 'net.ipv4.tcp_orphan_retries', ORPHAN_RETRIES);
  const serving = await Sockprog.start(hosts.lab, hosts.server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  return { ...hosts, using: await Sockprog.start(hosts.lab, hosts.client) };
}

describe('workloads', { skip: labSkipReason() || cgroupSkipReason(mount2), concurrency: atOnce(4) }, () => {
  const mount = mount2 ?? '';
  const ending = suiteEnding();
  let stuckd: StuckdUnderTest;
  before(async () => {
    const api = await FakeApiServer.start(ending);
    api.put(createPod(1));
    const { tokenFile, caFile } = api;
    const kubernetes = { enabled: true, nodeName: NODE, apiServer: api.url, tokenFile, caFile };
    stuckd = await StuckdUnderTest.start(ending, {
      config: { kubernetes, kinds: { closing: { open: { after: '1s' } } } },
    });
    await api.waitWatching();
  });

  async function becomeStuck({ link, client, using }: Stage): Promise<StuckJson> {
    await link.cut();
    await using.command('send a 1000');
    const { id } = await stuckd.waitOpened(client, 'retransmitting');
    return stuckd.waitOwner(id);
  }

  async function waitOrphan(id: string): Promise<StuckJson> {
    return stuckd.waitChange(
      `${id} is an orphan`,
      ({ record }) => record.id === id && record.ownerType === 'OWNER_TYPE_ORPHAN',
    );
  }

  test('a process in a pod: container, uid and names, in the record, in filters and on the page', async (t) => {
    const stage = await setStage(t);
    const group = new TestCgroup(t, mount, podGroup(1));
    group.add(stage.using.pid);
    await stage.using.connect('a', SERVER_ADDRESS, PORT);
    const { id, owner, workload } = await becomeStuck(stage);
    assert.deepEqual(workload, {
      cgroup: group.path,
      containerId: containerId(1),
      containerRuntime: 'containerd',
      podUid: podUid(1),
      pod: 'web-1',
      podNamespace: 'shop',
      container: 'app',
      podLabels: { app: 'web' },
    });
    assert.equal(owner?.cgroup, group.path);
    assert.equal(owner.containerId, containerId(1));
    assert.deepEqual([owner.pod, owner.podNamespace, owner.container], ['web-1', 'shop', 'app']);

    const ids = async (...filter: string[]): Promise<string[]> => {
      const netns = ['--netns', String(stage.client.inode)];
      const { code, stdout, stderr } = await stuckctl(stuckd.address, 'list', '-o', 'json', ...netns, ...filter);
      assert.equal(code, 0, stderr);
      return (JSON.parse(stdout) as { stuckConnections: { id: string }[] }).stuckConnections.map((one) => one.id);
    };
    assert.deepEqual(await ids('--pod', 'shop/web-1', '--container', containerId(1)), [id]);
    assert.deepEqual(await ids('--pod', 'shop/web-2'), []);
    assert.deepEqual(await ids('--unit', 'web'), []);
    const page = await stuckctl(stuckd.address, 'get', id, '-o', 'table');
    assert.match(page.stdout, new RegExp(`^ {2}pod +shop/web-1, uid ${podUid(1)}$`, 'm'));
    assert.match(page.stdout, new RegExp(`^ {2}container +app, ${containerId(1)}, containerd$`, 'm'));
  });

  test('a pod that the API server does not know is told by its ids, also when process and group are gone', async (t) => {
    const stage = await setStage(t);
    const group = new TestCgroup(t, mount, podGroup(2));
    group.add(stage.using.pid);
    await stage.using.connect('a', SERVER_ADDRESS, PORT);
    const { id, workload } = await becomeStuck(stage);
    const expected = {
      cgroup: group.path,
      containerId: containerId(2),
      containerRuntime: 'containerd',
      podUid: podUid(2),
    };
    assert.deepEqual(workload, expected);

    await stage.using.command('exit 0');
    await stage.using.process.ended;
    await group.remove();
    const orphan = await waitOrphan(id);
    assert.equal(orphan.owner, undefined);
    assert.equal(orphan.lastOwner?.containerId, containerId(2));
    assert.deepEqual(orphan.workload, expected);
    assert.deepEqual((await stuckd.get(id)).workload, expected);
  });

  test('an orphan whose process nobody saw belongs to the group that created the socket', async (t) => {
    const stage = await setStage(t);
    const group = new TestCgroup(t, mount, podGroup(3));
    group.add(stage.using.pid);
    await stage.using.connect('a', SERVER_ADDRESS, PORT);
    await stage.link.cut();
    await stage.using.command('send a 1000');
    await stage.using.command('exit 0');
    const { id } = await stuckd.waitOpened(stage.client, 'closing');
    const orphan = await waitOrphan(id);
    assert.equal(orphan.lastOwner, undefined);
    // The group is newer than what the daemon knew; it looks again, though not at once.
    const { workload } = await waitFor(
      async () => {
        const record = await stuckd.get(id);
        return record.workload !== undefined && record;
      },
      { what: 'the workload of the orphan' },
    );
    assert.equal(workload?.containerId, containerId(3));
    assert.equal(workload.podUid, podUid(3));
    assert.equal(workload.cgroup, group.path);
  });

  test('a service is told by its unit', async (t) => {
    const stage = await setStage(t);
    new TestCgroup(t, mount, 'web.service').add(stage.using.pid);
    await stage.using.connect('a', SERVER_ADDRESS, PORT);
    const { workload } = await becomeStuck(stage);
    assert.equal(workload?.unit, 'web.service');
    assert.equal(workload.containerId, undefined);
  });

  test('a container in a hierarchy of cgroup v1', { skip: cgroupSkipReason(mount1) }, async (t) => {
    const stage = await setStage(t);
    const group = new TestCgroup(t, mount1 ?? '', `kubepods/burstable/pod${podUid(4)}/${containerId(4)}`);
    group.add(stage.using.pid);
    await stage.using.connect('a', SERVER_ADDRESS, PORT);
    const { workload } = await becomeStuck(stage);
    assert.equal(workload?.cgroup, group.path);
    assert.equal(workload.containerId, containerId(4));
    assert.equal(workload.podUid, podUid(4));
  });

  test('a user without any capability reads the group of a process of root', async (t) => {
    const stage = await setStage(t);
    new TestCgroup(t, mount, podGroup(5)).add(stage.using.pid);
    const script = `
      const { readFileSync } = await import('node:fs');
      const { readProcessWorkload } = await import(process.argv[2] + '/daemon/workload/process-cgroup.js');
      const { CgroupTree } = await import(process.argv[2] + '/daemon/workload/cgroup-tree.js');
      const pid = Number(process.argv[1]);
      const ticks = Number(readFileSync('/proc/' + pid + '/stat', 'latin1').replace(/.*\\) /s, '').split(' ')[19]);
      console.log(process.getuid(), readProcessWorkload('/proc', pid, ticks * 10000)?.containerId);
      const tree = new CgroupTree({ cgroupRoot: '/sys/fs/cgroup' });
      const { statSync } = await import('node:fs');
      const id = statSync(process.argv[3], { bigint: true }).ino;
      tree.pathOf(id);
      const timer = setInterval(() => {
        const path = tree.pathOf(id);
        if (path !== null) { console.log(path); clearInterval(timer); }
      }, 50);
    `;
    const args = (root: string): string[] => [String(stage.using.pid), `${root}/build`, `${mount}/`];
    const reader = startAs(NOBODY, ({ root, node }) => [node, '--input-type=module', '-e', script, ...args(root)]);
    t.after(() => reader.stop());
    await waitFor(() => reader.lines.length >= 2 || reader.end !== null, { what: 'what the reader says' });
    assert.deepEqual(reader.lines, [`${String(NOBODY.uid)} ${containerId(5)}`, '/'], reader.stderrTail);
  });
});
