/** Opens an outbox and says by how much memory grew at the most. Started by outbox.test.ts. Usage: outbox-load-child.js DIRECTORY */
import { writeSync } from 'node:fs';
import { OutboxBench } from './outbox-bench.js';

const [, , directory = ''] = process.argv;

const maxBytes = (): number => process.resourceUsage().maxRSS * 1024;

const before = maxBytes();
const { outbox } = await new OutboxBench(directory).open();
const pending = [...outbox.entries()].length;
writeSync(1, JSON.stringify({ pending, grownBytes: maxBytes() - before }));
