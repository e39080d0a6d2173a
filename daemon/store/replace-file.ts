/** Files that are always whole: a reader finds the old one or the new one, never half of one. */
import { open, rename, rm } from 'node:fs/promises';

/** @throws Error if the disk is full or the directory is gone; the old file stays. */
export async function replaceFile(path: string, chunks: Iterable<string>): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await open(temporary, 'w', 0o640);
    try {
      for (const chunk of chunks) {
        await file.appendFile(chunk);
      }
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
