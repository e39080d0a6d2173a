/** What watching retransmissions costs, as a table. */
import type { Figures, PartResult, Row } from './part.js';
import type { WatchCost } from './retransmit-cost.js';
import { ratio, significant } from './statistics.js';

export interface RetransmitCosts {
  /** Of stuckd, with as many connections, before anything was sent again. */
  readonly atRest: WatchCost;
  /** Of stuckd, where nothing crosses the threshold. */
  readonly below: WatchCost;
  /** Null where it is not installed. */
  readonly bpftrace: WatchCost | null;
  /** Of stuckd, with a record of each. */
  readonly stuck: WatchCost;
}

/** All of stuckd may cost this part of bpftrace. */
const SHARE_TARGET = 50;

/** Of one core. */
function cpuPercent({ kernelMs, processMs, elapsedMs }: WatchCost): number {
  return (100 * (kernelMs + processMs)) / elapsedMs;
}

function perSecond({ retransmits, elapsedMs }: WatchCost): number {
  return (1000 * retransmits) / elapsedMs;
}

/** At one retransmission a second, of one core: the rates of two runs are never the same. */
function percentEach(cost: WatchCost): number {
  return ratio(cpuPercent(cost), perSecond(cost));
}

/** What the processes cost at rest is no cost of retransmissions. It explains only: bpftrace's own rest is not measured. */
function withoutRest(cost: WatchCost, atRest: WatchCost): WatchCost {
  const restMs = (atRest.processMs / atRest.elapsedMs) * cost.elapsedMs;
  return { ...cost, processMs: Math.max(0, cost.processMs - restMs) };
}

function formatCpu(cost: WatchCost): string {
  const kernel = ((100 * cost.kernelMs) / cost.elapsedMs).toFixed(2);
  return `${cpuPercent(cost).toFixed(2)} % of a core, ${kernel} % in the kernel`;
}

function formatRun(cost: WatchCost): string {
  return `${formatCpu(cost)}, at ${perSecond(cost).toFixed(0)}/s`;
}

function formatLost({ lost }: WatchCost): string {
  const places = Object.entries(lost).map(([place, count]) => `${count} (${place})`);
  return `${places.join(', ') || 'nothing'} dropped`;
}

function rows({ atRest, below, bpftrace, stuck }: RetransmitCosts): readonly Row[] {
  const extra = withoutRest(below, atRest);
  const share = (cost: WatchCost): string =>
    bpftrace === null ? '' : `1/${ratio(percentEach(bpftrace), percentEach(cost)).toFixed(1)} of bpftrace`;
  return [
    {
      what: 'below the threshold: what retransmissions add',
      measured: formatRun(extra),
      compared: bpftrace === null ? 'bpftrace: not installed' : `bpftrace: ${formatRun(bpftrace)}`,
      ratio: share(extra),
    },
    {
      what: 'the same with sweeps, refreshes and all',
      measured: formatRun(below),
      compared: `the same connections at rest: ${formatCpu(atRest)}`,
      ratio: bpftrace === null ? '' : `${share(below)}; target: 1/${SHARE_TARGET}`,
    },
    {
      what: 'not told of',
      measured: formatLost(below),
      compared: bpftrace === null ? '' : `bpftrace: ${formatLost(bpftrace)} of ${bpftrace.retransmits}`,
      ratio: '',
    },
    {
      what: 'all of them stuck, with a record each',
      measured: formatRun(stuck),
      compared: formatLost(stuck),
      ratio: share(stuck),
    },
  ];
}

function figuresOf(cost: WatchCost): Figures {
  return {
    cpuPercent: significant(cpuPercent(cost)),
    kernelMs: significant(cost.kernelMs),
    processMs: significant(cost.processMs),
    elapsedMs: significant(cost.elapsedMs),
    retransmits: cost.retransmits,
    peakPerSecond: significant(cost.peakRate),
    lost: cost.lost,
  };
}

export function summarize(connections: number, costs: RetransmitCosts): PartResult {
  const { atRest, below, bpftrace, stuck } = costs;
  const extra = withoutRest(below, atRest);
  const seconds = (below.elapsedMs / 1000).toFixed(0);
  return {
    title: `${connections} connections whose peer vanished, ${seconds} s each; at first ${below.peakRate.toFixed(0)}/s`,
    rows: rows(costs),
    figures: {
      connections,
      atRest: figuresOf(atRest),
      below: figuresOf(below),
      stuck: figuresOf(stuck),
      ...(bpftrace === null
        ? {}
        : {
            bpftrace: figuresOf(bpftrace),
            ratioExtraVsBpftrace: significant(ratio(percentEach(bpftrace), percentEach(extra))),
            ratioVsBpftrace: significant(ratio(percentEach(bpftrace), percentEach(below))),
          }),
    },
  };
}
