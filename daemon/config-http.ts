/** `http` in the configuration: where metrics and health can be had, and which labels metrics get. */
import * as z from 'zod';
import { address } from './config-values.js';
import { WORKLOAD_LABELS } from './metrics/workload-labels.js';

const DEFAULT_HTTP_ADDRESS = '127.0.0.1:9735';

/** Instead of an address: no HTTP at all. */
export const HTTP_OFF = 'off';

export const httpSchema = z.strictObject({
  address: z.union([z.literal(HTTP_OFF), address(['tcp'])]).default(DEFAULT_HTTP_ADDRESS),
  metrics: z
    .strictObject({
      /** Further labels of some metrics: what a process belongs to. */
      workloadLabels: z.array(z.enum(WORKLOAD_LABELS)).default([]),
      /** Groups of them that one metric has series for; what is beyond is counted under `other`. */
      maxSeries: z.number().int().min(1).max(10_000).default(500),
    })
    .prefault({}),
});
