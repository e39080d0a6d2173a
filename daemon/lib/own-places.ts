/**
 * Where stuckd keeps things that an ordinary user runs for himself, who can write neither to /run nor to /var/lib: the XDG base
 * directories (https://specifications.freedesktop.org/basedir-spec). The daemon starts there, and stuckctl looks there first.
 */
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

/** Of a daemon that a service manager or root starts. */
export const SYSTEM_STATE_DIR = '/var/lib/stuckd';

/** `sun_path` of `struct sockaddr_un` less the final zero byte. */
export const UNIX_PATH_BYTES_MAX = 107;

type Environment = Readonly<Record<string, string | undefined>>;

export interface OwnPlaces {
  /** Read if it exists, and before the one in /etc. */
  readonly configPath: string;
  readonly stateDir: string;
  /** @param stateDir the one in use, where it was given */
  readonly socketPath: (stateDir?: string) => string;
}

/** A variable of XDG counts only with an absolute path. */
function directoryOf(environment: Environment, name: string, home: string, below: string): string {
  const value = environment[name] ?? '';
  return isAbsolute(value) ? value : join(home, below);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns undefined if there is nothing; null if that cannot be known. */
function look(path: string): Stats | null | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return null;
  }
}

/** Whether the directory is there and can be written to, or can be made. */
function isUsable(directory: string): boolean {
  const found = look(directory);
  if (found === undefined) {
    return dirname(directory) !== directory && isUsable(dirname(directory));
  }
  return found !== null && found.isDirectory() && isWritable(directory);
}

const SYSTEM_RUN_DIR = '/run/stuckd';

/** What decides whether somebody is an ordinary user. */
export interface Circumstances {
  readonly uid: number | undefined;
  readonly systemStateDir: string;
  /** Where the socket of the system is. */
  readonly systemRunDir: string;
}

function whoever(): Circumstances {
  return { uid: process.geteuid?.(), systemStateDir: SYSTEM_STATE_DIR, systemRunDir: SYSTEM_RUN_DIR };
}

/**
 * Null for root; for a service, whose manager has made the directories of the system for it (STATE_DIRECTORY of systemd); and
 * for any other user who can write to the state directory of the system, as in a container that has it as a volume.
 */
export function ownPlaces(environment: Environment, circumstances: Circumstances = whoever()): OwnPlaces | null {
  const { uid, systemStateDir, systemRunDir } = circumstances;
  if (uid === undefined || uid === 0 || isService(environment) || isUsable(systemStateDir) || isUsable(systemRunDir)) {
    return null;
  }
  return placesOf(environment);
}

/** Of a user without an account, as containers have them, no directory is known: what begins with /nonexistent cannot be used. */
function homeOfAccount(): string {
  try {
    return homedir();
  } catch {
    return '/nonexistent';
  }
}

/** A service of the system, or a container in a cluster: whoever wrote the unit or the manifest knows the places of the system. */
function isService(environment: Environment): boolean {
  const home = `${environment['HOME'] ?? ''}/`;
  const given = (environment['STATE_DIRECTORY'] ?? '').split(':').filter((path) => path !== '');
  return (environment['KUBERNETES_SERVICE_HOST'] ?? '') !== '' || given.some((path) => !path.startsWith(home));
}

/** The same without asking who it is. */
function placesOf(environment: Environment): OwnPlaces {
  const home = environment['HOME'] ?? '';
  const base = isAbsolute(home) ? home : homeOfAccount();
  const stateDir = join(directoryOf(environment, 'XDG_STATE_HOME', base, '.local/state'), 'stuckd');
  const runtime = environment['XDG_RUNTIME_DIR'] ?? '';
  const socketPath = (inUse = stateDir): string => {
    const besideState = join(inUse, 'stuckd.sock');
    const inRuntime = join(runtime, 'stuckd', 'stuckd.sock');
    const fits = Buffer.byteLength(inRuntime) <= UNIX_PATH_BYTES_MAX;
    return isAbsolute(runtime) && isWritable(runtime) && fits ? inRuntime : besideState;
  };
  const configPath = join(directoryOf(environment, 'XDG_CONFIG_HOME', base, '.config'), 'stuckd', 'stuckd.yaml');
  return { configPath, stateDir, socketPath };
}

/**
 * The socket of a daemon that this user runs for himself, for a client; null if there is none.
 * @param uid of the client
 */
export function ownSocket(environment: Environment, uid: number | undefined = process.geteuid?.()): string | null {
  if (uid === undefined || uid === 0) {
    return null;
  }
  const stateDir = environment['STUCKD_STATE_DIR'] ?? '';
  const path = placesOf(environment).socketPath(stateDir === '' ? undefined : stateDir);
  return look(path)?.isSocket() === true ? path : null;
}
