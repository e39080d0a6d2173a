/**
 * Proves: what a diagnosis and an alert say of a connection that was seen by polling: the forecast names what it supposes,
 * advice supposes nothing of options that are not known, an end that was concluded is no errno. It cannot prove that the facts
 * in the record are right.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertSummary } from '../../../daemon/core/alerts/alert-summary.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { suppositionWords } from '../../../daemon/core/suppositions.js';
import { createAlert } from '../rpc/sample-alerts.js';
import { createRecord, EPOCH_MONO_US } from '../rpc/sample-records.js';
import { adviceOf, BUSY_WINDOW, CONNECTING, givesUp, NOW, of } from './diagnosis-records.js';

const NOTHING = {
  keepalive: null,
  keepaliveIdleMs: null,
  keepaliveIntervalMs: null,
  keepaliveProbes: null,
  userTimeoutMs: null,
};

const POLLED: Partial<StuckRecord> = {
  polled: true,
  unknown: ['user_timeout'],
  options: NOTHING,
  giveUp: givesUp(902, { supposes: ['user_timeout'] }),
};

test('the sentence of a polled connection ends with what its forecast supposes', () => {
  assert.equal(
    of(POLLED).summary,
    'node[12900] has had no answer from 10.0.0.2:8000 since 14:02:58 (14 s): 3 retransmissions unanswered, 512 bytes in limbo; the kernel gives up at 14:18:14, in 15 min 2 s, with ETIMEDOUT, if the application has set no TCP_USER_TIMEOUT.',
  );
  const connecting = of({ ...CONNECTING, ...POLLED, giveUp: givesUp(60, { supposes: ['user_timeout', 'syn_count'] }) });
  assert.match(connecting.summary, /, if the application has set neither TCP_USER_TIMEOUT nor TCP_SYNCNT\.$/);
  const busy = of({ ...BUSY_WINDOW, ...POLLED, giveUp: { never: true, supposes: ['user_timeout'] } });
  assert.match(busy.summary, /the kernel never gives up, if the application has set no TCP_USER_TIMEOUT\.$/);
});

test('each combination in words', () => {
  assert.equal(suppositionWords([]), null);
  assert.equal(
    suppositionWords(['user_timeout', 'keepalive_interval', 'keepalive_probes']),
    'if the application has set none of TCP_USER_TIMEOUT, TCP_KEEPINTVL and TCP_KEEPCNT',
  );
  assert.equal(suppositionWords(['sysctls']), "if the sysctls there are the kernel's defaults");
  assert.equal(
    suppositionWords(['user_timeout', 'sysctls']),
    "if the application has set no TCP_USER_TIMEOUT, and the sysctls there are the kernel's defaults",
  );
});

test('advice and effect say nothing of options that are not known', () => {
  const { owner } = createRecord();
  const unknown = { ...POLLED, owner: owner === null ? null : { ...owner, comm: 'ftp', executable: '/usr/bin/ftp' } };
  const advice = adviceOf(unknown);
  assert.ok(
    advice.some((text) => text.includes('If it has no TCP_USER_TIMEOUT yet, set one')),
    advice.join('\n'),
  );
  assert.doesNotMatch(of(POLLED).effect, /Keepalive is on/);
  const idle = { ...unknown, idleBeforeUs: 400_000_000 };
  assert.ok(adviceOf(idle).some((text) => text.includes('Whether keepalive would have kept it in use is not known')));
});

test('an end that polling concluded has no errno, and one that it cannot tell says where to look', () => {
  const ended = of({ ...POLLED, outcome: 'timed_out', endUs: NOW });
  assert.match(ended.summary, /until the kernel gave up as forecast\.$/);
  const lost = of({ ...POLLED, outcome: 'lost_track', endUs: NOW });
  assert.match(lost.effect, /polling sees that a connection is gone, and seldom why/);
});

test('an alert tells its forecast with the same condition', () => {
  const names = { wallTime: (): string => 'T' };
  const connections = [createRecord(POLLED)];
  const text = alertSummary(createAlert({ connections }), EPOCH_MONO_US, names);
  assert.match(text, /the kernel ends the first at T, if the application has set no TCP_USER_TIMEOUT\.$/);
});
