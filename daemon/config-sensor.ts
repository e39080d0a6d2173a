/** `sensor` in the configuration: which sensor there is, how it observes, and how often it looks. */
import * as z from 'zod';
import { address, duration } from './config-values.js';

const HOUR_MS = 3_600_000;

/** How a sensor may observe. */
export const SENSOR_MODES = ['auto', 'ebpf', 'polling'] as const;

/** Whoever starts the sensor decides how it observes; that would go unnoticed. */
function refuseForeignMode(
  { address: where, mode }: { readonly address?: string | undefined; readonly mode: string },
  context: z.core.$RefinementCtx,
): void {
  if (where !== undefined && mode !== 'auto') {
    const message = `the sensor at ${where} runs apart: give --mode ${mode} to stuckd-sensor where that is started`;
    context.addIssue({ code: 'custom', path: ['mode'], message });
  }
}

export const sensorSchema = z
  .strictObject({
    address: address(['unix'])
      .optional()
      .describe(
        'unix:PATH of a sensor that runs apart; without it the daemon starts one. Variable STUCKD_SENSOR_ADDRESS, flag --sensor-address.',
      ),
    path: z
      .string()
      .min(1)
      .optional()
      .describe('Executable of the sensor that the daemon starts, if it is another one than that of the build.'),
    mode: z
      .enum(SENSOR_MODES)
      .default('auto')
      .describe(
        'How the sensor that the daemon starts observes. ebpf: by BPF, or not at all; polling: by sock_diag and /proc alone, which sees less and later; auto: by BPF where that can be had, else by polling. Variable STUCKD_SENSOR_MODE, flag --sensor-mode.',
      ),
    btf: z
      .string()
      .min(1)
      .optional()
      .describe(
        "File with the type information of the running kernel, for the daemon's own sensor where /sys/kernel/btf/vmlinux cannot be read.",
      ),
    without: z
      .array(z.string().regex(/^[a-z_]+$/, 'must be the name of a tracepoint'))
      .default([])
      .describe("Tracepoints that the daemon's own sensor leaves out, to find out whether one is to blame."),
    refreshInterval: duration(100, HOUR_MS).prefault('1s').describe('How often suspects are looked at.'),
    sweepInterval: duration(100, HOUR_MS)
      .prefault('2s')
      .describe('How often every descriptor of every process is looked at.'),
    sweepCpuPercentMax: z
      .number()
      .min(0.01)
      .max(100)
      .default(0.3)
      .describe(
        'How much of one core the sweeps that nobody waits for may take, in percent: where they would take more they come less often, but never more than a minute apart for that. Owners are looked up at once. 100 is no limit.',
      ),
    fullRefreshInterval: duration(1000, HOUR_MS)
      .prefault('30s')
      .describe('How often every suspect is reported, also those that did not change.'),
  })
  .superRefine(refuseForeignMode);
