/** A Node.js that does nothing, which no daemon in it can beat. */
import { startProcess } from '../../daemon/demo/lab/managed-process.js';
import type { PartContext } from './part.js';
import { LineTool } from './tools.js';

/** @returns its pid; it goes when the part ends. */
export async function startEmptyNode({ cleanup }: PartContext): Promise<number> {
  const program = 'process.stdin.resume(); console.log("ready");';
  const tool = new LineTool(startProcess([process.execPath, '-e', program]));
  cleanup.push('empty Node.js', async () => {
    await tool.process.stop();
  });
  await tool.expect('ready');
  return tool.process.pid;
}
