/**
 * A peer vanishes under 50,000 connections at once, and comes back: how soon each is told to a subscriber, what is lost,
 * what it takes of memory, and how long others have to wait for answers meanwhile. Daemon, sensor, subscriber and the
 * kernel's retransmissions share the cores of this machine.
 */
import { sumOfMetric } from './metric-text.js';
import { BenchDaemon } from './bench-daemon.js';
import { ChangeRecorder } from './change-recorder.js';
import { ConnectionLoad } from './connection-load.js';
import type { Figures, Part, PartContext, PartResult, Row } from './part.js';
import { residentKib, residentPeakKib } from './process-usage.js';
import { Pulse } from './pulse.js';
import { formatKib, formatMs, formatTimes } from './report.js';
import { type StatusAnswers, StatusPulse } from './status-pulse.js';
import { significant, times } from './statistics.js';

const CONNECTIONS = 50_000;
/** RTO 3 fires 1.7 s after the cut, and those of a connection that was healed in between may come a minute later. */
const STORM_TIMEOUT_MS = 60_000;
const HEAL_TIMEOUT_MS = 180_000;
const ASK_STATUS_MS = 50;
const SCRAPE_MS = 1000;

const BURST_P99_TARGET_MS = 50;
const LAST_RECORD_TARGET_MS = 5000;
const ANSWER_P99_TARGET_MS = 250;

interface Memory {
  readonly daemonKib: number;
  readonly sensorKib: number;
}

interface Answers {
  readonly statusMs: readonly number[];
  readonly scrapeMs: readonly number[];
  readonly longestTurnMs: number;
}

interface Storm {
  readonly memory: { readonly before: Memory; readonly peak: Memory; readonly after: Memory };
  readonly latenciesMs: readonly number[];
  readonly spreadMs: number;
  readonly lastRecordMs: number;
  readonly healMs: number;
  readonly dropped: number;
  readonly answers: Answers;
}

function againstTarget(value: number, target: number): string {
  return `${(value / target).toFixed(2)} x the target`;
}

function memoryRow(what: string, { daemonKib, sensorKib }: Memory, before: Memory): Row {
  return {
    what,
    measured: `daemon ${formatKib(daemonKib)}, sensor ${formatKib(sensorKib)}`,
    compared: `before: daemon ${formatKib(before.daemonKib)}`,
    ratio: `${(daemonKib / before.daemonKib).toFixed(2)} x (daemon)`,
  };
}

function rows(storm: Storm): readonly Row[] {
  const { latenciesMs, lastRecordMs, spreadMs, dropped, answers, memory, healMs } = storm;
  return [
    {
      what: 'threshold crossed to the change at a subscriber',
      measured: formatTimes(latenciesMs),
      compared: `target: p99 ${BURST_P99_TARGET_MS} ms`,
      ratio: againstTarget(times(latenciesMs).p99, BURST_P99_TARGET_MS),
    },
    {
      what: 'last threshold crossed to the last record',
      measured: formatMs(lastRecordMs),
      compared: `all crossed within ${formatMs(spreadMs)}; target: ${formatMs(LAST_RECORD_TARGET_MS)}`,
      ratio: againstTarget(lastRecordMs, LAST_RECORD_TARGET_MS),
    },
    { what: 'dropped at any stage', measured: String(dropped), compared: `${CONNECTIONS} connections`, ratio: '' },
    {
      what: 'GetStatus meanwhile',
      measured: formatTimes(answers.statusMs),
      compared: `target: p99 ${ANSWER_P99_TARGET_MS} ms`,
      ratio: againstTarget(times(answers.statusMs).p99, ANSWER_P99_TARGET_MS),
    },
    { what: '/metrics meanwhile', measured: formatTimes(answers.scrapeMs), compared: '', ratio: '' },
    {
      what: "longest turn of the daemon's event loop",
      measured: formatMs(answers.longestTurnMs),
      compared: '',
      ratio: '',
    },
    memoryRow('the most memory', memory.peak, memory.before),
    memoryRow('memory after all recovered', memory.after, memory.before),
    { what: 'healed to the last recovery', measured: formatMs(healMs), compared: 'the next RTO of each', ratio: '' },
  ];
}

function figures(storm: Storm): Figures {
  const { latenciesMs, lastRecordMs, spreadMs, dropped, answers, memory, healMs } = storm;
  return {
    connections: CONNECTIONS,
    latencyMs: times(latenciesMs),
    crossedWithinMs: significant(spreadMs),
    lastRecordMs: significant(lastRecordMs),
    dropped,
    statusMs: times(answers.statusMs),
    scrapeMs: times(answers.scrapeMs),
    longestTurnMs: significant(answers.longestTurnMs),
    memory: { before: { ...memory.before }, peak: { ...memory.peak }, after: { ...memory.after } },
    healMs: significant(healMs),
  };
}

async function readMemory(daemon: BenchDaemon, read: (pid: number) => number): Promise<Memory> {
  const { pid, sensor } = await daemon.status();
  return { daemonKib: read(pid), sensorKib: read(sensor?.pid ?? 0) };
}

/** Asks for status and metrics while `during` runs. */
async function askMeanwhile(daemon: BenchDaemon, during: () => Promise<void>): Promise<Answers> {
  let longestTurnMs = 0;
  let answers: StatusAnswers;
  const status = new StatusPulse(daemon.address, ASK_STATUS_MS);
  const scrape = new Pulse(async () => {
    const text = await daemon.scrape();
    longestTurnMs = Math.max(longestTurnMs, 1000 * sumOfMetric(text, 'stuckd_event_loop_lag_seconds'));
  }, SCRAPE_MS);
  try {
    await during();
  } finally {
    await scrape.stop();
    answers = await status.stop();
  }
  if (answers.failures + scrape.failures > 0) {
    throw new Error(`${answers.failures} calls of GetStatus and ${scrape.failures} scrapes failed`);
  }
  return { statusMs: answers.answersMs, scrapeMs: scrape.answersMs, longestTurnMs };
}

async function measure(context: PartContext, load: ConnectionLoad, daemon: BenchDaemon): Promise<Storm> {
  const recorder = await ChangeRecorder.start(daemon.client);
  context.cleanup.push('subscriber', () => {
    recorder.stop();
  });
  const before = await readMemory(daemon, residentKib);
  context.progress('cutting the network');
  const answers = await askMeanwhile(daemon, async () => {
    await load.blackHole();
    await recorder.until(() => recorder.opened >= CONNECTIONS, 'all connections to be told', STORM_TIMEOUT_MS);
  });
  const dropped = sumOfMetric(await daemon.scrape(), 'stuckd_dropped_total');
  context.progress('healing it');
  const healedMs = recorder.nowMs();
  await load.heal();
  // Asked of the daemon: a subscriber that was slow is told so, and gets a snapshot instead of what it missed.
  await daemon.waitFor(({ tracker }) => tracker?.stuck === 0, 'all connections to recover', HEAL_TIMEOUT_MS);
  const healMs = recorder.nowMs() - healedMs;
  const peak = await readMemory(daemon, residentPeakKib);
  return {
    memory: { before, peak, after: await readMemory(daemon, residentKib) },
    latenciesMs: recorder.latenciesMs,
    spreadMs: recorder.lastCrossedMs - recorder.firstCrossedMs,
    lastRecordMs: recorder.lastArrivedMs - recorder.lastCrossedMs,
    healMs,
    dropped,
    answers,
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const load = await ConnectionLoad.start(context);
  context.progress(`opening ${CONNECTIONS} connections`);
  await load.open(CONNECTIONS);
  const daemon = await BenchDaemon.startFor(context);
  const storm = await measure(context, load, daemon);
  return {
    title: `${CONNECTIONS} connections whose peer vanishes at once, and comes back`,
    rows: rows(storm),
    figures: figures(storm),
  };
}

export const stormPart: Part = {
  name: 'storm',
  summary: `a peer vanishes under ${CONNECTIONS} connections: delay, losses, memory, answers to others`,
  run,
};
