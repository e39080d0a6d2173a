/** A file of lines, read without having all of it in memory. */
import { closeSync, openSync, readSync } from 'node:fs';

/** What is read of the file at a time. */
const READ_BYTES = 256 * 1024;
/** No line of ours comes near it; what is longer is damaged, and need not be in memory to be left out. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * The lines of a file, one at a time; of one that is too long, nothing but that it is there. What follows the last newline
 * was being written when the machine stopped: it had not been accepted.
 * @throws Error of the system
 */
export function* wholeLines(path: string): Generator<string> {
  const fd = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(READ_BYTES);
    let parts: Buffer[] = [];
    let bytes = 0;
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0 && end < read; end = chunk.indexOf(NEWLINE, start)) {
        yield Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8');
        parts = [];
        bytes = 0;
        start = end + 1;
      }
      bytes += read - start;
      // A copy, since the next piece of the file takes the place of this one.
      parts = bytes > LINE_BYTES_MAX ? [] : [...parts, Buffer.from(chunk.subarray(start, read))];
    }
  } finally {
    closeSync(fd);
  }
}
