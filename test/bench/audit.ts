/**
 * What an audit costs the sensor and the daemon for each connection, against a sweep of the same sockets; how much memory its
 * connections take while they are looked at, and afterwards; and how long a sweep waits that is wanted in its middle. Its own
 * duration says little: it gives way to everything else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FindingsTally, worstFirst } from '../../daemon/core/audit/findings.js';
import { type AuditCounts, type AuditResult, AuditRun, COUNTED_LIMIT_US } from '../../daemon/core/audit/run.js';
import type { SensorRecord } from '../../daemon/core/sensor-records.js';
import { forEachInTurns, sortInTurns } from '../../daemon/lib/in-turns.js';
import { clockAt, TEST_KERNEL } from '../support/snapshot-builder.js';
import { BenchSensor, QUIET } from './bench-sensor.js';
import { ConnectionLoad } from './connection-load.js';
import type { Part, PartContext, PartResult } from './part.js';
import { formatKib, formatMs } from './report.js';
import { median, ratio, significant } from './statistics.js';

const CONNECTIONS_DEFAULT = 10_000;
const ROUNDS = 7;

/** CPU time of all threads of a process, milliseconds. */
function cpuMs(pid: number): number {
  const ofThread = (thread: string): number =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + ofThread(thread), 0);
}

/** @returns what collects garbage now. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** One audit as the daemon makes it, and what is to be kept of it. */
class Audit {
  #run: AuditRun | null = null;
  #result: AuditResult | null = null;
  #counts: AuditCounts | null = null;

  take(record: SensorRecord): void {
    if (record.type !== 'pass' || record.pass.kind !== 'audit') {
      this.#run?.take(record);
    } else if (record.pass.edge === 'begin') {
      const context = { kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0), idleLimits: [], peerLimitUs: () => null };
      this.#run = new AuditRun(context, record.pass);
    } else {
      this.#result = this.#run?.result(record.pass) ?? null;
      this.#counts = this.#run?.counts(record.pass) ?? null;
      this.#run = null;
    }
  }

  get connections(): number {
    return this.#result?.connections.length ?? 0;
  }

  /** What a call makes of it. @returns how many findings there are. */
  async group(): Promise<number> {
    const tally = new FindingsTally(COUNTED_LIMIT_US);
    await forEachInTurns(this.#result?.connections ?? [], (connection) => {
      tally.add(connection);
    });
    const parts = await sortInTurns(tally.parts, worstFirst);
    return parts.map((part) => part.finding()).length;
  }

  /** Those who asked have their answers. @returns connections that are counted still. */
  forget(): number {
    this.#result = null;
    return this.#counts?.exposed.outbound.worst.never ?? 0;
  }
}

interface Rounds {
  readonly sweepSensorMs: number[];
  readonly sweepDaemonMs: number[];
  readonly auditSensorMs: number[];
  readonly auditDaemonMs: number[];
  readonly sweepAloneMs: number[];
  readonly sweepWithinMs: number[];
  readonly heldKib: number[];
  readonly keptKib: number[];
}

interface Cost {
  readonly sensorMs: number;
  readonly daemonMs: number;
  readonly wallMs: number;
}

async function costOf(sensor: BenchSensor, work: () => Promise<unknown>): Promise<Cost> {
  const [sensorMs, cpu, startMs] = [cpuMs(sensor.pid), process.cpuUsage(), performance.now()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return {
    sensorMs: cpuMs(sensor.pid) - sensorMs,
    daemonMs: (user + system) / 1000,
    wallMs: performance.now() - startMs,
  };
}

async function measure(sensor: BenchSensor, collect: () => void, rounds: Rounds): Promise<number> {
  const heapKib = (): number => {
    collect();
    return process.memoryUsage().heapUsed / 1024;
  };
  const sweep = await costOf(sensor, () => sensor.sweep());
  rounds.sweepSensorMs.push(sweep.sensorMs);
  rounds.sweepDaemonMs.push(sweep.daemonMs);
  rounds.sweepAloneMs.push(sweep.wallMs);

  const before = heapKib();
  const audit = new Audit();
  const cost = await costOf(sensor, async () => {
    await sensor.audit((record) => {
      audit.take(record);
    });
    await audit.group();
  });
  rounds.auditSensorMs.push(cost.sensorMs);
  rounds.auditDaemonMs.push(cost.daemonMs);
  const { connections } = audit;
  rounds.heldKib.push(heapKib() - before);
  audit.forget();
  rounds.keptKib.push(heapKib() - before);

  const disturbed = sensor.audit(() => undefined);
  rounds.sweepWithinMs.push((await costOf(sensor, () => sensor.sweep())).wallMs);
  await disturbed;
  return connections;
}

function summarize(connections: number, rounds: Rounds): PartResult {
  const medians = Object.fromEntries(
    Object.entries(rounds).map(([name, values]) => [name, median(values as number[])]),
  );
  const of = (name: keyof Rounds): number => medians[name] ?? NaN;
  const usEach = (name: keyof Rounds): number => (of(name) * 1000) / connections;
  const each = (name: keyof Rounds): string => `${usEach(name).toFixed(1)} us`;
  const sensorRatio = ratio(of('auditSensorMs'), of('sweepSensorMs'));
  const sweepRatio = ratio(of('auditSensorMs') + of('auditDaemonMs'), of('sweepSensorMs') + of('sweepDaemonMs'));
  const waitRatio = ratio(of('sweepWithinMs'), of('sweepAloneMs'));
  const bytesEach = (of('heldKib') * 1024) / connections;
  return {
    title: `${connections} connections, both ends on this machine; medians of ${rounds.auditSensorMs.length} rounds`,
    rows: [
      {
        what: 'CPU of the sensor for each connection',
        measured: each('auditSensorMs'),
        compared: `in a sweep: ${each('sweepSensorMs')}`,
        ratio: `${sensorRatio.toFixed(1)} x a sweep`,
      },
      {
        what: 'CPU of sensor and daemon for each',
        measured: `${(usEach('auditSensorMs') + usEach('auditDaemonMs')).toFixed(1)} us`,
        compared: `in a sweep: ${(usEach('sweepSensorMs') + usEach('sweepDaemonMs')).toFixed(1)} us`,
        ratio: `${sweepRatio.toFixed(1)} x a sweep (ratioAuditVsSweep)`,
      },
      {
        what: 'heap while its connections are looked at',
        measured: formatKib(of('heldKib')),
        compared: `afterwards: ${formatKib(of('keptKib'))}`,
        ratio: `${bytesEach.toFixed(0)} bytes for each`,
      },
      {
        what: 'a sweep that is wanted in its middle',
        measured: formatMs(of('sweepWithinMs')),
        compared: `alone: ${formatMs(of('sweepAloneMs'))}`,
        ratio: `${waitRatio.toFixed(2)} x as long`,
      },
    ],
    figures: {
      connections,
      ...Object.fromEntries(Object.entries(medians).map(([name, value]) => [name, significant(value)])),
      ratioAuditVsSweep: significant(sweepRatio),
      ratioSweepDuringAudit: significant(waitRatio),
    },
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const load = await ConnectionLoad.start(context);
  const wanted = context.arguments.connections ?? CONNECTIONS_DEFAULT;
  context.progress(`opening ${wanted} connections`);
  await load.open(wanted);
  const sensor = await BenchSensor.start(context, QUIET);
  const collect = garbageCollector();
  const nothing = (): Rounds => ({
    ...{ sweepSensorMs: [], sweepDaemonMs: [], auditSensorMs: [], auditDaemonMs: [] },
    ...{ sweepAloneMs: [], sweepWithinMs: [], heldKib: [], keptKib: [] },
  });
  context.progress('measuring');
  await measure(sensor, collect, nothing()); // the first of everything meets cold caches and pays for them
  const rounds = nothing();
  let connections = 0;
  for (let round = 0; round < ROUNDS; round++) {
    connections = await measure(sensor, collect, rounds);
  }
  return summarize(connections, rounds);
}

export const auditPart: Part = {
  name: 'audit',
  summary: 'the audit of all connections against a sweep, and its memory; --connections N',
  run,
};
