/** Reads a file of addresses: `@FILE`, which may be what a shell makes of `<(command)`, or `/dev/stdin`. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AddressError } from '../../rpc/address.js';
import { UsageError } from '../cli-io.js';
import { type NodeSpec, parseAddressFile } from './node-specs.js';

const BYTES_MAX = 1024 * 1024;
const PIPE_POLL_MS = 20;

/** @returns how much was read, 0 at the end; null if there may be more later. */
function readNow(fd: number, buffer: Buffer, offset: number): number | null {
  try {
    return readSync(fd, buffer, offset, buffer.length - offset, null);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') {
      return null;
    }
    throw error;
  }
}

/**
 * Never waits within a call of the system: it could not be given up, since Node waits for such calls before it exits. No more
 * is read than one byte too many, whatever size the file says it has.
 */
async function readBounded(path: string, timeoutMs: number): Promise<string> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(BYTES_MAX + 1);
    const isPipe = fstatSync(fd).isFIFO();
    const expired = AbortSignal.timeout(timeoutMs);
    let length = 0;
    for (;;) {
      const count = readNow(fd, buffer, length);
      length += count ?? 0;
      if (length > BYTES_MAX) {
        throw new Error('it is larger than 1 MiB');
      }
      // A pipe that nobody has opened for writing yet looks like one at its end.
      const isEnd = count === 0 && !(isPipe && length === 0);
      if (isEnd) {
        return buffer.toString('utf8', 0, length);
      }
      if (expired.aborted) {
        throw new Error(`it does not end within ${timeoutMs / 1000} s`);
      }
      if (count === null || count === 0) {
        await delay(PIPE_POLL_MS);
      }
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * @param timeoutMs how long it may take to come through a pipe
 * @throws UsageError if it cannot be read, is wrong, or names no node
 */
export async function readAddressFile(path: string, timeoutMs: number): Promise<readonly NodeSpec[]> {
  let content: string;
  try {
    content = await readBounded(path, timeoutMs);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`the file of addresses ${path} cannot be read: ${reason}`);
  }
  let specs: readonly NodeSpec[];
  try {
    specs = parseAddressFile(path, content);
  } catch (error) {
    throw error instanceof AddressError ? new UsageError(error.message) : error;
  }
  if (specs.length === 0) {
    throw new UsageError(`the file of addresses ${path} names no node: give one address a line`);
  }
  return specs;
}
