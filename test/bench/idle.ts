/** What stuckd costs where nothing is stuck: processor time and wake-ups, without connections and with many. */
import { setTimeout as delay } from 'node:timers/promises';
import { BenchDaemon } from './bench-daemon.js';
import { ConnectionLoad } from './connection-load.js';
import { startEmptyNode } from './empty-node.js';
import type { Part, PartContext, PartResult, Row } from './part.js';
import { clockTicks, readUsage, residentKib, usageRate, type UsageRate } from './process-usage.js';
import { formatKib } from './report.js';
import { significant } from './statistics.js';

const CONNECTIONS = 10_000;
/** Of these, as many send a keepalive probe every second, as pools of Node.js and others do. */
const PROBING = 1000;
/** The start is not idle: with it go the first picture, the first audit 5 s later, and what Node.js tidies up afterwards. */
const START_MS = 30_000;
const SETTLE_MS = 5000;
const MEASURE_MS = 60_000;
const LOADED_TARGET_PERCENT = 0.5;
const QUIET_TARGET_PERCENT = 0.1;
const WAKEUPS_TARGET = 15;

interface Idle {
  readonly daemon: UsageRate;
  readonly sensor: UsageRate;
  readonly emptyNode: UsageRate;
  readonly daemonKib: number;
  readonly sensorKib: number;
}

async function measure(context: PartContext, daemon: BenchDaemon, emptyPid: number): Promise<Idle> {
  const ticks = await clockTicks();
  const { pid, sensor } = await daemon.status();
  const pids = [pid, sensor?.pid ?? 0, emptyPid];
  // What a start or ten thousand new connections left to do is no cost of being idle.
  await delay(SETTLE_MS);
  context.progress(`measuring for ${MEASURE_MS / 1000} s`);
  const before = pids.map((one) => readUsage(one, ticks));
  await delay(MEASURE_MS);
  const [daemonRate, sensorRate, emptyNode] = pids.map((one, index) => {
    const start = before[index];
    if (start === undefined) {
      throw new RangeError('a process was not read before');
    }
    return usageRate(start, readUsage(one, ticks));
  }) as [UsageRate, UsageRate, UsageRate];
  return {
    daemon: daemonRate,
    sensor: sensorRate,
    emptyNode,
    daemonKib: residentKib(pid),
    sensorKib: residentKib(sensor?.pid ?? 0),
  };
}

function percent(value: number): string {
  return `${value.toFixed(3)} %`;
}

function rows(what: string, idle: Idle, targetPercent: number): readonly Row[] {
  const { daemon, sensor, emptyNode, daemonKib, sensorKib } = idle;
  const cpu = daemon.cpuPercent + sensor.cpuPercent;
  const wakeups = daemon.wakeupsPerSecond + sensor.wakeupsPerSecond;
  return [
    {
      what: `${what}: of one core`,
      measured: `daemon ${percent(daemon.cpuPercent)}, sensor ${percent(sensor.cpuPercent)}`,
      compared: `target: ${targetPercent} %; empty Node.js: ${percent(emptyNode.cpuPercent)}`,
      ratio: `${(cpu / targetPercent).toFixed(2)} x the target`,
    },
    {
      what: `${what}: wake-ups per second`,
      measured: `daemon ${daemon.wakeupsPerSecond.toFixed(1)}, sensor ${sensor.wakeupsPerSecond.toFixed(1)}`,
      compared: `target: ${WAKEUPS_TARGET}`,
      ratio: `${(wakeups / WAKEUPS_TARGET).toFixed(2)} x the target`,
    },
    {
      what: `${what}: resident memory`,
      measured: `daemon ${formatKib(daemonKib)}, sensor ${formatKib(sensorKib)}`,
      compared: '',
      ratio: '',
    },
  ];
}

function figures({ daemon, sensor, emptyNode, daemonKib, sensorKib }: Idle): Readonly<Record<string, number>> {
  return {
    daemonCpuPercent: significant(daemon.cpuPercent),
    sensorCpuPercent: significant(sensor.cpuPercent),
    emptyNodeCpuPercent: significant(emptyNode.cpuPercent),
    daemonWakeupsPerSecond: significant(daemon.wakeupsPerSecond),
    sensorWakeupsPerSecond: significant(sensor.wakeupsPerSecond),
    daemonKib,
    sensorKib,
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const emptyPid = await startEmptyNode(context);
  const daemon = await BenchDaemon.startFor(context);
  context.progress('letting the start pass');
  await delay(START_MS);
  const quiet = await measure(context, daemon, emptyPid);
  const load = await ConnectionLoad.start(context);
  context.progress(`opening ${CONNECTIONS} connections`);
  await load.open(CONNECTIONS);
  await load.probeEverySecond(PROBING);
  const loaded = await measure(context, daemon, emptyPid);
  return {
    title: `${MEASURE_MS / 1000} s each, from ${START_MS / 1000} s after the start on, nobody subscribed; ${PROBING} of the connections send a keepalive probe every second`,
    rows: [
      ...rows('no connections', quiet, QUIET_TARGET_PERCENT),
      ...rows(`${CONNECTIONS} healthy connections`, loaded, LOADED_TARGET_PERCENT),
    ],
    figures: { connections: CONNECTIONS, probing: PROBING, quiet: figures(quiet), loaded: figures(loaded) },
  };
}

export const idlePart: Part = {
  name: 'idle',
  summary: `processor time and wake-ups where nothing is stuck, without and with ${CONNECTIONS} connections`,
  run,
};
