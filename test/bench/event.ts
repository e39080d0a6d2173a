/**
 * What one hit of an event program costs: against an empty program on the same hook, run for the same events. The load
 * is a peer that vanishes under some thousand connections, whose segments are then sent again in waves, at 0.2 s (tail
 * loss probe), 0.4, 0.8, 1.7, 3.3, 6.7 and 13.3 s.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { BenchSensor, QUIET } from './bench-sensor.js';
import { BenchPrograms, programIdsOf } from './bpf-programs.js';
import { ConnectionLoad } from './connection-load.js';
import { compareHits, type HitSample, type HookCost } from './hit-cost.js';
import type { Figures, Part, PartContext, PartResult, Row } from './part.js';

const CONNECTIONS = 5000;
/** The tail loss probe and RTOs 1 to 4, none of which crosses a threshold of 255. */
const WAVES_BELOW = 5;
const THRESHOLD_OUT_OF_REACH = 255;
/** A few stragglers of a wave say nothing new; a connection or two may have got through before the cut. */
const WAVE_SHARE = 0.98;
const WAVE_TIMEOUT_MS = 30_000;
const SAMPLE_INTERVAL_MS = 50;

/** A hook and the two programs on it. */
interface Hook {
  readonly tracepoint: string;
  readonly program: string;
  readonly empty: string;
}

const RETRANSMIT: Hook = { tracepoint: 'tcp_retransmit_skb', program: 'on_retransmit', empty: 'nop_retransmit' };
const TIMER: Hook = { tracepoint: 'timer_expire_entry', program: 'on_timer', empty: 'nop_timer' };
const SET_STATE: Hook = { tracepoint: 'inet_sock_set_state', program: 'on_set_state', empty: 'nop_set_state' };

/** Reads the kernel's counts of all programs at once, again and again. */
class Sampler {
  readonly #programs: BenchPrograms;
  readonly #ids: readonly number[];

  constructor(programs: BenchPrograms, sensor: BenchSensor) {
    this.#programs = programs;
    this.#ids = [...programs.ids, ...programIdsOf(sensor.pid)];
  }

  async sample(): Promise<HitSample> {
    return this.#programs.count(this.#ids);
  }

  /** Samples until `hook` was hit `hits` times after the first sample. @returns all samples, with the first */
  async during(first: HitSample, hook: Hook, hits: number): Promise<readonly HitSample[]> {
    const samples = [first];
    const target = (first.get(hook.empty)?.runs ?? 0) + hits;
    const endMs = performance.now() + WAVE_TIMEOUT_MS;
    let newest = first;
    while ((newest.get(hook.empty)?.runs ?? 0) < target) {
      if (performance.now() > endMs) {
        throw new Error(`waited in vain for ${hits} hits of ${hook.tracepoint}`);
      }
      await delay(SAMPLE_INTERVAL_MS);
      newest = await this.sample();
      samples.push(newest);
    }
    return samples;
  }
}

interface Measured {
  readonly what: string;
  readonly name: string;
  readonly cost: HookCost;
}

function row({ what, cost }: Measured): Row {
  return {
    what,
    measured: `${cost.nsPerHit.toFixed(0)} ns/hit of ${cost.hits}`,
    compared: `empty program: ${cost.emptyNsPerHit.toFixed(0)} ns/hit`,
    ratio: `${cost.ratioVsEmpty.toFixed(2)} x the limit`,
  };
}

function summarize(measured: readonly Measured[]): PartResult {
  const figures: Record<string, Figures> = {};
  for (const { name, cost } of measured) {
    figures[name] = { ...cost };
  }
  return {
    title: `${CONNECTIONS} connections whose peer vanishes; medians over slices of ${SAMPLE_INTERVAL_MS} ms`,
    rows: measured.map(row),
    figures: { connections: CONNECTIONS, ...figures },
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const measured: Measured[] = [];
  const add = (name: string, what: string, samples: readonly HitSample[], hook: Hook): void => {
    measured.push({ name, what: `${hook.tracepoint}: ${what}`, cost: compareHits(samples, hook.program, hook.empty) });
  };
  const wave = CONNECTIONS * WAVE_SHARE;
  const load = await ConnectionLoad.start(context);
  const sensor = await BenchSensor.start(context, { ...QUIET, rtoThreshold: THRESHOLD_OUT_OF_REACH });
  const programs = await BenchPrograms.attach(context, 'empty_events');
  await programs.enableCounting();
  const sampler = new Sampler(programs, sensor);

  context.progress(`opening ${CONNECTIONS} connections`);
  const idle = await sampler.sample();
  const [opening] = await Promise.all([sampler.during(idle, SET_STATE, CONNECTIONS), load.open(CONNECTIONS)]);
  const opened = [...opening, await sampler.sample()];

  context.progress('cutting the network; retransmissions below the threshold');
  await load.blackHole();
  const below = await sampler.during(await sampler.sample(), RETRANSMIT, (WAVES_BELOW - 1 + WAVE_SHARE) * CONNECTIONS);
  add('retransmitBelow', 'below the threshold', below, RETRANSMIT);
  sensor.configure(QUIET);
  const beforeCrossing = await sampler.sample();
  context.progress('retransmissions that cross the threshold');
  const crossing = await sampler.during(beforeCrossing, RETRANSMIT, wave);
  add('retransmitCrossing', 'crossing, marked and reported', crossing, RETRANSMIT);
  context.progress('retransmissions of connections that are already marked');
  const after = await sampler.during(await sampler.sample(), RETRANSMIT, wave);
  add('retransmitMarked', 'already reported', after, RETRANSMIT);
  add('timer', 'all timers of the machine', [...below, ...crossing, ...after], TIMER);
  add('setState', 'connections opening, both ends', opened, SET_STATE);
  return summarize(measured);
}

export const eventPart: Part = {
  name: 'event',
  summary: 'the cost of a hit of each event program against an empty program on the same hook',
  run,
};
