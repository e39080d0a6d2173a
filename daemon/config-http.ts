/** `http` in the configuration: where metrics and health can be had, and which labels metrics get. */
import * as z from 'zod';
import { address } from './config-values.js';
import { WORKLOAD_LABELS } from './metrics/workload-labels.js';

const DEFAULT_HTTP_ADDRESS = '127.0.0.1:9735';

/** Instead of an address: no HTTP at all. */
export const HTTP_OFF = 'off';

export const httpSchema = z.strictObject({
  address: z
    .union([z.literal(HTTP_OFF), address(['tcp'])])
    .default(DEFAULT_HTTP_ADDRESS)
    .describe('HOST:PORT, or off. There is no TLS and no password. Variable STUCKD_HTTP_ADDRESS, flag --http-address.'),
  required: z
    .boolean()
    .default(true)
    .describe('Whether the start fails if the address is taken. Otherwise stuckd runs without HTTP then, and says so.'),
  metrics: z
    .strictObject({
      workloadLabels: z
        .array(z.enum(WORKLOAD_LABELS))
        .default([])
        .describe('What stuck connections are counted by besides their kind.'),
      maxWorkloads: z
        .number()
        .int()
        .min(1)
        .max(1000)
        .default(200)
        .describe('Workloads that a metric has series for, up to 36 each; what is beyond is counted under "other".'),
    })
    .prefault({})
    .describe('How much metrics tell.'),
});
