/** Files that are always whole: a reader finds the old one or the new one, never half of one. */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Characters that are written at once: each write waits for its turn, and in a storm a turn takes 10 ms. */
const WRITE_LENGTH = 256 * 1024;

async function writeAll(file: FileHandle, chunks: Iterable<string>): Promise<void> {
  let waiting = '';
  for (const chunk of chunks) {
    waiting += chunk;
    if (waiting.length >= WRITE_LENGTH) {
      await file.appendFile(waiting);
      waiting = '';
    } else {
      await nextTurn();
    }
  }
  await file.appendFile(waiting);
}

/**
 * @param chunks that are made one after the other, with other work in between
 * @throws Error if the disk is full or the directory is gone; the old file stays.
 */
export async function replaceFile(path: string, chunks: Iterable<string>): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await open(temporary, 'w', 0o640);
    try {
      await writeAll(file, chunks);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // What is half written would keep a full disk full.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** @returns where the file is now. */
export async function moveAside(path: string): Promise<string> {
  const aside = `${path}.unreadable`;
  await rename(path, aside);
  return aside;
}
