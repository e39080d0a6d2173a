/** The manifests of deploy/kubernetes: as they are written, and as kustomize makes them. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { packageRoot } from '../package-root.js';
import { kustomizationSchema, type Manifest, manifestSchema } from './manifest-schema.js';

/** Kustomizations have been able to do what is used here (labels with includeTemplates, components) since this one. */
const KUSTOMIZE_MAJOR_MIN = 5;

const FOLDER = 'deploy/kubernetes';

/** A folder of kustomizations, from the root of the package. */
export function kustomizationPath(name: string): string {
  return join(packageRoot(), FOLDER, name);
}

interface Renderer {
  readonly argv: readonly string[];
  /** Prints its version. */
  readonly versionArgv: readonly string[];
}

const RENDERERS: readonly Renderer[] = [
  { argv: ['kubectl', 'kustomize'], versionArgv: ['kubectl', 'version', '--client'] },
  { argv: ['kustomize', 'build'], versionArgv: ['kustomize', 'version'] },
];

function run([file = '', ...args]: readonly string[]): { readonly isDone: boolean; readonly output: string } {
  const { error, status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 });
  // A program that is not there has no output at all.
  return error === undefined
    ? { isDone: status === 0, output: status === 0 ? stdout : stderr }
    : { isDone: false, output: error.message };
}

/** The version number of kustomize: the second of what kubectl prints, the only one of what kustomize prints. */
function kustomizeMajor(output: string): number {
  const versions = [...output.matchAll(/v(\d+)\.\d+\.\d+/g)];
  return Number(versions.at(-1)?.[1] ?? 0);
}

/** kubectl says the version of its kustomize since 1.24; one that does not is too old. */
function isNewEnough({ versionArgv }: Renderer): boolean {
  const { isDone, output } = run(versionArgv);
  const says = versionArgv[0] === 'kustomize' || output.includes('Kustomize Version');
  return isDone && says && kustomizeMajor(output) >= KUSTOMIZE_MAJOR_MIN;
}

const renderer = RENDERERS.find(isNewEnough);

/** Why kustomizations cannot be rendered here, for the `skip` option of a test; false if they can. */
export const kustomizeSkipReason: string | false =
  renderer === undefined
    ? `needs kubectl 1.27 or newer, or kustomize ${KUSTOMIZE_MAJOR_MIN}: Debian 12 has kubectl 1.20, and no kustomize`
    : false;

/** As Kubernetes reads YAML, to which 0440 is octal. */
function manifestsIn(text: string): readonly Manifest[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => {
    for (const problem of [...document.errors, ...document.warnings]) {
      throw problem;
    }
    return manifestSchema.parse(document.toJS());
  });
}

/**
 * As `kubectl apply -k` would send them.
 * @param path of a folder with a kustomization
 * @throws Error with what kustomize says, or ZodError for a field that is not known.
 */
export function renderManifests(path: string): readonly Manifest[] {
  if (renderer === undefined) {
    throw new Error(String(kustomizeSkipReason));
  }
  const { isDone, output } = run([...renderer.argv, path]);
  if (!isDone) {
    throw new Error(`kustomize cannot render ${path}: ${output.trim()}`);
  }
  return manifestsIn(output);
}

/**
 * The resources that a kustomization names, as they are written. Without names with a hash, labels and tags of images, and so
 * only for the base, to which nothing else is done.
 */
export function readResources(name: string): readonly Manifest[] {
  const folder = kustomizationPath(name);
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  const { resources = [], configMapGenerator = [] } = kustomizationSchema.parse(parse(read('kustomization.yaml')));
  const generated = configMapGenerator.map(({ name, files }): Manifest => {
    const data = Object.fromEntries(files.map((file) => [file, read(file)]));
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
  });
  return [...resources.flatMap((file) => manifestsIn(read(file))), ...generated];
}

type KindOf<Kind> = Extract<Manifest, { readonly kind: Kind }>;

/** @throws Error unless there is exactly one. */
export function onlyOf<Kind extends Manifest['kind']>(manifests: readonly Manifest[], kind: Kind): KindOf<Kind> {
  const [found, ...others] = allOf(manifests, kind);
  if (found === undefined || others.length > 0) {
    throw new Error(`there is not exactly one ${kind}`);
  }
  return found;
}

export function allOf<Kind extends Manifest['kind']>(
  manifests: readonly Manifest[],
  kind: Kind,
): readonly KindOf<Kind>[] {
  return manifests.filter((manifest): manifest is KindOf<Kind> => manifest.kind === kind);
}
