// Proves when connections that came in are reason for an alert: how many, for how long, and which share of all that came in
// on their port, also where that is not known yet, or no process holds them. It cannot prove that sweeps count right; the
// kernel tests do.
import { describe, test } from 'node:test';
import { playAlerts } from '../support/alert-scenario.js';

describe('inbound', () => {
  test('20 connections for 5 min, by port and never by client', () => {
    playAlerts(
      `
      0    open A*19 peer=192.0.2.7:50000
      100  open B peer=192.0.2.8:50001
      400  -             =>
      414  -             =>
      415  -             => fired 1 retransmitting<443 x20 @415
      `,
      { records: 'in=443' },
    );
  });

  test('it need not be the same 20', () => {
    playAlerts(
      `
      0    open A*20
      40   open B*20
      60   end A*20
      315  -             => fired 1 retransmitting<443 x20 @315
      `,
      { records: 'in=443' },
    );
  });

  test('fewer in between begin anew', () => {
    playAlerts(
      `
      0    open A*20
      50   end A1
      60   open B
      375  -             => fired 1 retransmitting<443 x20 @375
      `,
      { records: 'in=443' },
    );
  });

  test('5 % of the connections of that listener', () => {
    const total = { value: 401 };
    const player = playAlerts(
      `
      0    open A*20
      400  -             =>
      `,
      { records: 'in=443', totals: { ofListener: () => total.value } },
    );
    total.value = 400;
    player.playAll('720 - => fired 1 retransmitting<443 x20/400 @695');
  });

  test('after a restart nothing fires before it is known how many there are', () => {
    const total: { value: number | null } = { value: 1000 };
    const player = playAlerts(
      `
      0    open A*40
      400  -        =>
      `,
      { records: 'in=443', totals: { ofListener: () => total.value } },
    );
    total.value = null;
    player.playAll('400 restart\n401 open A*40\n402 settled\n403 - =>');
    total.value = 1000;
    player.playAll('2000 - =>');
  });

  test('nor are they forgotten, if there are enough', () => {
    const total: { value: number | null } = { value: null };
    const player = playAlerts('0 open A*40\n250 restart\n251 open A*40\n252 settled\n314 - =>', {
      records: 'in=443',
      totals: { ofListener: () => total.value },
    });
    total.value = 800;
    player.playAll('330 - => fired 1 retransmitting<443 x40/800 @315');
  });

  test('if that does not become known, the number alone decides', () => {
    playAlerts(
      `
      0    open A*40
      300  restart
      301  open A*40
      302  settled
      331  -         =>
      332  -         => fired 1 retransmitting<443 x40 @331.25
      `,
      { records: 'in=443' },
    );
  });

  test('of orphans, 5 % of the connections that came in on their port', () => {
    const total = { value: 50_000 };
    const player = playAlerts(
      `
      0     open A*50 pid=each
      2000  -             =>
      `,
      { records: 'in=443 kind=closing orphan', totals: { ofPort: () => total.value } },
    );
    total.value = 950;
    // Orphans are held by no descriptor, so that no sweep counts them.
    player.playAll('2400 - => fired orphan closing<443 x50/1000 @2290.25');
  });

  test('a share is asked of connections that came in, not of the listener itself', () => {
    const alert = { share: 0.5 };
    const rules = [{ match: { ports: [443] }, alert, severity: null, receivers: null, stop: false }];
    playAlerts('0 open A kind=accept_queue_full in=443\n16 - => fired 1 accept_queue_full<443 x1 @15', {
      config: { rules },
      totals: { ofListener: () => 100 },
    });
  });
});
