// Proves that the keys about alerts become the rules that they say, that nothing needs to be given, and that what is wrong is
// named with key and reason. What the rules then do is shown by test/scenarios/alert-rules.test.ts.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { alertConfig } from '../../../daemon/alert-config.js';
import { ConfigError, loadConfig } from '../../../daemon/config.js';
import { type AlertConfig, DEFAULT_ALERT_CONFIG } from '../../../daemon/core/alerts/alert-config.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-alert-config-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

function load(text: string, receivers: readonly string[] = []): AlertConfig {
  const configPath = join(directory, 'stuckd.yaml');
  writeFileSync(configPath, text);
  return alertConfig(loadConfig({ configPath }, {}), receivers);
}

test('without configuration the rules are those of the table of kinds', () => {
  assert.deepEqual(load('{}'), DEFAULT_ALERT_CONFIG);
  assert.deepEqual(load('{}', ['mail']).receivers, ['mail']);
});

test('thresholds of a kind, and what only some kinds have', () => {
  const { kinds } = load(`
kinds:
  retransmitting: { alert: { after: 1m, connections: 4, for: 2m } }
  connecting: { alert: { orAfter: 5s } }
  zero_window: { alert: { informationalAfter: 1h } }
  unread: { alert: { informationalAfter: 10m } }
  close_wait: { alert: { rising: false } }
  stale_reuse: { alert: { within: 1m } }
  fin_wait: { alert: { enabled: true } }
`);
  const { retransmitting, connecting, zero_window: window, unread, close_wait: leak, stale_reuse: reuse } = kinds;
  assert.deepEqual([retransmitting.afterMs, retransmitting.connections, retransmitting.forMs], [60_000, 4, 120_000]);
  assert.deepEqual([connecting.orAfterMs, connecting.connections], [5000, 3]);
  assert.equal(window.informationalAfterMs, 3_600_000);
  assert.equal(unread.informationalAfterMs, 600_000);
  assert.equal(leak.rising, false);
  assert.equal(reuse.windowMs, 60_000);
  assert.equal(kinds.fin_wait.enabled, true);
  assert.equal(kinds.fin_wait.informationalAfterMs, 0);
});

test('what holds for all alerts', () => {
  const config = load(`
alerts:
  collapseProcesses: 0
  collapsePeers: 3
  keepFiringFor: 1m
  updateInterval: 1s
  maxFiring: 7
  inbound: { connections: 3, share: 0.5, for: 1s }
  damping: { first: 1s, max: 2s, forgetAfter: 3s }
`);
  assert.equal(config.collapseProcesses, 0);
  assert.equal(config.collapsePeers, 3);
  assert.equal(config.keepFiringForMs, 60_000);
  assert.equal(config.updateIntervalMs, 1000);
  assert.equal(config.maxFiring, 7);
  assert.deepEqual(config.inbound, { connections: 3, share: 0.5, forMs: 1000 });
  assert.deepEqual(config.damping, { firstMs: 1000, maxMs: 2000, forgetMs: 3000 });
});

test('rules and silences', () => {
  const { rules, silences } = load(`
receivers:
  - { name: dba, type: webhook, url: https://hooks.example.com/dba }
  - { name: pager, type: slack, urlFile: /etc/stuckd/pager }
rules:
  - match: { kinds: [closing], executables: [nginx], peers: ['10.0.0.0/8', '[fd00::2]:80'], ports: [80], informational: false }
    alert: { enabled: false, after: 5m, connections: 2, for: 1m, share: 0.1 }
    severity: critical
    receivers: [dba, pager]
    stop: true
  - { receivers: [] }
silences:
  - { match: { pods: [web-*] }, until: 2026-12-01T07:00:00+01:00, comment: moving house }
`);
  assert.deepEqual(rules, [
    {
      match: {
        kinds: ['closing'],
        executables: ['nginx'],
        ports: [80],
        informational: false,
        peers: [
          { bits: 10n << 24n, width: 32, prefix: 8, port: null },
          { bits: (0xfdn << 120n) | 2n, width: 128, prefix: 128, port: 80 },
        ],
      },
      alert: { enabled: false, afterMs: 300_000, connections: 2, forMs: 60_000, share: 0.1 },
      severity: 'critical',
      receivers: ['dba', 'pager'],
      stop: true,
    },
    { match: {}, alert: {}, severity: null, receivers: [], stop: false },
  ]);
  assert.deepEqual(silences, [{ match: { pods: ['web-*'] }, untilMs: Date.UTC(2026, 11, 1, 6) }]);
});

describe('what is wrong is named', () => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ['kinds: { closing: { alert: { after: 5 } } }', /must be a duration with a unit[^]*kinds\.closing\.alert\.after/u],
    ['kinds: { closing: { alert: { rising: true } } }', /rising[^]*kinds\.closing\.alert/u],
    ['kinds: { closing: { alert: { connections: 0 } } }', /kinds\.closing\.alert\.connections/u],
    ['alerts: { collapseProcesses: 1 }', /give 0 \(never\), 2 or more[^]*alerts\.collapseProcesses/u],
    ['alerts: { collapsePeers: 1 }', /give 0 \(never\), 2 or more[^]*alerts\.collapsePeers/u],
    ['alerts: { updateInterval: 1ms }', /"1ms" is not a duration from 1s to 1d/u],
    ['alerts: { inbound: { share: 5 } }', /alerts\.inbound\.share/u],
    [
      'rules: [{ match: { peers: [host] } }]',
      /"host" is not a peer; write 10\.0\.0\.0\/8[^]*rules\[0\]\.match\.peers\[0\]/u,
    ],
    ['rules: [{ match: { kinds: [hanging] } }]', /retransmitting[^]*rules\[0\]\.match\.kinds\[0\]/u],
    ['rules: [{ match: { pods: [] } }]', /name at least one, or leave the key out/u],
    ['rules: [{ match: { pod: [a] } }]', /pod[^]*rules\[0\]\.match/u],
    [
      'rules: [{ receivers: [] }, { receivers: [dba] }]',
      /there is no receiver "dba"; none are configured[^]*rules\[1\]\.receivers\[0\]/u,
    ],
    [
      'receivers: [{ name: ops, type: slack, urlFile: /url }]\nrules: [{ receivers: [ops, dba] }]',
      /there is no receiver "dba"; the receivers are ops[^]*rules\[0\]\.receivers\[1\]/u,
    ],
    ['rules: [{ severity: bad }]', /info[^]*rules\[0\]\.severity/u],
    ['silences: [{ match: {}, until: tomorrow }]', /must be a time with its zone[^]*silences\[0\]\.until/u],
    ['silences: [{ match: {}, until: 2026-12-01T07:00:00 }]', /must be a time with its zone/u],
    ['silences: [{ until: 2026-12-01T07:00:00Z }]', /silences\[0\]\.match/u],
  ];
  for (const [text, message] of cases) {
    test(text, () => {
      assert.throws(
        () => load(text),
        (error) => error instanceof ConfigError && message.test(error.message),
      );
    });
  }
});
