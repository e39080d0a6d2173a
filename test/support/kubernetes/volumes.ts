/** The volumes of a pod, as the kubelet prepares them for it. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodSpec, Volume } from './manifest-schema.js';

/** Contents, by name. */
type Files = Readonly<Record<string, string>>;

/** What stands in for what only a cluster or the root of a node has. */
export interface VolumeSources {
  /** Files of ConfigMaps, by the name of the map. */
  readonly configMaps: Readonly<Record<string, Files>>;
  /** Values of Secrets, by the name of the Secret. */
  readonly secrets: Readonly<Record<string, Files>>;
  /** Directories of this machine in place of those that a hostPath names; others are taken as they are. */
  readonly hostPaths: Readonly<Record<string, string>>;
}

/** SetVolumeOwnership of pkg/volume/volume_linux.go gives volumes to fsGroup, and new files in them by the setgid bit. */
const DIRECTORY_OF_GROUP = 0o2777;

function writeFiles(directory: string, files: Files, mode: number, group: number): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    writeFileSync(path, content);
    chownSync(path, 0, group);
    chmodSync(path, mode);
  }
}

/** The files of a volume, and who may read them; null for one that has none. */
function filesOf(
  volume: Volume,
  { configMaps, secrets }: VolumeSources,
): { readonly files: Files; readonly mode: number } | null {
  if ('configMap' in volume) {
    return { files: configMaps[volume.configMap.name] ?? {}, mode: 0o644 };
  }
  if ('secret' in volume) {
    const { secretName, items, defaultMode } = volume.secret;
    const values = secrets[secretName] ?? {};
    const chosen = items?.map(({ key, path }) => [path, values[key] ?? ''] as const);
    return { files: chosen === undefined ? values : Object.fromEntries(chosen), mode: defaultMode };
  }
  if ('projected' in volume) {
    // No API server is asked with it.
    return { files: { token: 'a token', 'ca.crt': 'a certificate' }, mode: volume.projected.defaultMode };
  }
  return null;
}

/**
 * Makes the directories of all volumes below `directory`.
 * @returns the directory of each, by the name of the volume.
 */
export function prepareVolumes(
  { volumes, securityContext: { fsGroup } }: PodSpec,
  directory: string,
  sources: VolumeSources,
): ReadonlyMap<string, string> {
  return new Map(
    volumes.map((volume) => {
      if ('hostPath' in volume) {
        return [volume.name, sources.hostPaths[volume.hostPath.path] ?? volume.hostPath.path];
      }
      const path = join(directory, volume.name);
      mkdirSync(path, { recursive: true });
      const content = filesOf(volume, sources);
      writeFiles(path, content?.files ?? {}, content?.mode ?? 0, fsGroup);
      chownSync(path, 0, fsGroup);
      chmodSync(path, DIRECTORY_OF_GROUP);
      return [volume.name, path];
    }),
  );
}
