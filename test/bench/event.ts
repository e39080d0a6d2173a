/**
 * What one hit of each event program costs: against an empty program on the same hook, run for the same events, for
 * sockets that are touched for the first time and again.
 *
 * The load: connections that open, probe, lose packets and are reset while none is of interest; then a peer that vanishes
 * under all of them, whose segments are sent again in waves, at 0.2 s (tail loss probe), 0.4, 0.8, 1.7, 3.3, 6.7 and 13.3 s;
 * then the same resets again, of connections that are marked.
 */
import { BenchSensor, QUIET } from './bench-sensor.js';
import { ConnectionLoad } from './connection-load.js';
import {
  CONGESTION,
  DESTROY,
  ERROR_REPORT,
  EventSampler,
  type Hook,
  RECEIVE_RESET,
  RETRANSMIT,
  SAMPLE_INTERVAL_MS,
  SEND_RESET,
  SET_STATE,
  TIMER,
} from './event-sampler.js';
import { compareHits, type HitSample, type HookCost } from './hit-cost.js';
import type { Figures, Part, PartContext, PartResult, Row } from './part.js';

const CONNECTIONS = 10_000;
/** Of these, as many are marked and then reset by each side. */
const HALF = CONNECTIONS / 2;
/** The tail loss probe and RTOs 1 to 3, none of which crosses a threshold of 255. */
const WAVES_BELOW = 4;
const THRESHOLD_OUT_OF_REACH = 255;
/** A few stragglers of a wave say nothing new; a connection or two may have got through before the cut. */
const WAVE_SHARE = 0.98;
const WAVE = CONNECTIONS * WAVE_SHARE;
/** The same few sockets again and again, while their data pushes everything else out of the caches. */
const BULK_CONNECTIONS = 16;
const BULK_LOSS_PERCENT = 5;
const BULK_MS = 2000;
/** Each connection probes once a second. */
const PROBES = 3 * CONNECTIONS;

const RETRANSMIT_TARGET = 1.4;
const TIMER_TARGET = 1.15;

interface Measured {
  readonly name: string;
  readonly what: string;
  readonly cost: HookCost;
  /** How many times the cost of the empty program it may cost; null where none is set. */
  readonly target: number | null;
}

/** Takes down what each hook cost. */
class Ledger {
  readonly measured: Measured[] = [];

  add(name: string, what: string, samples: readonly HitSample[], hook: Hook, target: number | null = null): void {
    const cost = compareHits(samples, hook.program, hook.empty);
    this.measured.push({ name, what: `${hook.tracepoint}: ${what}`, cost, target });
  }
}

interface Stage {
  readonly context: PartContext;
  readonly load: ConnectionLoad;
  readonly sensor: BenchSensor;
  readonly sampler: EventSampler;
  readonly ledger: Ledger;
}

async function measureHealthy({ context, load, sampler, ledger }: Stage): Promise<void> {
  context.progress(`opening ${CONNECTIONS} connections`);
  const opening = await sampler.during(SET_STATE, CONNECTIONS, () => load.open(CONNECTIONS));
  ledger.add('setState', 'opening, both ends', opening, SET_STATE);

  context.progress('losing packets of a few');
  const bulk = await sampler.during(RETRANSMIT, 0, () =>
    load.pumpThroughLoss(BULK_CONNECTIONS, BULK_LOSS_PERCENT, BULK_MS),
  );
  ledger.add('retransmitBulk', 'below the threshold, amid bulk data', bulk, RETRANSMIT, RETRANSMIT_TARGET);
  ledger.add('congestionBulk', 'of no interest, amid bulk data', bulk, CONGESTION);

  context.progress('keepalive probes of all');
  const probing = await sampler.during(TIMER, PROBES, () => load.probeEverySecond(CONNECTIONS));
  ledger.add('timerKeepalive', 'mostly keepalive ticks of healthy connections', probing, TIMER);

  context.progress('resetting all');
  const closing = await sampler.during(DESTROY, 2 * WAVE, async () => {
    await load.closeFromServer();
    await load.closeFromClient(CONNECTIONS);
  });
  ledger.add('setStateClosing', 'reset, of no interest', closing, SET_STATE);
  ledger.add('sendReset', 'of no interest', closing, SEND_RESET);
  ledger.add('receiveReset', 'of no interest', closing, RECEIVE_RESET);
  ledger.add('errorReport', 'of no interest', closing, ERROR_REPORT);
  ledger.add('destroy', 'of no interest', closing, DESTROY);
}

async function measureBlackHole({ context, load, sensor, sampler, ledger }: Stage): Promise<void> {
  context.progress('opening as many again, and cutting the network');
  await load.open(CONNECTIONS);
  const first = await sampler.during(RETRANSMIT, WAVE, () => load.blackHole());
  ledger.add('retransmitFirst', 'below the threshold, first touch', first, RETRANSMIT, RETRANSMIT_TARGET);
  const below = await sampler.during(RETRANSMIT, (WAVES_BELOW - 2 + WAVE_SHARE) * CONNECTIONS);
  ledger.add('retransmitBelow', 'below the threshold, again', below, RETRANSMIT, RETRANSMIT_TARGET);
  ledger.add('congestionEntering', 'an RTO', below, CONGESTION);
  sensor.configure(QUIET);
  context.progress('retransmissions that cross the threshold');
  const crossing = await sampler.during(RETRANSMIT, WAVE);
  ledger.add('retransmitCrossing', 'crossing, marked and reported', crossing, RETRANSMIT);
  context.progress('retransmissions of connections that are already marked');
  const after = await sampler.during(RETRANSMIT, WAVE);
  ledger.add('retransmitMarked', 'already reported', after, RETRANSMIT);
  ledger.add('timer', 'all timers of the machine', [...first, ...below, ...crossing, ...after], TIMER, TIMER_TARGET);
}

async function measureMarked({ context, load, sampler, ledger }: Stage): Promise<void> {
  context.progress('healing it');
  await load.heal();
  const healing = await sampler.during(CONGESTION, 2 * WAVE);
  // In one slice: an acknowledgement comes some milliseconds after its RTO, or some ten, so that slices are of many mixtures.
  const whole = [...healing.slice(0, 1), ...healing.slice(-1)];
  ledger.add('congestionLeaving', 'an RTO and its end, which is reported', whole, CONGESTION);

  context.progress('resetting all');
  const byClient = await sampler.during(DESTROY, 2 * HALF * WAVE_SHARE, () => load.closeFromClient(HALF));
  ledger.add('sendResetMarked', 'marked, reported', byClient, SEND_RESET);
  const byServer = await sampler.during(RECEIVE_RESET, HALF * WAVE_SHARE, () => load.closeFromServer());
  ledger.add('receiveResetMarked', 'marked, reported', byServer, RECEIVE_RESET);
  ledger.add('errorReportMarked', 'marked, reported', byServer, ERROR_REPORT);
  const closing = await sampler.during(DESTROY, HALF * WAVE_SHARE, () => load.closeFromClient(HALF));
  ledger.add('destroyMarked', 'marked, reported', closing, DESTROY);
}

function row({ what, cost, target }: Measured): Row {
  return {
    what,
    measured: `${cost.nsPerHit.toFixed(0)} ns/hit of ${cost.hits}`,
    compared: `empty program: ${cost.emptyNsPerHit.toFixed(0)} ns/hit`,
    ratio: `${cost.ratioVsEmpty.toFixed(2)} x the limit${target === null ? '' : `; target: ${target} x`}`,
  };
}

function summarize(measured: readonly Measured[]): PartResult {
  // By hook, in the order in which each was met first.
  const hooks = [...new Set(measured.map(({ what }) => what.split(':')[0]))];
  const figures = measured.map(({ name, cost }): [string, Figures] => [name, { ...cost }]);
  return {
    title: `${CONNECTIONS} connections; medians over slices of ${SAMPLE_INTERVAL_MS} ms`,
    rows: hooks.flatMap((hook) => measured.filter(({ what }) => what.split(':')[0] === hook).map(row)),
    figures: { connections: CONNECTIONS, ...Object.fromEntries(figures) },
  };
}

async function run(context: PartContext): Promise<PartResult> {
  const load = await ConnectionLoad.start(context);
  const sensor = await BenchSensor.start(context, { ...QUIET, rtoThreshold: THRESHOLD_OUT_OF_REACH });
  const sampler = await EventSampler.start(context, sensor);
  const stage: Stage = { context, load, sensor, sampler, ledger: new Ledger() };
  await measureHealthy(stage);
  await measureBlackHole(stage);
  await measureMarked(stage);
  return summarize(stage.ledger.measured);
}

export const eventPart: Part = {
  name: 'event',
  summary: 'the cost of a hit of each event program against an empty program on the same hook',
  run,
};
