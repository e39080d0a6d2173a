/**
 * Proves how a peer is judged: a dead host, a poisoned pool, a share, or nobody has tried; and what is said about it.
 * Cannot prove that the facts are right: see test/kernel/grouping.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judgePeer, type PeerFacts, type PeerVerdict } from '../../../daemon/core/peer-verdict.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import type { NewConnections } from '../../../daemon/core/totals.js';
import { createRecord } from '../rpc/sample-records.js';

const NOW_US = 1_000_000_000;
const SECOND_US = 1_000_000;
const SINCE_US = NOW_US - 60 * SECOND_US;

function stuck(count: number, changes: Partial<StuckRecord> = {}): readonly StuckRecord[] {
  return Array.from({ length: count }, (_, index) => createRecord({ id: `r${index}`, sinceUs: SINCE_US, ...changes }));
}

function facts(changes: Partial<PeerFacts> = {}): PeerFacts {
  const unanswered = changes.unanswered ?? stuck(3);
  return {
    peer: { address: '10.0.0.2', port: 8000 },
    stuckCount: unanswered.length,
    totalCount: unanswered.length,
    unanswered,
    signs: { connecting: 0, lastHeardUs: null },
    newConnections: null,
    nowUs: NOW_US,
    ...changes,
  };
}

/** @param successAgoS seconds; null: never */
function attempts(successAgoS: number | null, failureAgoS: number | null): NewConnections {
  const time = (agoS: number | null): number | null => (agoS === null ? null : NOW_US - agoS * SECOND_US);
  const lastSuccessUs = time(successAgoS);
  const lastFailureUs = time(failureAgoS);
  return {
    succeeded: lastSuccessUs === null ? 0 : 2,
    failed: lastFailureUs === null ? 0 : 2,
    lastSuccessUs,
    lastFailureUs,
  };
}

const heard = (agoS: number): PeerFacts['signs'] => ({ connecting: 0, lastHeardUs: NOW_US - agoS * SECOND_US });
const connecting = stuck(1, { kind: 'connecting', detectedUs: NOW_US - 2 * SECOND_US });

const ROWS: readonly (readonly [what: string, changes: Partial<PeerFacts>, PeerVerdict | null, summary: RegExp])[] = [
  [
    'all are stuck, and new ones fail',
    { newConnections: attempts(null, 3) },
    'dead',
    /^All 3 connections to it are stuck, and new ones fail \(the last one 3 s ago\): the host is dead, or cut off from here\.$/,
  ],
  [
    'all are stuck, and a new one hangs',
    { unanswered: [...stuck(2), ...connecting] },
    'dead',
    /^All 3 .* and new ones fail: /,
  ],
  [
    'attempts alone, all of which hang',
    { unanswered: connecting, signs: { connecting: 1, lastHeardUs: null } },
    'dead',
    /^The only connection to it is stuck, and new ones fail: /,
  ],
  [
    'attempts that have just begun do not work',
    { totalCount: 5, signs: { connecting: 2, lastHeardUs: null }, newConnections: attempts(null, 3) },
    'dead',
    /^3 of 5 connections to it are stuck, and new ones fail/,
  ],
  [
    'some were idle as the host died',
    { totalCount: 10, newConnections: attempts(null, 3), signs: heard(61) },
    'dead',
    /^3 of 10 connections to it are stuck, the rest is silent, and new ones fail/,
  ],
  ['it worked, then it died', { newConnections: attempts(40, 3) }, 'dead', /new ones fail/],
  [
    'nobody tried',
    {},
    'not_tried',
    /^All 3 connections to it are stuck, and no new one was tried lately\. Try one, for example nc -vz 10\.0\.0\.2 8000: /,
  ],
  [
    'by polling nobody knows who tried',
    { unanswered: stuck(3, { polled: true }) },
    'not_tried',
    /^All 3 connections to it are stuck, and polling does not see whether new ones work\. Try one, /,
  ],
  [
    'by polling nobody knows who tried, and others are silent',
    { unanswered: stuck(3, { polled: true }), totalCount: 10, signs: heard(70) },
    'partial',
    /others may just be idle: polling does not see whether new ones work, so/,
  ],
  ['nobody tried for long', { newConnections: attempts(400, 500) }, 'not_tried', /no new one was tried lately/],
  ['the only one', { unanswered: stuck(1) }, 'not_tried', /^The only connection to it is stuck, /],
  [
    'new ones work',
    { totalCount: 10, newConnections: attempts(4, null) },
    'poisoned_pool',
    /^3 of 10 connections to it are stuck, but new ones work \(the last one 4 s ago\): the old ones are lost\. Drop them: let the pool close them, or restart the process\.$/,
  ],
  ['new ones work again', { newConnections: attempts(4, 30) }, 'poisoned_pool', /new ones work/],
  [
    'new ones work, and one is lost',
    { unanswered: stuck(1), totalCount: 10, newConnections: attempts(4, null) },
    'poisoned_pool',
    /^1 of 10 connections to it is stuck, .* the old one is lost\. Drop it: /,
  ],
  [
    'new ones work, before a sweep counted',
    { totalCount: null, signs: null, newConnections: attempts(4, null) },
    'poisoned_pool',
    /^3 connections to it are stuck, but new ones work/,
  ],
  [
    'new ones work, and the old ones were closed already',
    { unanswered: stuck(3, { kind: 'closing', ownerType: 'orphan' }), newConnections: attempts(4, null) },
    'poisoned_pool',
    /the old ones were closed here already, and the kernel will end them\.$/,
  ],
  [
    'some new ones work, some fail',
    { totalCount: 10, newConnections: attempts(4, 5) },
    'partial',
    /^3 of 10 .* of new ones some work and some fail: probably one of several servers behind this address is dead\.$/,
  ],
  [
    'new ones work, and one hangs',
    { unanswered: [...stuck(2), ...connecting], newConnections: attempts(4, null) },
    'partial',
    /some work and some fail/,
  ],
  [
    'new ones fail, others are answered',
    { totalCount: 10, newConnections: attempts(null, 3), signs: heard(1) },
    'partial',
    /new ones fail, but others are still answered/,
  ],
  [
    'others are answered',
    { totalCount: 10, signs: heard(1) },
    'partial',
    /^3 of 10 connections to it are stuck, others work: one of several servers/,
  ],
  ['another is answered', { totalCount: 4, signs: heard(1) }, 'partial', /, another works: /],
  [
    'others are silent',
    { totalCount: 10, signs: heard(70) },
    'partial',
    /, others may just be idle: no new connection was tried lately, so/,
  ],
  ['an answer that was on its way', { totalCount: 10, signs: heard(57) }, 'partial', /others may just be idle/],
  [
    'nothing was counted yet',
    { totalCount: null, signs: null },
    null,
    /^3 connections to it are stuck; how many there are in all is known after the next sweep\.$/,
  ],
  [
    'one, and nothing was counted yet',
    { unanswered: stuck(1), totalCount: null, signs: null },
    null,
    /^1 connection to it is stuck; /,
  ],
  [
    'it is not the peer that is waited for',
    { unanswered: [], stuckCount: 4, totalCount: 9, newConnections: attempts(null, 3) },
    null,
    /^4 of 9 connections to it are stuck, but not for want of an answer: a process here does not read or close them\.$/,
  ],
];

describe('verdicts', () => {
  for (const [what, changes, verdict, summary] of ROWS) {
    test(what, () => {
      const judgement = judgePeer(facts(changes));
      assert.equal(judgement.verdict, verdict, judgement.summary);
      assert.match(judgement.summary, summary);
    });
  }

  test('one that is stuck since long, for another reason, does not make a dead peer look alive', () => {
    const unanswered = [...stuck(3), createRecord({ id: 'old', sinceUs: NOW_US - 3_600 * SECOND_US })];
    const { verdict } = judgePeer(
      facts({ unanswered, totalCount: 9, newConnections: attempts(null, 3), signs: heard(61) }),
    );
    assert.equal(verdict, 'dead');
  });
});
