/**
 * Proves: when each retransmission comes that the give-up model plays forward, for data and for SYNs, exact to the
 * jiffy over all phases of the timer wheel; so that a right end is no accident of wrong steps. The literals were
 * computed by a simulator written apart from the daemon, from the kernel's algorithm; the sums are the retransmit times
 * of the project's kernel reference. Cannot prove that a given kernel keeps to them: the kernel tests do.
 *
 * All times are seconds from the first transmission: `sum` as the doubling says, `time` as the wheel of that HZ has it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecastGiveUp } from '../../../daemon/core/give-up.js';
import type { SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { phases, rangeText, table, withSysctls, type Row } from './give-up-table-rows.js';
import { Moment } from './give-up-sockets.js';

/** `tcp_retries2` 15 with the least RTO of each HZ: 210, 204 and 201 ms. */
const DATA = table(`
  | n  | sum 100 | time 100      | sum 250 | time 250        | sum 1000 | time 1000       |
  | 1  | 0.21    | 0.22          | 0.204   | 0.208           | 0.201    | 0.202-0.209     |
  | 2  | 0.63    | 0.65          | 0.612   | 0.62-0.648      | 0.603    | 0.61-0.617      |
  | 3  | 1.47    | 1.5-1.57      | 1.428   | 1.452-1.48      | 1.407    | 1.418-1.481     |
  | 4  | 3.15    | 3.26-3.33     | 3.06    | 3.116-3.144     | 3.015    | 3.082-3.145     |
  | 5  | 6.51    | 6.7-6.77      | 6.324   | 6.412-6.664     | 6.231    | 6.346-6.409     |
  | 6  | 13.23   | 13.5-14.13    | 12.852  | 13.068-13.32    | 12.663   | 12.81-13.321    |
  | 7  | 26.67   | 27.58-28.21   | 25.908  | 26.38-26.632    | 25.527   | 26.122-26.633   |
  | 8  | 53.55   | 55.1-55.73    | 52.02   | 52.748-54.792   | 51.255   | 52.234-52.745   |
  | 9  | 107.31  | 109.5-114.61  | 104.244 | 105.996-108.04  | 102.711  | 103.946-108.041 |
  | 10 | 214.83  | 222.14-227.25 | 208.692 | 212.492-214.536 | 205.623  | 210.442-214.537 |
  | 11 | 334.83  | 345.02-350.13 | 328.692 | 333.324-335.368 | 325.623  | 333.322-337.417 |
  | 12 | 454.83  | 467.9-473.01  | 448.692 | 454.156-456.2   | 445.623  | 456.202-460.297 |
  | 13 | 574.83  | 590.78-595.89 | 568.692 | 574.988-577.032 | 565.623  | 579.082-583.177 |
  | 14 | 694.83  | 713.66-718.77 | 688.692 | 695.82-697.864  | 685.623  | 701.962-706.057 |
  | 15 | 814.83  | 836.54-841.65 | 808.692 | 816.652-818.696 | 805.623  | 824.842-828.937 |
`);

/** `tcp_syn_retries` 6 on kernels before 6.5, or with `tcp_syn_linear_timeouts` 0. */
const SYN = table(`
  | n | sum 100 | time 100    | sum 250 | time 250      | sum 1000 | time 1000     |
  | 1 | 1       | 1.01-1.08   | 1       | 1.004-1.032   | 1        | 1.001-1.064   |
  | 2 | 3       | 3.09-3.16   | 3       | 3.02-3.048    | 3        | 3.049-3.112   |
  | 3 | 7       | 7.17-7.24   | 7       | 7.052-7.304   | 7        | 7.081-7.144   |
  | 4 | 15      | 15.25-15.88 | 15      | 15.244-15.496 | 15       | 15.145-15.656 |
  | 5 | 31      | 31.89-32.52 | 31      | 31.372-31.624 | 31       | 31.529-32.04  |
  | 6 | 63      | 64.53-65.16 | 63      | 63.628-65.672 | 63       | 63.785-64.296 |
`);

/** `tcp_syn_retries` 6 with `tcp_syn_linear_timeouts` 4, the default since 6.5. */
const SYN_LINEAR = table(`
  | n  | sum 100 | time 100    | sum 250 | time 250      | sum 1000 | time 1000     |
  | 1  | 1       | 1.01-1.08   | 1       | 1.004-1.032   | 1        | 1.001-1.064   |
  | 2  | 2       | 2.05-2.12   | 2       | 2.028-2.056   | 2        | 2.025-2.088   |
  | 3  | 3       | 3.09-3.16   | 3       | 3.052-3.08    | 3        | 3.049-3.112   |
  | 4  | 4       | 4.13-4.2    | 4       | 4.076-4.104   | 4        | 4.073-4.136   |
  | 5  | 5       | 5.17-5.24   | 5       | 5.1-5.128     | 5        | 5.097-5.16    |
  | 6  | 7       | 7.25-7.32   | 7       | 7.116-7.144   | 7        | 7.145-7.208   |
  | 7  | 11      | 11.33-11.4  | 11      | 11.148-11.4   | 11       | 11.177-11.24  |
  | 8  | 19      | 19.41-20.04 | 19      | 19.34-19.592  | 19       | 19.241-19.752 |
  | 9  | 35      | 36.05-36.68 | 35      | 35.468-35.72  | 35       | 35.625-36.136 |
  | 10 | 67      | 68.69-69.32 | 67      | 67.724-69.768 | 67       | 67.881-68.392 |
`);

/** @returns per phase the jiffies from the snapshot to each transmission. */
function transmissions(hz: number, socketAt: (moment: Moment) => SocketSnapshot): number[][] {
  return phases(hz, 1).map((phase) => {
    const moment = new Moment(hz, phase);
    const waits: number[] = [];
    const onTransmission = (jiffy: number): void => void waits.push(jiffy - moment.jiffies);
    forecastGiveUp(socketAt(moment), moment.kernel, moment.clock, { onTransmission });
    return waits;
  });
}

function assertTimes(rows: readonly Row[], hz: number, socketAt: (moment: Moment) => SocketSnapshot): void {
  const lives = transmissions(hz, socketAt);
  assert.ok(lives.every(({ length }) => length === rows.length));
  const times = rows.map((_, index) => rangeText(lives.map((waits) => (waits[index] ?? NaN) / hz)));
  const expected = rows.map((row) => row.text(`time ${hz}`));
  assert.deepEqual(times, expected);
  for (const row of rows) {
    // Timers run late, never early, and by no more than the share of a bucket in the shortest wait of its level.
    const [least, most] = row.range(`time ${hz}`) ?? [0, 0];
    const sum = row.number(`sum ${hz}`);
    assert.ok(least > sum && most <= (sum * 71) / 63 + row.number('n') / hz, row.text('n') ?? '');
  }
}

for (const [hz, leastRto] of [
  [100, 0.21],
  [250, 0.204],
  [1000, 0.201],
] as const) {
  test(`HZ ${hz}: data with an RTO of ${leastRto} s is retransmitted at these times`, () => {
    assertTimes(DATA, hz, (moment) => moment.socket(leastRto));
  });
  test(`HZ ${hz}: a SYN is retransmitted at these times, with and without linear timeouts`, () => {
    assertTimes(SYN_LINEAR, hz, (moment) => moment.connecting());
    assertTimes(SYN, hz, (moment) => moment.connecting(withSysctls(moment, { synLinearTimeouts: 0 })));
  });
}
