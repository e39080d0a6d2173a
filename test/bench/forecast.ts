/**
 * How far the forecast at detection is off: connections of all kinds and limits are left by their peers in namespaces
 * beside each other, and when the kernel has given each of them up, its record says by how much the forecast was wrong.
 * The application's own clock and errno are asked as well: they know nothing of stuckd.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { latestTimerMs } from '../support/lateness.js';
import { wallMs } from '../support/record-checks.js';
import { StuckdUnderTest, type StuckJson } from '../support/stuckd.js';
import { figuresOf, missWords, spreadOf, summarize, summarizeByReason, TARGET_MS } from './forecast-judgement.js';
import {
  distanceMs,
  nearestCandidate,
  preciseMs,
  type ForecastTimes,
  type Summary,
  type Verdict,
} from './forecast-judgement.js';
import { FORECAST_PLAN, type Cohort } from './forecast-plan.js';
import { ForecastStage, type Subject } from './forecast-stage.js';
import { forecastTable } from './forecast-table.js';
import type { Figures, Part, PartContext, PartResult, Row } from './part.js';
import { formatMs } from './report.js';
import { significant } from './statistics.js';

/** The longest of them takes about 108 s by itself; where the machine is slow, opening all of them takes longer. */
const WAIT_MS = 240_000;
const POLL_MS = 1000;
/** An application that got its error so long ago will get no record any more. */
const RECORD_GRACE_MS = 5000;

interface Records {
  readonly opened: StuckJson;
  readonly ended: StuckJson | undefined;
}

function timesOf(giveUp: StuckJson['detectedGiveUp']): ForecastTimes | null {
  if (giveUp?.time === undefined) {
    return null;
  }
  return {
    timeMs: preciseMs(giveUp.time),
    latestMs: giveUp.latestTime === undefined ? null : preciseMs(giveUp.latestTime),
  };
}

function widthOf(forecast: ForecastTimes | null): number | null {
  return forecast?.latestMs === undefined || forecast.latestMs === null ? null : forecast.latestMs - forecast.timeMs;
}

const keyOf = (netns: number, localPort: number, remotePort: number): string => `${netns}/${localPort}/${remotePort}`;

/** @returns the first record of each connection, with its end if that has come. */
function recordsByConnection(stuckd: StuckdUnderTest): ReadonlyMap<string, Records> {
  const records = new Map<string, Records>();
  for (const { kind, record } of stuckd.changes) {
    const key = keyOf(record.netns, record.local.port, record.remote.port);
    const known = records.get(key);
    if (kind === 'opened' && known === undefined) {
      records.set(key, { opened: record, ended: undefined });
    } else if (kind === 'ended' && known?.opened.id === record.id) {
      records.set(key, { ...known, ended: record });
    }
  }
  return records;
}

function recordOf(subject: Subject, records: ReadonlyMap<string, Records>): Records | undefined {
  return records.get(keyOf(subject.namespace.inode, subject.localPort, subject.remotePort));
}

function isSettled(subject: Subject, records: ReadonlyMap<string, Records>): boolean {
  const record = recordOf(subject, records);
  if (record !== undefined) {
    return record.ended !== undefined;
  }
  const error = subject.error();
  return error !== undefined && wallMs(error.monoUs) < Date.now() - RECORD_GRACE_MS;
}

function judge(subject: Subject, records: ReadonlyMap<string, Records>): Verdict {
  const { opened, ended } = recordOf(subject, records) ?? {};
  const error = subject.error();
  const detected = timesOf(ended?.detectedGiveUp ?? opened?.detectedGiveUp);
  const last = timesOf(ended?.giveUp);
  const measured = ended?.forecastError !== undefined;
  const nearest = measured && detected !== null ? nearestCandidate(detected, preciseMs(ended.endTime)) : null;
  const expected = (ended ?? opened)?.giveUp?.expectedError;
  return {
    reason: subject.cohort.reason,
    disturbed: subject.disturbed,
    // Where ICMP errors make the end uncertain the forecast is truly a window, and the record's own measure is right.
    errorMs: measured && subject.disturbed ? Number.parseFloat(ended.forecastError) * 1000 : (nearest?.errorMs ?? null),
    atLater: nearest?.atLater ?? false,
    lastErrorMs: measured && last !== null ? distanceMs(last, preciseMs(ended.endTime)) : null,
    windowMs: widthOf(detected),
    applicationErrorMs: error === undefined || detected === null ? null : distanceMs(detected, wallMs(error.monoUs)),
    errnoRight: error === undefined || expected === undefined ? null : error.errno === expected,
    note: noteOf(opened, ended, error?.errno),
  };
}

function noteOf(opened: StuckJson | undefined, ended: StuckJson | undefined, errno: string | undefined): string {
  if (opened === undefined) {
    return `no record; the application ${errno === undefined ? 'was told nothing' : `got ${errno}`}`;
  }
  const what = `${opened.id}, ${opened.kind}, ${opened.giveUp?.reason ?? 'no forecast'}`;
  return ended === undefined ? `${what}, has not ended` : `${what}, ${ended.outcome ?? ''}`;
}

/** @returns what happened to each connection, when nothing more is to be expected. */
async function follow(stuckd: StuckdUnderTest, stages: readonly ForecastStage[], context: PartContext): Promise<void> {
  const subjects = stages.flatMap((stage) => stage.subjects);
  const deadlineMs = performance.now() + WAIT_MS;
  let told = performance.now();
  for (;;) {
    const records = recordsByConnection(stuckd);
    const left = subjects.filter((subject) => !isSettled(subject, records)).length;
    if (left === 0 || performance.now() > deadlineMs) {
      return;
    }
    if (performance.now() - told > 15_000) {
      told = performance.now();
      context.progress(`${left} of ${subjects.length} connections are not over yet`);
    }
    await delay(POLL_MS);
  }
}

function rowOf(what: string, summary: Summary, measured: string): Row {
  const share = summary.measured === 0 ? 0 : (summary.withinTarget / summary.measured) * 100;
  return {
    what,
    measured,
    compared: `target: 99 % within ${TARGET_MS} ms`,
    ratio: `${share.toFixed(1)} % of ${summary.measured}`,
  };
}

/** A timer runs in the tick that is forecast or, where its processor looks at the clock too early, in the next one. */
const SAME_TICK_MS = 1;

function tickRow(verdicts: readonly Verdict[]): Row {
  const errors = verdicts.flatMap(({ errorMs, disturbed }) => (errorMs === null || disturbed ? [] : [errorMs]));
  const count = (matches: (errorMs: number) => boolean): string => String(errors.filter(matches).length);
  return {
    what: 'in the very tick that was forecast',
    measured: count((errorMs) => Math.abs(errorMs) < SAME_TICK_MS),
    compared: `earlier: ${count((ms) => ms <= -SAME_TICK_MS)}, later: ${count((ms) => ms >= SAME_TICK_MS)}`,
    ratio: '',
  };
}

function lines(title: string, texts: readonly string[]): string {
  return texts.length === 0 ? '' : `${title}\n${texts.map((text) => `  ${text}\n`).join('')}`;
}

function resultOf(verdicts: readonly Verdict[], unsupported: readonly string[]): PartResult {
  const held = summarize(
    'undisturbed',
    verdicts.filter(({ disturbed }) => !disturbed),
  );
  const last = verdicts.flatMap(({ lastErrorMs, disturbed }) =>
    lastErrorMs === null || disturbed ? [] : [Math.abs(lastErrorMs)],
  );
  const lateness = spreadOf(last);
  const summaries = summarizeByReason(verdicts);
  const misses = verdicts.filter(({ errorMs }) => errorMs !== null && Math.abs(errorMs) > TARGET_MS);
  const unmeasured = verdicts.filter(({ errorMs }) => errorMs === null);
  const byReason: Record<string, Figures> = {};
  for (const summary of summaries) {
    byReason[summary.reason] = figuresOf(summary);
  }
  const spread = held.error;
  return {
    title: `${verdicts.length} connections of ${summaries.length} sorts; |end - forecast at detection|`,
    rows: [
      rowOf(
        'forecast at detection',
        held,
        spread === null ? '-' : `p50 ${formatMs(spread.median)}, p99 ${formatMs(spread.p99)}`,
      ),
      tickRow(verdicts),
      {
        what: 'lateness of the last timer',
        measured: lateness === null ? '-' : `p50 ${formatMs(lateness.median)}, p99 ${formatMs(lateness.p99)}`,
        compared: 'the last forecast before the end',
        ratio: lateness === null ? '' : `at most ${formatMs(lateness.max)}`,
      },
      {
        what: 'lateness of timers in user space',
        measured: `at most ${formatMs(latestTimerMs())}`,
        compared: '',
        ratio: '',
      },
    ],
    details: [
      forecastTable(summaries),
      lines(`Forecasts that are more than ${TARGET_MS} ms off:`, misses.map(missWords)),
      lines(
        'Without an error of the forecast:',
        unmeasured.map(({ reason, note }) => `${reason}: ${note}`),
      ),
      lines('Not known to this kernel:', unsupported),
    ].join(''),
    figures: {
      connections: verdicts.length,
      undisturbed: figuresOf(held),
      ...(lateness === null
        ? {}
        : { lastTimer: { p99Ms: significant(lateness.p99), maxMs: significant(lateness.max) } }),
      userTimerLatenessMs: significant(latestTimerMs()),
      reasons: byReason,
    },
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const { cleanup, progress } = context;
  const endings: (() => Promise<void>)[] = [];
  cleanup.push('the daemon', async () => {
    for (const end of endings) {
      await end();
    }
  });
  const lab = new NetnsLab();
  cleanup.push('network namespaces', () => lab.close());
  const ending = { after: (end: () => Promise<void>) => endings.push(end) };
  progress('starting the daemon');
  const stuckd = await StuckdUnderTest.start(ending);
  const unsupported = new Set<Cohort>();
  const stages: ForecastStage[] = [];
  const runs: Promise<void>[] = [];
  for (const plan of FORECAST_PLAN) {
    progress(`setting the stage ${plan.name}`);
    const stage = await ForecastStage.start(lab, plan);
    stages.push(stage);
    runs.push(stage.run((cohort) => unsupported.add(cohort)));
  }
  await Promise.all(runs);
  await follow(stuckd, stages, context);
  const records = recordsByConnection(stuckd);
  const verdicts = stages.flatMap(({ subjects }) => subjects.map((subject) => judge(subject, records)));
  return resultOf(
    verdicts,
    [...unsupported].map(({ reason }) => reason),
  );
}

export const forecastPart: Part = {
  name: 'forecast',
  summary: 'how far the forecast of the end is off, for every kind and limit; takes two to three minutes',
  run,
};
