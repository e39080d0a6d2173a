/**
 * Secrets are read from files whenever they are used, so that a new one needs no restart. Errors name the file and never
 * what is in it.
 */
import { open } from 'node:fs/promises';

/** Permissions of users who are neither the owner nor in the group. */
const OTHERS_MASK = 0o007;

const BYTES_MAX = 16 * 1024;

/** A file that cannot be used; the message names it and says what to do. */
export class SecretFileError extends Error {
  override readonly name = 'SecretFileError';
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : code;
}

/**
 * @returns its text, without the white space around it.
 * @throws SecretFileError if it cannot be read, is empty or too long, or if everybody on this machine may read it.
 */
export async function readSecretFile(path: string): Promise<string> {
  let text: string;
  try {
    const file = await open(path, 'r');
    try {
      // Of the open file, so that it is the one that is read.
      const status = await file.stat();
      if (!status.isFile()) {
        throw new SecretFileError(`${path} is not a file`);
      }
      if ((status.mode & OTHERS_MASK) !== 0) {
        throw new SecretFileError(
          `${path} is open to everybody on this machine (chmod o= ${path}; in a Kubernetes Secret volume defaultMode: 0440)`,
        );
      }
      if (status.size > BYTES_MAX) {
        throw new SecretFileError(`${path} is larger than ${BYTES_MAX} bytes`);
      }
      text = (await file.readFile('utf8')).trim();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof SecretFileError
      ? error
      : new SecretFileError(`${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  if (text === '') {
    throw new SecretFileError(`${path} is empty`);
  }
  return text;
}
