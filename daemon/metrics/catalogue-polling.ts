/** The metrics of the catalogue that say whether the sensor polls, and what it reaches that way. */
import type { MetricTable } from './metric-spec.js';

export const POLLING_METRICS = {
  sensorPolling: {
    name: 'stuckd_sensor_polling',
    type: 'gauge',
    unit: '0 or 1',
    help: 'Whether the sensor polls sock_diag and /proc instead of using BPF, so that it sees less, and later.',
    labels: {},
  },
  reachedNamespaces: {
    name: 'stuckd_polling_network_namespaces',
    type: 'gauge',
    unit: 'namespaces',
    help: 'Network namespaces that the last sweep polled, and those that it could not enter. Only while the sensor polls.',
    labels: { reach: ['polled', 'closed'] },
    isSparse: true,
  },
  closedProcesses: {
    name: 'stuckd_polling_closed_processes',
    type: 'gauge',
    unit: 'processes',
    help: 'Processes whose descriptors the last sweep could not read, so that their connections have no owner. Only while the sensor polls.',
    labels: {},
    isSparse: true,
  },
} as const satisfies MetricTable;
