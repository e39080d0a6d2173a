/**
 * Accepts messages as fast as it can and says which, one a line, after each was accepted. Started by outbox-faults.test.ts
 * and ended by SIGKILL. Usage: outbox-child.js DIRECTORY FIRST
 */
import { writeSync } from 'node:fs';
import { accept, OutboxBench } from './outbox-bench.js';

const [, , directory = '', first = '0'] = process.argv;

const { outbox } = await new OutboxBench(directory).open();
const start = Number(first);
for (let index = start; index < start + 100_000; index += 1) {
  const id = `d${index}`;
  accept(outbox, id, 'fired', { alertId: `a${index % 7}`, alert: 'x'.repeat(index % 3000) });
  writeSync(1, `${id}\n`);
  if (index % 50 === 0) {
    await outbox.maintain();
    await new Promise(setImmediate);
  }
}
