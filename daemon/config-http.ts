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
      /** Workloads that a metric has series for, up to 36 each; what is beyond is counted under `other`. */
      maxWorkloads: z.number().int().min(1).max(1000).default(200),
    })
    .prefault({}),
});
