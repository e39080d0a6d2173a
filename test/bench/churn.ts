/**
 * How many connections can be opened and closed a second, with stuckd running and without: short turns of both, since the
 * rate of a shared machine drifts by more than what is looked for. One process on each core does nothing else, so that
 * daemon and sensor have to take their time from them.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { BenchDaemon } from './bench-daemon.js';
import type { Part, PartContext, PartResult } from './part.js';
import { scratchDirectory } from './scratch.js';
import { distribution, median, significant } from './statistics.js';
import { buildProgram, LineTool } from './tools.js';

const TURNS = 12;
const TURN_MS = 2000;
const LOSS_TARGET_PERCENT = 3;

/** Connections per second, of one turn with stuckd and the ones right before and after it without. */
interface Turn {
  readonly withRate: number;
  readonly withoutRate: number;
}

async function churn(tools: readonly LineTool[]): Promise<number> {
  const counts = await Promise.all(tools.map((tool) => tool.command(`churn ${TURN_MS}`, 'churned')));
  return counts.reduce((sum, [count]) => sum + Number(count), 0) / (TURN_MS / 1000);
}

async function measureWith(directory: string, tools: readonly LineTool[]): Promise<number> {
  const daemon = BenchDaemon.start(directory);
  try {
    await daemon.firstPicture();
    return await churn(tools);
  } finally {
    await daemon.stop();
  }
}

function summarize(turns: readonly Turn[]): PartResult {
  const withRate = median(turns.map((turn) => turn.withRate));
  const withoutRate = median(turns.map((turn) => turn.withoutRate));
  const lossesPercent = turns.map((turn) => 100 * (1 - turn.withRate / turn.withoutRate));
  const loss = distribution(lossesPercent);
  return {
    title: `${turns.length} turns of ${TURN_MS / 1000} s; median (least - most) of what each loses against its neighbours`,
    rows: [
      {
        what: 'connections opened and closed a second, with stuckd',
        measured: withRate.toFixed(0),
        compared: `without: ${withoutRate.toFixed(0)}`,
        ratio: `${loss.median.toFixed(1)} % (${loss.min.toFixed(1)} - ${loss.max.toFixed(1)}) lost; target: ${LOSS_TARGET_PERCENT} %`,
      },
    ],
    figures: {
      withRate: significant(withRate),
      withoutRate: significant(withoutRate),
      lossPercent: significant(loss.median),
      lossPercentLeast: significant(loss.min),
      lossPercentMost: significant(loss.max),
    },
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const program = await buildProgram('loopback');
  const directory = scratchDirectory(context);
  const lab = new NetnsLab();
  context.cleanup.push('network namespaces', () => lab.close());
  const tools: LineTool[] = [];
  for (let core = 0; core < availableParallelism(); core += 1) {
    const namespace = await lab.addNamespace('churn');
    tools.push(new LineTool(lab.spawnIn(namespace, [program, '0', '1'])));
  }
  await Promise.all(tools.map((tool) => tool.expect('ready')));
  await churn(tools); // the first one fills the caches of the kernel's allocators
  const turns: Turn[] = [];
  let before = await churn(tools);
  for (let number = 1; number <= TURNS; number += 1) {
    context.progress(`turn ${number} of ${TURNS}`);
    const withRate = await measureWith(join(directory, String(number)), tools);
    const after = await churn(tools);
    turns.push({ withRate, withoutRate: (before + after) / 2 });
    before = after;
  }
  return summarize(turns);
}

export const churnPart: Part = {
  name: 'churn',
  summary: 'connections opened and closed a second, with stuckd and without',
  run,
};
