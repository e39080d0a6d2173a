/**
 * Proves: how long a connection lives whose data is not acknowledged, for the tick, the RTO and the `tcp_retries2` of
 * each row, exact to the jiffy over all phases of the timer wheel: the limit that the kernel's formula gives, and
 * beside it the real ends. The textbook's 924.6 s is such a limit: no connection ends then. The literals were computed
 * by a simulator written apart from the daemon, from the kernel's algorithm; they agree with the worked examples of the
 * project's kernel reference and with what was measured at HZ 250. Cannot prove that a given kernel follows that
 * algorithm: the kernel tests compare forecasts with real ends.
 *
 * All times are seconds from the transmission of the segment, without a tail loss probe but for the table that has one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelBaseJiffies, modelTimeoutMs } from '../../../daemon/core/kernel-limits.js';
import { PENDING } from '../../../daemon/core/snapshot.js';
import { assertLives, table, withSysctls, type Row } from './give-up-table-rows.js';

/**
 * `limit` is the formula with the kernel's constant base of 200 ms, counted from the first retransmission; the first
 * tick after it ends the connection. `sum` is that tick as the doubling says, and `time` as the wheel has it.
 *
 * An RTO of 200 ms needs a lowered `rto_min`. At 3 s the wheel decides more than itself: at HZ 100 and 1000 it carries
 * the twelfth tick over the limit, at HZ 250 it does not, and the connection lives 120 s longer.
 */
const BY_RETRIES = table(`
  | HZ   | RTO   | retries2 | limit | sum     | time             | sent | latest             | reference     |
  | 100  | 0.21  | 3        | 3     | 3.15    | 3.26-3.33        | 3    | 6.7-6.77           | -             |
  | 100  | 0.21  | 5        | 12.6  | 13.23   | 13.5-14.13       | 5    | -                  | -             |
  | 100  | 0.21  | 8        | 102.2 | 107.31  | 109.5-114.61     | 8    | -                  | -             |
  | 100  | 0.21  | 15       | 924.6 | 934.83  | 959.42-964.53    | 15   | -                  | 959-964.5     |
  | 100  | 1     | 3        | 3     | 7       | 7.17-7.24        | 2    | -                  | -             |
  | 100  | 1     | 5        | 12.6  | 15      | 15.25-15.88      | 3    | -                  | -             |
  | 100  | 1     | 8        | 102.2 | 127     | 129.17-134.28    | 6    | -                  | -             |
  | 100  | 1     | 15       | 924.6 | 967     | 989.33-994.44    | 13   | -                  | -             |
  | 100  | 3     | 3        | 3     | 9       | 9.09-9.72        | 1    | -                  | -             |
  | 100  | 3     | 5        | 12.6  | 21      | 21.25-21.88      | 2    | -                  | -             |
  | 100  | 3     | 8        | 102.2 | 189     | 191.49-196.6     | 5    | -                  | -             |
  | 100  | 3     | 15       | 924.6 | 909     | 928.77-933.88    | 11   | -                  | -             |
  | 250  | 0.2   | 3        | 3     | 3       | 3.072-3.1        | 4    | 6.304-6.556        | -             |
  | 250  | 0.2   | 5        | 12.6  | 12.6    | 12.96-13.212     | 5    | some 26.016-26.056 | -             |
  | 250  | 0.2   | 8        | 102.2 | 102.2   | 105.12-107.164   | 8    | -                  | -             |
  | 250  | 0.2   | 15       | 924.6 | 924.6   | 934.56-936.604   | 15   | -                  | 934.6-936.6   |
  | 250  | 0.204 | 3        | 3     | 3.06    | 3.116-3.144      | 4    | 6.412-6.664        | 6.41-6.66     |
  | 250  | 0.204 | 4        | 6.2   | 6.324   | 6.412-6.664      | 4    | some 13.068-13.26  | 6.41-6.66     |
  | 250  | 0.204 | 5        | 12.6  | 12.852  | 13.068-13.32     | 5    | -                  | 13.07-13.32   |
  | 250  | 0.204 | 8        | 102.2 | 104.244 | 105.996-108.04   | 8    | -                  | 106.0-108.0   |
  | 250  | 0.204 | 15       | 924.6 | 928.692 | 937.484-939.528  | 15   | -                  | 937.5-939.5   |
  | 250  | 1     | 3        | 3     | 7       | 7.052-7.304      | 2    | -                  | 7.05-7.3      |
  | 250  | 1     | 5        | 12.6  | 15      | 15.244-15.496    | 3    | -                  | 15.2-15.5     |
  | 250  | 1     | 8        | 102.2 | 127     | 129.164-131.208  | 6    | -                  | 129-131       |
  | 250  | 1     | 15       | 924.6 | 967     | 974.988-977.032  | 13   | -                  | 975-977       |
  | 250  | 3     | 3        | 3     | 9       | 9.148-9.4        | 1    | -                  | -             |
  | 250  | 3     | 5        | 12.6  | 21      | 21.18-21.432     | 2    | -                  | -             |
  | 250  | 3     | 8        | 102.2 | 189     | 190.652-192.696  | 5    | -                  | -             |
  | 250  | 3     | 15       | 924.6 | 1029    | 1036.476-1038.52 | 12   | -                  | 1036.5-1038.5 |
  | 1000 | 0.201 | 3        | 3     | 3.015   | 3.082-3.145      | 4    | 6.346-6.409        | 6.35-6.41     |
  | 1000 | 0.201 | 4        | 6.2   | 6.231   | 6.346-6.409      | 4-5  | 12.81-13.321       | -             |
  | 1000 | 0.201 | 5        | 12.6  | 12.663  | 12.81-13.321     | 5    | some 26.122-26.313 | 12.8-13.3     |
  | 1000 | 0.201 | 8        | 102.2 | 102.711 | 103.946-108.041  | 8    | -                  | 104-108       |
  | 1000 | 0.201 | 15       | 924.6 | 925.623 | 947.722-951.817  | 15   | -                  | 947.7-951.8   |
  | 1000 | 0.204 | 3        | 3     | 3.06    | 3.109-3.172      | 4    | 6.437-6.5          | -             |
  | 1000 | 0.204 | 5        | 12.6  | 12.852  | 13.029-13.54     | 5    | -                  | -             |
  | 1000 | 0.204 | 8        | 102.2 | 104.244 | 105.701-109.796  | 8    | -                  | -             |
  | 1000 | 0.204 | 15       | 924.6 | 928.692 | 949.477-953.572  | 15   | -                  | -             |
  | 1000 | 1     | 3        | 3     | 7       | 7.081-7.144      | 2    | -                  | -             |
  | 1000 | 1     | 5        | 12.6  | 15      | 15.145-15.656    | 3    | -                  | -             |
  | 1000 | 1     | 8        | 102.2 | 127     | 128.297-132.392  | 6    | -                  | -             |
  | 1000 | 1     | 15       | 924.6 | 967     | 988.457-992.552  | 13   | -                  | 988-993       |
  | 1000 | 3     | 3        | 3     | 9       | 9.017-9.528      | 1    | -                  | -             |
  | 1000 | 3     | 5        | 12.6  | 21      | 21.305-21.816    | 2    | -                  | -             |
  | 1000 | 3     | 8        | 102.2 | 189     | 191.801-195.896  | 5    | -                  | -             |
  | 1000 | 3     | 15       | 924.6 | 909     | 929.081-933.176  | 11   | -                  | -             |
`);

/** RTOs whose doublings are the longest wait of a level of the wheel, 63 * 8^L jiffies, and one jiffy more. */
const AT_LEVEL_EDGES = table(`
  | HZ   | RTO   | retries2 | limit | sum     | time            | sent |
  | 100  | 0.63  | 3        | 3     | 4.41    | 4.47-4.54       | 2    |
  | 100  | 0.64  | 3        | 3     | 4.48    | 4.65-4.72       | 2    |
  | 250  | 0.252 | 3        | 3     | 3.78    | 3.836-3.864     | 3    |
  | 250  | 0.256 | 3        | 3     | 3.84    | 3.94-4.192      | 3    |
  | 1000 | 0.504 | 8        | 102.2 | 128.52  | 129.969-134.064 | 7    |
  | 1000 | 0.505 | 8        | 102.2 | 128.775 | 130.554-134.649 | 7    |
  | 1000 | 1.008 | 8        | 102.2 | 128.016 | 129.457-133.552 | 6    |
  | 1000 | 1.009 | 8        | 102.2 | 128.143 | 130.034-134.129 | 6    |
`);

for (const row of [...BY_RETRIES, ...AT_LEVEL_EDGES]) {
  test(row.title, () => {
    const rto = row.number('RTO');
    const retries2 = row.number('retries2');
    assertLives(row, { reason: 'tcp_retries2', firstWait: rto }, (moment) =>
      moment.socket(rto, withSysctls(moment, { retries2 })),
    );
    assertLimit(row, retries2);
  });
}

/** The formula gives the limit, and where only one tick is in question, that is later than the limit after the RTO. */
function assertLimit(row: Row, boundary: number): void {
  const hz = row.number('HZ');
  const limit = row.number('limit');
  const rtoMax = row.optional('RTO max') ?? 120;
  assert.equal(modelTimeoutMs(boundary, modelBaseJiffies(hz), rtoMax * hz, hz), limit * 1000);
  const [least] = row.range('time') ?? [0];
  assert.ok(row.text('latest') !== null || least > row.number('RTO') + limit);
}

/** TCP_RTO_MAX_MS or `tcp_rto_max_ms` shorten the limit too: the formula contains the longest RTO. */
const BY_RTO_MAX = table(`
  | HZ   | RTO   | RTO max | limit | sum     | time            | sent | latest        | reference   |
  | 100  | 0.21  | 1       | 14.4  | 14.47   | 15.02-15.09     | 15   | -             | -           |
  | 100  | 0.21  | 5       | 61.2  | 61.51   | 62.14-62.21     | 15   | -             | -           |
  | 100  | 0.21  | 30      | 291   | 293.55  | 295.74-296.37   | 15   | -             | -           |
  | 250  | 0.204 | 1       | 14.4  | 14.428  | 14.764-14.792   | 15   | 15.788-15.816 | 14.76-14.79 |
  | 250  | 0.204 | 5       | 61.2  | 61.324  | 62.732-62.984   | 15   | -             | 62.7-63.0   |
  | 250  | 0.204 | 30      | 291   | 292.02  | 298.508-300.552 | 15   | -             | -           |
  | 1000 | 0.201 | 1       | 14.4  | 14.407  | 14.73-14.793    | 15   | 15.754-15.817 | -           |
  | 1000 | 0.201 | 5       | 61.2  | 61.231  | 62.602-63.113   | 15   | -             | -           |
  | 1000 | 0.201 | 30      | 291   | 291.255 | 293.898-294.409 | 15   | -             | -           |
`);

for (const row of BY_RTO_MAX) {
  test(row.title, () => {
    const rto = row.number('RTO');
    const rtoMax = row.number('RTO max');
    assertLives(row, { reason: 'tcp_retries2', firstWait: rto }, (moment) =>
      moment.socket(rto, { rtoMaxJiffies: moment.jiffiesOf(rtoMax) }),
    );
    assertLimit(row, 15);
  });
}

/**
 * Thin streams with linear timeouts: the first six retransmissions do not double the RTO. The limit is the same time,
 * so that more retransmissions fit into it.
 */
const THIN = table(`
  | HZ   | RTO   | retries2 | limit | sum     | time            | sent |
  | 100  | 0.21  | 5        | 12.6  | 14.49   | 14.82-15.45     | 11   |
  | 100  | 0.21  | 8        | 102.2 | 108.57  | 110.82-115.93   | 14   |
  | 100  | 0.21  | 15       | 924.6 | 936.09  | 960.74-965.85   | 21   |
  | 250  | 0.204 | 5        | 12.6  | 14.076  | 14.316-14.568   | 11   |
  | 250  | 0.204 | 8        | 102.2 | 105.468 | 107.244-109.288 | 14   |
  | 250  | 0.204 | 15       | 924.6 | 929.916 | 938.732-940.776 | 21   |
  | 1000 | 0.201 | 5        | 12.6  | 13.869  | 14.058-14.569   | 11   |
  | 1000 | 0.201 | 8        | 102.2 | 103.917 | 105.194-109.289 | 14   |
  | 1000 | 0.201 | 15       | 924.6 | 926.829 | 948.97-953.065  | 21   |
`);

for (const row of THIN) {
  test(`thin stream: ${row.title}`, () => {
    const rto = row.number('RTO');
    const retries2 = row.number('retries2');
    for (const bySocket of [true, false]) {
      assertLives(row, { reason: 'tcp_retries2', firstWait: rto }, (moment) =>
        moment.socket(rto, {
          thinLto: bySocket,
          ...withSysctls(moment, { retries2, thinLinearTimeouts: !bySocket }),
        }),
      );
    }
    assertLimit(row, retries2);
  });
}

/** What was measured, on a kernel with HZ 250: one segment is first sent again by a tail loss probe after 204 ms. */
const WITH_PROBE = table(`
  | HZ  | retries | RTO max | timeout | thin | sum     | time            | sent | latest             | measured    |
  | 250 | 3       | 120     | -       | -    | 3.264   | 3.324-3.352     | 5    | 6.62-6.872         | 6.77 3.42   |
  | 250 | 4       | 120     | -       | -    | 6.528   | 6.62-6.872      | 5    | some 13.276-13.468 | 6.79        |
  | 250 | 5       | 120     | -       | -    | 13.056  | 13.276-13.528   | 6    | -                  | 13.34 13.4  |
  | 250 | 8       | 120     | -       | -    | 104.448 | 106.204-108.248 | 9    | -                  | 106.5 106.2 |
  | 250 | 15      | 120     | -       | -    | 928.896 | 937.692-939.736 | 16   | -                  | 937.9 939.6 |
  | 250 | 15      | 120     | 30      | -    | 30.408  | 30.42-30.672    | 8    | -                  | 30.59 30.47 |
  | 250 | 15      | 5       | -       | -    | 61.528  | 62.94-63.192    | 16   | -                  | 63.10       |
  | 250 | 15      | 1       | -       | -    | 14.632  | 14.972-15       | 16   | 15.996-16.024      | 14.98 15.00 |
  | 250 | 5       | 120     | -       | yes  | 14.28   | 14.524-14.776   | 12   | -                  | 14.62       |
`);

for (const row of WITH_PROBE) {
  test(`with a tail loss probe: ${row.title}`, () => {
    const userTimeoutMs = (row.optional('timeout') ?? 0) * 1000;
    const reason = userTimeoutMs > 0 ? 'user_timeout' : 'tcp_retries2';
    assertLives(row, { reason, firstWait: 0.204 }, (moment) =>
      moment.socket(0.204, {
        ...{ pending: PENDING.LOSS_PROBE, userTimeoutMs, thinLto: row.text('thin') !== null },
        rtoMaxJiffies: moment.jiffiesOf(row.number('RTO max')),
        ...withSysctls(moment, { retries2: row.number('retries') }),
      }),
    );
  });
}
