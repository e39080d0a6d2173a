// Proves how a sensor chooses between BPF and polling, and what it is left with: with BPF two capabilities, with polling
// three others as far as they were there, in every thread, and none of them can be had again; that where BPF is refused, or
// the kernel's types are hidden, missing, or those of another kernel, it polls, says why and what would help, and leaves
// nothing of its programs in the kernel; that a copy of the kernel's types serves where they are hidden; and that what may
// pass, such as a lack of memory, is a failure, after which a daemon tries again.
// It cannot prove what a kernel from before CAP_BPF says; nor does this one lack BTF: it is only made to answer as if.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startProcess } from '../../daemon/demo/lab/managed-process.js';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import type { SensorIntroduction } from '../../daemon/sensor/sensor-session.js';
import { atOnce } from '../support/at-once.js';
import { connectedSensor, introducedSensor } from '../support/introduced-sensor.js';
import { createTwoHosts, labSkipReason, waitFor } from '../support/lab.js';
import { connectProbing } from '../support/probing-connection.js';
import {
  BPF_AND_PERFMON,
  POLLING_CAPABILITIES,
  processStatus,
  type ProcessStatus,
  threadStatuses,
} from '../support/process-status.js';
import { refusedSensor, sensorOfKernelWithoutBtf, sensorWith, sensorWithoutBtf } from '../support/refuse.js';
import { runProgram } from '../support/run-program.js';
import { SensorUnderTest } from '../support/sensor-under-test.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { NOBODY, startAs } from '../support/unprivileged.js';

const skip = labSkipReason();
const concurrency = atOnce(2);

/** CAP_SETPCAP, without which the bounding set stays as it is. */
const SETPCAP = 1n << 8n;
const OWN_BTF = '/sys/kernel/btf/vmlinux';

/** Those capabilities and no other, for good, in every thread; and nobody in particular. */
async function assertOnly(capabilities: bigint, pid: number): Promise<void> {
  const observing = (): readonly ProcessStatus[] | false => threadStatuses(pid).length > 1 && threadStatuses(pid);
  const threads = await waitFor(observing, { what: 'the threads that observe' });
  for (const thread of threads) {
    assertRights(thread, { permitted: capabilities, effective: capabilities, bounding: capabilities });
  }
}

function assertRights(
  thread: ProcessStatus,
  rights: Pick<ProcessStatus, 'permitted' | 'effective' | 'bounding'>,
): void {
  const { permitted, effective, bounding, inheritable, ambient, noNewPrivs, uids, gids, groups } = thread;
  assert.deepEqual({ permitted, effective, bounding }, rights);
  assert.deepEqual([inheritable, ambient, noNewPrivs], [0n, 0n, true]);
  assert.deepEqual([uids, gids, groups], [Array(4).fill(NOBODY.uid), Array(4).fill(NOBODY.gid), []]);
}

/** Its links, programs, maps and iterators: what the kernel keeps as long as the process has it. */
function bpfDescriptorsOf(pid: number): readonly string[] {
  const directory = `/proc/${String(pid)}/fd`;
  return readdirSync(directory)
    .map((fd) => (existsSync(join(directory, fd)) ? readlinkSync(join(directory, fd)) : ''))
    .filter((target) => /bpf|btf/.test(target));
}

/** It says why, has let go of BPF, and its hello tells of what it is left with. */
function assertPolls({ hello, mode, programs }: SensorIntroduction, reason: RegExp): void {
  assert.equal(mode.mode, 'polling');
  assert.match(mode.reason, reason);
  assert.ok(!mode.reason.includes('\n'));
  assert.deepEqual(programs, []);
  assert.equal(hello.capabilities, POLLING_CAPABILITIES);
  assert.deepEqual(bpfDescriptorsOf(hello.pid), []);
}

describe('a sensor that root starts', { skip, concurrency }, () => {
  test('uses BPF, with two capabilities, although it could have polled', async (t) => {
    const { hello, mode, programs } = await introducedSensor(t, builtSensorPath());
    assert.deepEqual(mode, { mode: 'ebpf', code: null, reason: '' });
    assert.ok(programs.length > 0);
    assert.equal(hello.capabilities, BPF_AND_PERFMON);
    await assertOnly(BPF_AND_PERFMON, hello.pid);
    assert.notDeepEqual(bpfDescriptorsOf(hello.pid), []);
  });

  test('polls where it is told to, with three others, and does not try BPF', async (t) => {
    const introduction = await introducedSensor(t, sensorWith(t, '--mode', 'polling'));
    assertPolls(introduction, /^by configuration$/);
    assert.equal(introduction.mode.code, null);
    await assertOnly(POLLING_CAPABILITIES, introduction.hello.pid);
  });

  test('polls where BPF is not loaded, and says why', async (t) => {
    const introduction = await introducedSensor(t, await refusedSensor(t, '--load', 'all'));
    assertPolls(introduction, /^the kernel refuses to load BPF programs .*seccomp.*security module.*lockdown/);
    assert.equal(introduction.mode.code, 'privilege');
    await assertOnly(POLLING_CAPABILITIES, introduction.hello.pid);
  });

  for (const program of ['on_destroy', 'sweep']) {
    test(`polls where ${program} is not attached, and lets go of the programs that were`, async (t) => {
      const introduction = await introducedSensor(t, await refusedSensor(t, '--attach', program));
      assertPolls(introduction, /, which is required: cannot be attached \(Permission denied\); without it /);
      assert.equal(introduction.mode.code, 'attach');
      await assertOnly(POLLING_CAPABILITIES, introduction.hello.pid);
    });
  }

  for (const what of ['--load', '--attach']) {
    test(`fails, and does not poll, where memory is short as it needs it (${what})`, async (t) => {
      const sensor = await refusedSensor(t, what, what === '--load' ? 'all' : 'sweep', '--memory');
      await assert.rejects(introducedSensor(t, sensor), /Cannot allocate memory/);
    });
  }

  test('keeps what either mode needs until it knows, of which BPF alone is effective', async (t) => {
    const socket = join(temporaryDirectory(), 'sensor.sock');
    const listener = startProcess([builtSensorPath(), '--listen', socket]);
    t.after(() => listener.stop());
    await waitFor(() => existsSync(socket) && processStatus(listener.pid).noNewPrivs, {
      what: 'a sensor that listens',
    });
    const undecided = BPF_AND_PERFMON | POLLING_CAPABILITIES | SETPCAP;
    const [thread, ...others] = threadStatuses(listener.pid);
    assert.ok(thread !== undefined && others.length === 0);
    assertRights(thread, { permitted: undecided, effective: BPF_AND_PERFMON, bounding: undecided });
    const { hello } = await connectedSensor(t, socket);
    assert.notEqual(hello.pid, listener.pid);
    await assertOnly(BPF_AND_PERFMON, hello.pid);
  });
});

describe('a sensor that nobody in particular starts', { skip, concurrency }, () => {
  const sets: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /^mode +polling +CAP_BPF and CAP_PERFMON are missing: start stuckd as root, /m],
    [['bpf'], /^mode +polling +CAP_PERFMON is missing: /m],
    [['perfmon', 'sys_ptrace'], /^mode +polling +CAP_BPF is missing: /m],
    [['bpf', 'perfmon'], /^mode +ebpf +/m],
  ];
  for (const [capabilities, mode] of sets) {
    test(`with ${capabilities.join(' and ') || 'no capability'}: --check tells the mode, and what is held`, async () => {
      const run = async (...options: readonly string[]): Promise<{ code: number | null; text: string }> => {
        const argv = (root: string): readonly string[] => [
          join(root, 'bpf/.output/stuckd-sensor'),
          '--check',
          ...options,
        ];
        const child = startAs({ ...NOBODY, capabilities }, ({ root }) => argv(root));
        const { code } = await child.ended;
        return { code, text: [...child.lines, child.stderrTail].join('\n') };
      };
      const { code, text } = await run();
      assert.equal(code, 0, text);
      assert.match(text, mode);
      for (const name of ['bpf', 'perfmon', 'sys_admin', 'sys_ptrace', 'dac_read_search']) {
        const standing = capabilities.includes(name) ? 'held' : 'not held';
        assert.match(text, new RegExp(`^${standing} +CAP_${name.toUpperCase()} +mode (ebpf|polling): .*; lost `, 'm'));
      }
      const ebpf = await run('--mode', 'ebpf');
      assert.equal(ebpf.code, capabilities.length === 2 && capabilities.includes('bpf') ? 0 : 1, ebpf.text);
      const polling = await run('--mode', 'polling');
      assert.match(polling.text, /^mode +polling +by configuration$/m);
      assert.equal(polling.code, 0);
    });
  }
});

/** The path of a file that is not there yet, in a directory that everybody may read. */
function publicPath(name: string): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  return join(directory, name);
}

/** A copy that everybody may read, changed or not. */
function copyOfBtf(change: (btf: Buffer) => Buffer = (btf) => btf): string {
  const path = publicPath('vmlinux');
  writeFileSync(path, change(readFileSync(OWN_BTF)));
  return path;
}

/** As of a kernel with one type more: its first type, a number, twice. All ids behind it are others (struct btf_header). */
function withOneTypeMore(btf: Buffer): Buffer {
  const [typeOffset, typeLength, stringOffset] = [8, 12, 16];
  const firstType = btf.readUInt32LE(4) + btf.readUInt32LE(typeOffset);
  const sizeOfNumber = 16;
  const longer = Buffer.concat([
    btf.subarray(0, firstType),
    btf.subarray(firstType, firstType + sizeOfNumber),
    btf.subarray(firstType),
  ]);
  longer.writeUInt32LE(btf.readUInt32LE(typeLength) + sizeOfNumber, typeLength);
  longer.writeUInt32LE(btf.readUInt32LE(stringOffset) + sizeOfNumber, stringOffset);
  return longer;
}

describe('the types of the kernel', { skip, concurrency }, () => {
  test('hidden: it polls, and says how they could be had', async (t) => {
    const introduction = await introducedSensor(t, sensorWithoutBtf(t));
    assertPolls(introduction, /BTF is not visible here .*: mount \/sys, or name a copy of that file with --btf$/);
    assert.equal(introduction.mode.code, 'btf');
  });

  test('hidden, with a copy: BPF sees what it sees with the original', async (t) => {
    const path = sensorWithoutBtf(t, '--btf', copyOfBtf());
    const { mode, programs } = await introducedSensor(t, path);
    assert.equal(mode.mode, 'ebpf');
    assert.deepEqual(
      programs.filter(({ attached }) => !attached),
      [],
    );
    const sensor = await SensorUnderTest.start(t, { path });
    const hosts = await createTwoHosts(t);
    const { localPort } = await connectProbing(hosts);
    await hosts.link.cut();
    const event = await sensor.waitEvent(hosts.client.inode, localPort, 'keepalive');
    assert.ok(event.probesOut >= 1);
  });

  const files: readonly (readonly [string, (btf: Buffer) => Buffer, RegExp])[] = [
    ['cut short', (btf) => btf.subarray(0, btf.length / 2), /^the BTF file \S+ holds no BTF that can be read: /],
    ['something else', () => Buffer.from('hello\n'), /^the BTF file \S+ holds no BTF that can be read: /],
    ['of another kernel', withOneTypeMore, /^the BTF file \S+ is not of the kernel that runs: /],
  ];
  for (const [name, change, sentence] of files) {
    for (const hidden of [true, false]) {
      test(`a file that is ${name}, where they are ${hidden ? 'hidden' : 'shown'}: it polls`, async (t) => {
        const options = ['--btf', copyOfBtf(change)] as const;
        const path = hidden ? sensorWithoutBtf(t, ...options) : sensorWith(t, ...options);
        const introduction = await introducedSensor(t, path);
        assertPolls(introduction, sentence);
        assert.equal(introduction.mode.code, 'btf');
      });
    }
  }

  test('a file that is missing, or that only root may read: it polls, or fails where it must not', async (t) => {
    const missing = ['--btf', publicPath('none')] as const;
    const sentence = /^the BTF file \S+ cannot be read \(No such file or directory\)$/;
    assertPolls(await introducedSensor(t, sensorWith(t, ...missing)), sentence);
    await assert.rejects(introducedSensor(t, sensorWith(t, ...missing, '--mode', 'ebpf')), { message: sentence });
    const closed = publicPath('vmlinux');
    copyFileSync(OWN_BTF, closed);
    chmodSync(closed, 0o600);
    const reason = /^the BTF file \S+ cannot be read \(Permission denied\): .* everybody must be allowed to$/;
    assertPolls(await introducedSensor(t, sensorWith(t, '--btf', closed)), reason);
  });

  test('missing in the kernel itself: it polls, and says that no file helps', async (t) => {
    const sentence = /^this kernel was built without BTF, .* a file does not help: .*CONFIG_DEBUG_INFO_BTF=y/;
    assertPolls(await introducedSensor(t, await sensorOfKernelWithoutBtf(t)), sentence);
    const withFile = await sensorOfKernelWithoutBtf(t, '--btf', copyOfBtf());
    assertPolls(await introducedSensor(t, withFile), sentence);
  });
});

describe('the command line', { skip, concurrency }, () => {
  test('options in any order', async () => {
    const { code, stdout } = await runProgram([builtSensorPath(), '--without', 'x', '--mode', 'polling', '--check']);
    assert.equal(code, 0);
    assert.match(stdout, /^mode +polling +by configuration$/m);
  });

  const misuses: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /: say what to do, /],
    [['--check', '--mode'], /: --mode lacks its value/],
    [['--check', '--mode', 'bpf'], /: --mode takes auto, ebpf or polling, not "bpf"/],
    [['--check', '--btf', ''], /: --btf takes the path of a file/],
    [['--fd', '3x'], /: --fd takes the number of a descriptor, not "3x"/],
    [['--fd', '3', '--check'], /: --fd and --check do not go together/],
    [['--check', '--poll'], /: there is no option --poll/],
  ];
  for (const [args, sentence] of misuses) {
    test(`misused: ${args.join(' ') || 'nothing'}`, async () => {
      const { code, stderr } = await runProgram([builtSensorPath(), ...args]);
      assert.equal(code, 2);
      assert.match(stderr, sentence);
      assert.match(stderr, /^usage: stuckd-sensor /m);
    });
  }
});
