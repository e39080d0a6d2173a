// Proves that the limits which the forecast obeys are read from where this kernel has them: the sysctls of the socket's
// own namespace, each set to a value that no other one has, and the bounds of the RTO.
// It cannot prove that the kernel obeys them; other kernel tests see that.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { usToJiffies } from '../../daemon/core/jiffies.js';
import type { SocketSnapshot, TcpSysctls } from '../../daemon/core/snapshot.js';
import { connectField, type FieldStage, setFieldStage } from '../support/field-stage.js';
import { IPPROTO_TCP, type SocketUnderTest } from '../support/kernel-word.js';
import { labSkipReason } from '../support/lab.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { sharedSensor } from '../support/sensor-under-test.js';
import { suiteEnding } from '../support/suite-ending.js';

const skip = notPolled(NEEDS_BPF.members) || labSkipReason();

interface SysctlRow {
  readonly sysctl: string;
  readonly member: keyof TcpSysctls;
  readonly value: number;
  readonly inSeconds?: true;
}

const SYSCTLS: readonly SysctlRow[] = [
  { sysctl: 'tcp_retries1', member: 'retries1', value: 6 },
  { sysctl: 'tcp_retries2', member: 'retries2', value: 11 },
  { sysctl: 'tcp_orphan_retries', member: 'orphanRetries', value: 5 },
  { sysctl: 'tcp_syn_retries', member: 'synRetries', value: 8 },
  { sysctl: 'tcp_syn_linear_timeouts', member: 'synLinearTimeouts', value: 7 },
  { sysctl: 'tcp_early_retrans', member: 'earlyRetrans', value: 2 },
  { sysctl: 'tcp_thin_linear_timeouts', member: 'thinLinearTimeouts', value: 1 },
  { sysctl: 'tcp_keepalive_probes', member: 'keepaliveProbes', value: 13 },
  { sysctl: 'tcp_keepalive_time', member: 'keepaliveTimeJiffies', value: 4321, inSeconds: true },
  { sysctl: 'tcp_keepalive_intvl', member: 'keepaliveIntvlJiffies', value: 87, inSeconds: true },
  { sysctl: 'tcp_fin_timeout', member: 'finTimeoutJiffies', value: 47, inSeconds: true },
];

/** Since 6.15; older kernels answer ENOPROTOOPT. */
const TCP_RTO_MAX_MS = 44;
const RTO_MAX_MS = 7000;
const RTO_MAX_DEFAULT_S = 120;
const RTO_MIN_US = 340_000;
const RTO_MIN_DEFAULT_US = 200_000;

describe('limits', { skip }, () => {
  const sensor = sharedSensor();
  const ending = suiteEnding();
  let stage: FieldStage;
  let socket: SocketUnderTest;
  let snapshot: SocketSnapshot;
  /** The sysctls that this kernel has. */
  let known: ReadonlySet<string>;

  before(async () => {
    stage = await setFieldStage(ending);
    const { lab, client } = stage.hosts;
    known = new Set((await lab.run(client, ['ls', '/proc/sys/net/ipv4'])).split('\n'));
    socket = await connectField(stage, 'a');
    // After it has connected: these are read whenever they are needed.
    for (const { sysctl, value } of SYSCTLS.filter((row) => known.has(row.sysctl))) {
      await lab.sysctl(client, `net.ipv4.${sysctl}`, value);
    }
    snapshot = await sensor().snapshot(socket.cookie);
  });

  for (const { sysctl, member, value, inSeconds } of SYSCTLS) {
    test(`sysctl_${sysctl}`, () => {
      const expected = known.has(sysctl) ? value * (inSeconds === true ? sensor().hz : 1) : 0;
      assert.equal(Number(snapshot.sysctls[member]), expected);
      assert.ok(known.has(sysctl) || sysctl === 'tcp_syn_linear_timeouts');
    });
  }

  test('icsk_rto_max: TCP_RTO_MAX_MS where the kernel has it, else 0', async (t) => {
    const refused = await socket.setOption(IPPROTO_TCP, TCP_RTO_MAX_MS, RTO_MAX_MS);
    t.diagnostic(`TCP_RTO_MAX_MS: ${refused ?? 'accepted'}`);
    assert.ok(refused === undefined || refused === 'ENOPROTOOPT', refused);
    const { hz } = sensor();
    const { rtoMaxJiffies } = await sensor().snapshot(socket.cookie);
    assert.deepEqual(
      [snapshot.rtoMaxJiffies, rtoMaxJiffies],
      refused === undefined ? [RTO_MAX_DEFAULT_S * hz, (RTO_MAX_MS / 1000) * hz] : [0, 0],
    );
  });

  test('icsk_rto_min', async () => {
    const { lab, client } = stage.hosts;
    const isAdjustable = known.has('tcp_rto_min_us'); // since 6.11; copied when a socket is made
    if (isAdjustable) {
      await lab.sysctl(client, 'net.ipv4.tcp_rto_min_us', RTO_MIN_US);
    }
    const young = await connectField(stage, 'young');
    const { rtoMinJiffies } = await sensor().snapshot(young.cookie);
    const { hz } = sensor();
    assert.equal(snapshot.rtoMinJiffies, usToJiffies(RTO_MIN_DEFAULT_US, hz));
    assert.equal(rtoMinJiffies, usToJiffies(isAdjustable ? RTO_MIN_US : RTO_MIN_DEFAULT_US, hz));
  });
});
