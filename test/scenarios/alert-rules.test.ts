// Proves what rules and silences do to alerts, and that neither a changed configuration nor a restart of the daemon lets
// an alert fire twice or be forgotten. Matching itself and the reading of configuration files have tests of their own.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AlertRule } from '../../daemon/core/alerts/alert-config.js';
import { AlertPlayer, playAlerts, STORY_REAL_US } from '../support/alert-scenario.js';

const PEER = 'peer=10.0.0.2:80';

function rule(changes: Partial<AlertRule>): AlertRule {
  return { match: {}, alert: {}, severity: null, receivers: null, stop: false, ...changes };
}

/** Milliseconds since 1970 of a second of the story. */
function wallMs(second: number): number {
  return STORY_REAL_US / 1000 + second * 1000;
}

describe('rules', () => {
  test('thresholds, severity and receivers of what they match, and of nothing else', () => {
    const rules = [
      rule({
        match: { kinds: ['retransmitting'], ports: [80] },
        alert: { afterMs: 60_000, connections: 2 },
        severity: 'critical',
        receivers: ['pager', 'chat'],
      }),
    ];
    playAlerts(
      `
      0   open A*2 peer=10.0.0.2:80
      0   open B peer=10.0.0.2:81
      16  -         => fired 1 retransmitting>10.0.0.2:81 x1 ->mail @15
      59  -         =>
      60  -         => fired 1 retransmitting>10.0.0.2:80 x2 critical ->chat+pager @60
      `,
      { config: { rules, receivers: ['mail'] } },
    );
  });

  test('of two rules that match, each sets what it names, and the upper one wins', () => {
    const rules = [
      rule({ match: { ports: [80] }, receivers: ['chat'] }),
      rule({ alert: { afterMs: 1000 }, severity: 'critical', receivers: ['pager'] }),
      rule({ alert: { afterMs: 2000 }, severity: 'info' }),
    ];
    playAlerts('0 open A\n10 - => fired 1 retransmitting>10.0.0.2:80 x1 critical ->chat @1', {
      config: { rules },
      records: PEER,
    });
  });

  test('below one that stops nothing is read', () => {
    const rules = [rule({ match: { ports: [80] }, stop: true }), rule({ severity: 'critical' })];
    playAlerts('0 open A\n16 - => fired 1 retransmitting>10.0.0.2:80 x1 @15', { config: { rules }, records: PEER });
  });

  test('one can switch off, and switch on what is off', () => {
    const rules = [
      rule({ match: { kinds: ['retransmitting'] }, alert: { enabled: false } }),
      rule({ match: { kinds: ['fin_wait'] }, alert: { enabled: true } }),
    ];
    playAlerts(
      `
      0    open A
      0    open B kind=fin_wait info
      999  -        => fired 1 fin_wait>10.0.0.2:80 x1 info @15
      `,
      { config: { rules }, records: PEER },
    );
  });

  test('one that names a number of connections that came in replaces the floor for these', () => {
    const rules = [rule({ match: { ports: [443] }, alert: { connections: 2, forMs: 0 } })];
    playAlerts('0 open A*2 in=443\n0 open B*2 in=80\n299 - => fired 1 retransmitting<443 x2 @15', {
      config: { rules },
    });
  });

  test('an alert for several processes is as grave as the gravest, and goes to all of their receivers', () => {
    const rules = [rule({ match: { units: ['db.*'] }, severity: 'critical', receivers: ['dba'] })];
    playAlerts(
      `
      0   open A*5 pid=each
      0   open B pid=9 unit=db.service
      15  -         => fired 6 processes retransmitting>10.0.0.2:80 x6 critical ->dba+mail @15
      `,
      { config: { rules, receivers: ['mail'] }, records: PEER },
    );
  });
});

describe('silences', () => {
  const silences = [{ match: { ports: [80] }, untilMs: wallMs(100) }];

  test('it fires, is kept from receivers until then, and is told again when the silence ends', () => {
    const player = playAlerts(
      `
      0    open A
      16   -        => fired 1 retransmitting>10.0.0.2:80 x1 silenced @15
      99   -        =>
      101  -        => updated 1 retransmitting>10.0.0.2:80 x1 @100
      `,
      { config: { silences }, records: PEER },
    );
    assert.equal(player.effects[0]?.alert.silencedUntilMs, wallMs(100));
  });

  test('the wall clock decides, also when it is set meanwhile', () => {
    const player = playAlerts('0 open A\n16 - => fired 1 retransmitting>10.0.0.2:80 x1 silenced @15', {
      config: { silences },
      records: PEER,
    });
    player.wallShiftUs = -3_600_000_000;
    player.runTo(3000);
    assert.equal(player.count('updated'), 0);
    player.runTo(3800);
    assert.equal(player.count('updated'), 1);
    assert.equal(player.effects.at(-1)?.alert.silencedUntilMs, null);
  });

  test('a clock that is set past its end ends it within a minute', () => {
    const far = [{ match: { ports: [80] }, untilMs: wallMs(3000) }];
    const player = playAlerts('0 open A\n16 - => fired 1 retransmitting>10.0.0.2:80 x1 silenced @15', {
      config: { silences: far },
      records: PEER,
    });
    player.wallShiftUs = 3_600_000_000;
    player.runTo(80);
    assert.equal(player.effects.at(-1)?.alert.silencedUntilMs, null);
  });

  test('an alert for several processes is silent only if all of them are', () => {
    playAlerts(
      `
      0   open A*5 pid=each unit=a.service
      0   open B pid=9
      15  -         => fired 6 processes retransmitting>10.0.0.2:80 x6 @15
      16  end B
      17  -         => updated 5 processes retransmitting>10.0.0.2:80 x5 silenced @16.25
      `,
      { config: { silences: [{ match: { units: ['a.service'] }, untilMs: wallMs(1000) }] }, records: PEER },
    );
  });
});

describe('another configuration', () => {
  test('what fires goes on under its id, and changes at once', () => {
    const player = playAlerts('0 open A\n16 - => fired 1 retransmitting>10.0.0.2:80 x1 @15', { records: PEER });
    player.configure({ rules: [rule({ severity: 'critical', receivers: ['pager'] })] });
    assert.deepEqual(
      player.effects.map(({ kind, alert }) => `${kind} ${alert.severity} ${alert.receivers.join('+')}`),
      ['fired warning ', 'updated critical pager'],
    );
    assert.equal(player.effects[0]?.alert.id, player.effects[1]?.alert.id);
  });

  test('what is switched off is resolved after a while', () => {
    const player = playAlerts('0 open A\n16 - => fired 1 retransmitting>10.0.0.2:80 x1 @15', { records: PEER });
    player.configure({ rules: [rule({ alert: { enabled: false } })] });
    player.runTo(25);
    assert.equal(player.count('resolved'), 0);
    player.runTo(26);
    assert.equal(player.count('resolved'), 1);
  });

  test('a longer delay does not end what fires', () => {
    const player = playAlerts('0 open A\n16 - => fired 1 retransmitting>10.0.0.2:80 x1 @15', { records: PEER });
    player.configure({ rules: [rule({ alert: { afterMs: 3_600_000 } })] });
    player.runTo(100);
    assert.equal(player.effects.length, 1);
  });
});

describe('a restart of the daemon', () => {
  test('what fired fires on, at once and under its id', () => {
    const player = playAlerts(
      `
      0    open A*3
      16   -        => fired 1 retransmitting>10.0.0.2:80 x3 @15
      100  restart  => restored 1 retransmitting>10.0.0.2:80 x3 @100
      101  open A*3
      102  settled
      106  -        => updated 1 retransmitting>10.0.0.2:80 x3 @105
      200  end A*3
      211  -        => resolved 1 retransmitting>10.0.0.2:80 x3 @210.25
      `,
      { records: PEER },
    );
    assert.equal(new Set(player.effects.map(({ alert }) => alert.id)).size, 1);
    assert.equal(new Set(player.effects.map(({ alert }) => alert.fireUs)).size, 1);
    assert.equal(player.effects.at(-1)?.alert.connections.length, 3);
  });

  test('however long the sensor takes to come back, nothing is resolved for it', () => {
    playAlerts(
      `
      0     open A
      16    -        => fired 1 retransmitting>10.0.0.2:80 x1 @15
      100   restart  => restored 1 retransmitting>10.0.0.2:80 x1 @100
      5000  -        =>
      5000  settled
      5009  -        =>
      5010  -        => resolved 1 retransmitting>10.0.0.2:80 x1 @5010
      `,
      { records: PEER },
    );
  });

  test('nor when somebody else gets stuck with the same peer meanwhile', () => {
    playAlerts(
      `
      0    open A
      16   -         => fired 1 retransmitting>10.0.0.2:80 x1 @15
      100  restart   => restored 1 retransmitting>10.0.0.2:80 x1 @100
      101  open B pid=2
      120  -         => fired 2 retransmitting>10.0.0.2:80 x1 @116
      `,
      { records: PEER },
    );
  });

  test('one alert for several processes stays one, also while their connections come back one by one', () => {
    playAlerts(
      `
      0    open A*6 pid=each
      16   -        => fired 6 processes retransmitting>10.0.0.2:80 x6 @15
      100  restart  => restored 6 processes retransmitting>10.0.0.2:80 x6 @100
      101  open A1
      130  -        =>
      131  open A*6
      132  settled  => updated 6 processes retransmitting>10.0.0.2:80 x6 @132
      200  -        =>
      `,
      { records: PEER },
    );
  });

  test('what comes back soon fires as late as if there had been no restart', () => {
    playAlerts(
      `
      0    open A
      15   -        => fired 1 retransmitting>10.0.0.2:80 x1 @15
      20   end A
      31   -        => resolved 1 retransmitting>10.0.0.2:80 x1 @30.25
      40   restart  =>
      41   settled
      50   open B
      94   -        =>
      95   -        => fired 1 retransmitting>10.0.0.2:80 x1 @95
      `,
      { records: PEER },
    );
  });

  test('after a reboot of the machine nothing of it is left', () => {
    playAlerts(
      `
      0    open A
      16   -       => fired 1 retransmitting>10.0.0.2:80 x1 @15
      100  reboot  => resolved 1 retransmitting>10.0.0.2:80 x1 @100
      101  settled
      200  -       =>
      `,
      { records: PEER },
    );
  });

  test('connections that came in need not be stuck for five minutes anew', () => {
    const player = new AlertPlayer({ records: 'in=443' });
    player.unheard('0 open A*20');
    player.unheard('310 - ');
    player.unheard('320 restart');
    player.unheard('321 open A*20');
    player.unheard('322 settled');
    player.runTo(400);
    assert.equal(player.count('fired'), 1);
    assert.equal(player.count('resolved'), 0);
  });
});
