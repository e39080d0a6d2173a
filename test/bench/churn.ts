/**
 * How many connections can be opened and closed a second, with stuckd running and without: short turns of both, since the
 * rate of a shared machine drifts by more than what is looked for. One process does nothing else. What the hooks add to each
 * connection is what counts here: slices that were interrupted are left out, and what daemon and sensor take of the other
 * core is told by `idle`.
 */
import { join } from 'node:path';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { BenchDaemon } from './bench-daemon.js';
import type { Part, PartContext, PartResult } from './part.js';
import { scratchDirectory } from './scratch.js';
import { median, percentile, significant } from './statistics.js';
import { buildProgram, LineTool } from './tools.js';

const TURNS = 25;
/** As bench-loopback has them. */
const SLICES_PER_SECOND = 50;
const TURN_SLICES = 50;
const LOSS_TARGET_PERCENT = 3;

/** Connections per second of three turns one after the other, the middle one with stuckd. */
interface Turn {
  readonly before: number;
  readonly during: number;
  readonly after: number;
}

/** Its middle, and where the middle half of it lies. */
interface Quartiles {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

function quartiles(values: readonly number[]): Quartiles {
  return { low: percentile(values, 25), median: median(values), high: percentile(values, 75) };
}

function formatPercent({ low, median: middle, high }: Quartiles): string {
  return `${middle.toFixed(1)} % (${low.toFixed(1)} - ${high.toFixed(1)})`;
}

async function churn(tool: LineTool): Promise<number> {
  const counts = await tool.command(`churn ${TURN_SLICES}`, 'churned');
  return median(counts.map(Number)) * SLICES_PER_SECOND;
}

async function churnBesideStuckd(directory: string, tool: LineTool): Promise<number> {
  const daemon = BenchDaemon.start(directory);
  try {
    await daemon.firstPicture();
    return await churn(tool);
  } finally {
    await daemon.stop();
  }
}

function summarize(turns: readonly Turn[]): PartResult {
  const lossPercent = quartiles(turns.map(({ before, during, after }) => 100 * (1 - during / ((before + after) / 2))));
  const noisePercent = quartiles(turns.map(({ before, after }) => 100 * (1 - after / before)));
  const withRate = median(turns.map(({ during }) => during));
  const withoutRate = median(turns.map(({ after }) => after));
  const rounded = ({ low, median: middle, high }: Quartiles): Record<keyof Quartiles, number> => ({
    low: significant(low),
    median: significant(middle),
    high: significant(high),
  });
  return {
    title: `${turns.length} turns of ${TURN_SLICES / SLICES_PER_SECOND} s; medians (quartiles) of what a turn loses against its neighbours`,
    rows: [
      {
        what: 'connections opened and closed a second, with stuckd',
        measured: withRate.toFixed(0),
        compared: `without: ${withoutRate.toFixed(0)}`,
        ratio: `${formatPercent(lossPercent)} lost; target: ${LOSS_TARGET_PERCENT} %`,
      },
      {
        what: 'a turn without against the one before',
        measured: '',
        compared: '',
        ratio: `${formatPercent(noisePercent)} lost`,
      },
    ],
    figures: {
      withRate: significant(withRate),
      withoutRate: significant(withoutRate),
      lossPercent: rounded(lossPercent),
      noisePercent: rounded(noisePercent),
    },
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const program = await buildProgram('loopback');
  const directory = scratchDirectory(context);
  const lab = new NetnsLab();
  context.cleanup.push('network namespace', () => lab.close());
  const tool = new LineTool(lab.spawnIn(await lab.addNamespace('churn'), [program, '0', '1']));
  await tool.expect('ready');
  await churn(tool); // the first one fills the caches of the kernel's allocators
  const turns: Turn[] = [];
  let before = await churn(tool);
  for (let number = 1; number <= TURNS; number += 1) {
    context.progress(`turn ${number} of ${TURNS}`);
    const during = await churnBesideStuckd(join(directory, String(number)), tool);
    const after = await churn(tool);
    turns.push({ before, during, after });
    before = after;
  }
  return summarize(turns);
}

export const churnPart: Part = {
  name: 'churn',
  summary: 'connections opened and closed a second, with stuckd and without',
  run,
};
