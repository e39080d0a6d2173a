// Proves that the time stamps of a socket are read from where this kernel has them, in the unit in which it has them, and
// that the daemon turns them into the right times: TCP_INFO tells the ages of most, and the others lie between what the
// application did and what the sensor saw. Where this kernel has no stamps in microseconds, or counts no RTOs, the sensor
// must say so.
// It cannot prove a branch that this kernel does not take: run it on each kernel of the matrix.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { jiffiesToMs } from '../../daemon/core/jiffies.js';
import { lastAckUs, pastJiffies32Us, pastMs32Us, retransStampUs, tickUs } from '../../daemon/core/kernel-time.js';
import type { SocketSnapshot } from '../../daemon/core/snapshot.js';
import { connectField, setFieldStage } from '../support/field-stage.js';
import { sandwich, type Sandwich, type SocketUnderTest, type TcpInfo } from '../support/kernel-word.js';
import { labSkipReason, SERVER_ADDRESS } from '../support/lab.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { monoUs, sharedSensor } from '../support/sensor-under-test.js';
import { suiteEnding } from '../support/suite-ending.js';

const skip = notPolled(NEEDS_BPF.members) || labSkipReason();

/** struct tcp_info */
const INFO = {
  OPTIONS: 5,
  LAST_DATA_SENT_MS: 44,
  LAST_DATA_RECV_MS: 52,
  LAST_ACK_RECV_MS: 56,
  TOTAL_RTO: 240,
  TOTAL_RTO_TIME_MS: 244,
} as const;
const TCPI_OPT_USEC_TS = 64;

/** A machine under load raises its jiffies late. When they began is known to less than one of them. */
const LATE_TICKS_US = 1_000_000;

/** A connection whose data is not acknowledged, and when what happened to it. */
interface Episode {
  readonly socket: SocketUnderTest;
  /** The application sent before it began. */
  readonly sentUs: number;
  /** The first RTO retransmission. */
  readonly event: SocketSnapshot;
}

interface Word {
  readonly info: TcpInfo;
  readonly askedUs: number;
  readonly answeredUs: number;
}

describe('time stamps', { skip }, () => {
  const sensor = sharedSensor();
  const ending = suiteEnding();
  /** Whether this kernel takes a route with stamps in microseconds. */
  let hasUsecRoutes: boolean;
  let serverSentUs: number;
  let clientReadUs: number;
  const episodes: Episode[] = [];
  const rests: Sandwich<Word>[] = [];

  before(async () => {
    const stage = await setFieldStage(ending);
    const { client, server, hosts } = stage;
    const sockets = [await connectField(stage, 'ms')];
    const route = await client.attempt(`usec_route ${SERVER_ADDRESS} ${hosts.link.near.device}`);
    assert.ok(route.ok || route.errno === 'EINVAL', JSON.stringify(route));
    hasUsecRoutes = route.ok;
    sockets.push(await connectField(stage, 'us')); // the connection before has its stamps for life
    serverSentUs = (await server.command('send l.1 10')).monoUs;
    clientReadUs = (await client.waitEvent({ event: 'data', id: 'ms' })).monoUs;
    // Data, acknowledgement and retransmission are some ticks apart, so that one stamp cannot pass for another.
    await sensor().pass('sweep');
    await client.command('send ms 100');
    await sensor().pass('sweep');
    await hosts.link.cut();
    for (const socket of sockets) {
      const sentUs = (await client.command(`send ${socket.id} 100`)).monoUs;
      const event = await sensor().waitEvent(hosts.client.inode, socket.localPort, 'retransmit');
      episodes.push({ socket, sentUs, event });
      rests.push(await restOf(socket));
    }
  });

  function restOf(socket: SocketUnderTest): Promise<Sandwich<Word>> {
    const activity = ({ segsOut, retransmits }: SocketSnapshot): string => `${String(segsOut)} ${String(retransmits)}`;
    return sandwich(sensor(), socket, activity, async () => {
      const askedUs = monoUs();
      const info = await socket.info();
      return { info, askedUs, answeredUs: monoUs() };
    });
  }

  /** TCP_INFO tells how old a stamp is; it was asked between the two snapshots. */
  function assertAge(stampOf: (snapshot: SocketSnapshot) => number, offset: number): void {
    for (const { before, word, after } of rests) {
      const ageMs = (snapshot: SocketSnapshot): number =>
        jiffiesToMs((snapshot.jiffies - stampOf(snapshot)) >>> 0, sensor().hz);
      const said = word.info.u32(offset) ?? Number.NaN;
      const range = `${String(ageMs(before))} to ${String(ageMs(after))} ms`;
      assert.ok(ageMs(before) <= said && said <= ageMs(after), `${range}, TCP_INFO says ${String(said)}`);
    }
  }

  test('lsndtime', () => {
    assertAge((snapshot) => snapshot.lsndtimeJiffies32, INFO.LAST_DATA_SENT_MS);
  });

  test('icsk_ack.lrcvtime', () => {
    assertAge((snapshot) => snapshot.lrcvtimeJiffies32, INFO.LAST_DATA_RECV_MS);
    const snapshot = rests[0]?.after;
    assert.ok(snapshot !== undefined);
    const { ticks } = sensor();
    const receivedUs = pastJiffies32Us(snapshot.lrcvtimeJiffies32, snapshot, ticks);
    assert.ok(serverSentUs - LATE_TICKS_US <= receivedUs && receivedUs <= clientReadUs + tickUs(ticks));
  });

  test('rcv_tstamp', () => {
    assertAge((snapshot) => snapshot.rcvTstampJiffies32, INFO.LAST_ACK_RECV_MS);
    for (const [index, { event, sentUs }] of episodes.entries()) {
      const ackUs = lastAckUs(event, sensor().ticks) - tickUs(sensor().ticks);
      const atLeastUs = index === 0 ? clientReadUs - LATE_TICKS_US : 0;
      assert.ok(atLeastUs <= ackUs && ackUs <= sentUs, 'the last acknowledgement came before the data that gets none');
    }
  });

  test('tcp_usec_ts', () => {
    assert.deepEqual(
      rests.map(({ after }) => after.usecStamps),
      [false, hasUsecRoutes],
    );
    for (const { word, after } of rests) {
      assert.equal((word.info.u8(INFO.OPTIONS) & TCPI_OPT_USEC_TS) !== 0, after.usecStamps);
    }
  });

  test('retrans_stamp in milliseconds and in microseconds', () => {
    for (const [index, { sentUs, event }] of episodes.entries()) {
      const snapshot = rests[index]?.after;
      const stampUs = snapshot === undefined ? null : retransStampUs(snapshot);
      assert.ok(snapshot !== undefined && stampUs !== null);
      const unitUs = snapshot.usecStamps ? 1 : 1000;
      const story = `sent ${String(sentUs)}, stamp ${String(stampUs)}, event ${String(event.monoUs)}`;
      assert.ok(sentUs - unitUs < stampUs && stampUs <= event.monoUs, story);
    }
  });

  test('total_rto', () => {
    for (const { word, after } of rests) {
      const totalRto = word.info.u16(INFO.TOTAL_RTO);
      assert.equal(after.hasRtoStamp, totalRto !== undefined);
      assert.equal(after.totalRto, totalRto ?? 0);
      assert.ok(totalRto === undefined || totalRto > 0);
    }
  });

  test('rto_stamp', () => {
    for (const [index, { word, after }] of rests.entries()) {
      const sinceMs = word.info.u32(INFO.TOTAL_RTO_TIME_MS);
      if (sinceMs === undefined) {
        assert.equal(after.rtoStampMs, 0);
        continue;
      }
      const stampUs = pastMs32Us(after.rtoStampMs, after.monoUs);
      // The age was taken between the question and the answer; both are whole milliseconds.
      const [leastUs, mostUs] = [word.askedUs - (sinceMs + 1) * 1000, word.answeredUs - (sinceMs - 1) * 1000];
      const story = `${String(leastUs)} to ${String(mostUs)}, stamp ${String(stampUs)}`;
      assert.ok(leastUs <= stampUs && stampUs <= mostUs, story);
      const episode = episodes[index];
      assert.ok(episode !== undefined && episode.sentUs <= stampUs && stampUs <= episode.event.monoUs);
    }
  });
});
