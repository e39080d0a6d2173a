/** Reads what the kernel counts for the sensor's event programs and for the empty ones beside them, again and again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchSensor } from './bench-sensor.js';
import { BenchPrograms, programIdsOf } from './bpf-programs.js';
import type { HitSample } from './hit-cost.js';
import type { PartContext } from './part.js';
import { RunningAction } from './running-action.js';

/** A hook and the two programs on it; the kernel cuts names of programs at 15 characters. */
export interface Hook {
  readonly tracepoint: string;
  readonly program: string;
  readonly empty: string;
}

function hook(tracepoint: string, program: string, empty: string): Hook {
  return { tracepoint, program: program.slice(0, 15), empty };
}

export const RETRANSMIT = hook('tcp_retransmit_skb', 'on_retransmit', 'nop_retransmit');
export const TIMER = hook('timer_expire_entry', 'on_timer', 'nop_timer');
export const SET_STATE = hook('inet_sock_set_state', 'on_set_state', 'nop_set_state');
export const DESTROY = hook('tcp_destroy_sock', 'on_destroy', 'nop_destroy');
export const RECEIVE_RESET = hook('tcp_receive_reset', 'on_receive_reset', 'nop_recv_reset');
export const SEND_RESET = hook('tcp_send_reset', 'on_send_reset', 'nop_send_reset');
export const ERROR_REPORT = hook('inet_sk_error_report', 'on_error_report', 'nop_error');
export const CONGESTION = hook('tcp_cong_state_set', 'on_congestion_state', 'nop_congestion');

export const SAMPLE_INTERVAL_MS = 50;
const HITS_TIMEOUT_MS = 30_000;

export class EventSampler {
  readonly #programs: BenchPrograms;
  readonly #ids: readonly number[];

  private constructor(programs: BenchPrograms, ids: readonly number[]) {
    this.#programs = programs;
    this.#ids = ids;
  }

  /** Attaches the empty programs, and has the kernel count from now on. */
  static async start(context: PartContext, sensor: BenchSensor): Promise<EventSampler> {
    const programs = await BenchPrograms.attach(context, 'empty_events');
    await programs.enableCounting();
    return new EventSampler(programs, [...programs.ids, ...programIdsOf(sensor.pid)]);
  }

  /**
   * Samples until `action` is done and the hook was hit so often since the call.
   * @returns all samples, the first one from before the action.
   * @throws Error if the hits do not come
   */
  async during(
    { tracepoint, empty }: Hook,
    hits: number,
    action: () => Promise<void> = () => Promise.resolve(),
  ): Promise<readonly HitSample[]> {
    let newest: HitSample = await this.#programs.count(this.#ids);
    const samples = [newest];
    const target = (newest.get(empty)?.runs ?? 0) + hits;
    const running = new RunningAction(action());
    let endMs = Infinity;
    while (!running.isOver || (newest.get(empty)?.runs ?? 0) < target) {
      if (running.isOver) {
        endMs = Math.min(endMs, performance.now() + HITS_TIMEOUT_MS);
      }
      if (performance.now() > endMs) {
        throw new Error(`waited in vain for ${hits} hits of ${tracepoint}`);
      }
      await delay(SAMPLE_INTERVAL_MS);
      newest = await this.#programs.count(this.#ids);
      samples.push(newest);
    }
    await running.result();
    return samples;
  }
}
