/**
 * Proves that the connections in the output of ss and of lsof are counted, that numbers are shown in a unit in which they can be
 * read, and that the table has all of a result. Cannot prove that another version of them prints the same way.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatKib, formatMs, formatResult, formatSpread } from '../../bench/report.js';
import { countLsofConnections, countSsConnections } from '../../bench/listing-tools.js';

describe('countSsConnections', () => {
  test('counts one for a connection, not its details nor the header', () => {
    const output = [
      'State Recv-Q Send-Q Local Address:Port Peer Address:Port Process',
      'ESTAB 0      0      10.77.0.1:45678     10.77.0.2:8000  users:(("bench-connectio",pid=7,fd=5))',
      '\t cubic wscale:7,7 rto:204 rtt:0.05/0.02 mss:1448 cwnd:10 segs_out:2 segs_in:1',
      'ESTAB 0      100    10.77.0.1:45679     10.77.0.2:8001  timer:(on,200ms,0) users:(("a State b",pid=7,fd=6))',
      '\t cubic wscale:7,7 rto:204',
      'SYN-SENT 0   1      10.77.0.1:45680     10.77.0.2:8002',
      '\t cubic rto:1000',
      '',
    ].join('\n');
    assert.equal(countSsConnections(output), 3);
  });

  test('finds none in a header alone', () => {
    assert.equal(countSsConnections('State Recv-Q Send-Q\n'), 0);
    assert.equal(countSsConnections(''), 0);
  });
});

test('countLsofConnections counts established connections, not listeners nor other sockets', () => {
  const output = [
    'COMMAND   PID USER   FD   TYPE  DEVICE SIZE/OFF NODE NAME',
    'bench-con   7 root    5u  IPv4 3456789      0t0  TCP 10.77.0.1:45678->10.77.0.2:8000 (ESTABLISHED)',
    'bench-con   7 root    6u  IPv4 3456790      0t0  TCP 10.77.0.1:45679->10.77.0.2:8001 (ESTABLISHED)',
    'sshd        8 root    3u  IPv4 1234567      0t0  TCP *:22 (LISTEN)',
    'resolver    9 root    3u  IPv4 1234568      0t0  UDP 127.0.0.1:53',
    '',
  ].join('\n');
  assert.equal(countLsofConnections(output), 2);
});

describe('numbers', () => {
  const cases: readonly (readonly [ms: number, text: string])[] = [
    [0.00372, '3.72 us'],
    [0.312, '312 us'],
    [6.71, '6.7 ms'],
    [248.4, '248 ms'],
    [12_570, '12.6 s'],
  ];
  for (const [ms, text] of cases) {
    test(`${ms} ms is shown as ${text}`, () => {
      assert.equal(formatMs(ms), text);
    });
  }

  test('a distribution is shown with its extremes, memory in MiB', () => {
    assert.equal(formatSpread({ min: 1, median: 2, max: 300, runs: 3 }), '2.0 ms (1.0 ms - 300 ms)');
    assert.equal(formatKib(42_336), '41.3 MiB');
  });
});

test('a table has a title, a header and every row', () => {
  const rows = [
    { what: 'sweep', measured: '7 ms', compared: 'ss: 250 ms', ratio: '70 x faster' },
    { what: 'start', measured: '400 ms', compared: '', ratio: '' },
  ];
  assert.equal(
    formatResult('sweep', { title: '10 connections', rows, figures: {} }),
    [
      'sweep: 10 connections',
      'WHAT   MEASURED  AGAINST     RATIO',
      'sweep      7 ms  ss: 250 ms  70 x faster',
      'start    400 ms',
      '',
    ].join('\n'),
  );
});
