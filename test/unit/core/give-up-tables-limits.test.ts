/**
 * Proves: how long a connection lives that ends by something else than `tcp_retries2` and unacknowledged data alone:
 * the user timeout, an orphan, a closed or shrunk window, a host that left its link. Exact to the jiffy over all phases
 * of the timer wheel. The literals were computed by a simulator written apart from the daemon, from the kernel's
 * algorithm, and agree with the worked examples of the project's kernel reference and with what was measured at HZ 250.
 * Cannot prove that a given kernel follows that algorithm, nor that the sensor reads the fields right: the kernel tests
 * do.
 *
 * All times are seconds from the snapshot, which is taken as the segment is sent or the window found closed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecastGiveUp } from '../../../daemon/core/give-up.js';
import { modelBaseJiffies, modelTimeoutMs, orphanRetries } from '../../../daemon/core/kernel-limits.js';
import { PENDING, TCP_STATE, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { assertLives, table, withSysctls } from './give-up-table-rows.js';
import { Moment } from './give-up-sockets.js';

/**
 * TCP_USER_TIMEOUT counts from the first retransmission, and the last wait is cut so that the timer expires with it; of
 * that shorter wait the wheel takes a smaller bucket. It replaces `tcp_retries2`, and the limit of an orphan too, for
 * which it was measured.
 */
const USER_TIMEOUT = table(`
  | HZ   | RTO   | user timeout | sum     | time            | sent | reference   | measured |
  | 100  | 0.21  | 1            | 1.21    | 1.23            | 2    | -           | -        |
  | 100  | 0.21  | 5            | 5.21    | 5.23-5.3        | 4    | -           | -        |
  | 100  | 0.21  | 30           | 30.21   | 30.23-30.3      | 7    | -           | -        |
  | 100  | 0.21  | 150          | 150.21  | 150.23-150.86   | 9    | -           | -        |
  | 250  | 0.204 | 1            | 1.204   | 1.212-1.24      | 2    | -           | -        |
  | 250  | 0.204 | 5            | 5.204   | 5.212-5.464     | 4    | -           | -        |
  | 250  | 0.204 | 30           | 30.204  | 30.212-30.464   | 7    | 30.21-30.46 | -        |
  | 250  | 0.204 | 150          | 150.204 | 150.212-152.256 | 9    | -           | 151.7    |
  | 1000 | 0.201 | 1            | 1.201   | 1.21-1.273      | 2    | -           | -        |
  | 1000 | 0.201 | 5            | 5.201   | 5.21-5.273      | 4    | -           | -        |
  | 1000 | 0.201 | 30           | 30.201  | 30.21-30.273    | 7    | -           | -        |
  | 1000 | 0.201 | 150          | 150.201 | 150.21-154.305  | 9    | -           | -        |
`);

for (const row of USER_TIMEOUT) {
  test(row.title, () => {
    const rto = row.number('RTO');
    const userTimeoutMs = row.number('user timeout') * 1000;
    for (const dead of [false, true]) {
      const state = dead ? TCP_STATE.FIN_WAIT1 : TCP_STATE.ESTABLISHED;
      assertLives(row, { reason: 'user_timeout', firstWait: rto }, (moment) =>
        moment.socket(rto, { userTimeoutMs, dead, state }),
      );
    }
  });
}

/**
 * Closed by its process with data or a FIN unacknowledged. The sysctl's 0 means 8 while the RTO still grows. The
 * measured ends had a tail loss probe before, which is taken off.
 */
const ORPHAN = table(`
  | HZ   | RTO   | retries | limit | sum     | time            | sent | latest             | measured                |
  | 100  | 0.21  | 0       | 102.2 | 107.31  | 109.5-114.61    | 8    | -                  | -                       |
  | 100  | 0.21  | 3       | 3     | 3.15    | 3.26-3.33       | 3    | 6.7-6.77           | -                       |
  | 100  | 0.21  | 5       | 12.6  | 13.23   | 13.5-14.13      | 5    | -                  | -                       |
  | 250  | 0.204 | 0       | 102.2 | 104.244 | 105.996-108.04  | 8    | -                  | 106.6 107.2 107.0 108.0 |
  | 250  | 0.204 | 3       | 3     | 3.06    | 3.116-3.144     | 4    | 6.412-6.664        | -                       |
  | 250  | 0.204 | 5       | 12.6  | 12.852  | 13.068-13.32    | 5    | -                  | -                       |
  | 1000 | 0.201 | 0       | 102.2 | 102.711 | 103.946-108.041 | 8    | -                  | -                       |
  | 1000 | 0.201 | 3       | 3     | 3.015   | 3.082-3.145     | 4    | 6.346-6.409        | -                       |
  | 1000 | 0.201 | 5       | 12.6  | 12.663  | 12.81-13.321    | 5    | some 26.122-26.313 | -                       |
`);

for (const row of ORPHAN) {
  test(`orphan: ${row.title}`, () => {
    const rto = row.number('RTO');
    const retries = row.number('retries');
    const facts = (moment: Moment): Partial<SocketSnapshot> => withSysctls(moment, { orphanRetries: retries });
    for (const state of [TCP_STATE.FIN_WAIT1, TCP_STATE.LAST_ACK, TCP_STATE.CLOSING]) {
      // A shrunk window does not spare an orphan.
      const changes = { dead: true, state, sndWnd: state === TCP_STATE.CLOSING ? 0 : 65_535 };
      assertLives(row, { reason: 'orphan_retries', firstWait: rto }, (moment) =>
        moment.socket(rto, { ...changes, ...facts(moment) }),
      );
    }
    const hz = row.number('HZ');
    const moment = new Moment(hz);
    const boundary = orphanRetries(moment.socket(rto, facts(moment)), true);
    assert.equal(modelTimeoutMs(boundary, modelBaseJiffies(hz), 120 * hz, hz), row.number('limit') * 1000);
  });
}

function windowClosed(moment: Moment, rto: number, changes: Partial<SocketSnapshot>): SocketSnapshot {
  return moment.socket(rto, { sndWnd: 0, packetsOut: 0, pending: PENDING.PROBE0, sndNxt: 1000, ...changes });
}

/**
 * A closed window, and the peer falls silent as the first probe goes out. Probes are counted, so that there is no limit
 * of time and no tick that is near it; the 15 of the default last as long as the retransmissions of an RTO of 204 ms.
 */
const WINDOW_PROBES = table(`
  | HZ   | RTO   | retries2 | RTO max | sum     | time              | sent | reference   |
  | 100  | 0.21  | 6        | 120     | 26.67   | 27.58-28.21       | 6    | -           |
  | 100  | 0.21  | 15       | 120     | 934.83  | 959.42-964.53     | 15   | -           |
  | 100  | 1     | 15       | 120     | 1207    | 1235.09-1240.2    | 15   | -           |
  | 250  | 0.204 | 3        | 120     | 3.06    | 3.116-3.144       | 3    | -           |
  | 250  | 0.204 | 6        | 120     | 25.908  | 26.38-26.632      | 6    | -           |
  | 250  | 0.204 | 15       | 120     | 928.692 | 937.484-939.528   | 15   | 937.5-939.5 |
  | 250  | 0.204 | 15       | 5       | 61.324  | 62.732-62.984     | 15   | -           |
  | 250  | 0.204 | 15       | 1       | 14.428  | 14.764-14.792     | 15   | -           |
  | 250  | 1     | 15       | 120     | 1207    | 1216.652-1218.696 | 15   | -           |
  | 1000 | 0.201 | 6        | 120     | 25.527  | 26.122-26.633     | 6    | -           |
  | 1000 | 0.201 | 15       | 120     | 925.623 | 947.722-951.817   | 15   | -           |
  | 1000 | 1     | 15       | 120     | 1207    | 1234.217-1238.312 | 15   | -           |
`);

for (const row of WINDOW_PROBES) {
  test(`closed window: ${row.title}`, () => {
    const rto = row.number('RTO');
    assertLives(row, { reason: 'tcp_retries2', firstWait: rto }, (moment) =>
      windowClosed(moment, rto, {
        rtoMaxJiffies: moment.jiffiesOf(row.number('RTO max')),
        ...withSysctls(moment, { retries2: row.number('retries2') }),
      }),
    );
  });
}

/**
 * Answers zero the count of probes, not the backoff: a peer that dies late is probed at long intervals from the first.
 * The snapshot shows one unanswered probe, just sent. With `tcp_retries2` 6 the backoff stops at 6.
 */
const LATE_SILENCE = table(`
  | HZ   | RTO   | retries2 | backoff | sum      | time              | sent |
  | 100  | 0.21  | 15       | 4       | 1291.68  | 1324.73-1329.84   | 14   |
  | 250  | 0.204 | 15       | 4       | 1285.632 | 1296.836-1298.88  | 14   |
  | 250  | 0.204 | 6        | 4       | 62.016   | 63.172-63.424     | 5    |
  | 250  | 0.204 | 15       | 10      | 1800     | 1811.652-1813.696 | 14   |
  | 1000 | 0.201 | 15       | 4       | 1282.608 | 1313.233-1317.328 | 14   |
`);

for (const row of LATE_SILENCE) {
  test(`closed window, silent late: ${row.title}`, () => {
    const rto = row.number('RTO');
    const backoff = row.number('backoff');
    const firstWait = Math.min(rto * 2 ** backoff, 120);
    const facts = (moment: Moment): Partial<SocketSnapshot> => ({
      ...{ backoff, writeTimer: moment.timer(moment.jiffiesOf(firstWait)) },
      ...withSysctls(moment, { retries2: row.number('retries2') }),
    });
    assertLives(row, { reason: 'tcp_retries2', firstWait }, (moment) =>
      windowClosed(moment, rto, { ...facts(moment), probesOut: 1 }),
    );
    // As long as it answers, there is no end.
    const moment = new Moment(row.number('HZ'));
    const answering = windowClosed(moment, rto, { ...facts(moment), probesOut: 0 });
    assert.deepEqual(forecastGiveUp(answering, moment.kernel, moment.clock), { never: true });
  });
}

/** A FIN behind a closed window, nobody holds the socket: eight probes, or fewer where the backoff reached its end. */
const ORPHAN_WINDOW = table(`
  | HZ   | RTO   | retries | backoff | sum     | time            | sent |
  | 100  | 0.21  | 0       | 0       | 107.31  | 109.5-114.61    | 8    |
  | 250  | 0.204 | 0       | 0       | 104.244 | 105.996-108.04  | 8    |
  | 250  | 0.204 | 3       | 0       | 3.06    | 3.116-3.144     | 3    |
  | 250  | 0.204 | 0       | 3       | 327.264 | 331.844-333.888 | 7    |
  | 250  | 0.204 | 0       | 9       | 224.448 | 225.284-227.328 | 1    |
  | 250  | 0.204 | 0       | 10      | 120     | 120.004-122.048 | 0    |
  | 250  | 0.204 | 3       | 10      | 120     | 120.004-122.048 | 0    |
  | 1000 | 0.201 | 0       | 0       | 102.711 | 103.946-108.041 | 8    |
  | 1000 | 0.201 | 0       | 3       | 324.216 | 331.849-335.944 | 7    |
`);

for (const row of ORPHAN_WINDOW) {
  test(`orphan with a closed window: ${row.title}`, () => {
    const rto = row.number('RTO');
    const backoff = row.number('backoff');
    const firstWait = Math.min(rto * 2 ** backoff, 120);
    assertLives(row, { reason: 'orphan_retries', firstWait }, (moment) =>
      windowClosed(moment, rto, {
        ...{ dead: true, state: TCP_STATE.FIN_WAIT1, backoff, writeTimer: moment.timer(moment.jiffiesOf(firstWait)) },
        ...withSysctls(moment, { orphanRetries: row.number('retries') }),
      }),
    );
  });
}

/** The user timeout ends both sorts of closed window after the same time, as the last wait is cut in both. */
const WINDOW_USER_TIMEOUT = table(`
  | HZ   | RTO   | user timeout | sum    | time          | sent |
  | 100  | 0.21  | 30           | 30.21  | 30.23-30.3    | 7    |
  | 250  | 0.204 | 30           | 30.204 | 30.212-30.464 | 7    |
  | 1000 | 0.201 | 30           | 30.201 | 30.21-30.273  | 7    |
`);

for (const row of WINDOW_USER_TIMEOUT) {
  test(`closed or shrunk window: ${row.title}`, () => {
    const rto = row.number('RTO');
    const userTimeoutMs = row.number('user timeout') * 1000;
    const expected = { reason: 'user_timeout', firstWait: rto } as const;
    assertLives(row, expected, (moment) => windowClosed(moment, rto, { userTimeoutMs }));
    assertLives(row, expected, (moment) => moment.socket(rto, { sndWnd: 0, userTimeoutMs }));
  });
}

/**
 * A window shrunk to nothing with data in flight: not the count but twice the longest RTO of silence ends it, at the
 * first tick after that. Measured with a longest RTO of 2 s: 5.0 s after the first retransmission.
 */
const SHRUNK_WINDOW = table(`
  | HZ   | RTO   | RTO max | limit | sum     | time            | sent | measured |
  | 100  | 0.21  | 2       | 4     | 5.15    | 5.34-5.41       | 4    | -        |
  | 100  | 0.21  | 30      | 60    | 83.55   | 85.18-85.81     | 8    | -        |
  | 100  | 0.21  | 120     | 240   | 334.83  | 345.02-350.13   | 10   | -        |
  | 250  | 0.204 | 2       | 4     | 5.06    | 5.132-5.16      | 4    | 5.2      |
  | 250  | 0.204 | 30      | 60    | 82.02   | 83.468-85.512   | 8    | -        |
  | 250  | 0.204 | 120     | 240   | 328.692 | 333.324-335.368 | 10   | -        |
  | 1000 | 0.201 | 2       | 4     | 5.015   | 5.13-5.193      | 4    | -        |
  | 1000 | 0.201 | 30      | 60    | 81.255  | 82.442-82.953   | 8    | -        |
  | 1000 | 0.201 | 120     | 240   | 325.623 | 333.322-337.417 | 10   | -        |
`);

for (const row of SHRUNK_WINDOW) {
  test(`shrunk window: ${row.title}`, () => {
    const rto = row.number('RTO');
    const rtoMax = row.number('RTO max');
    assertLives(row, { reason: 'shrunk_window', firstWait: rto }, (moment) =>
      moment.socket(rto, { sndWnd: 0, rtoMaxJiffies: moment.jiffiesOf(rtoMax) }),
    );
    assert.equal(row.number('limit'), 2 * rtoMax);
    assert.ok((row.range('time')?.[0] ?? 0) > row.number('limit'));
  });
}

/**
 * The host left its link: every failure to resolve its address, 3.07 s apart, fires the retransmission timer. So the
 * end comes between the limit of 924.6 s and one interval later, with EHOSTUNREACH. `since` is the age of the episode;
 * an RTO that was halved by the last error doubles again until it outlasts the next. `sent` supposes that a router
 * reports each retransmission anew, where the RTO is shorter than 3.07 s.
 */
const UNREACHABLE = table(`
  | HZ   | RTO    | since | time  | latest         | sent |
  | 100  | 3.36   | 120   | 804.6 | 807.97-808.04  | 263  |
  | 250  | 3.264  | 0     | 924.6 | 927.868-928.12 | 302  |
  | 250  | 3.264  | 120   | 804.6 | 807.868-808.12 | 263  |
  | 250  | 0.204  | 120   | 804.6 | 807.868-808.12 | 3945 |
  | 250  | 13.056 | 120   | 804.6 | 817.66-817.912 | 263  |
  | 250  | 3.264  | 930   | 0     | 3.268-3.52     | 0    |
  | 1000 | 3.216  | 120   | 804.6 | 807.817-807.88 | 263  |
`);

/** From the first transmission; the first retransmission, from which `since` counts, came 0.2 s later. */
const MEASURED_UNREACHABLE = 926.06 - 0.2;

for (const row of UNREACHABLE) {
  test(`EHOSTUNREACH: ${row.title}`, () => {
    const rto = row.number('RTO');
    const since = row.number('since');
    assertLives(row, { reason: 'tcp_retries2', error: 'EHOSTUNREACH', firstWait: rto }, (moment) =>
      moment.socket(rto, { retransmits: 40, backoff: 4, skErrSoft: 113, retransStamp: moment.stampMs(since) }),
    );
    if (since <= 924.6) {
      assert.ok(since + row.number('time') < MEASURED_UNREACHABLE);
      assert.ok(since + (row.range('latest')?.[0] ?? 0) > MEASURED_UNREACHABLE);
    }
  });
}
