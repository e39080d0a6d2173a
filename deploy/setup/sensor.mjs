import { filesBelow } from './files.mjs';
import { runTool } from './run-tool.mjs';

/** The C half: BPF programs and the sensor that loads them. What it needs to rebuild, make knows best. */
export const sensorStep = {
  name: 'sensor',
  doing: 'building the sensor',
  inputs: () => [...filesBelow('bpf', (path) => !path.startsWith('bpf/.output/')), 'daemon/wire/layout.generated.ts'],
  outputs: ['bpf/.output/stuckd-sensor', 'bpf/.output/stuckd-notify-exec'],
  run: () => runTool('make', ['-C', 'bpf']),
};
