/** What several kernel tests ask of a record: whose it is, when it began and ended, and whether the forecast held. */
import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { latestTimerMs } from './lateness.js';
import { asEventsTell, outcomesTold, stepTold } from './polled-words.js';
import { isPolling, POLL_MS } from './sensor-mode.js';
import type { Sockprog } from './sockprog.js';
import type { OwnerJson, StuckdUnderTest, StuckJson } from './stuckd.js';

/** How far a time of the kernel may lie from another one: timers run late on a busy machine. */
const KERNEL_LATENESS_MS = 100;

/** Timers that follow each other add up what each is late, and what was measured is not what befell these. */
const LATENESS_FACTOR = 2;

/** The tolerance of this machine: a virtual processor that has to wait for a real one makes all timers late. */
export function kernelLatenessMs(): number {
  return Math.max(KERNEL_LATENESS_MS, LATENESS_FACTOR * latestTimerMs());
}

/** An application learns of an error when it is scheduled, which may take long where many tests run; never before. */
const APPLICATION_LATENESS_MS = 1000;

/** Two clocks are read one after the other, and a Date has whole milliseconds. */
const CLOCK_ERROR_MS = 10;

/** @returns milliseconds since 1970 of a CLOCK_MONOTONIC time of sockprog. */
export function wallMs(monoUs: number): number {
  return wallClockAheadMs(() => Number(process.hrtime.bigint()) / 1e6) + monoUs / 1000;
}

/** How often two clocks are read at most, to find a moment at which nothing came between. */
const CLOCK_READINGS_MAX = 50;

/** As close together as two clocks are worth reading: a Date has whole milliseconds. */
const CLOSE_READINGS_MS = 0.2;

/**
 * How far the wall clock is ahead of another one. A process may be stopped between two readings, for long where
 * processors are few: the wall clock is read between two readings of the other, and the closest ones count.
 */
function wallClockAheadMs(readMs: () => number): number {
  let closestMs = Infinity;
  let aheadMs = 0;
  for (let reading = 0; reading < CLOCK_READINGS_MAX && closestMs > CLOSE_READINGS_MS; reading += 1) {
    const before = readMs();
    const wall = Date.now();
    const after = readMs();
    if (after - before < closestMs) {
      closestMs = after - before;
      aheadMs = wall - (before + after) / 2;
    }
  }
  return aheadMs;
}

/** @returns milliseconds since 1970 of a time in a record. */
export function timeMs(time: string | undefined): number {
  assert.ok(time !== undefined, 'the record has the time');
  const ms = Date.parse(time);
  assert.ok(Number.isFinite(ms), `${time} is a time`);
  return ms;
}

/** Asserts that `ms` lies between two times, with the tolerance of a busy machine. */
export function assertBetween(ms: number, fromMs: number, toMs: number, what: string): void {
  const latenessMs = kernelLatenessMs();
  const isBetween = ms >= fromMs - latenessMs && ms <= toMs + latenessMs;
  const after = `${String(ms - fromMs)} ms after ${String(fromMs)}, ${String(ms - toMs)} after ${String(toMs)}`;
  assert.ok(isBetween, `${what}: ${after}, where ${String(latenessMs)} ms are allowed`);
}

/** Asserts that two times of records are one: they are kept by another clock, and each message converts them anew. */
export function assertSameTime(a: string | undefined, b: string | undefined): void {
  assert.ok(Math.abs(timeMs(a) - timeMs(b)) < CLOCK_ERROR_MS, `${String(a)} is ${String(b)}`);
}

/** Asserts that the record ended when the application got its error: stuckd saw the end itself, and not later traces. */
export function assertEndedWith(record: StuckJson, errorMonoUs: number): void {
  const laterMs = wallMs(errorMonoUs) - timeMs(record.endTime);
  assert.ok(
    laterMs > -CLOCK_ERROR_MS - POLL_MS && laterMs < APPLICATION_LATENESS_MS,
    `the application got its error ${String(laterMs)} ms after the end of the record`,
  );
}

/** Asserts that the kernel ended the connection when `opened` said that it would. */
export function assertForecastHeld(opened: StuckJson, ended: StuckJson): void {
  const { time, latestTime } = opened.giveUp ?? {};
  assertBetween(timeMs(ended.endTime), timeMs(time), timeMs(latestTime ?? time) + POLL_MS, 'the end, by the forecast');
  if (isPolling) {
    assert.equal(ended.forecastError, undefined, 'nobody saw the end itself');
    return;
  }
  assert.ok(ended.forecastError !== undefined, 'it says by how much the forecast was off');
  if (ended.detectedGiveUp?.time === time && latestTime === undefined) {
    const errorMs = Math.abs(Number.parseFloat(ended.forecastError)) * 1000;
    assert.ok(errorMs <= kernelLatenessMs(), ended.forecastError);
  }
}

/**
 * Waits until the application learns that the kernel has given up, and asserts that it did so when `opened` said.
 * @param socket the name of the socket in its program.
 * @returns the record as it ended.
 */
export async function waitForecastTimeout(
  stuckd: StuckdUnderTest,
  opened: StuckJson,
  program: Sockprog,
  socket = 'a',
): Promise<StuckJson> {
  const error = await program.waitEvent({ event: 'error', id: socket });
  assert.equal(error.errno, 'ETIMEDOUT');
  const ended = await stuckd.waitEnded(opened.id);
  assert.equal(ended.outcome, 'OUTCOME_TIMED_OUT');
  assertEndedWith(ended, error.monoUs);
  assertForecastHeld(opened, ended);
  return ended;
}

/**
 * Asserts how it ended. A sensor that polls finds that a connection is not there any more, and not always why: what it then
 * says is in `polled-words.ts`.
 */
export function assertOutcome({ outcome, kind }: StuckJson, expected: string): void {
  const honest = outcomesTold(expected, kind);
  assert.ok(outcome !== undefined && honest.includes(outcome), `${String(outcome)}, not ${honest.join(' or ')}`);
}

/** Asserts what the application has got, where that is told. */
export function assertEffect({ diagnosis }: StuckJson, expected: RegExp): void {
  assert.match(
    diagnosis?.effect ?? '',
    isPolling ? /polling sees that a connection is gone, and seldom why/ : expected,
  );
}

/** Asserts how often something has happened as the record opened: a sensor that polls may come to see it later. */
export function assertCountAtDetection(count: number | undefined, expected: number, what: string): void {
  const isRight = isPolling ? (count ?? 0) >= expected : count === expected;
  assert.ok(isRight, `${String(count)} ${what}, not ${String(expected)}`);
}

/** The kernel's timer wheel rounds a delay up by at most this share of it. */
const WHEEL_SHARE = 1 / 8;

/**
 * Asserts since when nobody has answered keepalive probes that are sent each second.
 * @param firstProbeMs when the timer of the first one was due; it runs at the next boundary of the wheel.
 */
export function assertFirstProbe(record: StuckJson, firstProbeMs: number): void {
  assertBetween(timeMs(record.since), firstProbeMs, firstProbeMs + 1000 * WHEEL_SHARE, 'the first unanswered probe');
}

/** Asserts that one of the texts of a timeline is the step that events tell so. */
export function assertTells(texts: readonly string[], step: string): void {
  assert.ok(texts.includes(stepTold(step)), texts.join('\n'));
}

export interface ExpectedOwner {
  readonly pid: number;
  readonly comm: string;
  /** The descriptor, where the test knows it. */
  readonly fd?: number | undefined;
}

/** Asserts that exactly one process holds the socket, by one descriptor, and that all of what is said of it is true. */
export function assertOwner(owner: OwnerJson | undefined, expected: ExpectedOwner): void {
  const { pid, comm, fd } = expected;
  assert.ok(owner !== undefined, 'the record names a process');
  assert.equal(owner.pid, pid);
  assert.equal(owner.comm, comm);
  assert.equal(owner.executable, readlinkSync(`/proc/${String(pid)}/exe`));
  assertBetween(timeMs(owner.startTime), startOfProcessMs(pid), startOfProcessMs(pid), 'the start of the process');
  assert.deepEqual(owner.holders, [{ pid, comm, fd: fd ?? owner.holders[0]?.fd }]);
}

export interface ExpectedRecord {
  readonly kind: string;
  readonly state: string;
  readonly namespace: LabNamespace;
  readonly owner: ExpectedOwner;
  readonly isInbound?: boolean;
  /** Default: the port of a connection that the owner opened is not looked at. */
  readonly localPort?: number | undefined;
  readonly remote?: { readonly address: string; readonly port: number };
  /** Default: an alarm. */
  readonly informational?: boolean;
}

/** Asserts what every record with an owner must say, whatever its kind (short name, lower case). */
export function assertRecord(record: StuckJson, expected: ExpectedRecord): void {
  const { kind, state, namespace, owner, isInbound = false, localPort, remote, informational = false } = expected;
  assert.equal(record.kind, `STUCK_KIND_${kind.toUpperCase()}`);
  assert.equal(record.state, state);
  assert.equal(record.netns, namespace.inode);
  assert.equal(record.direction, isInbound ? 'DIRECTION_INBOUND' : 'DIRECTION_OUTBOUND');
  assert.equal(record.informational ?? false, informational, 'whether it may well be meant');
  if (localPort !== undefined) {
    assert.equal(record.local.port, localPort);
  }
  assertOwner(record.owner, owner);
  if (remote !== undefined) {
    assert.deepEqual(record.remote, remote);
    assertDiagnosisNames(record, `${owner.comm}[${String(owner.pid)}]`, `${remote.address}:${String(remote.port)}`);
  }
  assert.ok(timeMs(record.since) <= timeMs(record.detectedTime), 'it was stuck before it was detected');
}

/** Asserts that a person who reads the diagnosis learns who is stuck with whom. */
export function assertDiagnosisNames(record: StuckJson, process: string, peer: string): void {
  const { summary = '', effect = '' } = record.diagnosis ?? {};
  assert.ok(summary.includes(process) && summary.includes(peer), summary);
  assert.notEqual(effect, '');
}

/** @returns the texts of the timeline. @throws AssertionError unless its times ascend from `since` to the end. */
export function timelineTexts(record: StuckJson): readonly string[] {
  const timeline = record.timeline ?? [];
  const times = timeline.map(({ time }) => timeMs(time));
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
    'the timeline ascends',
  );
  if (record.endTime !== undefined) {
    assert.equal(times.at(-1), timeMs(record.endTime));
  }
  // By how much the forecast at detection was off differs from run to run; `assertForecastHeld` judges it.
  return timeline.map(({ text }) => asEventsTell(text.replace(/, [^,]* forecast at detection$/, '')));
}

/** Asserts that one record, and no other, opened and ended in a namespace. */
export function assertOnlyRecord(stuckd: StuckdUnderTest, namespace: LabNamespace, id: string): void {
  const changes = stuckd.changesIn(namespace).filter(({ kind }) => kind !== 'updated');
  assert.deepEqual(
    changes.map(({ kind, record }) => [kind, record.id]),
    [
      ['opened', id],
      ['ended', id],
    ],
  );
}

/**
 * @param process any one in the namespace: no program needs to be started there to ask.
 * @returns a counter of a namespace, by its name in /proc/net/snmp or /proc/net/netstat.
 */
export function tcpCounter({ pid }: { readonly pid: number }, name: string): number {
  const text = ['snmp', 'netstat'].map((file) => readFileSync(`/proc/${String(pid)}/net/${file}`, 'utf8')).join('');
  const lines = text.split('\n').map((line) => line.split(' '));
  for (const [index, names] of lines.entries()) {
    const column = names.indexOf(name);
    const values = lines[index + 1];
    if (column > 0 && values?.[0] === names[0]) {
      return Number(values?.[column]);
    }
  }
  throw new Error(`no counter ${name}`);
}

/** @returns milliseconds since 1970, exact to the tick of /proc (10 ms). */
function startOfProcessMs(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  // The name may hold blanks and parentheses; what follows its last parenthesis begins with field 3.
  const startTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const uptimeMs = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  return wallClockAheadMs(uptimeMs) + startTicks * 10;
}
