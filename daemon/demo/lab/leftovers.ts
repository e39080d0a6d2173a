/** Removes what a lab that was killed by force has left behind. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.js';
import { creatorOf } from './names.js';

const NAMESPACE_DIRECTORY = '/run/netns';

/**
 * Deletes the network namespaces that a lab made whose process is gone. Others, and those of labs that still run, are
 * not touched. (Processes of a lab die with their parent, so no one is left inside.)
 * @returns the names that were removed.
 */
export async function sweepLeftovers(): Promise<readonly string[]> {
  if (!existsSync(NAMESPACE_DIRECTORY)) {
    return [];
  }
  const removed: string[] = [];
  for (const name of readdirSync(NAMESPACE_DIRECTORY)) {
    const creator = creatorOf(name);
    if (creator !== undefined && !existsSync(`/proc/${String(creator)}`)) {
      try {
        await runCommand(['ip', 'netns', 'delete', name]);
        removed.push(name);
      } catch (error) {
        // Another lab that starts at the same moment removes the same ones.
        if (existsSync(join(NAMESPACE_DIRECTORY, name))) {
          throw error;
        }
      }
    }
  }
  return removed;
}
