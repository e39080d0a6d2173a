// Proves that the other members of a socket say what the kernel itself says about the same socket, by TCP_INFO,
// getsockopt, TCP_REPAIR and /proc/net/tcp: its state and counters, sequence numbers, options, errors, and the cgroup of
// the process that made it.
// It cannot prove members of which the kernel tells nothing else (rttvar_us is seen in the RTO that follows from it).
import assert from 'node:assert/strict';
import { chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { usToJiffies } from '../../daemon/core/jiffies.js';
import type { SocketSnapshot } from '../../daemon/core/snapshot.js';
import { atOnce } from '../support/at-once.js';
import { cgroup2Mount, TestCgroup } from '../support/cgroups.js';
import { connectField, FIELD_PORT, type FieldStage, setFieldStage } from '../support/field-stage.js';
import {
  IPPROTO_TCP,
  type ProcTcpRow,
  sandwich,
  type Sandwich,
  SOL_SOCKET,
  SocketUnderTest,
  type TcpInfo,
} from '../support/kernel-word.js';
import { CLIENT_ADDRESS, labSkipReason, SERVER_ADDRESS, waitFor } from '../support/lab.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { sharedSensor } from '../support/sensor-under-test.js';
import { Sockprog } from '../support/sockprog.js';
import { suiteEnding } from '../support/suite-ending.js';

const unlessHere = notPolled(NEEDS_BPF.members) || labSkipReason();

const ETIMEDOUT = 110;
const SO_ERROR = 4;

/** linux/tcp.h */
const OPTION = {
  KEEPIDLE: 4,
  KEEPINTVL: 5,
  KEEPCNT: 6,
  SYNCNT: 7,
  LINGER2: 8,
  THIN_LINEAR_TIMEOUTS: 16,
  USER_TIMEOUT: 18,
  REPAIR: 19,
  REPAIR_QUEUE: 20,
  QUEUE_SEQ: 21,
} as const;
const REPAIR = { ON: 1, OFF_WITHOUT_PROBE: -1, RECV_QUEUE: 1, SEND_QUEUE: 2 } as const;

interface Word {
  readonly info: TcpInfo;
  readonly proc: ProcTcpRow;
}

/** What the sensor and the kernel say about one member; undefined where this kernel does not tell. */
type Row = (snapshot: SocketSnapshot, word: Word, hz: number) => readonly [sensor: number, kernel: number | undefined];

const MEMBERS: Readonly<Record<string, Row>> = {
  state: (s, { info }) => [s.state, info.u8(0)],
  icsk_ca_state: (s, { info }) => [s.caState, info.u8(1)],
  icsk_retransmits: (s, { info }) => [s.retransmits, info.u8(2)],
  icsk_probes_out: (s, { info }) => [s.probesOut, info.u8(3)],
  icsk_backoff: (s, { info }) => [s.backoff, info.u8(4)],
  icsk_rto: (s, { info }, hz) => [(s.rtoJiffies * 1_000_000) / hz, info.u32(8)],
  packets_out: (s, { info }) => [s.packetsOut, info.u32(24)],
  srtt_us: (s, { info }) => [s.srttUs, info.u32(68)],
  snd_ssthresh: (s, { info }) => [s.sndSsthresh, info.u32(76)],
  total_retrans: (s, { info }) => [s.totalRetrans, info.u32(100)],
  bytes_acked: (s, { info }) => [s.bytesAcked, info.u64(120)],
  bytes_received: (s, { info }) => [s.bytesReceived, info.u64(128)],
  segs_out: (s, { info }) => [s.segsOut, info.u32(136)],
  'write_seq - snd_nxt': (s, { info }) => [s.writeSeq - s.sndNxt, info.u32(144)],
  data_segs_in: (s, { info }) => [s.dataSegsIn, info.u32(152)],
  data_segs_out: (s, { info }) => [s.dataSegsOut, info.u32(156)],
  bytes_sent: (s, { info }) => [s.bytesSent, info.u64(200)],
  snd_wnd: (s, { info }) => [s.sndWnd, info.u32(228)],
  rcv_wnd: (s, { info }) => [s.rcvWnd, info.u32(232)],
  'write_seq - snd_una': (s, { proc }) => [s.writeSeq - s.sndUna, proc.txQueue],
  'rcv_nxt - copied_seq': (s, { proc }) => [s.rcvNxt - s.copiedSeq, proc.rxQueue],
  'icsk_retransmits in /proc': (s, { proc }) => [s.retransmits, proc.retransmits],
  uid: (s, { proc }) => [s.uid, proc.uid],
};

/** 0 while data is in flight; fields-timers.test.ts sees others. */
const ZERO_HERE = 'icsk_probes_out';
const SOME_UID = 54_321;

function activityOf(snapshot: SocketSnapshot): string {
  return `${String(snapshot.segsOut)} ${String(snapshot.retransmits)} ${String(snapshot.bytesReceived)}`;
}

describe('members of a socket', { skip: unlessHere, concurrency: atOnce(4) }, () => {
  const sensor = sharedSensor();

  describe('with data in both directions, in a black hole', () => {
    const ending = suiteEnding();
    let rest: Sandwich<Word>;
    let first: SocketSnapshot;
    let socket: SocketUnderTest;

    before(async () => {
      const stage = await setFieldStage(ending);
      const { client, server, hosts } = stage;
      socket = await connectField(stage, 'a', 'mode=silent');
      chownSync(`/proc/${String(client.pid)}/fd/${String(socket.fd)}`, SOME_UID, SOME_UID); // sets sk_uid
      await client.command('send a 300');
      await waitFor(async () => (await client.info('a')).bytesAcked >= 300, { what: 'an acknowledgement' });
      await server.command('send l.1 77');
      await waitFor(async () => (await client.info('a')).bytesReceived === 77, { what: 'data' });
      first = await sensor().snapshot(socket.cookie);
      await hosts.link.cut();
      await client.command('send a 60000'); // more than the first congestion window
      await waitFor(async () => (await socket.info()).u8(2) >= 2, { what: 'two RTOs' });
      rest = await sandwich(sensor(), socket, activityOf, async () => ({
        info: await socket.info(),
        proc: socket.proc(),
      }));
    });

    for (const [name, row] of Object.entries(MEMBERS)) {
      test(name, (t) => {
        const [said, truth] = row(rest.after, rest.word, sensor().hz);
        if (truth === undefined) {
          t.skip('this kernel does not tell');
          return;
        }
        assert.equal(said, truth);
        assert.ok(said > 0 || name === ZERO_HERE, 'the test has not made it differ from an empty record');
      });
    }

    test('icsk_rto = srtt_us + rttvar_us, before it is backed off', () => {
      assert.equal(first.rtoJiffies, usToJiffies(first.srttUs + first.rttvarUs, sensor().hz));
    });

    test('write_seq and rcv_nxt', async () => {
      const sequence = async (queue: number): Promise<number> => {
        assert.equal(await socket.setOption(IPPROTO_TCP, OPTION.REPAIR_QUEUE, queue), undefined);
        return (await socket.option(IPPROTO_TCP, OPTION.QUEUE_SEQ)) >>> 0;
      };
      assert.equal(await socket.setOption(IPPROTO_TCP, OPTION.REPAIR, REPAIR.ON), undefined);
      const words = [await sequence(REPAIR.SEND_QUEUE), await sequence(REPAIR.RECV_QUEUE)];
      await socket.setOption(IPPROTO_TCP, OPTION.REPAIR, REPAIR.OFF_WITHOUT_PROBE);
      assert.deepEqual([rest.after.writeSeq, rest.after.rcvNxt], words);
    });

    test('addresses, namespace and descriptor', () => {
      const { local, remote, hasSocket, hasFile, dead } = rest.after;
      assert.deepEqual(local, { address: CLIENT_ADDRESS, port: socket.localPort });
      assert.deepEqual(remote, { address: SERVER_ADDRESS, port: FIELD_PORT });
      assert.deepEqual([hasSocket, hasFile, dead], [true, true, false]);
    });
  });

  describe('options', () => {
    const ending = suiteEnding();
    let stage: FieldStage;
    before(async () => {
      stage = await setFieldStage(ending);
    });

    test('set: as getsockopt tells them', async () => {
      const options = 'keepalive=1 idle=111 intvl=22 cnt=33 user_timeout=654321 syncnt=9';
      const socket = await connectField(stage, 'set', options);
      assert.equal(await socket.setOption(IPPROTO_TCP, OPTION.LINGER2, 17), undefined);
      assert.equal(await socket.setOption(IPPROTO_TCP, OPTION.THIN_LINEAR_TIMEOUTS, 1), undefined);
      const ask = (name: number): Promise<number> => socket.option(IPPROTO_TCP, name);
      const { hz } = sensor();
      const s = await sensor().snapshot(socket.cookie);
      assert.deepEqual([s.keepalive, s.keepaliveTimeJiffies], [true, (await ask(OPTION.KEEPIDLE)) * hz]);
      assert.equal(s.keepaliveIntvlJiffies, (await ask(OPTION.KEEPINTVL)) * hz);
      assert.equal(s.keepaliveProbes, await ask(OPTION.KEEPCNT));
      assert.equal(s.userTimeoutMs, await ask(OPTION.USER_TIMEOUT));
      assert.equal(s.synRetries, await ask(OPTION.SYNCNT));
      assert.equal(s.linger2Jiffies, (await ask(OPTION.LINGER2)) * hz);
      assert.equal(s.thinLto, (await ask(OPTION.THIN_LINEAR_TIMEOUTS)) === 1);
      assert.deepEqual([s.keepaliveProbes, s.userTimeoutMs, s.synRetries, s.thinLto], [33, 654_321, 9, true]);
    });

    test('not set: 0, which stands for the sysctl', async () => {
      const { cookie } = await connectField(stage, 'unset');
      const s = await sensor().snapshot(cookie);
      const numbers = [
        s.keepaliveTimeJiffies,
        s.keepaliveIntvlJiffies,
        s.keepaliveProbes,
        s.userTimeoutMs,
        s.synRetries,
      ];
      assert.deepEqual([...numbers, s.linger2Jiffies], [0, 0, 0, 0, 0, 0]);
      assert.deepEqual([s.keepalive, s.thinLto], [false, false]);
    });
  });

  test('state and icsk_retransmits of a SYN that is not answered', async (t) => {
    const stage = await setFieldStage(t);
    await stage.hosts.link.cut();
    const reply = await stage.client.command(`connect a ${SERVER_ADDRESS} ${String(FIELD_PORT)}`);
    const socket = await SocketUnderTest.of(stage.client, 'a', reply);
    const event = await sensor().waitEvent(stage.hosts.client.inode, socket.localPort, 'retransmit');
    const rest = await sandwich(sensor(), socket, activityOf, () => socket.info());
    assert.deepEqual([event.state, event.retransmits], [2, 1]);
    assert.deepEqual([rest.after.state, rest.after.retransmits], [rest.word.u8(0), rest.word.u8(2)]);
  });

  test('sk_err: what the application reads', async (t) => {
    const stage = await setFieldStage(t);
    // An application that looked would take the error away, perhaps before the kernel reports it.
    const socket = await connectField(stage, 'a', 'user_timeout=1500 mode=none');
    await stage.hosts.link.cut();
    await stage.client.command('send a 100');
    const { skErr, state } = await sensor().waitEvent(stage.hosts.client.inode, socket.localPort, 'error');
    assert.deepEqual([skErr, state], [ETIMEDOUT, 7]);
    assert.equal(await socket.option(SOL_SOCKET, SO_ERROR), ETIMEDOUT);
  });

  const mount = cgroup2Mount();
  const skip = mount === undefined ? 'no cgroup2 is mounted here' : false;
  test('cgroup of the process that made the socket', { skip }, async (t) => {
    const stage = await setFieldStage(t);
    const member = await Sockprog.start(stage.hosts.lab, stage.hosts.client);
    const root = mount ?? '';
    const home = new TestCgroup(t, root, 'home');
    home.add(member.pid);
    const reply = await member.connect('a', SERVER_ADDRESS, FIELD_PORT);
    writeFileSync(join(root, 'cgroup.procs'), String(member.pid)); // the socket stays what it was made as
    const { cookie } = await SocketUnderTest.of(member, 'a', reply);
    const { cgroupId } = await sensor().snapshot(cookie);
    assert.equal(cgroupId, statSync(join(root, home.path), { bigint: true }).ino);
  });
});
